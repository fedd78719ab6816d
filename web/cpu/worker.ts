/**
 * The CPU engine's dedicated worker: a composition root of its own. It joins weights, prompt and llama.cpp and exposes
 * them by `worker-api.ts`. The code of llama.cpp and its WASM are fetched at the first load, not before.
 */
import * as Comlink from 'comlink'
import { inspectModel } from '../weights/inspect-model.ts'
import { contextOf, inPhase, ModelLoad, type OnProgress } from '../weights/model-load.ts'
import type { ModelSpec, OpenedModel } from '../weights/open-model.ts'
import { hearPlace } from '../weights/place.ts'
import { listCached } from '../weights/shelf.ts'
import type { ChatMessage, Embeddings } from '../wire/chat.ts'
import type { ModelSummary } from '../wire/model.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { playAnswer } from './answer.ts'
import { memoryBytes, memoryBytesMax } from './estimate.ts'
import type { Llama } from './llama.ts'
import { createPrompter, type Prompter } from './prompt.ts'
import { cpuInWords, threadCount } from './threads.ts'
import { VerifiedBlob } from './verified-blob.ts'
import type { CpuChatEvent, CpuChatRequest, CpuInspection, CpuModel, CpuProbe, CpuWorkerApi } from './worker-api.ts'

interface Loaded {
  readonly opened: OpenedModel
  readonly llama: Llama
  readonly prompter: Prompter
  readonly contextPositions: number
  readonly embeddings: boolean
}

class CpuWorker implements CpuWorkerApi {
  private loaded: Loaded | null = null
  private readonly loads = new ModelLoad()
  private running: AbortController | null = null

  async probe(): Promise<Result<CpuProbe>> {
    const missing = wasmMissing()
    return missing ?? ok({ adapter: cpuInWords(threads(), crossOriginIsolated) })
  }

  async inspect(spec: ModelSpec): Promise<Result<CpuInspection>> {
    const found = await inspectModel(spec)
    if (!found.ok) return found
    const { model, tensors } = found.value
    const neededBytes = memoryBytes(tensors, model.layers, contextOf(model.contextLength))
    return ok({ model, neededBytes, memoryBytesMax: mostBytes() })
  }

  cached(): Promise<readonly ModelSummary[]> {
    return listCached()
  }

  async load(spec: ModelSpec, onProgress: OnProgress): Promise<Result<CpuModel>> {
    await this.unload()
    return this.loads.run(spec, onProgress, (opened, signal) => this.prepare(opened, onProgress, signal))
  }

  private async prepare(opened: OpenedModel, onProgress: OnProgress, signal: AbortSignal): Promise<Result<CpuModel>> {
    const { directory, manifest, id, source } = opened
    const missing = wasmMissing()
    if (missing) return missing
    const contextPositions = contextOf(manifest.contextLength)
    const neededBytes = memoryBytes(directory.tensors, manifest.layers, contextPositions)
    if (neededBytes > mostBytes())
      return fail('memory-too-small', `It needs ${mb(neededBytes)} MB; a page has ${mb(mostBytes())} MB.`)
    const prompter = createPrompter(directory.metadata)
    if (!prompter.ok) return prompter
    const fetched = await source.prefetch([{ offset: 0, length: source.size }], inPhase('fetch', onProgress), signal)
    if (!fetched.ok) return fetched
    const embeddings = `${manifest.architecture}.pooling_type` in directory.metadata
    const llama = await openLlama(
      opened,
      { contextPositions, embeddings, ownBegin: prompter.value.ownBegin },
      onProgress,
      signal,
    )
    if (!llama.ok) return llama
    if (signal.aborted) {
      llama.value.close()
      return fail('aborted', '')
    }
    this.loaded = { opened, llama: llama.value, prompter: prompter.value, contextPositions, embeddings }
    const adapter = cpuInWords(llama.value.threads, crossOriginIsolated)
    return ok({ id, name: manifest.name, contextPositions, neededBytes, adapter, notice: source.notice })
  }

  async cancelLoad(): Promise<void> {
    this.loads.stop()
  }

  async unload(): Promise<void> {
    const { loaded } = this
    this.loaded = null
    this.running?.abort()
    loaded?.llama.close()
    loaded?.opened.close()
  }

  async chat(request: CpuChatRequest, port: MessagePort): Promise<Result<null>> {
    const { loaded } = this
    if (!loaded) return fail('not-loaded', '')
    if (loaded.embeddings) return fail('chat-unsupported', '')
    const running = new AbortController()
    this.running = running
    await playAnswer(loaded, request, running.signal, (event: CpuChatEvent) => port.postMessage(event))
    if (loaded.llama.gone && this.loaded === loaded) await this.unload()
    return ok(null)
  }

  async count(messages: readonly ChatMessage[], raw: boolean): Promise<Result<number>> {
    const { loaded } = this
    if (!loaded) return fail('not-loaded', '')
    if (loaded.embeddings) return fail('chat-unsupported', '')
    const prompt = raw ? loaded.prompter.raw(messages, '') : loaded.prompter.prompt(messages, '')
    if (!prompt.ok) return prompt
    return prompt.value.kind === 'text' && prompt.value.tokens !== null
      ? ok(prompt.value.tokens)
      : fail('tokenizer-unsupported', 'llama.cpp reads it, but does not say how many tokens a text has.')
  }

  async stop(): Promise<void> {
    this.running?.abort()
  }

  async embed(texts: readonly string[]): Promise<Result<Embeddings>> {
    const { loaded } = this
    if (!loaded) return fail('not-loaded', '')
    if (!loaded.embeddings) return fail('embeddings-unsupported', 'It is a chat model.')
    const running = new AbortController()
    this.running = running
    const vectors: Float32Array[] = []
    let promptTokens = 0
    for (const text of texts) {
      if (running.signal.aborted) return fail('aborted', '')
      const made = await loaded.llama.embed(loaded.prompter.plain(text))
      if (loaded.llama.gone && this.loaded === loaded) await this.unload()
      if (!made.ok) return made
      vectors.push(made.value.vector)
      promptTokens += made.value.tokens
    }
    return ok({ vectors, promptTokens })
  }
}

async function openLlama(
  { source }: OpenedModel,
  model: { readonly contextPositions: number; readonly embeddings: boolean; readonly ownBegin: boolean },
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Result<Llama>> {
  const totalBytes = source.size
  let doneBytes = 0
  let failure: Failure | null = null
  const file = new VerifiedBlob(source, {
    signal,
    onRead: (end) => {
      doneBytes = Math.max(doneBytes, end)
      onProgress({ phase: 'upload', doneBytes, totalBytes })
    },
    onFailure: (why) => {
      failure ??= why
    },
  })
  const { Llama } = await import('./llama.ts')
  const opened = await Llama.open(file, { ...model, threads: threads(), signal })
  return opened.ok ? opened : (failure ?? opened)
}

/** llama.cpp's WASM addresses its memory by 64 bits, which Safari lacks. */
function wasmMissing(): Failure | null {
  try {
    new WebAssembly.Memory({ address: 'i64', initial: 1n } as unknown as WebAssembly.MemoryDescriptor)
    return null
  } catch {
    return fail('wasm-missing', 'Its WebAssembly has no 64-bit memory.')
  }
}

const threads = () => threadCount(crossOriginIsolated, navigator.hardwareConcurrency)
const mostBytes = () => memoryBytesMax('deviceMemory' in navigator ? Number(navigator.deviceMemory) : undefined)
const mb = (bytes: number) => Math.ceil(bytes / 1e6)

hearPlace()
Comlink.expose(new CpuWorker())
