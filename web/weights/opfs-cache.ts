/**
 * `ChunkCache` on the origin private file system: one folder a model, one file a chunk, so that a layer range takes only
 * its own room and two tabs never wait for each other. Written through sync access handles, which only dedicated
 * workers have; read as plain files, which need no lock. A chunk counts as kept once IndexedDB says so, after its file
 * was closed; hashes are the caller's.
 */
import { fail, ok, type Result } from '../wire/result.ts'
import type { ChunkCache } from './chunk-cache.ts'
import { weightsPlace } from './place.ts'
import type { WeightsDatabase } from './weights-database.ts'

/** The codes under which a browser refuses storage. Anything else that is thrown is a bug and goes on. */
export function storageFailure(error: unknown) {
  if (!(error instanceof DOMException)) throw error
  return fail(error.name === 'QuotaExceededError' ? 'storage-full' : 'storage-denied', error.message)
}

/** True where chunks can be written: dedicated workers of browsers that have sync access handles. */
export function canWriteHere(): boolean {
  return typeof FileSystemFileHandle === 'function' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype
}

/**
 * Never too little, often too much: to give nothing away about the disk, Chromium says usage plus 10 GiB whatever is
 * free. So this refuses only what is far too large, and a write that fails is the truth.
 */
async function freeBytes(): Promise<number> {
  const { quota, usage } = await weightsPlace().estimate()
  return quota === undefined || usage === undefined ? Number.POSITIVE_INFINITY : Math.max(0, quota - usage)
}

/** Throws what the file system throws. A handle is exclusive: a second writer gets NoModificationAllowedError. */
async function writeFile(folder: FileSystemDirectoryHandle, name: string, bytes: Uint8Array<ArrayBuffer>) {
  const file = await folder.getFileHandle(name, { create: true })
  const handle = await file.createSyncAccessHandle()
  try {
    handle.truncate(bytes.length)
    const written = handle.write(bytes, { at: 0 })
    // Chromium 156 does not throw when the quota ends: it returns its error number as an unsigned 32-bit count.
    if (written !== bytes.length) throw new DOMException('The quota of this site is used up.', 'QuotaExceededError')
    handle.flush()
  } finally {
    handle.close()
  }
}

/** For bytes that no manifest names yet: what they were when they came is kept with them. */
export interface UnprovedCache extends ChunkCache {
  write(index: number, bytes: Uint8Array<ArrayBuffer>, sha256?: string): Promise<Result<null>>
}

export async function openOpfsCache(
  folder: FileSystemDirectoryHandle,
  database: WeightsDatabase,
  id: string,
): Promise<UnprovedCache> {
  const kept = new Set(await database.chunksOf(id))

  async function drop(index: number): Promise<void> {
    kept.delete(index)
    try {
      await database.forgetChunk(id, index)
      await folder.removeEntry(String(index))
    } catch (error) {
      // Gone already, or another tab is writing it anew. Whatever stays behind is found out by its hash.
      storageFailure(error)
    }
  }

  async function write(index: number, bytes: Uint8Array<ArrayBuffer>, sha256?: string): Promise<Result<null>> {
    try {
      await writeFile(folder, String(index), bytes)
      await database.keepChunk(id, index, sha256)
      kept.add(index)
      return ok(null)
    } catch (error) {
      // Another tab is writing the same bytes: they are kept, only not by us.
      if (error instanceof DOMException && error.name === 'NoModificationAllowedError') return ok(null)
      const failure = storageFailure(error)
      await drop(index)
      return failure
    }
  }

  async function read(index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    try {
      const file = await folder.getFileHandle(String(index))
      return new Uint8Array(await (await file.getFile()).arrayBuffer())
    } catch (error) {
      // Evicted, deleted by another tab, or written to while it was read: not there after all.
      storageFailure(error)
      return null
    }
  }

  return { has: (index) => kept.has(index), read, write, drop, freeBytes }
}
