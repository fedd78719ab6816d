/**
 * Tells the server that paid work began, and that a request is over: kept until it has heard, also by a tab that was closed. What a
 * closed tab has asked for is over. After a hold's time nothing of it matters any more.
 */
import type { OutboxShelf } from '../../account/outbox-shelf.ts'
import type { KeptWord } from '../../account/outbox-store.ts'
import type { Code } from '../../wire/codes.ts'
import type { CreditWord } from '../../wire/credit-events.ts'
import { RECEIPT_ALONE_MS } from '../../wire/limits/credits.ts'
import { ALIVE_MS } from '../../wire/limits/mesh.ts'
import type { Result } from '../../wire/result.ts'
import { OutboxRests } from './outbox-rests.ts'
import type { OutboxTabs } from './outbox-tabs.ts'

export interface CreditWordsParts {
  readonly store: OutboxShelf<KeptWord>
  readonly say: (word: CreditWord) => Promise<Result<unknown>>
  readonly tabs: OutboxTabs
  /** The server's clock. */
  readonly nowMs: () => number
  /** How long a hold waits. */
  readonly keptForMs: number
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
  /** 0 to 1. */
  readonly chance: () => number
}

/** The same word may be said later. */
const LATER: readonly Code[] = ['signal-away', 'ledger-away', 'not-proven', 'queue-full', 'peer-refused']

export class CreditWords {
  readonly #parts: CreditWordsParts
  readonly #rests: OutboxRests
  readonly #rest: () => void
  #saying = false
  #wanted = false
  #closed = false

  constructor(parts: CreditWordsParts) {
    this.#parts = parts
    this.#rests = new OutboxRests(parts.nowMs, parts.chance)
    this.#rest = parts.every(ALIVE_MS, () => {
      if (this.#rests.isOver) this.flush()
    })
  }

  /** Resolves when it is kept. */
  async tell(word: CreditWord): Promise<void> {
    await this.#keep(word, false)
    this.flush()
  }

  /** Said once this tab is gone, unless `tell` came before. Resolves when it is kept. */
  leave(word: CreditWord): Promise<void> {
    return this.#keep(word, true)
  }

  /** The server is there, or may be. */
  flush(): void {
    this.#wanted = true
    if (!this.#saying && !this.#closed) void this.#sayAll()
  }

  /** What is kept is left to other tabs, and to the next one. */
  close(): void {
    this.#closed = true
    this.#rest()
  }

  #keep(word: CreditWord, draft: boolean): Promise<void> {
    const { store, tabs, nowMs } = this.#parts
    return store.put({ word, tab: tabs.own, draft, keptMs: nowMs() })
  }

  async #sayAll(): Promise<void> {
    this.#saying = true
    while (this.#wanted && !this.#closed) {
      this.#wanted = false
      if (await this.#isAllSaid()) this.#rests.said(this.#parts.nowMs() + RECEIPT_ALONE_MS)
      else this.#rests.refused()
    }
    this.#saying = false
  }

  /** The longest kept first. What two tabs say counts once. */
  async #isAllSaid(): Promise<boolean> {
    const { store, say, nowMs, keptForMs } = this.#parts
    const isDue = await this.#due()
    for (const kept of await store.all()) {
      if (this.#closed) return true
      const isLate = kept.keptMs + keptForMs <= nowMs()
      if (!isLate && !isDue(kept)) continue
      const said = isLate ? null : await say(kept.word)
      if (said && !said.ok && LATER.includes(said.code)) return false
      await store.delete(kept)
    }
    return true
  }

  async #due(): Promise<(kept: KeptWord) => boolean> {
    const { tabs } = this.#parts
    const gone = await tabs.gone()
    return ({ tab, draft, keptMs }) => {
      if (tab === tabs.own) return !draft
      // Without locks nobody knows that what another tab has asked for is over.
      return gone(tab, keptMs) && !(draft && tabs.locks === null)
    }
  }
}
