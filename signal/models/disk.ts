/**
 * The few questions about the disk that several rooms of the mirror ask: is there room, how large is this, what does
 * this error mean. It writes nothing.
 */
import { open, stat, statfs } from 'node:fs/promises'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import { DISK_SPARE_BYTES } from '../config.ts'

/** `ENOENT` and its like, null for an error of another kind. */
export function errorCode(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return typeof code === 'string' ? code : null
}

/** Words of an error without its stack, with those of its cause: `fetch` hides the reason there. */
export function errorWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  return `${error.message}${cause}`
}

/** A failed write as a value. Errors that no operator can act on are thrown again. */
export function writeFailure(error: unknown): Failure {
  const code = errorCode(error)
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') return fail('disk-full', `(${code})`)
  throw error
}

/** Size of a file, null where there is none. */
export async function fileBytes(path: string): Promise<number | null> {
  try {
    const facts = await stat(path)
    return facts.isFile() ? facts.size : null
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return null
    throw error
  }
}

export async function roomFor(folder: string, bytes: number): Promise<Result<null>> {
  const facts = await statfs(folder)
  const free = facts.bavail * facts.bsize
  if (bytes + DISK_SPARE_BYTES <= free) return ok(null)
  return fail('disk-full', `It needs ${Math.ceil(bytes / 1e6)} MB; ${Math.floor(free / 1e6)} MB are free.`)
}

/** Makes what was written to a file or a folder survive a power cut. */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
