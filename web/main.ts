/**
 * The composition root: the one place where the parts of the page are made and joined. Decides nothing else.
 */

import type { ModelsParts } from './app-models.ts'
import type { PrebuiltEntry } from './app-shelf.ts'
import { httpCatalogue } from './catalogue.ts'
import { threadCount } from './cpu/threads.ts'
import { DOWNLOADS_CHANNEL } from './download-tabs.ts'
import { browserGpu, probeGpu } from './engine/gpu/device.ts'
import { tryRoom } from './engine/gpu/room.ts'
import { givingDevice } from './giving-device.ts'
import type { MeshHooks, MeshParts } from './mesh-door.ts'
import { browserNetwork, waitOnline } from './online.ts'
import { openPage } from './page.ts'
import type { ModelRunner } from './schedule/engine-door.ts'
import { Engines } from './schedule/engines.ts'
import { WorkerModelStore } from './schedule/model-store.ts'
import { SharedRunner } from './schedule/shared-runner.ts'
import { SpeedStore } from './schedule/speed-store.ts'
import { StageChat } from './schedule/stage-chat.ts'
import { TABS_CHANNEL } from './schedule/tab-wire.ts'
import { openConversations } from './store/kept-conversations.ts'
import { openResults } from './store/kept-results.ts'
import { PreferenceStore } from './store/preferences.ts'
import { writersOf } from './store/writers.ts'
import { Updates } from './updates.ts'
import { askPersistence } from './weights/persistence.ts'
import { type Launch, parseLaunch, SHARED_FIELDS } from './wire/launch.ts'
import { assert } from './wire/result.ts'

const target = document.querySelector('#page')
assert(target, 'index.html has #page')
const baseUrl = new URL('.', location.href).href
const catalogue = httpCatalogue(baseUrl)
const forever = new AbortController().signal
const now = () => performance.now()

/** A browser may refuse it by throwing at the first touch. */
function shelf(): Storage | null {
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
  speeds: new SpeedStore(shelf()),
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

/** Downloads and all that is kept. Where the browser refuses locks or channels, each tab is alone. */
function modelsParts(): ModelsParts {
  const makeWorker = () =>
    new Worker(new URL('./weights/worker.ts', import.meta.url), { type: 'module', name: 'model storage' })
  const locks = 'locks' in navigator ? navigator.locks : null
  return {
    store: new WorkerModelStore({ makeWorker, askPersistence }),
    baseUrl,
    locks,
    channel: downloadsChannel(),
    wait: waitOnline,
    now,
  }
}

function downloadsChannel(): BroadcastChannel | null {
  try {
    return new BroadcastChannel(DOWNLOADS_CHANNEL)
  } catch {
    return null
  }
}

const runner = shareEngines()

/** Nothing of it is loaded until somebody wants it. */
async function joinMesh(hooks: MeshHooks) {
  const [{ MeshTab }, { deviceIdentity }, { roomShelf }, { accountShelf }] = await Promise.all([
    import('./mesh-tab.ts'),
    import('./account/key-shelf.ts'),
    import('./account/room-shelf.ts'),
    import('./account/account-shelf.ts'),
  ])
  const { key } = await deviceIdentity()
  return MeshTab.join({
    baseUrl,
    key,
    roomShelf: await roomShelf(),
    accountShelf: await accountShelf(),
    makeStageWorker: () =>
      new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'stage for others' }),
    makeTicker: () =>
      new Worker(new URL('./mesh/ticker-worker.ts', import.meta.url), { type: 'module', name: 'ticker' }),
    askPersistence,
    jobRunner: runner,
    ...hooks,
  })
}

const mesh: MeshParts = {
  join: joinMesh,
  nowMs: now,
  every(ms, run) {
    const timer = setInterval(run, ms)
    return () => clearInterval(timer)
  },
  ...givingDevice,
}

/** What the address asks for, once: a reload asks for nothing. */
function takeLaunch(): Launch {
  const launch = parseLaunch(location.href)
  if (launch.shared !== null) {
    const address = new URL(location.href)
    for (const field of SHARED_FIELDS) address.searchParams.delete(field)
    history.replaceState(history.state, '', address)
  }
  return launch
}

const updates = new Updates()
const parts = {
  runner,
  catalogue,
  prebuilt,
  updates,
  network: browserNetwork,
  models: modelsParts(),
  mesh,
  preferences: new PreferenceStore(shelf()),
  results: openResults,
  conversations: { store: openConversations(), writers: writersOf('locks' in navigator ? navigator.locks : null) },
  launch: takeLaunch(),
}
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
