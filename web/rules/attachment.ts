/** Whether bytes that a person attached are text, and which. Pure; knows no file and no screen. */
import type { Attachment } from '../wire/conversation.ts'
import { ATTACHMENT_BYTES_MAX } from '../wire/limits/conversations.ts'
import { plainName } from '../wire/plain-name.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** UTF-8, or UTF-16 with its mark. `decode` throws on bytes that are not of the encoding. */
export type Decode = (encoding: 'utf-8' | 'utf-16le' | 'utf-16be', bytes: Uint8Array) => string

/** Refusals: `attachment-too-large`, `attachment-not-text`. Line ends become `\n`. */
export function readAttachment(name: string, bytes: Uint8Array, decode: Decode): Result<Attachment> {
  const shown = plainName(name)
  if (bytes.length > ATTACHMENT_BYTES_MAX) {
    return fail('attachment-too-large', `${shown} has ${bytes.length} bytes; ${ATTACHMENT_BYTES_MAX} are allowed.`)
  }
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  try {
    const text = decode(encoding, bytes).replace(/\r\n?/g, '\n')
    if (text.includes('\0')) return fail('attachment-not-text', `${shown} has bytes that no text has.`)
    return ok({ name: shown, text })
  } catch {
    return fail('attachment-not-text', `${shown} is not UTF-8.`)
  }
}
