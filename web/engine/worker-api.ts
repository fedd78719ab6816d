/**
 * What the engine's worker offers over Comlink. Types only: both sides import this. Every answer is a `Result`; arrays
 * are copied or transferred, never shared. One model at a time.
 */

import type { Constraint } from '../rules/token-masks.ts'
import type { VocabularyBytes } from '../tokens/codec.ts'
import type { ModelWorkerApi, OnProgress } from '../weights/model-load.ts'
import type { ModelSpec } from '../weights/open-model.ts'
import type { ChatMessage } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Failure, Result } from '../wire/result.ts'
import type { GpuSpeed } from './gpu/self-test.ts'
import type { Frame, FrameOutput, LayerRange, StageEngine, StageFacts } from './stage.ts'

export interface WorkerProbe {
  readonly adapter: string
  readonly software: boolean
}

export interface WorkerInspection {
  readonly model: ModelSummary
  readonly gpuBytes: number
  readonly gpuBytesMax: number | null
}

export interface WorkerModel {
  readonly id: string
  readonly name: string
  readonly contextPositions: number
  /** 0 where they are not known. */
  readonly activeParameters: number
  readonly gpuBytes: number
  readonly vocabulary: VocabularyBytes
  readonly facts: StageFacts
  /** Why the model is not kept for the next visit. */
  readonly notice: Failure | null
}

/** A model whose words are known here and whose layers are elsewhere. */
export interface WorkerHead {
  readonly id: string
  readonly name: string
  readonly layers: number
  readonly contextPositions: number
  /** 0 where they are not known. */
  readonly activeParameters: number
  readonly vocabulary: VocabularyBytes
}

export interface EngineWorkerApi extends ModelWorkerApi<WorkerModel>, Pick<StageEngine, 'open' | 'truncate' | 'close'> {
  /** With `constraint` the frame samples, and draws only what may come next. Refusals: those of `TokenMasks.mask` too. */
  run(frame: Frame, constraint?: Constraint): Promise<Result<FrameOutput>>
  /**
   * As `load`, of these layers only: nothing else of the file is fetched. `numericClass`: to compute in, where this GPU can;
   * null for the fastest.
   */
  loadRange(
    spec: ModelSpec,
    range: LayerRange,
    numericClass: string | null,
    onProgress: OnProgress,
  ): Promise<Result<WorkerModel>>
  /** Only what turns messages into tokens and back. */
  loadHead(spec: ModelSpec, onProgress: OnProgress): Promise<Result<WorkerHead>>
  /** Answers while the worker lives and is not stuck. */
  ping(): Promise<Result<null>>
  /** How long the newest frames took, oldest first, in ms: from their turn to their result. Then forgotten. */
  takeTimes(): Promise<Result<readonly number[]>>
  probe(): Promise<Result<WorkerProbe>>
  inspect(spec: ModelSpec): Promise<Result<WorkerInspection>>
  /** On a device of its own, beside what is loaded. */
  selfTest(): Promise<Result<GpuSpeed>>
  /** `begun`: the answer so far, where one goes on from its text; else empty. `raw`: as that of a request. */
  encodeChat(messages: readonly ChatMessage[], begun: string, raw: boolean): Promise<Result<readonly number[]>>
}
