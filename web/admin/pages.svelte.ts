/** One list of the server, a page at a time, with what is looked for in it. It knows no row. */
import { OPERATOR_ROWS_MAX } from '../wire/limits/operator.ts'
import type { Page } from '../wire/operator-views.ts'
import type { Result } from '../wire/result.ts'
import { Look } from './look.svelte.ts'
import type { OperatorSession } from './operator-session.svelte.ts'

/** Long enough that typing is not followed letter by letter. */
const PAUSE_MS = 250

export class Pages<Row> {
  readonly look: Look<Page<Row>>
  #search = $state('')
  #from = $state(0)
  #typing: ReturnType<typeof setTimeout> | undefined

  constructor(session: OperatorSession, path: string, parse: (value: unknown) => Result<Page<Row>>) {
    this.look = new Look(() => {
      const query = new URLSearchParams({ search: this.#search.trim(), from: String(this.#from) })
      return session.ask(`${path}?${query}`, parse)
    })
  }

  get search(): string {
    return this.#search
  }

  set search(text: string) {
    this.#search = text
    this.#from = 0
    clearTimeout(this.#typing)
    this.#typing = setTimeout(() => void this.look.refresh(), PAUSE_MS)
  }

  get from(): number {
    return this.#from
  }

  /** Whether there are rows before, and after, those on show. */
  get before(): boolean {
    return this.#from > 0
  }

  get after(): boolean {
    const page = this.look.value
    return page !== null && this.#from + page.rows.length < page.total
  }

  turn(by: 1 | -1): void {
    this.#from = Math.max(0, this.#from + by * OPERATOR_ROWS_MAX)
    void this.look.refresh()
  }
}
