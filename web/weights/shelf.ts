/**
 * The shelf: what this browser keeps of models, as a whole. Manifests and chunk marks in IndexedDB, bytes in OPFS. Works
 * in pages and workers (only workers can add chunks). Where the browser refuses storage there is no shelf.
 */
import { type Manifest, type ModelSummary, summarise } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { rangeOfChunk } from './chunks.ts'
import { checkManifest } from './manifest.ts'
import { canWriteHere, openOpfsCache, storageFailure } from './opfs-cache.ts'
import { openWeightsDatabase, type WeightsDatabase } from './weights-database.ts'

const FOLDER = 'weft-models'

export interface KeptModel {
  readonly model: ModelSummary
  /** Less than the file where a load was cut short or only a layer range was wanted. */
  readonly keptBytes: number
}

export interface Shelf {
  /** Null where it is not kept, or where what is kept is damaged. */
  manifest(id: string): Promise<Manifest | null>
  /** The place for chunks of a model; keeps its manifest first. Refusals: `storage-denied`, `storage-full`. */
  place(id: string, manifest: Manifest): Promise<Result<ChunkCache>>
  list(): Promise<readonly KeptModel[]>
  /** Forgets a model. A tab that is reading it fetches what it still needs. Forgetting twice is no error. */
  delete(id: string): Promise<void>
  close(): void
}

/**
 * Folders without a manifest are what a delete that was cut short left behind. Asked for each folder after it was seen:
 * a tab that takes in a model keeps the manifest first.
 */
async function sweep(root: FileSystemDirectoryHandle, database: WeightsDatabase): Promise<void> {
  for await (const name of root.keys()) {
    if ((await database.manifest(name)) === undefined) await removeFolder(root, name)
  }
}

async function removeFolder(root: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    await root.removeEntry(name, { recursive: true })
  } catch (error) {
    // Gone, or a tab is writing in it right now: the next sweep takes it.
    storageFailure(error)
  }
}

function makeShelf(root: FileSystemDirectoryHandle, database: WeightsDatabase): Shelf {
  async function manifest(id: string): Promise<Manifest | null> {
    const kept = await database.manifest(id).catch(storageFailure)
    if (kept === undefined) return null
    const checked = await checkManifest(id, kept)
    return checked.ok ? checked.value : null
  }
  return {
    manifest,
    async place(id, wanted) {
      if (!canWriteHere()) return fail('storage-denied', 'It can only be kept from a worker.')
      try {
        await database.keepManifest(id, wanted)
        return ok(await openOpfsCache(await root.getDirectoryHandle(id, { create: true }), database, id))
      } catch (error) {
        return storageFailure(error)
      }
    },
    async list() {
      const found: KeptModel[] = []
      for (const id of await database.ids()) {
        const kept = await manifest(id)
        if (!kept) continue
        const chunks = (await database.chunksOf(id)).filter((index) => index < kept.chunks.length)
        const keptBytes = chunks.reduce((sum, index) => sum + rangeOfChunk(index, kept.fileBytes).length, 0)
        found.push({ model: summarise(id, kept), keptBytes })
      }
      return found
    },
    async delete(id) {
      await database.forgetModel(id)
      await removeFolder(root, id)
    },
    close: () => database.close(),
  }
}

/** Refusals: `storage-denied`, `storage-full`. */
export async function openShelf(): Promise<Result<Shelf>> {
  // Absent outside secure contexts, whatever the type says.
  if (!('storage' in navigator) || !('indexedDB' in globalThis))
    return fail('storage-denied', 'This page is not secure.')
  try {
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true })
    const database = await openWeightsDatabase()
    await sweep(root, database)
    return ok(makeShelf(root, database))
  } catch (error) {
    return storageFailure(error)
  }
}

/** What `work` makes of the shelf. Refusals: `storage-denied`, `storage-full`. */
async function withShelf<T>(work: (shelf: Shelf) => Promise<T>): Promise<Result<T>> {
  const shelf = await openShelf()
  if (!shelf.ok) return shelf
  try {
    return ok(await work(shelf.value))
  } catch (error) {
    return storageFailure(error)
  } finally {
    shelf.value.close()
  }
}

/** What this browser keeps, whole or in part; empty where storage is denied. */
export async function listKept(): Promise<readonly KeptModel[]> {
  const found = await withShelf((shelf) => shelf.list())
  return found.ok ? found.value : []
}

/** Models whose every byte is kept, from the mirror or from disk: they load without the network. */
export async function listCached(): Promise<readonly ModelSummary[]> {
  const kept = await listKept()
  return kept.filter(({ model, keptBytes }) => keptBytes === model.fileBytes).map(({ model }) => model)
}

export function deleteCached(id: string): Promise<Result<null>> {
  return withShelf(async (shelf) => {
    await shelf.delete(id)
    return null
  })
}
