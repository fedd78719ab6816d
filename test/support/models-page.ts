/**
 * `App` with the real storage behind it (worker, OPFS, IndexedDB, locks, tabs) and no engine: what `models-rig.ts`
 * drives. The one fake engine stands where engines would, because none is needed to bring a model here.
 */
import { App } from '../../web/app.ts'
import type { AppView, DownloadView } from '../../web/app-view.ts'
import { httpCatalogue } from '../../web/catalogue.ts'
import { DOWNLOADS_CHANNEL } from '../../web/download-tabs.ts'
import { waitOnline } from '../../web/online.ts'
import { WorkerModelStore } from '../../web/schedule/model-store.ts'
import { askPersistence } from '../../web/weights/persistence.ts'
import { FakeCatalogue } from './fake-catalogue.ts'
import { FakeEngine } from './fake-engine.ts'
import { runnerOf } from './fake-runner.ts'

const baseUrl = new URL('.', location.href).href

/** Refused where all storage is. */
function channel(): BroadcastChannel | null {
  try {
    return new BroadcastChannel(DOWNLOADS_CHANNEL)
  } catch {
    return null
  }
}

const makeWorker = () => new Worker(new URL('../../web/weights/worker.ts', import.meta.url), { type: 'module' })
const store = new WorkerModelStore({ makeWorker, askPersistence, hubUrl: `${baseUrl}hub` })
const app = new App({
  runner: runnerOf(new FakeEngine(), new FakeCatalogue()),
  catalogue: httpCatalogue(baseUrl),
  models: {
    store,
    baseUrl,
    locks: navigator.locks,
    channel: channel(),
    wait: waitOnline,
    now: () => performance.now(),
  },
})

/** States that each download went through, in order, without repeats. */
const seen: Record<string, string[]> = {}
let fastest: DownloadView | null = null
app.subscribe(({ downloads }) => {
  for (const one of downloads) if ((one.bytesPerSecond ?? 0) > (fastest?.bytesPerSecond ?? 0)) fastest = one
  for (const { key, state, code } of downloads) {
    seen[key] ??= []
    const word = code ? `${state} ${code}` : state
    if (seen[key].at(-1) !== word) seen[key].push(word)
  }
})

/** Bytes of a kept model as the browser keeps them: the first folder that has this chunk. */
async function chunkHandle(index: number): Promise<FileSystemFileHandle> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('weft-models')
  for await (const folder of root.values()) {
    if (folder.kind === 'directory') return (folder as FileSystemDirectoryHandle).getFileHandle(String(index))
  }
  throw new Error('nothing is kept')
}

const models = {
  view: (): AppView => app.view,
  /** Bytes that are kept by now, whatever the page has looked at. */
  keptBytes: async () => (await store.kept()).reduce((sum, { keptBytes }) => sum + keptBytes, 0),
  seen,
  /** What was said of a download when it was at its fastest. */
  fastest: () => fastest,
  download: (key: string) => app.models.download(key),
  pause: (key: string) => app.models.pause(key),
  resume: (key: string) => app.models.resume(key),
  cancel: (key: string) => app.models.cancel(key),
  remove: (key: string) => app.models.remove(key),
  storage: () => app.models.storage(),
  persist: () => app.models.persist(),
  addFromHub: (name: string) => app.models.addFromHub(name),
  load: (key: string) => app.load(key),
  async damage(index: number) {
    const writable = await (await chunkHandle(index)).createWritable({ keepExistingData: true })
    await writable.write({ type: 'write', position: 1000, data: new Uint8Array([1, 2, 3]) })
    await writable.close()
  },
  async folders() {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('weft-models')
    const names: string[] = []
    for await (const name of root.keys()) names.push(name)
    return names
  },
}

export type ModelsPage = typeof models

declare global {
  interface Window {
    models: ModelsPage
  }
}

window.models = models
void app.start().then(() => {
  document.title = 'ready'
})
