/**
 * The shelf: what this browser keeps of models, as a whole. Manifests and chunk marks in IndexedDB, bytes in OPFS. Works
 * in pages and workers (only workers can add chunks). Where the browser refuses storage there is no shelf.
 */
import { CHUNK_BYTES } from '../wire/limits.ts'
import { type MlcManifest, summariseMlc } from '../wire/mlc-model.ts'
import { type Manifest, type ModelFormat, type ModelSummary, summarise } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { type HubManifest, summariseHub } from './hub-manifest.ts'
import { type AnyManifest, checkKept } from './manifest.ts'
import { canWriteHere, openOpfsCache, storageFailure } from './opfs-cache.ts'
import { openWeightsDatabase, type WeightsDatabase } from './weights-database.ts'

const FOLDER = 'weft-models'

export interface KeptModel {
  readonly model: ModelSummary
  /** Less than the file where a load was cut short or only a layer range was wanted. */
  readonly keptBytes: number
}

export interface Shelf {
  /** Null where it is not kept, or where what is kept is damaged or of another kind. */
  manifest(id: string): Promise<Manifest | null>
  mlcManifest(id: string): Promise<MlcManifest | null>
  /** What the hub announced of a model of this name when it was first fetched from there. */
  hubManifest(name: string): Promise<HubManifest | null>
  /**
   * The place for the pieces of a model, by their number; keeps its manifest first. Pieces are chunks; those of an MLC
   * model count through all its files in order, and those of a model from the hub are whole files. Refusals:
   * `storage-denied`, `storage-full`.
   */
  place(id: string, manifest: AnyManifest): Promise<Result<ChunkCache>>
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

/** Bytes of each chunk of a file. */
function chunkSizes(bytes: number): number[] {
  const sizes: number[] = []
  for (let at = 0; at < bytes; at += CHUNK_BYTES) sizes.push(Math.min(CHUNK_BYTES, bytes - at))
  return sizes
}

/** Bytes of each piece that `place` counts, and what to call the whole. */
function describe(id: string, kept: AnyManifest): { model: ModelSummary; sizes: readonly number[] } {
  switch (kept.format) {
    case 'weft-model/1':
      return { model: summarise(id, kept), sizes: chunkSizes(kept.fileBytes) }
    case 'weft-mlc/1':
      return { model: summariseMlc(id, kept), sizes: kept.files.flatMap(({ bytes }) => chunkSizes(bytes)) }
    case 'weft-hub/1':
      return { model: summariseHub(id, kept), sizes: kept.files.map(({ bytes }) => bytes) }
    default:
      return kept satisfies never
  }
}

function makeShelf(root: FileSystemDirectoryHandle, database: WeightsDatabase): Shelf {
  async function keptAs(id: string): Promise<AnyManifest | null> {
    const kept = await database.manifest(id).catch(storageFailure)
    if (kept === undefined) return null
    const checked = await checkKept(id, kept)
    return checked.ok ? checked.value : null
  }
  return {
    async manifest(id) {
      const kept = await keptAs(id)
      return kept?.format === 'weft-model/1' ? kept : null
    },
    async mlcManifest(id) {
      const kept = await keptAs(id)
      return kept?.format === 'weft-mlc/1' ? kept : null
    },
    async hubManifest(name) {
      for (const id of await database.ids()) {
        const kept = await keptAs(id)
        if (kept?.format === 'weft-hub/1' && kept.name === name) return kept
      }
      return null
    },
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
        const kept = await keptAs(id)
        if (!kept) continue
        const { model, sizes } = describe(id, kept)
        const keptBytes = (await database.chunksOf(id)).reduce((sum, index) => sum + (sizes[index] ?? 0), 0)
        found.push({ model, keptBytes })
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

/** Models of a format whose every byte is kept, wherever they came from: they load without the network. */
export async function listCached(format: ModelFormat = 'gguf'): Promise<readonly ModelSummary[]> {
  const kept = await listKept()
  const whole = kept.filter(({ model, keptBytes }) => model.format === format && keptBytes === model.fileBytes)
  return whole.map(({ model }) => model)
}

export function deleteCached(id: string): Promise<Result<null>> {
  return withShelf(async (shelf) => {
    await shelf.delete(id)
    return null
  })
}
