/**
 * Waits for the browser's storage, but not for ever: a browser under load has been seen to leave one of its answers out, and
 * a load that waits for it would never end. What comes later is of no use to anybody.
 */
import { STORAGE_ANSWER_MS_MAX } from '../wire/limits/models.ts'
import { type Failure, fail } from '../wire/result.ts'
import type { UnprovedCache } from './opfs-cache.ts'

/** What `work` gives, or `late` where it has given nothing by then. */
export async function inTime<T, L>(work: Promise<T>, late: L, ms = STORAGE_ANSWER_MS_MAX): Promise<T | L> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const patience = new Promise<L>((resolve) => {
    timer = setTimeout(() => resolve(late), ms)
  })
  try {
    return await Promise.race([work, patience])
  } finally {
    clearTimeout(timer)
  }
}

export const STORAGE_SILENT: Failure = fail(
  'storage-denied',
  `It did not answer for ${STORAGE_ANSWER_MS_MAX / 1000} s.`,
)

/** The same cache; what it does not answer counts as refused, so that the bytes are used without being kept. */
export function patient(cache: UnprovedCache, ms = STORAGE_ANSWER_MS_MAX): UnprovedCache {
  return {
    has: (index) => cache.has(index),
    read: (index) => inTime(cache.read(index), null, ms),
    write: (index, bytes, sha256) => inTime(cache.write(index, bytes, sha256), STORAGE_SILENT, ms),
    drop: (index) => inTime(cache.drop(index), undefined, ms),
    freeBytes: () => inTime(cache.freeBytes(), Number.POSITIVE_INFINITY, ms),
  }
}
