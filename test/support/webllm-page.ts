/**
 * The page half of `webllm-app.ts`: the WebLLM engine as the app uses it, its calls on `window.webllm`, so that a test in
 * Node can load, stop and end it. Everything in it is the product's; nothing is faked.
 */
import { browserGpu, probeGpu } from '../../web/engine/gpu/device.ts'
import { tryRoom } from '../../web/engine/gpu/room.ts'
import type { ModelSource } from '../../web/schedule/engine-door.ts'
import { WebLlmChat } from '../../web/schedule/webllm-chat.ts'
import type { ChatEvent, LoadProgress } from '../../web/wire/chat.ts'
import { WorkerLog } from './worker-log.ts'

const workers = new WorkerLog()
const engine = new WebLlmChat({
  makeWorker: () =>
    workers.add(new Worker(new URL('../../web/webllm/worker.ts', import.meta.url), { type: 'module', name: 'WebLLM' })),
  baseUrl: location.origin,
  probe: () => probeGpu(browserGpu()),
  room: (bytes) => tryRoom(browserGpu(), bytes),
  askPersistence: async () => false,
  now: () => performance.now(),
  addresses: { hubUrl: `${location.origin}/hub`, libraryUrl: `${location.origin}/libraries` },
})

let loading = new AbortController()
let progress: LoadProgress[] = []
const NEVER = new AbortController().signal

/** Ends the load, by abort or by the death of the worker, when it has come so far. */
type Cut = { readonly how: 'abort' | 'crash'; readonly phase: LoadProgress['phase'] }

const calls = {
  async load(source: ModelSource, cut: Cut | null = null) {
    loading = new AbortController()
    progress = []
    let done = false
    const result = await engine.load(
      source,
      (step) => {
        progress.push(step)
        if (done || step.phase !== cut?.phase) return
        done = true
        if (cut.how === 'abort') loading.abort()
        else workers.crash()
      },
      loading.signal,
    )
    return result.ok ? { code: 'ok', detail: '', ...result.value } : { code: result.code, detail: result.detail }
  },
  loadFile: () => engine.load({ kind: 'file', file: new File(['GGUF'], 'a.gguf') }, () => {}, NEVER),
  progress: async () => progress,
  inspect: (source: ModelSource) => engine.inspect(source, NEVER),
  cached: () => engine.cached(),
  unload: () => engine.unload(),
  embed: async (texts: readonly string[]) => {
    const made = await engine.embed(texts, NEVER)
    return made.ok ? { code: 'ok', vectors: made.value.vectors.map((vector) => [...vector]) } : made
  },
  async chat(content: string, maxTokens = 16) {
    const events: ChatEvent[] = []
    const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
    const request = { messages: [{ role: 'user', content }], sampling, maxTokens, stop: [] } as const
    for await (const event of engine.chat(request, NEVER)) events.push(event)
    return events
  },
  /** Names of WebLLM's own caches in this browser. */
  async strangers() {
    const databases = (await indexedDB.databases()).map(({ name }) => name ?? '')
    return [...(await caches.keys()), ...databases.filter((name) => name !== 'weft-weights')]
  },
}

export type WebLlmPage = typeof calls
Object.assign(window, { webllm: calls })
document.title = 'ready'
