/**
 * Where the key of this device lies: in the browser's database, as an object that gives nobody its private half. Made at the
 * first use; of two tabs that make one at once, one key wins. Where the browser keeps nothing, the key lasts for this page.
 */
import { type DBSchema, openDB } from 'idb'
import { type KeptKey, makeKey } from './device-key.ts'

const DATABASE = 'weft-keys'
const DEVICE = 'device'

interface KeySchema extends DBSchema {
  keys: { key: string; value: KeptKey }
}

export interface DeviceIdentity {
  readonly key: KeptKey
  /** False where the browser refuses storage: the next page is another device. */
  readonly kept: boolean
}

export async function deviceIdentity(): Promise<DeviceIdentity> {
  try {
    const database = await openDB<KeySchema>(DATABASE, 1, {
      upgrade: (opened) => void opened.createObjectStore('keys'),
    })
    try {
      const known = await database.get('keys', DEVICE)
      if (known) return { key: known, kept: true }
      // Made before the transaction: one that waits for anything else than its own requests ends.
      const made = await makeKey()
      const change = database.transaction('keys', 'readwrite')
      const first = await change.store.get(DEVICE)
      if (!first) await change.store.put(made, DEVICE)
      await change.done
      return { key: first ?? made, kept: true }
    } finally {
      database.close()
    }
  } catch (error) {
    if (!(error instanceof DOMException)) throw error
    return { key: await makeKey(), kept: false }
  }
}
