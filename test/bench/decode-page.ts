/**
 * The page of `bench:decode`: loads a model from the mirror through the product's worker, twice, and plays rounds on it;
 * and llama.cpp as WASM on the same file. Driven through `window.bench`; shows nothing.
 */
import * as Comlink from 'comlink'
import { Wllama } from 'wllama-oracle/esm/index.js'
import multiThread from 'wllama-oracle/esm/multi-thread/wllama.wasm?url'
import singleThread from 'wllama-oracle/esm/single-thread/wllama.wasm?url'
import type { EngineWorkerApi } from '../../web/engine/worker-api.ts'
import {
  countRound,
  type DecodeRuntime,
  type LoadReport,
  playRound,
  profileRound,
  type RoundOptions,
  type Target,
} from './decode-runtime.ts'
import type { MeterApi } from './gpu-meter.ts'

const baseUrl = new URL('.', location.href).href

async function loadOnce(id: string) {
  const began = performance.now()
  const worker = new Worker(new URL('./decode-worker.ts', import.meta.url), { type: 'module' })
  const { port1, port2 } = new MessageChannel()
  worker.postMessage({ meterPort: port2 }, [port2])
  const api = Comlink.wrap<EngineWorkerApi>(worker)
  const phases: Record<string, number> = {}
  let [phase, since] = ['start', began]
  const turn = (next: string) => {
    const now = performance.now()
    phases[phase] = (phases[phase] ?? 0) + now - since
    phase = next
    since = now
  }
  const onProgress = Comlink.proxy((progress: { phase: string }) => turn(progress.phase))
  const loaded = await api.load({ kind: 'mirror', id, baseUrl }, onProgress)
  turn('done')
  if (!loaded.ok) throw new Error(`${loaded.code}: ${loaded.detail}`)
  return {
    worker,
    api,
    model: loaded.value,
    phases,
    ms: performance.now() - began,
    meter: Comlink.wrap<MeterApi>(port1),
  }
}

let target: Target | null = null
let llama: Wllama | null = null

function loaded(): Target {
  if (!target) throw new Error('nothing is loaded')
  return target
}

const bench: DecodeRuntimeOfPage = {
  async load(id) {
    const cold = await loadOnce(id)
    const compile = await cold.meter.compiled()
    cold.worker.terminate()
    const { api, model, meter, ms, phases } = await loadOnce(id)
    target = { hop: api, meter, positions: model.contextPositions }
    const { adapter, softwareAdapter, numericClass, vocabulary } = model.facts
    return {
      adapter,
      softwareAdapter,
      numericClass,
      vocabulary,
      positions: model.contextPositions,
      coldLoadMs: cold.ms,
      warmLoadMs: ms,
      coldPhases: cold.phases,
      warmPhases: phases,
      compile,
    } satisfies LoadReport
  },
  round: (options) => playRound(loaded(), options),
  count: (options) => countRound(loaded(), options),
  profile: (options) => profileRound(loaded(), options),
  async wllamaLoad(id, positions) {
    const blob = await (await fetch(`${baseUrl}models/${id}/model.gguf`)).blob()
    const paths = { 'single-thread/wllama.wasm': singleThread, 'multi-thread/wllama.wasm': multiThread }
    llama = new Wllama(paths, { suppressNativeLog: true })
    await llama.loadModel([blob], { n_ctx: positions, n_threads: navigator.hardwareConcurrency })
    return { threads: llama.getNumThreads() }
  },
  async wllamaRound({ prompt, tokens }) {
    if (!llama) throw new Error('wllama is not loaded')
    await llama.kvClear()
    await llama.samplingInit({ temp: 0 })
    const began = performance.now()
    await llama.decode([...prompt], {})
    let { token } = await llama.samplingSample()
    const firstAt = performance.now()
    for (let made = 1; made < tokens; made += 1) {
      await llama.decode([token], {})
      token = (await llama.samplingSample()).token
    }
    const prefillMs = firstAt - began
    return { firstTokenMs: prefillMs, prefillMs, decodeMs: performance.now() - firstAt, tokens, prefillFrames: [] }
  },
}

/** What `decode-chromium.ts` calls. */
export interface DecodeRuntimeOfPage extends Omit<DecodeRuntime, 'load'> {
  load(id: string): ReturnType<DecodeRuntime['load']>
  wllamaLoad(id: string, positions: number): Promise<{ readonly threads: number }>
  wllamaRound(options: RoundOptions): ReturnType<DecodeRuntime['round']>
}

Object.assign(window, { bench })
document.title = 'ready'
