/**
 * What `App` needs of an engine beyond the `ChatEngine` contract: facts about the adapter, a size estimate before
 * anything is fetched, and what this browser already keeps. Types only. One door an engine (`StageChat`, `CpuChat`,
 * `WebLlmChat`), and `ModelRunner` over all of them. `File` makes this a browser type, which is why it is not in `wire/`.
 */
import type { EngineChoice } from '../rules/engine-choice.ts'
import type {
  ChatEngine,
  ChatEvent,
  ChatMessage,
  ChatRequest,
  Embeddings,
  EngineName,
  LoadedModel,
  LoadProgress,
} from '../wire/chat.ts'
import type { ModelFormat, ModelSummary } from '../wire/model.ts'
import type { Failure, Result } from '../wire/result.ts'

/**
 * Where a model comes from. `mirror`: GGUF or MLC by its id, from the page's own server. `file`: a GGUF file from disk.
 * `prebuilt`: an MLC model of WebLLM's own list by its name there, from the hub.
 */
export type ModelSource = (
  | { readonly kind: 'mirror'; readonly id: string; readonly format?: ModelFormat }
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
  /** Only where a short test says something of this engine. Nothing else runs meanwhile. Refusals: `probe`'s, `gpu-error`. */
  selfTest?(): Promise<Result<SelfTest>>
}

/** How fast this device reads weights, by a short run of the real kernel on made-up ones. */
export interface SelfTest {
  readonly adapter: string
  readonly bytesPerSecond: number
}

export interface EngineOption {
  readonly engine: EngineName
  /** Why it cannot run the model here; null where it can. */
  readonly refusal: Failure | null
}

/** `Inspection` of the engine that was chosen, with why, and what the others say. */
export interface RunnerInspection extends Inspection {
  /** Null where the model fits no engine. */
  readonly choice: EngineChoice | null
  readonly options: readonly EngineOption[]
}

/** How a call stands to the person at this device. */
export interface Manners {
  /**
   * For somebody else: it waits behind all calls that are not courteous, and ends with `owner-first` (a chat with `reason:
   * 'abort'`) as soon as one of those waits, within a token and whether it is read on or not. It never takes the place of
   * another model that is loaded: `not-loaded`.
   */
  readonly courteous: boolean
}

/**
 * What `App` talks to: one model at a time on whichever engine suits it. `Engines` in the tab that holds the engines,
 * `SharedRunner` in every tab. As `ChatEngine`, with these differences: calls need not be serialised; `load` of what is
 * loaded costs nothing; an answer goes on by itself after a worker or an owner was lost, with a notice.
 */
export interface ModelRunner extends Pick<EngineDoor, 'probe' | 'cached' | 'unload'> {
  /** `onlyIfIdle`: refused with `aborted` where another model is loaded, which somebody may be using. */
  load(
    source: ModelSource,
    onProgress: (progress: LoadProgress) => void,
    signal: AbortSignal,
    onlyIfIdle?: boolean,
  ): Promise<Result<LoadedModel>>
  inspect(source: ModelSource, signal: AbortSignal): Promise<Result<RunnerInspection>>
  /** Loads `source` first where it is not what is loaded. */
  chat(source: ModelSource, request: ChatRequest, signal: AbortSignal, manners?: Manners): AsyncIterable<ChatEvent>
  embed(
    source: ModelSource,
    texts: readonly string[],
    signal: AbortSignal,
    manners?: Manners,
  ): Promise<Result<Embeddings>>
  /** For a page that goes on without engines. Needed where tabs share one. */
  close?(): Promise<void>
  /** Unloads `source` where it is what is loaded, after what runs: for a model whose bytes are to be deleted. */
  release(source: ModelSource, signal: AbortSignal): Promise<Result<null>>
  /** Takes its turn, under a second. What it finds is kept with the speeds; measured ones of real answers go before it. */
  selfTest(signal: AbortSignal): Promise<Result<SelfTest>>
  /** Of the engine's `count`. Loads nothing, waits for no answer; `not-loaded` where `source` is not what is loaded. */
  count(
    source: ModelSource,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    raw?: boolean,
  ): Promise<Result<number>>
}

/** The same for the same model, whatever else the source says. */
export function keyOfSource(source: ModelSource): string {
  switch (source.kind) {
    case 'mirror':
      return source.id
    case 'prebuilt':
      return `mlc:${source.name}`
    case 'file':
      return `file:${source.file.name}:${source.file.size}:${source.file.lastModified}`
    default:
      return source satisfies never
  }
}
