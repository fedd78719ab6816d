/**
 * What `App` says is true now, as plain values, and the defaults of a request. Types and constants only: the page, the
 * `window.weft` interface and tests read these without knowing how `App` works.
 */
import type { ModelSource, RunnerInspection } from './schedule/engine-door.ts'
import type { EngineName, LoadedModel, LoadProgress, Sampling } from './wire/chat.ts'
import type { Code } from './wire/codes.ts'
import type { Adding, MirrorIndex, ModelSummary } from './wire/model.ts'

export type Fit =
  | { readonly state: 'checking' }
  | ({ readonly state: 'known' } & Omit<RunnerInspection, 'model'>)
  | { readonly state: 'refused'; readonly code: Code; readonly detail: string }

export interface ModelEntry {
  /** The model id, `file:<n>` for an opened file, or `mlc:<name>` of WebLLM's own list. */
  readonly key: string
  readonly source: ModelSource
  readonly model: ModelSummary
  /** Loads without the network. */
  readonly kept: boolean
  /** The family in WebLLM's own list, whose models come from the hub; null for what the mirror, this browser or a file has. */
  readonly family: string | null
  readonly fit: Fit
}

export interface MirrorView {
  readonly state: 'asking' | 'ready' | 'unreachable'
  readonly adding: readonly Adding[]
  readonly failed: MirrorIndex['failed']
  readonly defaultKey: string | null
  readonly code?: Code
  readonly detail?: string
}

export type GpuView =
  | { readonly state: 'checking' }
  | { readonly state: 'ready'; readonly adapter: string; readonly software: boolean }
  | { readonly state: 'none'; readonly code: Code; readonly detail: string }

export type LoadView =
  | { readonly state: 'none' }
  | {
      readonly state: 'loading'
      readonly key: string
      readonly progress: LoadProgress | null
      readonly bytesPerSecond: number | null
    }
  | { readonly state: 'ready'; readonly key: string; readonly loaded: LoadedModel }
  | { readonly state: 'failed'; readonly key: string; readonly code: Code; readonly detail: string }

/** Replaced as a whole on every change; never mutated. */
export interface AppView {
  readonly gpu: GpuView
  readonly mirror: MirrorView
  readonly entries: readonly ModelEntry[]
  /** The model that the next request uses; null while there is none to pick. */
  readonly selectedKey: string | null
  readonly load: LoadView
  /** The engine that a person has picked; null lets the measured choice stand. */
  readonly engineWish: EngineName | null
  /** `ready`: a newer version of the app is here, and `App.applyUpdate` starts it. */
  readonly update: 'none' | 'ready'
}

/**
 * Close to the best token and without a penalty: a small model that draws more freely, or is kept from repeating the
 * words of the question, loses the thread within a sentence.
 */
export const DEFAULT_SAMPLING: Omit<Sampling, 'seed'> = {
  temperature: 0.2,
  topK: 0,
  topP: 0.9,
  minP: 0.05,
  repetitionPenalty: 1,
}
