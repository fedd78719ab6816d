/**
 * What an `App` is made of in a browser: catalogue, engines, downloads, mesh. The app's own page and the widget's frame both
 * begin here, and each adds what is its own. Loads no engine and no mesh before it is wanted; decides nothing.
 */
import type { ModelsParts } from './app-models.ts'
import type { AppParts } from './app-parts.ts'
import type { PrebuiltEntry } from './app-shelf.ts'
import { httpCatalogue } from './catalogue.ts'
import { threadCount } from './cpu/threads.ts'
import { DOWNLOADS_CHANNEL } from './download-tabs.ts'
import { browserGpu, probeGpu } from './engine/gpu/device.ts'
import { tryRoom } from './engine/gpu/room.ts'
import { givingDevice } from './giving-device.ts'
import type { Visitor } from './mesh/node.ts'
import type { MeshHooks, MeshParts } from './mesh-door.ts'
import type { MeshTabParts } from './mesh-tab.ts'
import { browserNetwork, waitOnline } from './online.ts'
import { Engines } from './schedule/engines.ts'
import { WorkerModelStore } from './schedule/model-store.ts'
import { SpeedStore } from './schedule/speed-store.ts'
import { StageChat } from './schedule/stage-chat.ts'
import { ownStorages, type Storages } from './storages.ts'
import { askPersistence } from './weights/persistence.ts'
import { ok } from './wire/result.ts'

export interface Place {
  /** Of Weft, with a slash at the end. */
  readonly baseUrl: string
  /** Null where the browser refuses it: what is measured lasts for this page. */
  readonly shelf: Storage | null
  /** Of a partner's page; null in Weft's own. */
  readonly visitor?: Visitor | null
  /** Where models lie and other tabs are met; the browser's own, where a frame was granted nothing else. */
  readonly storages?: Storages
}

/** What every page of Weft has of an `App`. */
export type BrowserParts = Required<Pick<AppParts, 'runner' | 'catalogue' | 'prebuilt' | 'models' | 'mesh' | 'network'>>

const forever = new AbortController().signal
const now = () => performance.now()

/** A browser may refuse it by throwing at the first touch. */
export function browserShelf(): Storage | null {
  try {
    return localStorage
  } catch {
    return null
  }
}

export function browserParts({ baseUrl, shelf, visitor = null, storages = ownStorages() }: Place): BrowserParts {
  const catalogue = httpCatalogue(baseUrl)
  const runner = storages.share(enginesOf({ baseUrl, shelf, storages }, catalogue))
  return {
    runner,
    catalogue,
    prebuilt,
    models: modelsOf(baseUrl, storages),
    mesh: meshOf(baseUrl, (hooks) => joinMesh({ baseUrl, visitor, jobRunner: runner, storages, ...hooks })),
    network: browserNetwork,
  }
}

function enginesOf({ baseUrl, shelf, storages }: Required<Omit<Place, 'visitor'>>, catalogue: AppParts['catalogue']) {
  const { place } = storages
  let softwareAllowed: boolean | null = null
  return new Engines({
    make: {
      async cpu() {
        const { CpuChat } = await import('./schedule/cpu-chat.ts')
        const makeWorker = () =>
          place(new Worker(new URL('./cpu/worker.ts', import.meta.url), { type: 'module', name: 'CPU engine' }))
        return new CpuChat({ makeWorker, baseUrl, askPersistence, now })
      },
      async webllm() {
        const { WebLlmChat } = await import('./schedule/webllm-chat.ts')
        const makeWorker = () =>
          place(new Worker(new URL('./webllm/worker.ts', import.meta.url), { type: 'module', name: 'WebLLM' }))
        const probe = () => probeGpu(browserGpu())
        const room = (bytes: number) => tryRoom(browserGpu(), bytes)
        return new WebLlmChat({ makeWorker, baseUrl, probe, room, askPersistence, now })
      },
      stage: async () =>
        new StageChat({
          makeWorker: () =>
            place(new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'stage engine' })),
          baseUrl,
          askPersistence,
          now,
        }),
    },
    /** The server's word holds for this visit, also when the server is gone later. */
    async allowSoftware() {
      if (softwareAllowed !== null) return softwareAllowed
      const config = await catalogue.config(forever)
      if (config.ok) softwareAllowed = config.value.allowSoftwareAdapter
      return softwareAllowed ?? false
    },
    cpuThreads: threadCount(crossOriginIsolated, navigator.hardwareConcurrency),
    speeds: new SpeedStore(shelf),
  })
}

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

/** Downloads and all that is kept. Where the browser refuses locks or channels, each tab is alone. */
function modelsOf(baseUrl: string, storages: Storages): ModelsParts {
  const makeWorker = () =>
    storages.place(
      new Worker(new URL('./weights/worker.ts', import.meta.url), { type: 'module', name: 'model storage' }),
    )
  return {
    store: new WorkerModelStore({ makeWorker, askPersistence, facts: storages.facts }),
    baseUrl,
    locks: storages.locks,
    channel: storages.channel(DOWNLOADS_CHANNEL),
    wait: waitOnline,
    now,
  }
}

function meshOf(baseUrl: string, join: MeshParts['join']): BrowserParts['mesh'] {
  return {
    join,
    async siteOf(key) {
      const { lookAtPartner } = await import('./widget/partner-look.ts')
      const found = await lookAtPartner(baseUrl, key)
      return found.ok ? ok(found.value.site) : found
    },
    nowMs: now,
    every(ms, run) {
      const timer = setInterval(run, ms)
      return () => clearInterval(timer)
    },
    ...givingDevice,
  }
}

/**
 * Nothing of it is loaded until somebody wants it. Key, account, rooms and receipts are always the page's own: a frame that was
 * granted storage is no less another device to the site that it stands in.
 */
async function joinMesh({
  storages,
  ...parts
}: MeshHooks & Pick<MeshTabParts, 'baseUrl' | 'jobRunner' | 'visitor'> & { readonly storages: Storages }) {
  const [{ MeshTab }, { deviceIdentity }, { roomShelf }, { accountShelf }] = await Promise.all([
    import('./mesh-tab.ts'),
    import('./account/key-shelf.ts'),
    import('./account/room-shelf.ts'),
    import('./account/account-shelf.ts'),
  ])
  const { key } = await deviceIdentity()
  return MeshTab.join({
    key,
    roomShelf: await roomShelf(),
    accountShelf: await accountShelf(),
    makeStageWorker: () =>
      storages.place(
        new Worker(new URL('./engine/worker.ts', import.meta.url), { type: 'module', name: 'stage for others' }),
      ),
    makeTicker: () =>
      new Worker(new URL('./mesh/ticker-worker.ts', import.meta.url), { type: 'module', name: 'ticker' }),
    askPersistence,
    ...parts,
  })
}
