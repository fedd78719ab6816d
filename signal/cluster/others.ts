/**
 * Which other processes live, and whether this one has heard all that they told: every word has a number, and where one is
 * missing the teller is asked for all. It gives on what was told in the order of the teller and knows no meaning of it.
 */
import { randomBytes } from 'node:crypto'
import { TICKET_KEYS_MAX, TICKET_SKEW_MS, TICKET_START_MS } from '../../web/wire/limits/mesh.ts'
import type { TicketKey } from '../../web/wire/tickets.ts'
import { CLUSTER_AWAY_MS, CLUSTER_FACTS_MAX, CLUSTER_PROCESSES_MAX, CLUSTER_TELL_MS } from '../config.ts'
import { type Fact, type ProcessId, parseWord, type Word } from './words.ts'

interface Other {
  lastMs: number
  /** Of the last change that this process has; null: it has not all of them. */
  seq: number | null
  keys: readonly TicketKey[]
  /** Since the last look. */
  asked: boolean
  /** Of all its tabs, what comes next; null where it is not being told. */
  piece: number | null
}

export interface OthersParts {
  readonly nowMs: () => number
  readonly tell: (word: Word) => void
  /** Own keys, and all that is to be told of own tabs. */
  readonly keys: () => readonly TicketKey[]
  readonly all: () => readonly Fact[]
  readonly facts: (process: ProcessId, facts: readonly Fact[]) => void
  /** Between these two, all is told anew. */
  readonly allBegins: (process: ProcessId) => void
  readonly allEnds: (process: ProcessId) => void
  /** It says nothing any more. */
  readonly lost: (process: ProcessId) => void
  readonly keysChanged: () => void
}

export class Others {
  readonly self: ProcessId = randomBytes(16).toString('base64url')
  readonly #parts: OthersParts
  readonly #known = new Map<ProcessId, Other>()
  /** Of processes that are gone: what they signed may still start. Oldest first. */
  readonly #past = new Map<string, { readonly key: TicketKey; readonly untilMs: number }>()
  #seq = 0
  #telling: ReturnType<typeof setTimeout> | null = null

  constructor(parts: OthersParts) {
    this.#parts = parts
  }

  /** Whose every word is known. */
  get inStep(): number {
    return [...this.#known.values()].filter(({ seq }) => seq !== null).length
  }

  keys(own: readonly TicketKey[]): readonly TicketKey[] {
    const past = [...this.#past.values()].map(({ key }) => key).reverse()
    const keys = [...own, ...[...this.#known.values()].flatMap((other) => other.keys), ...past]
    return [...new Map(keys.map((key) => [key.kid, key])).values()].slice(0, TICKET_KEYS_MAX)
  }

  tell(facts: readonly Fact[]): void {
    for (let from = 0; from < facts.length; from += CLUSTER_FACTS_MAX) {
      this.#seq += 1
      const some = facts.slice(from, from + CLUSTER_FACTS_MAX)
      this.#parts.tell({ process: this.self, say: 'change', seq: this.#seq, facts: some })
    }
  }

  beat(isNew = false): void {
    this.#parts.tell({ process: this.self, say: 'beat', seq: this.#seq, keys: this.#parts.keys(), isNew })
  }

  /** With every beat: takes who says nothing for dead. */
  look(): void {
    const nowMs = this.#parts.nowMs()
    for (const [process, other] of this.#known) {
      other.asked = false
      if (other.lastMs + CLUSTER_AWAY_MS <= nowMs) this.#lose(process)
    }
    for (const [kid, { untilMs }] of this.#past) if (untilMs <= nowMs) this.#past.delete(kid)
  }

  hear(value: unknown): void {
    const read = parseWord(value)
    if (!read.ok || read.value.process === this.self) return
    const word = read.value
    const { process } = word
    if (word.say === 'bye') {
      this.#lose(process)
      return
    }
    if (word.say === 'ask') {
      if (word.of === this.self) this.#tellAll()
      return
    }
    const other = this.#other(process)
    if (!other) return
    other.lastMs = this.#parts.nowMs()
    if (word.say === 'all') this.#hearAll(other, word)
    else if (word.say === 'beat') this.#hearBeat(other, word)
    else this.#hearChange(other, word)
  }

  close(): void {
    if (this.#telling !== null) clearTimeout(this.#telling)
    this.#parts.tell({ process: this.self, say: 'bye' })
  }

  #other(process: ProcessId): Other | null {
    const known = this.#known.get(process)
    if (known) return known
    if (this.#known.size >= CLUSTER_PROCESSES_MAX) return null
    const other: Other = { lastMs: 0, seq: null, keys: [], asked: false, piece: null }
    this.#known.set(process, other)
    return other
  }

  #hearBeat(other: Other, { process, seq, keys, isNew }: Extract<Word, { readonly say: 'beat' }>): void {
    this.#hearKeys(other, keys)
    if (isNew) this.beat()
    if (other.seq !== seq) this.#ask(process, other)
  }

  #hearChange(other: Other, { process, seq, facts }: Extract<Word, { readonly say: 'change' }>): void {
    if (other.seq !== null && seq === other.seq + 1) {
      other.seq = seq
      this.#parts.facts(process, facts)
    } else if (other.seq === null || seq > other.seq) this.#ask(process, other)
  }

  #hearKeys(other: Other, keys: readonly TicketKey[]): void {
    const same = keys.length === other.keys.length && keys.every(({ kid }, index) => other.keys[index]?.kid === kid)
    if (same) return
    other.keys = keys
    this.#parts.keysChanged()
  }

  #ask(process: ProcessId, other: Other): void {
    other.seq = null
    if (other.asked) return
    other.asked = true
    this.#parts.tell({ process: this.self, say: 'ask', of: process })
  }

  /** Whoever is in step has no use for it. */
  #hearAll(other: Other, { process, seq, piece, pieces, facts }: Extract<Word, { readonly say: 'all' }>): void {
    if (piece === 0 && other.seq === null) {
      other.piece = 0
      this.#parts.allBegins(process)
    }
    if (other.piece === null) return
    if (piece !== other.piece) {
      other.piece = null
      this.#ask(process, other)
      return
    }
    this.#parts.facts(process, facts)
    other.piece = piece + 1
    if (other.piece < pieces) return
    other.piece = null
    other.seq = seq
    this.#parts.allEnds(process)
  }

  /** Once for all who ask at about the same time. */
  #tellAll(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = null
      const facts = this.#parts.all()
      const pieces = Math.max(1, Math.ceil(facts.length / CLUSTER_FACTS_MAX))
      for (let piece = 0; piece < pieces; piece += 1) {
        const some = facts.slice(piece * CLUSTER_FACTS_MAX, (piece + 1) * CLUSTER_FACTS_MAX)
        this.#parts.tell({ process: this.self, say: 'all', seq: this.#seq, piece, pieces, facts: some })
      }
    }, CLUSTER_TELL_MS)
  }

  #lose(process: ProcessId): void {
    const other = this.#known.get(process)
    if (!other) return
    this.#known.delete(process)
    const untilMs = this.#parts.nowMs() + TICKET_START_MS + TICKET_SKEW_MS
    for (const key of other.keys) this.#past.set(key.kid, { key, untilMs })
    while (this.#past.size > TICKET_KEYS_MAX) {
      const [oldest] = this.#past.keys()
      if (oldest === undefined) break
      this.#past.delete(oldest)
    }
    this.#parts.lost(process)
  }
}
