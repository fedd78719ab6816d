/**
 * What the browser says of the room for this site. Its numbers are rounded and its quota says more than there is; both are
 * shown as they are. Asks nothing of the person: that is `persistence.ts`.
 */

export interface StorageFacts {
  /** All that this site keeps; null where the browser does not say. */
  readonly usedBytes: number | null
  readonly quotaBytes: number | null
  /** True: the browser promised not to clear it by itself. Null where it does not say. */
  readonly persisted: boolean | null
}

const UNKNOWN: StorageFacts = { usedBytes: null, quotaBytes: null, persisted: null }

export async function storageFacts(): Promise<StorageFacts> {
  if (!('storage' in navigator)) return UNKNOWN
  try {
    const { usage, quota } = await navigator.storage.estimate()
    return { usedBytes: usage ?? null, quotaBytes: quota ?? null, persisted: await navigator.storage.persisted() }
  } catch (error) {
    // Private windows and frames of other sites.
    if (error instanceof TypeError || error instanceof DOMException) return UNKNOWN
    throw error
  }
}
