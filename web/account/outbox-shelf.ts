/**
 * One kind of what a browser keeps until the server has it: rows of one name each, so many at most, in the browser's database or in
 * memory. What is read is checked: another version of the app may have written it. Knows not what they are for.
 */
import type { DBSchema, IDBPDatabase } from 'idb'

/** One of each name, and so many at most: the longest kept goes. Calls may overlap; none refuses. */
export interface OutboxShelf<Kept> {
  /** Takes the place of an older one of the same name. */
  put(kept: Kept): Promise<void>
  /** Only exactly this: what took its place meanwhile stays. */
  delete(kept: Kept): Promise<void>
  /** The longest kept first. */
  all(): Promise<readonly Kept[]>
}

interface OutboxRow {
  readonly keptMs: number
}

export interface OutboxKind<Kept, Row extends OutboxRow> {
  readonly table: 'receipts' | 'words'
  readonly max: number
  readonly rowOf: (kept: Kept) => Row
  readonly nameOf: (row: Row) => string
  /** Null where it is none. */
  readonly read: (row: unknown) => Kept | null
  readonly isSame: (a: Row, b: Row) => boolean
}

export interface OutboxSchema extends DBSchema {
  receipts: { key: string; value: OutboxRow; indexes: { keptMs: number } }
  words: { key: string; value: OutboxRow; indexes: { keptMs: number } }
}

/** As they are read: what is the same may have been written in another order. */
function isSameRow<Kept, Row extends OutboxRow>(kind: OutboxKind<Kept, Row>, a: unknown, b: unknown): boolean {
  const [one, other] = [kind.read(a), kind.read(b)]
  return one !== null && other !== null && kind.isSame(kind.rowOf(one), kind.rowOf(other))
}

/** For a browser that keeps nothing: until the page is closed. */
export class MemoryShelf<Kept, Row extends OutboxRow> implements OutboxShelf<Kept> {
  readonly #kind: OutboxKind<Kept, Row>
  readonly #rows = new Map<string, Row>()

  constructor(kind: OutboxKind<Kept, Row>) {
    this.#kind = kind
  }

  async put(kept: Kept): Promise<void> {
    const { max, rowOf, nameOf } = this.#kind
    const row = rowOf(kept)
    this.#rows.set(nameOf(row), row)
    const [oldest] = this.#sorted()
    if (oldest && this.#rows.size > max) this.#rows.delete(nameOf(oldest))
  }

  async delete(kept: Kept): Promise<void> {
    const { rowOf, nameOf } = this.#kind
    const row = rowOf(kept)
    const known = this.#rows.get(nameOf(row))
    if (known && isSameRow(this.#kind, known, row)) this.#rows.delete(nameOf(row))
  }

  async all(): Promise<readonly Kept[]> {
    return this.#sorted().flatMap((row) => this.#kind.read(row) ?? [])
  }

  #sorted(): readonly Row[] {
    return [...this.#rows.values()].sort((a, b) => a.keptMs - b.keptMs)
  }
}

/** In a database that has the table. */
export class BrowserShelf<Kept, Row extends OutboxRow> implements OutboxShelf<Kept> {
  readonly #kind: OutboxKind<Kept, Row>
  readonly #database: IDBPDatabase<OutboxSchema>
  /** What the browser had no room for. */
  readonly #page: MemoryShelf<Kept, Row>

  constructor(kind: OutboxKind<Kept, Row>, database: IDBPDatabase<OutboxSchema>) {
    this.#kind = kind
    this.#database = database
    this.#page = new MemoryShelf(kind)
  }

  put(kept: Kept): Promise<void> {
    const { table, max, rowOf } = this.#kind
    return this.#or(
      () => this.#page.put(kept),
      async (database) => {
        const change = database.transaction(table, 'readwrite')
        await change.store.put(rowOf(kept))
        if ((await change.store.count()) > max) await (await change.store.index('keptMs').openCursor())?.delete()
        await change.done
      },
    )
  }

  async delete(kept: Kept): Promise<void> {
    const { table, rowOf, nameOf } = this.#kind
    await this.#page.delete(kept)
    await this.#or(
      async () => {},
      async (database) => {
        const row = rowOf(kept)
        const change = database.transaction(table, 'readwrite')
        const known = await change.store.get(nameOf(row))
        if (isSameRow(this.#kind, known, row)) await change.store.delete(nameOf(row))
        await change.done
      },
    )
  }

  async all(): Promise<readonly Kept[]> {
    const { table, read } = this.#kind
    const rows = await this.#or(
      async () => [],
      (database) => database.getAllFromIndex(table, 'keptMs'),
    )
    return [...rows.flatMap((row) => read(row) ?? []), ...(await this.#page.all())]
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
