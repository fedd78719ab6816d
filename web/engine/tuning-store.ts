/**
 * Remembers which kernel variants were fastest for an adapter and a model, so that they are measured once and the
 * numeric class stays the same from visit to visit. Where the browser refuses storage they are measured each time.
 */
import { type DBSchema, openDB } from 'idb'
import type { Tuning } from './gpu/variants.ts'

interface EngineDatabase extends DBSchema {
  tunings: { key: string; value: Tuning }
}

const NAME = 'weft-engine'
/** Goes up when kernels change enough that an old choice means nothing. */
const VERSION = 1

function open() {
  return openDB<EngineDatabase>(NAME, VERSION, {
    upgrade(database) {
      for (const store of database.objectStoreNames) database.deleteObjectStore(store)
      database.createObjectStore('tunings')
    },
  })
}

/** The browser's version is part of the key: its shader compiler decides what is fast. */
export function tuningKey(adapter: string, modelId: string): string {
  return `${navigator.userAgent} | ${adapter} | ${modelId}`
}

export async function recallTuning(key: string): Promise<Tuning | null> {
  try {
    const database = await open()
    const tuning = await database.get('tunings', key)
    database.close()
    return tuning ?? null
  } catch {
    return null
  }
}

export async function keepTuning(key: string, tuning: Tuning): Promise<void> {
  try {
    const database = await open()
    await database.put('tunings', tuning, key)
    database.close()
  } catch {
    // Nothing depends on it: the next visit measures again.
  }
}
