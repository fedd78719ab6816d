/**
 * Whole jobs, as tab and server speak of them: who offers to answer, what is asked for, who is named. One request that one
 * worker answers whole. No field here can carry a prompt or an answer: those go from tab to tab (`job-words.ts`).
 */
import { ENGINE_NAMES, type EngineName } from './chat.ts'
import { CODES, type Code } from './codes.ts'
import { ACTIVE_PARAMETERS_MAX } from './limits/credits.ts'
import { CONTEXT_POSITIONS_MAX, OUTPUT_TOKENS_MAX } from './limits/engine.ts'
import { JOB_PARALLEL_MAX, JOB_WORKERS_MAX, JOBS_QUEUED_MAX } from './limits/jobs.ts'
import { AVOIDED_MAX, TICKET_CHARACTERS_MAX } from './limits/mesh.ts'
import { LAYERS_MAX } from './limits/models.ts'
import type { RequestId } from './peer-frame.ts'
import { type PeerId, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'
import type { RoomId } from './rooms.ts'

/** A new kind is one file more in `schedule/jobs/kinds/`, and its name here. */
export const JOB_KINDS = ['chat', 'completion', 'embedding'] as const
export type JobKind = (typeof JOB_KINDS)[number]

/** A person waits for it, or nobody does. Interactive jobs go first, at the server and at a worker. */
export const JOB_CLASSES = ['interactive', 'batch'] as const
export type JobClass = (typeof JOB_CLASSES)[number]

/**
 * `queued`: nobody is free for it. `leased`: workers are named and hold a place for `JOB_LEASE_MS`. `running`: one of them
 * has begun; each progress extends the lease. The other four are ends. The rule is `rules/job-state.ts`.
 */
export const JOB_STATES = ['queued', 'leased', 'running', 'done', 'failed', 'cancelled', 'expired'] as const
export type JobState = (typeof JOB_STATES)[number]

/** Drawn by the asker; the same job has the same id at every worker it comes to. 32 hexadecimal digits. */
export type JobId = RequestId

/** A whole model, loaded and ready for jobs of others; part of a tab's presence. */
export interface JobOffer {
  readonly modelId: string
  readonly engine: EngineName
  readonly kinds: readonly JobKind[]
  /** Prompt and answer of one job at most: the model's context. */
  readonly positions: number
  /** Of a prompt, and of an answer, that the worker's person allows one job at most. */
  readonly promptTokensMax: number
  readonly answerTokensMax: number
  /** Measured; null before the first answer. */
  readonly tokensPerSecond: number | null
  readonly prefillTokensPerSecond: number | null
  /** Jobs that it takes at once, and those it has: the rest wait there. */
  readonly parallel: number
  readonly held: number
  /** Answer tokens that those it has may still take. */
  readonly heldTokens: number
}

export interface JobWish {
  readonly job: JobId
  readonly kind: JobKind
  readonly class: JobClass
  readonly modelId: string
  /** Of the model, for its ticket: a job is all of them. */
  readonly layers: number
  /** As counted or estimated by the asker. */
  readonly promptTokens: number
  readonly maxTokens: number
  /** Only members of this room, which the asker is in; null for anybody who serves anyone. */
  readonly room: RoomId | null
  /** Peers that failed it a moment ago. */
  readonly avoid: readonly PeerId[]
  /** Of the model, that one token runs through: what it is to be paid by. Nothing is paid without. */
  readonly activeParameters?: number
}

/** What a worker's place in the list is made of. All in ms; the asker puts its own measured round trip in. */
export interface JobScore {
  readonly queueMs: number
  readonly prefillMs: number
  readonly decodeMs: number
  readonly roundTripMs: number
}

export interface JobWorker {
  readonly peer: PeerId
  readonly engine: EngineName
  readonly ticket: string
  /** Prompt and answer that the ticket is for: what was wished, or less where this worker takes less. */
  readonly positions: number
  readonly score: JobScore
}

/** Told in answer to a wish, and again whenever it changes while the job is queued. */
export type JobWord =
  | { readonly job: JobId; readonly state: 'leased'; readonly workers: readonly JobWorker[] }
  /** `ahead`: jobs before it. `waitMs`: an estimate; null while nobody offers the model. */
  | { readonly job: JobId; readonly state: 'queued'; readonly ahead: number; readonly waitMs: number | null }
  /** It is over; `code` says why where it did not end well. */
  | {
      readonly job: JobId
      readonly state: 'done' | 'failed' | 'cancelled' | 'expired'
      readonly code: Code | null
    }

/** What the asker tells of its job; each extends the lease. Counts only. */
export interface JobNews {
  readonly job: JobId
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  /** Who works on it; null where nobody does. */
  readonly worker: PeerId | null
  /** Answer tokens so far. */
  readonly tokens: number
  readonly code: Code | null
}

const { attempt, record, refuse, list, words, orNull, number, whole, oneOf, peer, modelId, requestId, run } =
  peerReaderOf('event-invalid')
const TOKENS_PER_SECOND_MAX = 1e6
/** Of a part of a score, and of a wait: what is said to take longer is said to take this. */
export const JOB_MS_MAX = 1e9
const HELD_TOKENS_MAX = JOBS_QUEUED_MAX * OUTPUT_TOKENS_MAX

/** For `readHolding`: throws what `attempt` of the same reader catches. */
export function readJobOffer(value: unknown): JobOffer {
  const fields = record(value, 'An offer')
  const kinds = list(fields['kinds'], '`kinds`', JOB_KINDS.length).map((kind) => oneOf({ kind }, 'kind', JOB_KINDS))
  const parallel = whole(fields, 'parallel', JOB_PARALLEL_MAX)
  return {
    modelId: modelId(fields, 'modelId'),
    engine: oneOf(fields, 'engine', ENGINE_NAMES),
    kinds: kinds.length > 0 ? kinds : refuse('`kinds`', 'is empty'),
    positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX),
    promptTokensMax: whole(fields, 'promptTokensMax', CONTEXT_POSITIONS_MAX),
    answerTokensMax: whole(fields, 'answerTokensMax', OUTPUT_TOKENS_MAX),
    tokensPerSecond: orNull(fields, 'tokensPerSecond', () =>
      number(fields, 'tokensPerSecond', 0, TOKENS_PER_SECOND_MAX),
    ),
    prefillTokensPerSecond: orNull(fields, 'prefillTokensPerSecond', () =>
      number(fields, 'prefillTokensPerSecond', 0, TOKENS_PER_SECOND_MAX),
    ),
    parallel: parallel > 0 ? parallel : refuse('`parallel`', 'is zero'),
    held: whole(fields, 'held', JOBS_QUEUED_MAX),
    heldTokens: whole(fields, 'heldTokens', HELD_TOKENS_MAX),
  }
}

export function parseJobWish(value: unknown): Result<JobWish> {
  return attempt(() => {
    const fields = record(value, 'A wish for a job')
    const layers = whole(fields, 'layers', LAYERS_MAX)
    const activeParameters = orNull(fields, 'activeParameters', () =>
      whole(fields, 'activeParameters', ACTIVE_PARAMETERS_MAX),
    )
    return {
      ...(activeParameters === null ? {} : { activeParameters }),
      job: requestId(fields, 'job'),
      kind: oneOf(fields, 'kind', JOB_KINDS),
      class: oneOf(fields, 'class', JOB_CLASSES),
      modelId: modelId(fields, 'modelId'),
      layers: layers > 0 ? layers : refuse('`layers`', 'is zero'),
      promptTokens: whole(fields, 'promptTokens', CONTEXT_POSITIONS_MAX),
      maxTokens: whole(fields, 'maxTokens', OUTPUT_TOKENS_MAX),
      room: orNull(fields, 'room', () => run(fields, 'room')),
      avoid: list(fields['avoid'], '`avoid`', AVOIDED_MAX).map((one) => peer({ one }, 'one')),
    }
  })
}

export function parseJobWord(value: unknown): Result<JobWord> {
  return attempt((): JobWord => {
    const fields = record(value, 'A word of a job')
    const job = requestId(fields, 'job')
    const state = oneOf(fields, 'state', ['leased', 'queued', 'done', 'failed', 'cancelled', 'expired'])
    switch (state) {
      case 'leased': {
        const workers = list(fields['workers'], '`workers`', JOB_WORKERS_MAX).map(readWorker)
        return { job, state, workers: workers.length > 0 ? workers : refuse('`workers`', 'is empty') }
      }
      case 'queued': {
        const waitMs = orNull(fields, 'waitMs', () => number(fields, 'waitMs', 0, JOB_MS_MAX))
        return { job, state, ahead: whole(fields, 'ahead', JOBS_QUEUED_MAX), waitMs }
      }
      default:
        return { job, state, code: codeOrNull(fields) }
    }
  })
}

export function parseJobNews(value: unknown): Result<JobNews> {
  return attempt(() => {
    const fields = record(value, 'News of a job')
    return {
      job: requestId(fields, 'job'),
      state: oneOf(fields, 'state', ['running', 'done', 'failed', 'cancelled']),
      worker: orNull(fields, 'worker', () => peer(fields, 'worker')),
      tokens: whole(fields, 'tokens', OUTPUT_TOKENS_MAX),
      code: codeOrNull(fields),
    }
  })
}

function readWorker(value: unknown): JobWorker {
  const fields = record(value, 'A worker')
  const score = record(fields['score'], '`score`')
  const ms = (field: keyof JobScore) => number(score, field, 0, JOB_MS_MAX)
  return {
    peer: peer(fields, 'peer'),
    engine: oneOf(fields, 'engine', ENGINE_NAMES),
    ticket: words(fields, 'ticket', TICKET_CHARACTERS_MAX),
    positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX + OUTPUT_TOKENS_MAX),
    score: {
      queueMs: ms('queueMs'),
      prefillMs: ms('prefillMs'),
      decodeMs: ms('decodeMs'),
      roundTripMs: ms('roundTripMs'),
    },
  }
}

/** A newer side may know more codes than this one. */
function codeOrNull(fields: Readonly<Record<string, unknown>>): Code | null {
  return orNull(fields, 'code', () => {
    const code = words(fields, 'code', 64)
    return Object.hasOwn(CODES, code) ? (code as Code) : 'peer-refused'
  })
}
