/** The text of a part as bytes on the wire and back, each within its cap. What the text says is `wire/job-parts.ts`. */
import { fail, ok, type Result } from '../../wire/result.ts'

/** Refusals: `message-too-large`. */
export function bytesOfPart(text: string, bytesMax: number): Result<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length <= bytesMax) return ok(bytes)
  return fail('message-too-large', `It has ${bytes.length} bytes of ${bytesMax}.`)
}

/** Refusals: `frame-invalid`. */
export function textOfPart(bytes: Uint8Array, bytesMax: number): Result<string> {
  if (bytes.length > bytesMax) return fail('frame-invalid', `A part has ${bytes.length} bytes of ${bytesMax}.`)
  try {
    return ok(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    return fail('frame-invalid', 'A part is no text.')
  }
}
