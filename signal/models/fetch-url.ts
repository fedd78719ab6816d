/**
 * Fetches one address into a file that survives a cut: the part and a note of which version it belongs to stay on disk,
 * and the next try asks for the rest of exactly that version (Range with If-Range). It judges answers, not models: an
 * error page is refused here, a wrong digest later.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import { REDIRECTS_MAX } from '../config.ts'
import { errorWords, fileBytes, roomFor, writeFailure } from './disk.ts'
import { allowedUrl } from './source.ts'
import type { FetchJob, FetchResult, SourceTools } from './tools.ts'

/** What a part belongs to. Without a strong validator a part is of no use: its rest could be another file's. */
interface PartNote {
  readonly urlSha256: string
  readonly etag: string
  readonly totalBytes: number
}

/** `cut`: the source may go on where it stopped. `refused`: it will not. */
type Outcome = { readonly kind: 'done' } | { readonly kind: 'cut'; readonly detail: string } | Refused
type Refused = { readonly kind: 'refused'; readonly failure: Failure }

const refused = (failure: Failure): Refused => ({ kind: 'refused', failure })
const notePath = (part: string) => `${part}.json`
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export async function fetchUrl(url: string, job: FetchJob, tools: SourceTools): FetchResult {
  let furthest = (await fileBytes(job.part)) ?? 0
  let answered = false
  let tries = 0
  for (;;) {
    const watch = new Watch(job.signal)
    const outcome = await fetchOnce(url, job, tools, watch, () => {
      answered = true
    })
    watch.stop()
    if (outcome.kind === 'done') return ok(null)
    if (job.signal.aborted) return fail('aborted', 'What was fetched so far is kept.')
    if (outcome.kind === 'refused') return outcome.failure
    const reached = (await fileBytes(job.part)) ?? 0
    tries = reached > furthest ? 1 : tries + 1
    furthest = Math.max(furthest, reached)
    // A source that never answered is skipped at once; one that was cut gets time to come back.
    if (!answered || tries >= tools.triesMax) return fail('source-unreachable', outcome.detail)
    await sleep(tools.retryMs * 2 ** (tries - 1), undefined, { signal: job.signal }).catch(() => null)
  }
}

/** One deadline at a time over one request: first for the answer, then for the next bytes. */
class Watch {
  readonly #cut = new AbortController()
  readonly signal: AbortSignal
  #timer: NodeJS.Timeout | null = null
  expired = false

  constructor(outer: AbortSignal) {
    this.signal = AbortSignal.any([outer, this.#cut.signal])
  }

  arm(ms: number): void {
    this.stop()
    this.#timer = setTimeout(() => {
      this.expired = true
      this.#cut.abort()
    }, ms)
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }
}

async function fetchOnce(
  url: string,
  job: FetchJob,
  tools: SourceTools,
  watch: Watch,
  onAnswer: () => void,
): Promise<Outcome> {
  const note = await readNote(job.part, url)
  const have = note ? ((await fileBytes(job.part)) ?? 0) : 0
  if (note && have === note.totalBytes) return { kind: 'done' }
  const resume = note && have > 0 && have < note.totalBytes ? note : null
  watch.arm(tools.answerMs)
  let answer: Result<Response>
  try {
    answer = await request(url, resume ? { Range: `bytes=${have}-`, 'If-Range': resume.etag } : {}, watch.signal)
  } catch (error) {
    const detail = watch.expired ? `No answer within ${tools.answerMs / 1000} s.` : `${errorWords(error)}.`
    return { kind: 'cut', detail }
  }
  if (!answer.ok) return refused(answer)
  const response = answer.value
  const start = await acceptAnswer(response, resume, have, url, job)
  if (typeof start !== 'number') {
    await response.body?.cancel().catch(() => null)
    return start
  }
  onAnswer()
  return receive(response, start, job, tools, watch)
}

/** Follows redirects by hand, so that none leads from https to a place where bytes can be changed on their way. */
export async function request(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Result<Response>> {
  let at = url
  for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
    const options = { headers: { 'Accept-Encoding': 'identity', ...headers }, redirect: 'manual', signal } as const
    const response = await fetch(at, options)
    const location = response.headers.get('location')
    if (response.status < 300 || response.status > 399 || location === null) return ok(response)
    await response.body?.cancel()
    const next = URL.canParse(location, at) ? allowedUrl(new URL(location, at).href) : null
    if (!next) return fail('source-unreachable', 'It points to an address that is not https://.')
    at = next.href
  }
  return fail('source-unreachable', `It points on and on, more than ${REDIRECTS_MAX} times.`)
}

/** Where in the file the answer's bytes belong; writes the note that a later try resumes by. */
async function acceptAnswer(
  response: Response,
  resume: PartNote | null,
  have: number,
  url: string,
  job: FetchJob,
): Promise<number | Outcome> {
  const { status, headers } = response
  const type = headers.get('content-type') ?? ''
  if (status === 416 || (status === 206 && !(resume && rangeFits(headers, resume, have)))) {
    await dropPart(job.part)
    return { kind: 'cut', detail: 'It changed between two tries.' }
  }
  if (resume && (status === 429 || status >= 500))
    return { kind: 'cut', detail: `HTTP ${status} ${response.statusText}` }
  if (status !== 200 && status !== 206)
    return refused(fail('source-error-page', `HTTP ${status} ${response.statusText}`))
  if (/^(text\/html|application\/xhtml)/i.test(type)) {
    return refused(fail('source-error-page', `It sent "${type.slice(0, 60)}".`))
  }
  if (status === 206 && resume) return have
  await dropPart(job.part)
  const totalBytes = wholeBytes(headers)
  const { wanted } = job
  if (totalBytes !== null && totalBytes > wanted.bytesMax) {
    return refused(fail(wanted.invalid, `It claims ${totalBytes} bytes; at most ${wanted.bytesMax} are taken.`))
  }
  if (totalBytes !== null && wanted.bytes !== null && totalBytes !== wanted.bytes) {
    return refused(fail('source-changed', `It has ${totalBytes} bytes instead of ${wanted.bytes}.`))
  }
  const room = await roomFor(dirname(job.part), totalBytes ?? 0)
  if (!room.ok) return refused(room)
  const etag = headers.get('etag')
  if (etag?.startsWith('"') && totalBytes !== null) {
    const note: PartNote = { urlSha256: sha256(url), etag, totalBytes }
    await writeFile(notePath(job.part), JSON.stringify(note))
  }
  return 0
}

function rangeFits(headers: Headers, note: PartNote, have: number): boolean {
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '')
  const etag = headers.get('etag')
  return range?.[1] === String(have) && range[3] === String(note.totalBytes) && (etag === null || etag === note.etag)
}

/** Size of the file as sent. A compressed answer does not say it. */
function wholeBytes(headers: Headers): number | null {
  const length = headers.get('content-length')
  if (length === null || headers.has('content-encoding') || !/^\d{1,15}$/.test(length)) return null
  return Number(length)
}

async function receive(
  response: Response,
  start: number,
  job: FetchJob,
  tools: SourceTools,
  watch: Watch,
): Promise<Outcome> {
  const length = wholeBytes(response.headers)
  const totalBytes = length === null ? null : start + length
  if (!response.body) return { kind: 'cut', detail: 'The answer has no content.' }
  const file = await open(job.part, start === 0 ? 'w' : 'r+')
  let at = start
  const reader = response.body.getReader()
  try {
    for (;;) {
      watch.arm(tools.idleMs)
      const next = await readNext(reader)
      if (typeof next === 'string') {
        const cause = watch.expired ? `nothing came for ${tools.idleMs / 1000} s` : next
        return { kind: 'cut', detail: `It stopped after ${at} bytes: ${cause}.` }
      }
      if (next === null) break
      const wrong = at === 0 ? job.wanted.judgeStart(next) : null
      if (wrong) return refused(wrong)
      if (at + next.length > job.wanted.bytesMax) return refused(fail(job.wanted.invalid, 'It does not end.'))
      const failure = await write(file, next, at)
      if (failure) return refused(failure)
      at += next.length
      job.onFetch(at, totalBytes)
    }
  } finally {
    await reader.cancel().catch(() => null)
    await file.close()
  }
  if (totalBytes !== null && at < totalBytes) return { kind: 'cut', detail: `It stopped after ${at} bytes.` }
  if (at === 0) return refused(fail(job.wanted.truncated, 'The source sent an empty file.'))
  return { kind: 'done' }
}

/** The next bytes, null at the end, or in words why there are none. */
async function readNext(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | null | string> {
  try {
    const { value } = await reader.read()
    return value ?? null
  } catch (error) {
    return errorWords(error)
  }
}

async function write(file: FileHandle, bytes: Uint8Array, at: number): Promise<Failure | null> {
  try {
    let done = 0
    while (done < bytes.length) done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten
    return null
  } catch (error) {
    return writeFailure(error)
  }
}

async function readNote(part: string, url: string): Promise<PartNote | null> {
  let value: unknown
  try {
    value = JSON.parse(await readFile(notePath(part), 'utf8'))
  } catch {
    // No note, or half a note from a dead process: the part starts over.
    return null
  }
  if (value === null || typeof value !== 'object') return null
  const { urlSha256, etag, totalBytes } = value as Record<string, unknown>
  if (urlSha256 !== sha256(url) || typeof etag !== 'string' || !Number.isSafeInteger(totalBytes)) return null
  return { urlSha256, etag, totalBytes: Number(totalBytes) }
}

async function dropPart(part: string): Promise<void> {
  await rm(notePath(part), { force: true })
  await rm(part, { force: true })
}
