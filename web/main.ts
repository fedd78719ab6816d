/**
 * The composition root: the one place where the parts of the page are made and joined. Decides nothing else.
 */
import type { PrebuiltEntry } from './app-shelf.ts'
import { httpCatalogue } from './catalogue.ts'
import { threadCount } from './cpu/threads.ts'
import { browserGpu, probeGpu } from './engine/gpu/device.ts'
import { tryRoom } from './engine/gpu/room.ts'
import { openPage } from './page.ts'
import type { ModelRunner } from './schedule/engine-door.ts'
import { Engines } from './schedule/engines.ts'
import { SharedRunner } from './schedule/shared-runner.ts'
import { type SpeedShelf, SpeedStore } from './schedule/speed-store.ts'
import { StageChat } from './schedule/stage-chat.ts'
import { TABS_CHANNEL } from './schedule/tab-wire.ts'
import { Updates } from './updates.ts'
import { askPersistence } from './weights/persistence.ts'
import { parseLaunch } from './wire/launch.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'index.html has #page')
const baseUrl = new URL('.', location.href).href
const catalogue = httpCatalogue(baseUrl)
const forever = new AbortController().signal
const now = () => performance.now()

/** A browser may refuse it by throwing at the first touch. */
function speedShelf(): SpeedShelf {
  try {
    return localStorage
  } catch {
    return null
  }
}

let softwareAllowed: boolean | null = null

/** The server's word holds for this visit, also when the server is gone later. */
async function allowSoftware(): Promise<boolean> {
  if (softwareAllowed !== null) return softwareAllowed
  const config = await catalogue.config(forever)
  if (config.ok) softwareAllowed = config.value.allowSoftwareAdapter
  return softwareAllowed ?? false
}

const engines = new Engines({
  make: {
    async cpu() {
      const { CpuChat } = await import('./schedule/cpu-chat.ts')
      const makeWorker = () =>
        new Worker(new URL('./cpu/worker.ts', import.meta.url), { type: 'module', name: 'CPU engine' })
      return new CpuChat({ makeWorker, baseUrl, askPersistence, now })
    },
    async webllm() {
      const { WebLlmChat } = await import('./schedule/webllm-chat.ts')
      const makeWorker = () =>
        new Worker(new URL('./webllm/worker.ts', import.meta.url), { type: 'module', name: 'WebLLM' })
      const probe = () => probeGpu(browserGpu())
      const room = (bytes: number) => tryRoom(browserGpu(), bytes)
      return new WebLlmChat({ makeWorker, baseUrl, probe, room, askPersistence, now })
    },
    stage: async () =>
      new StageChat({
        makeWorker: () =>
          new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'stage engine' }),
        baseUrl,
        askPersistence,
        now,
      }),
  },
  allowSoftware,
  cpuThreads: threadCount(crossOriginIsolated, navigator.hardwareConcurrency),
  speeds: new SpeedStore(speedShelf()),
})

async function prebuilt(): Promise<readonly PrebuiltEntry[]> {
  const gpu = await probeGpu(browserGpu())
  if (!gpu.ok) return []
  const { prebuiltCatalogue, prebuiltSummary } = await import('./webllm/catalogue.ts')
  const entries = prebuiltCatalogue(gpu.value).flatMap((family) => family.entries)
  return entries.flatMap(({ name, title, family, kind, fits, reason }) => {
    const needs = prebuiltSummary(name)
    if (!needs.ok || kind !== 'chat') return []
    const { model, gpuBytes } = needs.value
    return { name, family, model: { ...model, name: title }, gpuBytes, fits, reason }
  })
}

/** One owner per browser, where the browser has the means; else each tab runs its own engines. */
function shareEngines(): ModelRunner {
  if (!('locks' in navigator) || !('BroadcastChannel' in window)) return engines
  try {
    const channel = new BroadcastChannel(TABS_CHANNEL)
    return new SharedRunner({ engines, locks: navigator.locks, channel, tab: crypto.randomUUID() })
  } catch {
    // Refused, as all storage is: this tab is alone.
    return engines
  }
}

const updates = new Updates()
const parts = { runner: shareEngines(), catalogue, prebuilt, updates, launch: parseLaunch(location.href) }
const app = openPage(parts, target)

// Only what was built can be kept; from source the page would never see a change.
if (import.meta.env.PROD) {
  updates.start(new URL(import.meta.url).pathname)
  // A model that is kept should answer without the network too, also on another engine than today's.
  app.subscribe(({ entries, load }) => {
    const kept = entries.filter((entry) => entry.kept).map(({ model }) => model.format)
    if (kept.includes('gguf')) updates.keepEngine('cpu')
    if (kept.includes('mlc')) updates.keepEngine('webllm')
    if (load.state === 'ready') updates.keepEngine(load.loaded.engine)
  })
}
