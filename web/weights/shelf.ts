/**
 * The shelf: what this browser keeps of models, as a whole. Manifests and chunk marks in IndexedDB, bytes in OPFS. Works
 * in pages and workers (only workers can add chunks). Where the browser refuses storage there is no shelf.
 */
import { CHUNK_BYTES } from '../wire/limits/models.ts'
import { type MlcManifest, summariseMlc } from '../wire/mlc-model.ts'
import { type Manifest, type ModelFormat, type ModelSummary, summarise } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { type HubGguf, summariseHubGguf } from './hub-gguf.ts'
import { type HubManifest, summariseHub } from './hub-manifest.ts'
import { type AnyManifest, checkKept } from './manifest.ts'
import { canWriteHere, openOpfsCache, storageFailure, type UnprovedCache } from './opfs-cache.ts'
import { inTime, patient, STORAGE_SILENT } from './patience.ts'
import { weightsPlace } from './place.ts'
import type { Home, WeightsDatabase } from './weights-database.ts'

const FOLDER = 'weft-models'

export interface KeptModel {
  readonly model: ModelSummary
  /** Less than the file where a load was cut short or only a layer range was wanted. */
  readonly keptBytes: number
  /** A file of a hub whose digest was not compared yet: no engine reads it, and `model.id` is only its place here. */
  readonly unproved: HubGguf | null
  /** The name in WebLLM's list, of a model that came from there. */
  readonly prebuilt: string | null
  /** The address it came from, where that is neither the mirror nor this device. */
  readonly url: string | null
}

/** A file of a hub under way, with what its chunks were when they came. */
export interface UnprovedPlace extends UnprovedCache {
  readonly hashes: ReadonlyMap<number, string>
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
  /** True where bytes are kept under this id whose digest was not compared yet. */
  isUnproved(id: string): Promise<boolean>
  /** As `place`. */
  placeUnproved(id: string, file: HubGguf): Promise<Result<UnprovedPlace>>
  /** The digest was right: from now on the bytes are the model of the manifest. All of it, or nothing. */
  prove(from: string, file: HubGguf, id: string, manifest: Manifest): Promise<Result<null>>
  /** Where a model came from that is not the mirror's: null for one of the mirror, or of a file from disk. */
  home(id: string): Promise<Home | null>
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
    if (!(await database.isHome(name))) await removeFolder(root, name)
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
    case 'weft-hub-gguf/1':
      return { model: summariseHubGguf(id, kept), sizes: chunkSizes(kept.fileBytes) }
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
  async function open(id: string, wanted: AnyManifest): Promise<Result<UnprovedCache>> {
    if (!canWriteHere()) return fail('storage-denied', 'It can only be kept from a worker.')
    try {
      await database.keepManifest(id, wanted)
      const folder = (await database.home(id))?.folder ?? id
      const cache = await openOpfsCache(await root.getDirectoryHandle(folder, { create: true }), database, id)
      return ok(patient(cache))
    } catch (error) {
      return storageFailure(error)
    }
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
    place: open,
    async isUnproved(id) {
      return (await keptAs(id))?.format === 'weft-hub-gguf/1'
    },
    async placeUnproved(id, file) {
      const cache = await open(id, file)
      if (!cache.ok) return cache
      return ok({ ...cache.value, hashes: await database.hashesOf(id) })
    },
    async prove(from, file, id, manifest) {
      try {
        const before = (await database.home(id))?.folder ?? id
        await database.rename(from, id, manifest, { folder: from, url: file.url }, manifest.chunks.length)
        // Part of it was kept already, under its own id.
        if (before !== from) await removeFolder(root, before)
        return ok(null)
      } catch (error) {
        return storageFailure(error)
      }
    },
    home: async (id) => (await database.home(id)) ?? null,
    async list() {
      const found: KeptModel[] = []
      for (const id of await database.ids()) {
        const kept = await keptAs(id)
        if (!kept) continue
        const { model, sizes } = describe(id, kept)
        const keptBytes = (await database.chunksOf(id)).reduce((sum, index) => sum + (sizes[index] ?? 0), 0)
        const unproved = kept.format === 'weft-hub-gguf/1' ? kept : null
        const prebuilt = kept.format === 'weft-hub/1' ? kept.name : null
        const url = (await database.home(id))?.url ?? unproved?.url ?? null
        found.push({ model, keptBytes, unproved, prebuilt, url })
      }
      return found
    },
    async delete(id) {
      const folder = (await database.home(id))?.folder ?? id
      await database.forgetModel(id)
      await removeFolder(root, folder)
    },
    close: () => database.close(),
  }
}

/** Refusals: `storage-denied`, `storage-full`. */
export async function openShelf(): Promise<Result<Shelf>> {
  // Absent outside secure contexts, whatever the type says.
  if (!('storage' in navigator) || !('indexedDB' in globalThis))
    return fail('storage-denied', 'This page is not secure.')
  return inTime(openNow(), STORAGE_SILENT)
}

async function openNow(): Promise<Result<Shelf>> {
  try {
    const place = weightsPlace()
    const root = await (await place.root()).getDirectoryHandle(FOLDER, { create: true })
    const database = await place.database()
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
  const whole = kept.filter(
    ({ model, keptBytes, unproved }) => model.format === format && keptBytes === model.fileBytes && !unproved,
  )
  return whole.map(({ model }) => model)
}

export function deleteCached(id: string): Promise<Result<null>> {
  return withShelf(async (shelf) => {
    await shelf.delete(id)
    return null
  })
}
