/**
 * The models that WebLLM's own list names, each with the compiled library that belongs to it. Written by
 * `test/support/webllm-prebuilt.ts` from the installed package, whose seven megabytes nobody loads to read a list.
 * A page imports this file when it is needed, not before.
 */
import list from './webllm-prebuilt.json' with { type: 'json' }

export interface PrebuiltModel {
  /** WebLLM's `model_id`. */
  readonly id: string
  /** `owner/name` on the hub. Several entries may share one: they differ in their context. */
  readonly repo: string
  /** Address of the compiled library (.wasm). */
  readonly library: string
  readonly kind: 'chat' | 'embedding' | 'vision'
  /** Memory of the GPU at `contextLength`. */
  readonly vramBytes: number | null
  /** The largest buffer that the library binds, where it is more than WebGPU guarantees. */
  readonly bufferBytes: number | null
  /** Fit for phones and small GPUs, says the list. */
  readonly lowResource: boolean
  readonly requiredFeatures: readonly string[]
  /** What it overrides in the model's own settings; null leaves them. A sliding window of -1 is none. */
  readonly contextLength: number | null
  readonly slidingWindow: number | null
  /** File of the repository that describes a model package; only the newest models have one. */
  readonly packageManifest: string | null
}

export interface PrebuiltList {
  /** Of the package. */
  readonly version: string
  /** Of the libraries; it changes more seldom. */
  readonly libraryVersion: string
  readonly models: readonly PrebuiltModel[]
}

export const PREBUILT = list as PrebuiltList

/** Of the entries of one repository the one that is named like it, else the first; null where the list has none. */
export function prebuiltOf(repo: string): PrebuiltModel | null {
  const entries = PREBUILT.models.filter((entry) => entry.repo === repo)
  return entries.find(({ id }) => id === repo.split('/')[1]) ?? entries[0] ?? null
}
