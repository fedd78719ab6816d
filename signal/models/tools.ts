/**
 * What the fetchers of a model are given from outside: where the hub is, which `pip` to call, how long to wait, the
 * clock. Tests pass others. Holds no logic.
 */

import { SOURCE_ANSWER_MS_MAX } from '../../web/wire/limits.ts'
import type { Result } from '../../web/wire/result.ts'
import { PIP_START_MS_MAX, SOURCE_IDLE_MS_MAX, SOURCE_RETRY_MS, SOURCE_TRIES_MAX } from '../config.ts'
import type { OnBytes } from './progress.ts'
import { HUB_URL } from './source.ts'

export interface SourceTools {
  readonly hubUrl: string
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
  pip: ['python3', '-m', 'pip'],
  pipStartMs: PIP_START_MS_MAX,
  answerMs: SOURCE_ANSWER_MS_MAX,
  idleMs: SOURCE_IDLE_MS_MAX,
  triesMax: SOURCE_TRIES_MAX,
  retryMs: SOURCE_RETRY_MS,
  nowMs: () => performance.now(),
}

/** One fetch of one source into one file. On success the file is complete as far as the source says. */
export interface FetchJob {
  /** The file that grows; it may hold the bytes of an earlier try. */
  readonly part: string
  /** An empty or stale folder for whatever else the fetch needs; it is removed by the caller. */
  readonly scratch: string
  readonly onFetch: OnBytes
  readonly onExtract: OnBytes
  readonly signal: AbortSignal
}

export type FetchResult = Promise<Result<null>>
