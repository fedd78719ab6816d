/**
 * What the CPU engine's worker offers over Comlink. Types only: both sides import this. Every answer is a `Result`; one
 * model and one answer at a time.
 */
import type { ModelWorkerApi } from '../weights/model-load.ts'
import type { ModelSpec } from '../weights/open-model.ts'
import type { ChatMessage, Embeddings, EndReason, Sampling } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Failure, Result } from '../wire/result.ts'
import type { CpuCounts } from './counts.ts'

export interface CpuProbe {
  /** The threads in words. */
  readonly adapter: string
}

export interface CpuInspection {
  readonly model: ModelSummary
  readonly neededBytes: number
  readonly memoryBytesMax: number
}

export interface CpuModel {
  readonly id: string
  readonly name: string
  readonly contextPositions: number
  readonly neededBytes: number
  readonly adapter: string
  /** Why the model is not kept for the next visit. */
  readonly notice: Failure | null
}

export interface CpuChatRequest {
  readonly messages: readonly ChatMessage[]
  /** As that of a `ChatRequest`. */
  readonly raw: boolean
  /** The answer so far, where one goes on from its text; else empty. */
  readonly begun: string
  readonly sampling: Sampling
  readonly maxTokens: number
}

/** Exactly one `end`, always last. A text is whole characters. */
export type CpuChatEvent =
  | { readonly kind: 'prefill'; readonly done: number; readonly total: number }
  | { readonly kind: 'text'; readonly text: string; readonly counts: CpuCounts }
  | {
      readonly kind: 'end'
      readonly reason: EndReason
      readonly counts: CpuCounts
      readonly failure: Failure | null
      /** The engine is gone: a model must be loaded again. */
      readonly gone: boolean
    }

export interface CpuWorkerApi extends ModelWorkerApi<CpuModel> {
  probe(): Promise<Result<CpuProbe>>
  inspect(spec: ModelSpec): Promise<Result<CpuInspection>>
  /**
   * Sends `CpuChatEvent`s through the port, which nobody answers: a callback for each token costs a tiny model a
   * sixth of its speed (docs/PERFORMANCE.md). Resolves when `end` was sent.
   */
  chat(request: CpuChatRequest, port: MessagePort): Promise<Result<null>>
  /** At any time, also while an answer runs. Refusals: those of `Prompter.prompt`, and `tokenizer-unsupported`. */
  count(messages: readonly ChatMessage[], raw: boolean): Promise<Result<number>>
  /** Ends the chat or embedding under way after the token that is being computed. */
  stop(): Promise<void>
  embed(texts: readonly string[]): Promise<Result<Embeddings>>
}
