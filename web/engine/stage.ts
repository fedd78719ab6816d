/**
 * The stage contract: one contiguous layer range of a model, resident on one peer. Implementations: `stage-gpu` (the
 * product) and `stage-cpu` (plain f32 loops, the oracle); one suite in `test/contract` runs on both.
 *
 * Order: frames of a session run in call order. `run` takes its place in the queue before it returns its promise, so a
 * caller may have up to `TOKENS_IN_FLIGHT_MAX` runs unresolved. A refused frame changes nothing. A stage never computes
 * on a cache that does not match the frame. Ownership: arrays passed in and handed out belong to the receiver.
 */
import type { Result } from '../wire/result.ts'

/** Layers `[first, last)`. The embedding belongs to `first == 0`, the norm and head to `last == layers`. */
export interface LayerRange {
  readonly first: number
  readonly last: number
}

/** How a tail stage picks tokens. Fixed for a session, so that a replay draws the same. */
export interface SamplerSpec {
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly minP: number
  readonly repetitionPenalty: number
  readonly seed: bigint
}

export interface OpenRequest {
  readonly session: number
  readonly epoch: number
  /** KV positions to reserve. */
  readonly positions: number
  readonly sampler: SamplerSpec
}

/**
 * `tokens` enter a first stage, `hidden` any other, `[count, width]` f32 row-major. `chained` is the token that the
 * same stage sampled in its previous frame and never left the GPU: only where the stage is first and tail at once.
 */
export type FrameInput =
  | { readonly kind: 'tokens'; readonly ids: Uint32Array }
  | { readonly kind: 'hidden'; readonly rows: Float32Array }
  | { readonly kind: 'chained' }

export interface Frame {
  readonly session: number
  readonly epoch: number
  /** Position of the first row; must be exactly what the KV holds. */
  readonly position: number
  readonly count: number
  /**
   * Which kernels run. Decode rows are computed one by one: n rows give the bits of n frames of one row. Prefill rows
   * share tiles: the same chunk at the same position gives the same bits. A replay repeats the recorded modes.
   */
  readonly mode: 'prefill' | 'decode'
  readonly input: FrameInput
  /** Tail only: sample a token after the last row. */
  readonly sample: boolean
  /** With `sample`: one bit a token of the vocabulary; only tokens whose bit is set are drawn. At least one is. */
  readonly mask?: Uint32Array
  /**
   * Tokens of the window before `position` are known to a tail from earlier frames only where it is also first. A tail
   * that receives hidden rows needs the ids of these rows for the repetition penalty.
   */
  readonly ids?: Uint32Array
}

export type FrameOutput =
  | { readonly kind: 'hidden'; readonly rows: Float32Array }
  | { readonly kind: 'token'; readonly id: number }
  | { readonly kind: 'none' }

export type StageState = 'ready' | 'recovering' | 'degraded' | 'disposed'

export interface StageFacts {
  readonly range: LayerRange
  readonly layers: number
  readonly width: number
  readonly vocabulary: number
  readonly contextLength: number
  /** Weights, activations and tables; KV comes on top, `kvBytesPerPosition` each. */
  readonly weightBytes: number
  readonly workBytes: number
  readonly kvBytesPerPosition: number
  readonly adapter: string
  readonly softwareAdapter: boolean
  /** Adapter, kernel variants, layouts, KV type: same class and schedule, same bits. */
  readonly numericClass: string
}

export interface StageEngine {
  readonly facts: StageFacts
  readonly state: StageState
  /** Refusals: `session-exists`, `kv-full`, `context-full`. */
  open(request: OpenRequest): Promise<Result<null>>
  /**
   * Refusals, in order: `device-lost` (KV is gone: reopen and replay), `device-degraded`, `session-unknown`,
   * `epoch-stale`, `frame-invalid`, `position-mismatch`, `context-full`.
   */
  run(frame: Frame): Promise<Result<FrameOutput>>
  /**
   * Forgets positions from `position` on and moves the session to `epoch`, which never goes down. A `sampler` replaces
   * the session's: the next turn may have other settings.
   */
  truncate(session: number, epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>>
  /** Frees the KV. Closing an unknown session is no error. */
  close(session: number): Promise<void>
  /** The only exit; idempotent. */
  dispose(): Promise<void>
}
