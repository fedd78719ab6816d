/**
 * What a chat request and its events mean, and the `ChatEngine` contract that every engine keeps (stage, WebLLM, CPU).
 * Types only: the words in which the UI, the engines and, later, peers speak about one answer.
 */
import type { Code } from './codes.ts'
import type { Failure, Result } from './result.ts'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface Sampling {
  /** 0 is greedy: the best token, ties to the lowest id. */
  readonly temperature: number
  /** Keep the k best tokens; 0 is off. */
  readonly topK: number
  /** Keep the smallest set of best tokens whose probability reaches p; 1 is off. */
  readonly topP: number
  /** Keep tokens at least this share as probable as the best; 0 is off. */
  readonly minP: number
  /** Divides positive and multiplies negative logits of the last 64 tokens; 1 is off. */
  readonly repetitionPenalty: number
  /** 64 bits; the same seed, model and committed tokens draw the same text within a numeric class. */
  readonly seed: bigint
}

export interface ChatRequest {
  readonly messages: readonly ChatMessage[]
  readonly sampling: Sampling
  readonly maxTokens: number
  /** The answer ends before the first of these; it never shows one. */
  readonly stop: readonly string[]
}

export interface Usage {
  readonly promptTokens: number
  /** Prompt tokens whose KV was still there from the last turn. */
  readonly reusedTokens: number
  /** Prompt tokens computed for this request: `promptTokens - reusedTokens`. */
  readonly prefillTokens: number
  readonly completionTokens: number
  readonly firstTokenMs: number | null
  /** Decode speed after the first token; null under two tokens. */
  readonly tokensPerSecond: number | null
}

export type EndReason = 'stop' | 'length' | 'abort' | 'error'

/** Exactly one `end`, always last. Text is never taken back. */
export type ChatEvent =
  | { readonly kind: 'prefill'; readonly done: number; readonly total: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'notice'; readonly code: Code; readonly detail: string }
  | {
      readonly kind: 'end'
      readonly reason: EndReason
      readonly usage: Usage
      readonly code?: Code
      readonly detail?: string
    }

export interface LoadProgress {
  readonly phase: 'read' | 'fetch' | 'upload' | 'compile'
  readonly doneBytes: number
  readonly totalBytes: number
}

/** What an engine says about a model that it has loaded. */
export interface LoadedModel {
  readonly id: string
  readonly name: string
  readonly contextPositions: number
  readonly gpuBytes: number
  /** The adapter in words, for the line under each answer. */
  readonly adapter: string
  /** Why the model is not kept for the next visit: `storage-denied` or `storage-full`. Null where it is. */
  readonly notice: Failure | null
}

export type EngineName = 'stage' | 'webllm' | 'cpu'

/**
 * One whole model that answers chats. Calls are serialised by the caller: one `load` or `chat` at a time. `chat` never
 * throws for an expected failure: it ends with `reason: 'error'` and a code. `signal` stops a load between chunks and
 * an answer within `TOKENS_IN_FLIGHT_MAX` tokens. After `unload` the engine can load again.
 */
export interface ChatEngine<Source> {
  readonly name: EngineName
  /** What a resumed answer is continued from: token ids (exact) or re-tokenised text. */
  readonly resume: 'tokens' | 'text'
  load(source: Source, onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<Result<LoadedModel>>
  chat(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>
  unload(): Promise<void>
}
