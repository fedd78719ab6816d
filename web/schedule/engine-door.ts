/**
 * What `App` needs of an engine beyond the `ChatEngine` contract: facts about the adapter, a size estimate before
 * anything is fetched, and what this browser already keeps. Types only. One door an engine (`StageChat`, `CpuChat`,
 * `WebLlmChat`); `Engines` is the same door over all of them, and `SharedDoor` over the one tab that holds them. `File`
 * makes this a browser type, which is why it is not in `wire/`.
 */
import type { ChatEngine, EngineName } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'

/**
 * Where a model comes from. `mirror`: GGUF or MLC by its id, from the page's own server. `file`: a GGUF file from disk.
 * `prebuilt`: an MLC model of WebLLM's own list by its name there, from the hub.
 */
export type ModelSource = (
  | { readonly kind: 'mirror'; readonly id: string }
  | { readonly kind: 'file'; readonly file: File }
  | { readonly kind: 'prebuilt'; readonly name: string }
) & {
  /** Set where a person has picked the engine; `Engines` obeys or refuses with the reason. */
  readonly engine?: EngineName
}

export interface AdapterFacts {
  /** The adapter in words: `NVIDIA Ada Lovelace`, `SwiftShader`; for the CPU engine its threads. */
  readonly adapter: string
  /** A software GPU. It counts as no GPU unless the server allows it (tests). */
  readonly software: boolean
}

/** What a model would need here. Costs at most the manifest, or the header of a file: never weights. */
export interface Inspection {
  readonly model: ModelSummary
  readonly engine: EngineName
  /** Weights, work buffers and KV of the default context. GPU memory, or for the CPU engine memory of the page. */
  readonly gpuBytes: number
  /** The largest sum the browser lets this engine use; null where it does not say. */
  readonly gpuBytesMax: number | null
  readonly fits: boolean
  /** One sentence with numbers where it does not fit, else empty. */
  readonly reason: string
}

/** `probe`, `inspect` and `cached` may run at any time, also while a chat runs. */
export interface EngineDoor extends ChatEngine<ModelSource> {
  /** Refusals: `no-webgpu`, `no-adapter`, `software-adapter`, `device-degraded`. May be asked again after a change. */
  probe(): Promise<Result<AdapterFacts>>
  /**
   * Refusals: those of the manifest or of the file (`gguf-not-gguf`, `architecture-unsupported`, `model-unknown`, ...), and
   * `engine-mismatch` for a model of another engine's format.
   */
  inspect(source: ModelSource, signal: AbortSignal): Promise<Result<Inspection>>
  /** Models of this engine's format whose every byte is in this browser: they load without the network. */
  cached(): Promise<readonly ModelSummary[]>
}
