/**
 * What the engine's worker offers over Comlink. Types only: both sides import this. Every answer is a `Result`; arrays
 * are copied or transferred, never shared. One model at a time.
 */

import type { VocabularyBytes } from '../tokens/codec.ts'
import type { ChatMessage, LoadProgress } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Failure, Result } from '../wire/result.ts'
import type { StageEngine, StageFacts } from './stage.ts'

export type WorkerModelSpec =
  | { readonly kind: 'mirror'; readonly id: string; readonly baseUrl: string }
  | { readonly kind: 'file'; readonly file: File; readonly mirrorUrl?: string }

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
  readonly gpuBytes: number
  readonly vocabulary: VocabularyBytes
  readonly facts: StageFacts
  /** Why the model is not kept for the next visit. */
  readonly notice: Failure | null
}

export interface EngineWorkerApi extends Pick<StageEngine, 'open' | 'run' | 'truncate' | 'close'> {
  probe(): Promise<Result<WorkerProbe>>
  inspect(spec: WorkerModelSpec): Promise<Result<WorkerInspection>>
  cached(): Promise<readonly ModelSummary[]>
  /** Replaces what is loaded. Refused with `aborted` after `cancelLoad`. */
  load(spec: WorkerModelSpec, onProgress: (progress: LoadProgress) => void): Promise<Result<WorkerModel>>
  cancelLoad(): Promise<void>
  unload(): Promise<void>
  /** `begun`: the answer so far, where one goes on from its text; else empty. */
  encodeChat(messages: readonly ChatMessage[], begun: string): Promise<Result<readonly number[]>>
}
