/**
 * What the worker of the storage offers over Comlink: models are brought into this browser, listed and deleted without
 * an engine or a GPU. Types only: both sides import this. One download at a time.
 */
import type { ModelFormat, ModelSummary } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'
import type { HubAddresses } from './hub-files.ts'
import type { HubGguf } from './hub-gguf.ts'
import type { KeptModel } from './shelf.ts'

/** What is to be brought here whole. */
export type DownloadSpec =
  | { readonly kind: 'mirror'; readonly id: string; readonly format: ModelFormat; readonly baseUrl: string }
  | { readonly kind: 'file'; readonly file: File; readonly mirrorUrl: string }
  | { readonly kind: 'prebuilt'; readonly name: string; readonly addresses: HubAddresses }
  | { readonly kind: 'hub'; readonly file: HubGguf; readonly mirrorUrl: string }

export interface DownloadProgress {
  /** `fetch`: bytes come. `check`: all are here and are read once more. */
  readonly phase: 'fetch' | 'check'
  readonly doneBytes: number
  readonly totalBytes: number
}

export interface Downloaded {
  /** A file of a hub and one from disk learn their id by being read. */
  readonly id: string
}

/** A file that a hub announces, and what to call it until it is a model. */
export interface HubOffer {
  readonly model: ModelSummary
  readonly file: HubGguf
}

export interface WeightsWorkerApi {
  /**
   * Goes on from what is kept, and fetches nothing twice. A model that is wholly here is read and checked instead; what
   * is damaged comes again. Refusals: those of the source, `storage-full` and `storage-denied`: nothing can be kept.
   */
  download(spec: DownloadSpec, onProgress: (progress: DownloadProgress) => void): Promise<Result<Downloaded>>
  /** The download under way ends with `aborted`; what came stays. */
  cancel(): Promise<void>
  kept(): Promise<readonly KeptModel[]>
  remove(id: string): Promise<Result<null>>
  listHub(name: string, hubUrl: string | null): Promise<Result<readonly HubOffer[]>>
}
