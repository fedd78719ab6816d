/**
 * Answers at temperature 0 in the browser's own database, beside the conversations. What is read is checked: another
 * version of the app may have written it. A browser that refuses gets the store in memory.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { type ResultUse, resultsToDrop } from '../rules/result-key.ts'
import { parseAnswerer } from '../wire/conversation-file.ts'
import { bytesOf, type KeptResult, MemoryResults, type ResultCache, type ResultSize, sizeOf } from './result-cache.ts'

export const RESULT_DATABASE = 'weft-results'

interface ResultSchema extends DBSchema {
  results: { key: string; value: { readonly key: string } }
  /** Beside them, so that counting reads no text. */
  uses: { key: string; value: ResultUse }
}

type ResultDatabase = IDBPDatabase<ResultSchema>

class KeptResults implements ResultCache {
  readonly #database: ResultDatabase

  constructor(database: ResultDatabase) {
    this.#database = database
  }

  async find(key: string, nowMs: number): Promise<KeptResult | null> {
    return this.#or(null, async (database) => {
      const change = database.transaction(['results', 'uses'], 'readwrite')
      const [value, use] = await Promise.all([
        change.objectStore('results').get(key),
        change.objectStore('uses').get(key),
      ])
      const result = readResult(value)
      if (result && use) await change.objectStore('uses').put({ ...use, usedMs: nowMs })
      await change.done
      return result
    })
  }

  async keep(result: KeptResult, nowMs: number): Promise<void> {
    const { key } = result
    await this.#or(null, async (database) => {
      const change = database.transaction(['results', 'uses'], 'readwrite')
      const [results, uses] = [change.objectStore('results'), change.objectStore('uses')]
      await Promise.all([results.put(result), uses.put({ key, bytes: bytesOf(result), usedMs: nowMs })])
      for (const dropped of resultsToDrop(await uses.getAll()))
        await Promise.all([results.delete(dropped), uses.delete(dropped)])
      await change.done
      return null
    })
  }

  size(): Promise<ResultSize> {
    return this.#or({ count: 0, bytes: 0 }, async (database) => sizeOf(await database.getAll('uses')))
  }

  async clear(): Promise<void> {
    await this.#or(null, async (database) => {
      const change = database.transaction(['results', 'uses'], 'readwrite')
      await Promise.all([change.objectStore('results').clear(), change.objectStore('uses').clear(), change.done])
      return null
    })
  }

  /** The browser may take its database back at any time, or have no room in it. */
  async #or<T>(otherwise: T, work: (database: ResultDatabase) => Promise<T>): Promise<T> {
    try {
      return await work(this.#database)
    } catch (error) {
      if (error instanceof DOMException) return otherwise
      throw error
    }
  }
}

/** What this browser allows. Never throws. */
export async function openResults(): Promise<ResultCache> {
  try {
    const database = await openDB<ResultSchema>(RESULT_DATABASE, 1, {
      upgrade(fresh) {
        fresh.createObjectStore('results', { keyPath: 'key' })
        fresh.createObjectStore('uses', { keyPath: 'key' })
      },
      // A page with a newer schema waits for this one: let it through.
      blocking: (_current, _next, event) => (event.target as IDBDatabase).close(),
    })
    return new KeptResults(database)
  } catch {
    return new MemoryResults()
  }
}

function readResult(value: unknown): KeptResult | null {
  if (value === null || typeof value !== 'object') return null
  const { key, text, answerer, createdMs } = value as Record<string, unknown>
  const read = parseAnswerer(answerer)
  if (typeof key !== 'string' || typeof text !== 'string' || typeof createdMs !== 'number' || !read.ok) return null
  return { key, text, answerer: read.value, createdMs }
}
