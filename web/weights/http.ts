/**
 * One GET with every bound a stranger's server needs: time to answer, time without a byte, size, content type. Gives
 * bytes or a code; knows nothing of chunks, hashes or tries.
 */
import type { Code } from '../wire/codes.ts'
import { SOURCE_ANSWER_MS_MAX } from '../wire/limits/models.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { ByteRange } from './chunks.ts'
import { abortedFailure } from './lanes.ts'

export interface Ask {
  readonly url: string
  /** Exactly these bytes, by a Range request. Without it: the whole body. */
  readonly range?: ByteRange
  readonly bytesMax: number
  readonly signal?: AbortSignal | undefined
  /** Called with the size of each piece as it comes in. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  readonly cache?: RequestCache
  /** Called once with the headers of an answer that is not refused. */
  readonly onAnswer?: (headers: Headers) => void
  /** What a status means at a source that uses it otherwise than a mirror. */
  readonly refusals?: Readonly<Record<number, Code>>
}

function statusFailure(status: number, { url, refusals }: Ask): Failure | null {
  if (status === 200 || status === 206) return null
  const detail = `${url} answered with status ${status}.`
  const own = refusals?.[status]
  if (own !== undefined) return fail(own, detail)
  if (status === 404 || status === 410) return fail('model-unknown', detail)
  // Busy or broken for now: worth another try. Everything else is an answer, and a wrong one.
  if (status >= 500 || status === 408 || status === 429) return fail('source-unreachable', detail)
  return fail('source-error-page', detail)
}

function headerFailure(response: Response, ask: Ask): Failure | null {
  const { url, range } = ask
  const status = statusFailure(response.status, ask)
  if (status) return status
  const type = response.headers.get('content-type') ?? ''
  if (type.includes('text/html')) return fail('source-error-page', `${url} sent ${type}.`)
  // A 200 is the whole file. It may be what was asked for only where the file is no larger than the range.
  const bytes = Number(response.headers.get('content-length') ?? Number.NaN)
  if (range && response.status === 200 && (range.offset > 0 || bytes !== range.length)) {
    return fail('source-error-page', `${url} does not answer range requests.`)
  }
  return null
}

async function readBody(
  body: ReadableStream<Uint8Array>,
  ask: Ask,
  alive: () => void,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    alive()
    length += value.length
    if (length > ask.bytesMax) {
      await reader.cancel()
      return null
    }
    parts.push(value)
    ask.onBytes?.(value.length)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/**
 * Refusals: `aborted`, `model-unknown` (404), `source-error-page`, and `source-unreachable`, which alone is worth a
 * retry: no answer, a cut, silence, a busy server.
 */
export async function getBytes(ask: Ask): Promise<Result<Uint8Array<ArrayBuffer>>> {
  const { url, range, signal } = ask
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SOURCE_ANSWER_MS_MAX)
  const alive = () => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), SOURCE_ANSWER_MS_MAX)
  }
  try {
    const response = await fetch(url, {
      headers: range ? { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` } : {},
      signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
      cache: ask.cache ?? 'default',
    })
    const refused = headerFailure(response, ask)
    if (refused || !response.body) {
      await response.body?.cancel()
      return refused ?? fail('source-error-page', `${url} sent nothing.`)
    }
    alive()
    ask.onAnswer?.(response.headers)
    const bytes = await readBody(response.body, ask, alive)
    if (!bytes) return fail('source-error-page', `${url} sent more than ${ask.bytesMax} bytes.`)
    if (range && bytes.length !== range.length) {
      return fail('source-error-page', `${url} sent ${bytes.length} bytes, not the ${range.length} asked for.`)
    }
    return ok(bytes)
  } catch (error) {
    if (signal?.aborted) return abortedFailure()
    if (silence.signal.aborted)
      return fail('source-unreachable', `${url} was silent for ${SOURCE_ANSWER_MS_MAX / 1000} s.`)
    // fetch and its body throw TypeError (or NetworkError) on every failure of the network, and on nothing else here.
    return fail('source-unreachable', `${url}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    clearTimeout(timer)
  }
}
