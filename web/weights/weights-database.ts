/**
 * What this browser keeps of models, in IndexedDB: manifests by id, and which chunks are whole. Bytes are in OPFS, never
 * here. The schema is versioned: a change gets a new version and a step in `upgrade`.
 */
import { type DBSchema, openDB } from 'idb'
import type { AnyManifest } from './manifest.ts'

const NAME = 'weft-weights'
const VERSION = 1

interface Schema extends DBSchema {
  /** Manifests by model id. What comes out is checked like any other input. */
  models: { key: string; value: unknown }
  /** One entry a chunk, so that tabs add and drop chunks without reading each other's state. */
  chunks: { key: [id: string, index: number]; value: 1 }
}

export interface WeightsDatabase {
  manifest(id: string): Promise<unknown>
  keepManifest(id: string, manifest: AnyManifest): Promise<void>
  ids(): Promise<readonly string[]>
  chunksOf(id: string): Promise<readonly number[]>
  keepChunk(id: string, index: number): Promise<void>
  forgetChunk(id: string, index: number): Promise<void>
  forgetModel(id: string): Promise<void>
  close(): void
}

/** Throws a DOMException where the browser refuses. */
export async function openWeightsDatabase(): Promise<WeightsDatabase> {
  const db = await openDB<Schema>(NAME, VERSION, {
    upgrade(database, oldVersion) {
      if (oldVersion < 1) {
        database.createObjectStore('models')
        database.createObjectStore('chunks')
      }
    },
    // A page with a newer schema waits for this one: let it through. What we ask for afterwards fails as a DOMException.
    blocking: (_current, _next, event) => (event.target as IDBDatabase).close(),
  })
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
    async keepChunk(id, index) {
      await db.put('chunks', 1, [id, index])
    },
    forgetChunk: (id, index) => db.delete('chunks', [id, index]),
    async forgetModel(id) {
      const change = db.transaction(['models', 'chunks'], 'readwrite')
      await change.objectStore('models').delete(id)
      await change.objectStore('chunks').delete(chunksIn(id))
      await change.done
    },
    close: () => db.close(),
  }
}
