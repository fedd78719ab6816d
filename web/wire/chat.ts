/**
 * What a chat request and its events mean, and the `ChatEngine` contract that every engine keeps (stage, WebLLM, CPU).
 * Types only: the words in which the UI, the engines and, later, peers speak about one answer.
 */
import type { Code } from './codes.ts'
import type { ScheduledFrame } from './frame-schedule.ts'
import type { LayerSpan } from './peers.ts'
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
  /** The one message, of the user, is a text after which the model writes on: no template, special tokens in it are text. */
  readonly raw?: true
  /**
   * JSON text of a schema (`rules/json-schema.ts`). The stage engine draws only what fits it, where all layers are in one
   * tab; others leave it aside, so that whoever asks looks at the answer.
   */
  readonly schema?: string
  readonly sampling: Sampling
  readonly maxTokens: number
  /** The answer ends before the first of these; it never shows one. */
  readonly stop: readonly string[]
  /** Set where an answer goes on that another engine, worker or tab began. */
  readonly resume?: Committed
}

/**
 * What an answer has come to, gathered from its events by whoever reads them (`CommittedLog`): enough for another engine
 * that holds the same model to go on. An engine that resumes by tokens needs all of it and draws the same tokens; one
 * that resumes by text reads `text` again and draws new ones after it.
 */
export interface Committed {
  /** What was shown. It is not shown again. */
  readonly text: string
  /** Answer tokens whose text may still be held back in part. Empty where the engine had none to give. */
  readonly tokens: readonly number[]
  /** Tokens of `maxTokens` that the text has cost; at least, where an engine gave no tokens. */
  readonly spent: number
  /** Which positions of the prompt were computed in which frame; answer tokens ran one by one. Empty with `tokens`. */
  readonly schedule: readonly ScheduledFrame[]
  /** What the engine wrote and the tokens say, where that is not what was shown. No engine is told of it. */
  readonly raw?: string
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

export const NO_USAGE: Usage = {
  promptTokens: 0,
  reusedTokens: 0,
  prefillTokens: 0,
  completionTokens: 0,
  firstTokenMs: null,
  tokensPerSecond: null,
}

export type EndReason = 'stop' | 'length' | 'abort' | 'error'

/** Why an answer was made where it was: the rule is `rules/mode-choice.ts`. */
export const MODE_REASONS = [
  'picked',
  'only',
  'fast-enough',
  'fastest',
  // Steps down: nobody holds the whole model, or all who do are busy for longer; a smaller one answers; it waits in line.
  'no-whole-holder',
  'holders-busy',
  'smaller',
  'queued',
] as const
export type ModeReason = (typeof MODE_REASONS)[number]

/** Layers that another tab computed for an answer. */
export interface AnsweredStage {
  readonly span: LayerSpan
  /** The short name of who stands there now: enough to tell the tabs of one answer apart, too little to know them again. */
  readonly peer: string
  /** Null where the link does not say. */
  readonly relayed: boolean | null
}

/** The tab that answered a whole job. */
export interface AnsweredWorker {
  /** As of a stage. */
  readonly peer: string
  readonly engine: EngineName
  readonly relayed: boolean | null
}

/** Who answers: named under each answer. */
export interface Answerer {
  readonly engine: EngineName
  readonly adapter: string
  readonly modelId: string
  readonly model: string
  /** Only where more than this device was allowed. */
  readonly why?: ModeReason
  /** Layers on other tabs, first to last; absent where this device answered. */
  readonly stages?: readonly AnsweredStage[]
  /** Another tab, of a whole job; absent where this device or layers answered. */
  readonly worker?: AnsweredWorker
  /** The name of the model that was asked for, where a smaller one answered. */
  readonly insteadOf?: string
  /** Values that were replaced by placeholders before the prompt left this device. */
  readonly replaced?: number
  /** When the answer was computed, where it is one that this browser kept. */
  readonly keptMs?: number
}

/**
 * Where an answer waits: in the server's line, at the worker behind others, or there behind the worker's own person.
 * `ahead`: jobs before it. `waitMs`: an estimate; null where nobody knows, at the server because nobody offers the model.
 */
export interface Wait {
  readonly at: 'server' | 'worker' | 'owner'
  readonly ahead: number
  readonly waitMs: number | null
}

/**
 * Exactly one `end`, always last. Text is never taken back. `tokens` of a text are all answer tokens committed since the
 * last text; `schedule` covers the prompt and comes before the first text, from engines that resume by tokens.
 * `answerer` comes from a `ModelRunner`, first and again where another engine goes on.
 */
export type ChatEvent =
  | { readonly kind: 'prefill'; readonly done: number; readonly total: number }
  | ({ readonly kind: 'answerer' } & Answerer)
  | ({ readonly kind: 'queued' } & Wait)
  | { readonly kind: 'schedule'; readonly frames: readonly ScheduledFrame[] }
  | {
      readonly kind: 'text'
      readonly text: string
      readonly tokens?: readonly number[]
      /** All that the engine has written of this answer, where that is not what is shown: it has placeholders. */
      readonly raw?: string
    }
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
  readonly engine: EngineName
  readonly name: string
  readonly contextPositions: number
  /** GPU memory; for the CPU engine the memory of the page. */
  readonly gpuBytes: number
  /** What computes, in words: the adapter, or the threads of the CPU. It stands under each answer. */
  readonly adapter: string
  /** Why the model is not kept for the next visit: `storage-denied` or `storage-full`. Null where it is. */
  readonly notice: Failure | null
}

export const ENGINE_NAMES = ['stage', 'webllm', 'cpu'] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

export interface Embeddings {
  /** One a text, in order; all of one length, each of length 1. */
  readonly vectors: readonly Float32Array[]
  readonly promptTokens: number
}

/**
 * One whole model that answers chats. Calls are serialised by the caller: one `load`, `chat` or `embed` at a time; `count`
 * may come at any time, also while one of them runs. None throws for an expected failure: `chat` ends with `reason: 'error'` and a code. `signal` stops a load between chunks and
 * an answer within `TOKENS_IN_FLIGHT_MAX` tokens. A load that fails or is stopped leaves no model. After `unload`, after a
 * failed load and after `worker-lost` the engine can load again, without a reload of the page.
 */
export interface ChatEngine<Source> {
  readonly name: EngineName
  /** What a resumed answer goes on from: token ids (the same text) or re-tokenised text (the text may differ from there). */
  readonly resume: 'tokens' | 'text'
  load(source: Source, onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<Result<LoadedModel>>
  /**
   * With `request.resume` no character is lost or doubled: text goes on right after `resume.text`. Counts of a resumed
   * answer: by tokens those of the whole answer; by text, what was read again counts as prompt.
   */
  chat(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>
  /**
   * Tokens of the prompt that `chat` would make of these messages, all that the template adds included: what it would report
   * as `usage.promptTokens`. Computes nothing on the model, and a prompt longer than the context is counted too. Refusals:
   * `not-loaded`, `aborted`, those of the template; `context-full` past `PROMPT_CHARACTERS_MAX`; `tokenizer-unsupported`
   * where only the model's runtime knows the tokenizer and does not tell. `raw`: as that of a request.
   */
  count(messages: readonly ChatMessage[], signal: AbortSignal, raw?: boolean): Promise<Result<number>>
  /** Refusals: `embeddings-unsupported` where the model or the engine has none, `context-full`, `not-loaded`, `aborted`. */
  embed(texts: readonly string[], signal: AbortSignal): Promise<Result<Embeddings>>
  unload(): Promise<void>
}
