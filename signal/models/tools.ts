/**
 * What the fetchers of a model are given from outside: where the hub is, which `pip` to call, how long to wait, the
 * clock, and what they take for the file they want. Tests pass others. Nothing here fetches.
 */
import type { Code } from '../../web/wire/codes.ts'
import { MODEL_BYTES_MAX, SOURCE_ANSWER_MS_MAX } from '../../web/wire/limits/models.ts'
import { type Failure, fail, type Result } from '../../web/wire/result.ts'
import { type PrebuiltModel, prebuiltOf } from '../../web/wire/webllm-prebuilt.ts'
import { PIP_START_MS_MAX, SOURCE_IDLE_MS_MAX, SOURCE_RETRY_MS, SOURCE_TRIES_MAX } from '../config.ts'
import type { OnBytes } from './progress.ts'
import { HUB_URL } from './source.ts'

export interface SourceTools {
  readonly hubUrl: string
  /** The compiled library that belongs to a repository of MLC models, as WebLLM's own list says. */
  readonly prebuiltOf: (repo: string) => PrebuiltModel | null
  /** The command line of `pip`, program first. */
  readonly pip: readonly string[]
  readonly pipStartMs: number
  readonly answerMs: number
  readonly idleMs: number
  readonly triesMax: number
  readonly retryMs: number
  readonly nowMs: () => number
}

export const SOURCE_TOOLS: SourceTools = {
  hubUrl: HUB_URL,
  prebuiltOf,
  pip: ['python3', '-m', 'pip'],
  pipStartMs: PIP_START_MS_MAX,
  answerMs: SOURCE_ANSWER_MS_MAX,
  idleMs: SOURCE_IDLE_MS_MAX,
  triesMax: SOURCE_TRIES_MAX,
  retryMs: SOURCE_RETRY_MS,
  nowMs: () => performance.now(),
}

/** What a fetch takes for the file that it wants, and with which codes it refuses another. */
export interface Wanted {
  /** Known beforehand or null. */
  readonly bytes: number | null
  readonly bytesMax: number
  readonly invalid: Code
  readonly truncated: Code
  /** A page or a foreign file is refused on its first bytes, not after gigabytes. */
  readonly judgeStart: (first: Uint8Array) => Failure | null
}

/** A failure for bytes that begin like a page of text, null for others. */
export function judgePage(first: Uint8Array): Failure | null {
  const start = Buffer.from(first.subarray(0, 16)).toString('latin1').trimStart()
  return start.startsWith('<') ? fail('source-error-page', 'It sent a page of text.') : null
}

export const WANTED_GGUF: Wanted = {
  bytes: null,
  bytesMax: MODEL_BYTES_MAX,
  invalid: 'gguf-invalid',
  truncated: 'gguf-truncated',
  judgeStart: (first) => {
    if ('GGUF'.startsWith(Buffer.from(first.subarray(0, 4)).toString('latin1'))) return null
    return judgePage(first) ?? fail('gguf-not-gguf', 'Its first bytes are not "GGUF".')
  },
}

/** One fetch of one source into one file. On success the file is complete as far as the source says. */
export interface FetchJob {
  readonly wanted: Wanted
  /** The file that grows; it may hold the bytes of an earlier try. */
  readonly part: string
  /** An empty or stale folder for whatever else the fetch needs; it is removed by the caller. */
  readonly scratch: string
  readonly onFetch: OnBytes
  readonly onExtract: OnBytes
  readonly signal: AbortSignal
}

export type FetchResult = Promise<Result<null>>
