/**
 * Where receipts lie until the server has them: in the browser's database, which all its tabs share; where that is refused,
 * for this page only. What is read is checked: another version of the app may have written it. Sends nothing.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb'
import { PEER_ID_CHARACTERS_MAX, RECEIPTS_WAITING_MAX, TIME_MS_MAX } from '../wire/limits.ts'
import {
  parseAcknowledgement,
  parseReceipt,
  type SignedAcknowledgement,
  type SignedReceipt,
  writeReceipt,
} from '../wire/receipt-bytes.ts'

export const OUTBOX_DATABASE = 'weft-receipts'

export interface KeptReceipt {
  readonly signed: SignedReceipt
  readonly acknowledged: SignedAcknowledgement | null
  /** Names the tab that still works on it; null where the work is over. */
  readonly draftOf: string | null
  readonly keptMs: number
}

/** One of each ticket, and `RECEIPTS_WAITING_MAX` at most: the longest kept goes. Calls may overlap; none refuses. */
export interface OutboxStore {
  /** Takes the place of an older one of the same ticket. */
  put(kept: KeptReceipt): Promise<void>
  /** Only exactly this: what took its place meanwhile stays. */
  delete(kept: KeptReceipt): Promise<void>
  /** The longest kept first. */
  all(): Promise<readonly KeptReceipt[]>
}

interface Row {
  readonly ticket: string
  readonly receipt: string
  readonly acknowledged: SignedAcknowledgement | null
  readonly draftOf: string | null
  readonly keptMs: number
}

interface OutboxSchema extends DBSchema {
  receipts: { key: string; value: Row; indexes: { keptMs: number } }
}

/** For a browser that keeps nothing: until the page is closed. */
export class MemoryOutboxStore implements OutboxStore {
  readonly #rows = new Map<string, Row>()

  async put(kept: KeptReceipt): Promise<void> {
    const row = rowOf(kept)
    this.#rows.set(row.ticket, row)
    const [oldest] = this.#sorted()
    if (oldest && this.#rows.size > RECEIPTS_WAITING_MAX) this.#rows.delete(oldest.ticket)
  }

  async delete(kept: KeptReceipt): Promise<void> {
    const row = rowOf(kept)
    const known = this.#rows.get(row.ticket)
    if (known && isSame(known, row)) this.#rows.delete(row.ticket)
  }

  async all(): Promise<readonly KeptReceipt[]> {
    return this.#sorted().flatMap((row) => readRow(row) ?? [])
  }

  #sorted(): readonly Row[] {
    return [...this.#rows.values()].sort((a, b) => a.keptMs - b.keptMs)
  }
}

class BrowserOutboxStore implements OutboxStore {
  readonly #database: IDBPDatabase<OutboxSchema>
  /** What the browser had no room for. */
  readonly #page = new MemoryOutboxStore()

  constructor(database: IDBPDatabase<OutboxSchema>) {
    this.#database = database
  }

  put(kept: KeptReceipt): Promise<void> {
    return this.#or(
      () => this.#page.put(kept),
      async (database) => {
        const change = database.transaction('receipts', 'readwrite')
        await change.store.put(rowOf(kept))
        if ((await change.store.count()) > RECEIPTS_WAITING_MAX) {
          await (await change.store.index('keptMs').openCursor())?.delete()
        }
        await change.done
      },
    )
  }

  async delete(kept: KeptReceipt): Promise<void> {
    await this.#page.delete(kept)
    await this.#or(
      async () => {},
      async (database) => {
        const row = rowOf(kept)
        const change = database.transaction('receipts', 'readwrite')
        const known = await change.store.get(row.ticket)
        if (known && isSame(known, row)) await change.store.delete(row.ticket)
        await change.done
      },
    )
  }

  async all(): Promise<readonly KeptReceipt[]> {
    const rows = await this.#or(
      async () => [],
      (database) => database.getAllFromIndex('receipts', 'keptMs'),
    )
    return [...rows.flatMap((row) => readRow(row) ?? []), ...(await this.#page.all())]
  }

  /** The browser may take its database back at any time, or have no room in it. */
  async #or<T>(otherwise: () => Promise<T>, work: (database: IDBPDatabase<OutboxSchema>) => Promise<T>): Promise<T> {
    try {
      return await work(this.#database)
    } catch (error) {
      if (error instanceof DOMException) return otherwise()
      throw error
    }
  }
}

/** What this browser allows. Never throws. */
export async function openOutboxStore(): Promise<OutboxStore> {
  try {
    const database = await openDB<OutboxSchema>(OUTBOX_DATABASE, 1, {
      upgrade: (opened) =>
        void opened.createObjectStore('receipts', { keyPath: 'ticket' }).createIndex('keptMs', 'keptMs'),
      // A page with a newer schema waits for this one: let it through.
      blocking: (_current, _next, event) => (event.target as IDBDatabase).close(),
    })
    return new BrowserOutboxStore(database)
  } catch {
    return new MemoryOutboxStore()
  }
}

function rowOf({ signed, acknowledged, draftOf, keptMs }: KeptReceipt): Row {
  return { ticket: signed.receipt.ticket, receipt: writeReceipt(signed), acknowledged, draftOf, keptMs }
}

function isSame(known: Row, { receipt, draftOf, acknowledged }: Row): boolean {
  const sameWord = known.acknowledged?.signature === acknowledged?.signature
  return known.receipt === receipt && known.draftOf === draftOf && sameWord
}

function readRow(value: unknown): KeptReceipt | null {
  if (value === null || typeof value !== 'object') return null
  const { receipt, acknowledged, draftOf, keptMs } = value as Record<string, unknown>
  const signed = typeof receipt === 'string' ? parseReceipt(jsonOf(receipt)) : null
  const word = acknowledged === null ? null : parseAcknowledgement(acknowledged)
  const byName = typeof draftOf === 'string' && draftOf.length <= PEER_ID_CHARACTERS_MAX
  if (!signed?.ok || word?.ok === false || (draftOf !== null && !byName)) return null
  if (typeof keptMs !== 'number' || !(keptMs >= 0 && keptMs <= TIME_MS_MAX)) return null
  return { signed: signed.value, acknowledged: word?.value ?? null, draftOf, keptMs }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
