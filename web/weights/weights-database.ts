/**
 * What this browser keeps of models, in IndexedDB: manifests by id, and which chunks are whole. Bytes are in OPFS, never
 * here. The schema is versioned: a change gets a new version and a step in `upgrade`.
 */
import { type DBSchema, type IDBPDatabase, wrap } from 'idb'
import type { AnyManifest } from './manifest.ts'

const NAME = 'weft-weights'
/** 2: `homes`, and the hash of a chunk that no manifest names yet. */
const VERSION = 2

/** Of a model that came from a hub: where its bytes are, which is not the folder of its id, and where they came from. */
export interface Home {
  readonly folder: string
  readonly url: string
}

interface Schema extends DBSchema {
  /** Manifests by model id. What comes out is checked like any other input. */
  models: { key: string; value: unknown }
  /**
   * One entry a chunk, so that tabs add and drop chunks without reading each other's state. A text is its SHA-256, where
   * no manifest says it yet.
   */
  chunks: { key: [id: string, index: number]; value: 1 | string }
  /** By model id, for those that were not fetched from the mirror under it. */
  homes: { key: string; value: Home }
}

export interface WeightsDatabase {
  manifest(id: string): Promise<unknown>
  keepManifest(id: string, manifest: AnyManifest): Promise<void>
  ids(): Promise<readonly string[]>
  chunksOf(id: string): Promise<readonly number[]>
  /** SHA-256 by chunk, of those that were kept with one. */
  hashesOf(id: string): Promise<ReadonlyMap<number, string>>
  keepChunk(id: string, index: number, sha256?: string): Promise<void>
  forgetChunk(id: string, index: number): Promise<void>
  forgetModel(id: string): Promise<void>
  home(id: string): Promise<Home | undefined>
  /** True where a model that is kept has its bytes in this folder. */
  isHome(folder: string): Promise<boolean>
  /** What was kept as `from` is the model `id` from now on, all of it or nothing: `chunks` of them are whole. */
  rename(from: string, id: string, manifest: AnyManifest, home: Home, chunks: number): Promise<void>
  close(): void
}

/** `openDB` of the package knows only the page's own factory, and a frame may be granted another. */
async function openIn(factory: IDBFactory): Promise<IDBPDatabase<Schema>> {
  const request = factory.open(NAME, VERSION)
  request.addEventListener('upgradeneeded', ({ oldVersion }) => {
    const database = request.result
    if (oldVersion < 1) {
      database.createObjectStore('models')
      database.createObjectStore('chunks')
    }
    if (oldVersion < 2) database.createObjectStore('homes')
  })
  const opened = (await wrap(request)) as unknown as IDBPDatabase<Schema>
  // A page with a newer schema waits for this one: let it through. What we ask for afterwards fails as a DOMException.
  opened.addEventListener('versionchange', () => opened.close())
  return opened
}

/** Throws a DOMException where the browser refuses. */
export async function openWeightsDatabase(factory: IDBFactory = indexedDB): Promise<WeightsDatabase> {
  const db = await openIn(factory)
  const chunksIn = (id: string) => IDBKeyRange.bound([id, 0], [id, Number.POSITIVE_INFINITY])
  return {
    manifest: (id) => db.get('models', id),
    async keepManifest(id, manifest) {
      await db.put('models', manifest, id)
    },
    ids: () => db.getAllKeys('models'),
    async chunksOf(id) {
      return (await db.getAllKeys('chunks', chunksIn(id))).map(([, index]) => index)
    },
    async hashesOf(id) {
      const keys = await db.getAllKeys('chunks', chunksIn(id))
      const values = await db.getAll('chunks', chunksIn(id))
      const hashes = new Map<number, string>()
      for (const [at, [, index]] of keys.entries()) {
        const value = values[at]
        if (typeof value === 'string') hashes.set(index, value)
      }
      return hashes
    },
    async keepChunk(id, index, sha256) {
      await db.put('chunks', sha256 ?? 1, [id, index])
    },
    forgetChunk: (id, index) => db.delete('chunks', [id, index]),
    async forgetModel(id) {
      const change = db.transaction(['models', 'chunks', 'homes'], 'readwrite')
      await change.objectStore('models').delete(id)
      await change.objectStore('chunks').delete(chunksIn(id))
      await change.objectStore('homes').delete(id)
      await change.done
    },
    home: (id) => db.get('homes', id),
    async isHome(folder) {
      if ((await db.getAll('homes')).some((home) => home.folder === folder)) return true
      return (await db.get('models', folder)) !== undefined && (await db.get('homes', folder)) === undefined
    },
    async rename(from, id, manifest, home, chunks) {
      const change = db.transaction(['models', 'chunks', 'homes'], 'readwrite')
      await change.objectStore('models').put(manifest, id)
      await change.objectStore('homes').put(home, id)
      for (let index = 0; index < chunks; index += 1) await change.objectStore('chunks').put(1, [id, index])
      await change.objectStore('models').delete(from)
      await change.objectStore('chunks').delete(chunksIn(from))
      await change.done
    },
    close: () => db.close(),
  }
}
