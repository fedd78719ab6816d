/**
 * What the WebLLM worker offers over Comlink. Types only: both sides import this. Every answer is a `Result`. One model
 * for the life of a worker: another one gets a new worker, because the runtime does not give all of its memory back.
 */
import type { HubAddresses } from '../weights/hub-files.ts'
import type { ChatMessage, LoadProgress, Sampling } from '../wire/chat.ts'
import type { MlcKind } from '../wire/mlc-model.ts'
import type { Failure, Result } from '../wire/result.ts'

export type WebLlmModelSpec =
  | { readonly kind: 'mirror'; readonly id: string; readonly baseUrl: string }
  | { readonly kind: 'prebuilt'; readonly name: string; readonly addresses: HubAddresses }

export interface WebLlmModel {
  readonly id: string
  readonly name: string
  readonly modelKind: MlcKind | 'chat'
  readonly contextPositions: number
  readonly gpuBytes: number
  /** Why the model is not kept for the next visit. */
  readonly notice: Failure | null
}

export interface WebLlmRequest {
  readonly messages: readonly ChatMessage[]
  /** As that of a `ChatRequest`. */
  readonly raw: boolean
  readonly sampling: Sampling
  readonly maxTokens: number
  /** The answer so far, where one goes on from its text; else empty. */
  readonly begun: string
}

/**
 * Gets the text as it comes, whole characters only. Waited for, because a proxied function has a port of its own: the
 * last text could else arrive after the end.
 */
export type OnText = (text: string) => void | Promise<void>

export interface WebLlmAnswer {
  readonly reason: 'stop' | 'length' | 'abort'
  /** Counts of WebLLM's own usage object. Of the prompt only what was computed for this request. */
  readonly prefillTokens: number
  /** Prompt tokens whose KV was still there. */
  readonly reusedTokens: number
  readonly completionTokens: number
}

export interface WebLlmEmbeddings {
  readonly vectors: readonly Float32Array[]
  readonly promptTokens: number
}

export interface WebLlmWorkerApi {
  /** Refused with `aborted` after `stop`. After a refusal the worker is of no more use. */
  load(spec: WebLlmModelSpec, onProgress: (progress: LoadProgress) => void): Promise<Result<WebLlmModel>>
  chat(request: WebLlmRequest, onText: OnText): Promise<Result<WebLlmAnswer>>
  embed(texts: readonly string[]): Promise<Result<WebLlmEmbeddings>>
  /** At any time, also while an answer runs. */
  count(messages: readonly ChatMessage[], raw: boolean): Promise<Result<number>>
  /** Ends the load or the answer that runs, as soon as it can. */
  stop(): Promise<void>
}
