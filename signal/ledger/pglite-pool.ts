/**
 * The embedded database as a pool of one connection, so that kysely's own PostgreSQL dialect drives it. Whoever asks for the
 * connection while it is out waits in line.
 */
import type { PGlite } from '@electric-sql/pglite'
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'

export class PGlitePool implements PostgresPool {
  readonly #database: PGlite
  #last: Promise<void> = Promise.resolve()

  constructor(database: PGlite) {
    this.#database = database
  }

  async connect(): Promise<PostgresPoolClient> {
    let release = () => {}
    const before = this.#last
    this.#last = new Promise((resolve) => {
      release = resolve
    })
    await before
    return { query: this.#query.bind(this) as PostgresPoolClient['query'], release }
  }

  async end(): Promise<void> {
    await this.#last
    await this.#database.close()
  }

  async #query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    const { rows, affectedRows } = await this.#database.query<R>(sql, [...parameters])
    const command = sql.trimStart().split(/\s/, 1)[0]?.toUpperCase() as PostgresQueryResult<R>['command']
    return { command, rowCount: affectedRows ?? rows.length, rows }
  }
}
