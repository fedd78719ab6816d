/**
 * What `App` needs of the engine beyond the `ChatEngine` contract: facts about the adapter, a size estimate before
 * anything is fetched, and what this browser already keeps. Types only, so that `stage-chat.ts`, `App` and the one fake
 * in tests meet here. `File` makes this a browser type, which is why it is not in `wire/`.
 */
import type { ChatEngine } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'

export type ModelSource =
  | { readonly kind: 'mirror'; readonly id: string }
  | { readonly kind: 'file'; readonly file: File }

export interface AdapterFacts {
  /** The adapter in words: `NVIDIA Ada Lovelace`, `SwiftShader`. */
  readonly adapter: string
  /** A software GPU. It counts as no GPU unless the server allows it (tests). */
  readonly software: boolean
}

/** What a model would need here. Costs at most the manifest, or the header of a file: never weights. */
export interface Inspection {
  readonly model: ModelSummary
  /** Weights, work buffers and KV of the default context. */
  readonly gpuBytes: number
  /** The largest sum the browser lets this engine use; null where it does not say. */
  readonly gpuBytesMax: number | null
  readonly fits: boolean
  /** One sentence with numbers where it does not fit, else empty. */
  readonly reason: string
}

/** `probe`, `inspect` and `cached` may run at any time, also while a chat runs. */
export interface EngineDoor extends ChatEngine<ModelSource> {
  /** Refusals: `no-webgpu`, `no-adapter`, `device-degraded`. May be asked again after a change in the settings. */
  probe(): Promise<Result<AdapterFacts>>
  /** Refusals: those of the manifest or of the file: `gguf-not-gguf`, `architecture-unsupported`, `model-unknown`, ... */
  inspect(source: ModelSource, signal: AbortSignal): Promise<Result<Inspection>>
  /** Mirror models whose every byte is in this browser: they load without the network. Empty where storage is denied. */
  cached(): Promise<readonly ModelSummary[]>
}
