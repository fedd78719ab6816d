/**
 * WebLLM's dedicated worker: a composition root of its own. It gives the package verified files and a watch on its GPU,
 * and exposes it by `worker-api.ts`. The package is fetched when a model is loaded, not before. Not WebLLM's own worker
 * handler, which believes every message. Serves one model, then ends with its worker.
 */
import type { ModelRecord } from '@mlc-ai/web-llm'
import * as Comlink from 'comlink'
import { openHubMlc } from '../weights/hub-files.ts'
import { type MlcFiles, openMirroredMlc } from '../weights/mlc-files.ts'
import { hearPlace } from '../weights/place.ts'
import type { ChatMessage, LoadProgress } from '../wire/chat.ts'
import { CONTEXT_POSITIONS_DEFAULT } from '../wire/limits/engine.ts'
import { MLC_CONFIG } from '../wire/mlc-model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { type ChatSettings, parseChatSettings } from './chat-settings.ts'
import { EngineSession } from './engine-session.ts'
import { failureOf, type WebLlmStep } from './failure-of.ts'
import { watchGpu } from './gpu-watch.ts'
import { hearLastWords } from './last-words.ts'
import { installVerifiedCaches, verifiedCaches } from './verified-caches.ts'
import type {
  OnText,
  WebLlmAnswer,
  WebLlmEmbeddings,
  WebLlmModel,
  WebLlmModelSpec,
  WebLlmRequest,
  WebLlmWorkerApi,
} from './worker-api.ts'

const MODEL_PACKAGE = 'mlc-model-manifest.json'
const NOT_LOADED = fail('not-loaded', '')

const gpu = watchGpu(globalThis.GPUAdapter as Parameters<typeof watchGpu>[0])

const words = hearLastWords(console)

class WebLlmWorker implements WebLlmWorkerApi {
  #session: EngineSession | null = null
  readonly #stopped = new AbortController()

  async load(spec: WebLlmModelSpec, onProgress: (progress: LoadProgress) => void): Promise<Result<WebLlmModel>> {
    const { signal } = this.#stopped
    const opened =
      spec.kind === 'mirror'
        ? await openMirroredMlc(spec.id, spec.baseUrl, signal)
        : await openHubMlc(spec.name, spec.addresses, signal)
    if (!opened.ok) return opened
    const files = opened.value
    const fetched = await files.prefetch((progress) => onProgress({ phase: 'fetch', ...progress }), signal)
    const settings = fetched.ok ? await readSettings(files, signal) : fetched
    const made = settings.ok ? await this.#start(files, settings.value, onProgress) : settings
    if (!made.ok) files.close()
    return signal.aborted ? fail('aborted', '') : made
  }

  async #start(
    files: MlcFiles,
    settings: ChatSettings,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Result<WebLlmModel>> {
    const { facts, id } = files
    // Nothing is there: it only looks like the address of a repository, so that WebLLM takes it as it is.
    const base = new URL(`/verified/${id}/resolve/main/`, globalThis.location.origin).href
    let step: WebLlmStep = 'settings'
    let doneBytes = 0
    const shards = new Set(files.files.map(({ path }) => path).filter((path) => path.endsWith('.bin')))
    const onRead = (path: string, bytes: number) => {
      shards.delete(path)
      if (path === facts.library) step = 'library'
      else if (step !== 'settings') step = shards.size === 0 ? 'pipeline' : 'weights'
      doneBytes = Math.min(doneBytes + bytes, facts.totalBytes)
      onProgress({ phase: files.notice ? 'fetch' : 'upload', doneBytes, totalBytes: facts.totalBytes })
    }
    const { signal } = this.#stopped
    const verified = verifiedCaches(files, { base, signal, onRead })
    try {
      // The package comes from our own server: before `fetch` is replaced, so that nothing of it is ever refused.
      const webllm = await import('@mlc-ai/web-llm')
      installVerifiedCaches(globalThis, verified)
      const contextPositions = contextOf(settings, facts.contextLength)
      const record: ModelRecord = {
        model: base,
        model_id: id,
        model_lib: new URL(facts.library, base).href,
        required_features: [...facts.requiredFeatures],
        model_type:
          webllm.ModelType[facts.kind === 'embedding' ? 'embedding' : facts.kind === 'vision' ? 'VLM' : 'LLM'],
        // An embedding model is compiled for one length of text.
        ...(settings.contextWindow === -1 || facts.kind === 'embedding'
          ? {}
          : { overrides: { context_window_size: contextPositions } }),
        ...(files.files.some(({ path }) => path === MODEL_PACKAGE) ? { model_manifest: MODEL_PACKAGE } : {}),
      }
      const engine = new webllm.MLCEngine({ appConfig: { model_list: [record] }, logLevel: 'INFO' })
      signal.addEventListener('abort', () => void engine.unload())
      await engine.reload(id)
      if (signal.aborted) return fail('aborted', '')
      // `reload` swallows an abort, and a lost device unloads the model without a word.
      if (gpu.lost !== null) return failureOf(new Error(gpu.lost), step, gpu)
      onProgress({ phase: 'compile', doneBytes: facts.totalBytes, totalBytes: facts.totalBytes })
      this.#session = new EngineSession(engine, files, settings, { gpu, words })
      return ok({
        id,
        name: facts.name,
        modelKind: facts.kind ?? 'chat',
        contextPositions,
        gpuBytes: facts.vramBytes ?? facts.totalBytes,
        notice: files.notice,
      })
    } catch (error) {
      if (signal.aborted) return fail('aborted', '')
      if (!verified.failure) await gpu.settle()
      return verified.failure ?? failureOf(error, step, gpu, words.reason)
    }
  }

  async chat(request: WebLlmRequest, onText: OnText): Promise<Result<WebLlmAnswer>> {
    return this.#session?.chat(request, onText) ?? NOT_LOADED
  }

  async embed(texts: readonly string[]): Promise<Result<WebLlmEmbeddings>> {
    return this.#session?.embed(texts) ?? NOT_LOADED
  }

  async count(messages: readonly ChatMessage[], raw: boolean): Promise<Result<number>> {
    return this.#session?.count(messages, raw) ?? NOT_LOADED
  }

  async stop(): Promise<void> {
    if (this.#session) await this.#session.stop()
    else this.#stopped.abort()
  }
}

async function readSettings(files: MlcFiles, signal: AbortSignal): Promise<Result<ChatSettings>> {
  const bytes = await files.read(MLC_CONFIG, signal)
  return bytes.ok ? parseChatSettings(bytes.value) : bytes
}

function contextOf({ contextWindow, slidingWindow }: ChatSettings, listed: number): number {
  if (contextWindow === -1) return slidingWindow
  return Math.min(listed > 0 ? listed : contextWindow, CONTEXT_POSITIONS_DEFAULT)
}

hearPlace()
Comlink.expose(new WebLlmWorker())
