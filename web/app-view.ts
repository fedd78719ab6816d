/**
 * What `App` says is true now, as plain values, and the defaults of a request. Types and constants only: the page, the
 * `window.weft` interface and tests read these without knowing how `App` works.
 */
import type { Prediction } from './rules/engine-choice.ts'
import type { Mode } from './rules/mode-choice.ts'
import type { ModelSource, RunnerInspection } from './schedule/engine-door.ts'
import type { EngineName, LoadedModel, LoadProgress, Sampling } from './wire/chat.ts'
import type { Code } from './wire/codes.ts'
import type { Adding, MirrorIndex, ModelSummary } from './wire/model.ts'

/** Screens read these here. */
export type { Mode, ModeCandidate, ModeChoice } from './rules/mode-choice.ts'

export type Fit =
  | { readonly state: 'checking' }
  | ({ readonly state: 'known' } & Omit<RunnerInspection, 'model'>)
  | { readonly state: 'refused'; readonly code: Code; readonly detail: string }

/** `mirror`: this server. `hub`: straight from its origin. `device`: a file from disk, or kept here and listed nowhere. */
export type ModelOrigin =
  | { readonly kind: 'mirror' | 'device' }
  | { readonly kind: 'hub'; readonly host: string; readonly repo: string | null }

/** What to expect of the engine that would run it. */
export interface SpeedView {
  readonly tokensPerSecond: number
  /** `measured`: this model ran here. `scaled`: another one did. `tested`: by the self test. `assumed`: a guess. */
  readonly basis: Prediction['basis']
}

export interface ModelEntry {
  /** The model id, `file:<n>` for an opened file, or `mlc:<name>` of WebLLM's own list. Of a pending one: of this use. */
  readonly key: string
  readonly source: ModelSource
  readonly model: ModelSummary
  /** Loads without the network. */
  readonly kept: boolean
  /** Bytes of it that are in this browser; `model.fileBytes` is all of it. */
  readonly keptBytes: number
  readonly origin: ModelOrigin
  /** A file of a hub that is not wholly here: it can be downloaded, not loaded. It gets another key when it is whole. */
  readonly pending: boolean
  /** Null where no engine runs it, and while that is looked at. */
  readonly speed: SpeedView | null
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

/** One model on its way into this browser, or stopped on it. Whole ones are on the list of models instead. */
export interface DownloadView {
  readonly key: string
  readonly name: string
  /**
   * `queued`: another one goes first. `checking`: all bytes are here and are compared. `waiting`: the network or the source
   * is gone, and it goes on by itself; `code` says which. `paused`: by a person or an end of the page. `failed`: `code`
   * says why, and `resume` tries again.
   */
  readonly state: 'queued' | 'fetching' | 'checking' | 'waiting' | 'paused' | 'failed'
  readonly doneBytes: number
  readonly totalBytes: number
  readonly bytesPerSecond: number | null
  readonly secondsLeft: number | null
  /** False where another tab is at it. */
  readonly here: boolean
  readonly code?: Code
  readonly detail?: string
}

export interface StorageView {
  /** Of models, whole or in part. */
  readonly modelBytes: number
  /** Of all that this site keeps, and what it may; null where the browser does not say. Both are rounded by browsers. */
  readonly usedBytes: number | null
  readonly quotaBytes: number | null
  /** True: the browser promised not to clear it by itself. */
  readonly persisted: boolean | null
}

export type SelfTestView =
  | { readonly state: 'none' | 'running' }
  | { readonly state: 'done'; readonly adapter: string; readonly bytesPerSecond: number }
  | { readonly state: 'failed'; readonly code: Code; readonly detail: string }

/** Replaced as a whole on every change; never mutated. */
export interface AppView {
  readonly gpu: GpuView
  readonly mirror: MirrorView
  readonly entries: readonly ModelEntry[]
  /** The model that the next request uses; null while there is none to pick. */
  readonly selectedKey: string | null
  readonly load: LoadView
  readonly downloads: readonly DownloadView[]
  /** Null until it was looked at. */
  readonly storage: StorageView | null
  readonly selfTest: SelfTestView
  /** The engine that a person has picked; null lets the measured choice stand. */
  readonly engineWish: EngineName | null
  /** Who a person wants to answer, where the scope of a conversation allows it; null lets the rule decide. */
  readonly modeWish: Mode | null
  /** `ready`: a newer version of the app is here, and `App.applyUpdate` starts it. `starting`: once no answer runs here. */
  readonly update: 'none' | 'ready' | 'starting'
  /** False: the network or the server is gone, as far as anybody has noticed. What this browser keeps still works. */
  readonly online: boolean
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
