/**
 * People who ask and people who work, under a seed: devices get their gift, requests are held, worked, signed and settled over a
 * bad network by a server that dies, people come and go, and a ring of accounts pays itself in a circle. Throws where the books break.
 */
import type { TicketTerms } from '../../../signal/credits/ticket-desk.ts'
import type { CreditPolicy } from '../../../web/rules/credit-policy.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import type { LedgerOwner } from '../../../web/wire/ledger-events.ts'
import type { PeerId } from '../../../web/wire/peers.ts'
import { assert } from '../../../web/wire/result.ts'
import type { TicketClaims } from '../../../web/wire/tickets.ts'
import { Random } from '../../fixtures/random.ts'
import { Agenda } from './agenda.ts'
import { SimOutbox } from './sim-outbox.ts'
import { SimServer } from './sim-server.ts'
import { SimTally } from './sim-tally.ts'
import { SimWords } from './sim-words.ts'

export interface WorldOptions {
  readonly seed: number
  readonly epochs: number
  /** At the start, and who come in each epoch. */
  readonly people: number
  readonly arrivals: number
  readonly requestsPerEpoch: number
  /** Accounts of the ring, each of two devices. */
  readonly ring: number
  readonly crash: number
  readonly policy: CreditPolicy
}

export interface Person {
  readonly owner: LedgerOwner
  readonly peers: readonly PeerId[]
  /** How fast its device works for others; 0 where it does not. */
  readonly speed: number
  readonly asks: boolean
  readonly leavesMs: number
}

/** What one asker wants of whom. */
export interface Wish {
  readonly request: string
  readonly asker: PeerId
  readonly workers: readonly PeerId[]
  readonly activeParameters: number
  readonly layers: number
  readonly job: boolean
  readonly promptTokens: number
  readonly outputTokens: number
}

const RUN = 'A'.repeat(22)
const MINUTE_MS = 60_000
const AWAY_MS_MAX = 20 * MINUTE_MS
const LIFE_EPOCHS = 60

export class CreditWorld {
  readonly random: Random
  readonly tally = new SimTally()
  readonly outbox: SimOutbox
  readonly words: SimWords
  readonly server: SimServer
  readonly options: WorldOptions
  nowMs: number
  people: Person[] = []
  /** Of them, who works for others. */
  givers: readonly Person[] = []
  readonly counts = { paid: 0, unpaid: 0, own: 0, unanswered: 0, tooLateToGive: 0 }
  readonly #agenda = new Agenda<() => Promise<void>>()
  readonly #owners = new Map<string, LedgerOwner>()

  constructor(options: WorldOptions) {
    this.options = options
    const { policy } = options
    this.random = new Random(options.seed)
    this.nowMs = policy.epochZeroMs
    const ownerOf = (key: string) => this.#owners.get(key) ?? key
    const parts = { policy, ownerOf, nowMs: () => this.nowMs, random: this.random, tally: this.tally }
    this.server = new SimServer({ ...parts, crash: options.crash })
    const settle = this.server.settle.bind(this.server)
    const network = { random: this.random, later: this.later, nowMs: () => this.nowMs }
    this.outbox = new SimOutbox({ ...network, settle })
    this.words = new SimWords({ ...network, keptForMs: policy.holdForMs })
  }

  readonly later = (delayMs: number, run: () => Promise<void>): void => {
    this.#agenda.put(this.nowMs + delayMs, run)
  }

  /** Everything that is due by then, in its order; a server that has died comes back after a while. */
  async until(atMs: number): Promise<void> {
    for (;;) {
      const next = this.#agenda.next(atMs)
      if (!next) break
      this.nowMs = Math.max(this.nowMs, next.atMs)
      const wasAway = this.server.isAway
      await next.what()
      if (this.server.isAway && !wasAway) {
        this.later(MINUTE_MS + this.random.uniform() * AWAY_MS_MAX, async () => {
          this.server.restart()
          this.words.flush()
        })
      }
    }
    this.nowMs = Math.max(this.nowMs, atMs)
  }

  /** Each of its devices asks for its gift until there is an answer. */
  join(devices: number, kind: { readonly speed: number; readonly asks: boolean }): Person {
    const peers = Array.from({ length: devices }, () => this.#peer())
    const owner = keyOf(peers[0] ?? '')
    for (const peer of peers) this.#owners.set(keyOf(peer), owner)
    const leavesMs = this.nowMs - Math.log(1 - this.random.uniform()) * LIFE_EPOCHS * this.options.policy.epochMs
    const person = { owner, peers, ...kind, leavesMs }
    for (const peer of peers) this.later(this.random.uniform() * MINUTE_MS, () => this.#give(keyOf(peer), owner, 0))
    return person
  }

  id(): string {
    return Array.from({ length: 4 }, () => this.random.bits().toString(16).padStart(8, '0')).join('')
  }

  nonce(): string {
    return toBase64Url(Uint8Array.from({ length: 16 }, () => this.random.below(256)))
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.random.below(list.length)]
    assert(one !== undefined, 'there is one to pick')
    return one
  }

  /** The tickets of a request, as the server gave them out; null where it did not answer. */
  async agree(wish: Wish): Promise<readonly TicketClaims[] | null> {
    const { request, asker, workers, activeParameters, layers, promptTokens, outputTokens } = wish
    const tokens = promptTokens + outputTokens
    const modelId = MODEL_ID
    const job = wish.job ? ('chat' as const) : null
    const share = layers / workers.length
    const tickets = workers.map((worker, index) => {
      const span = { first: Math.floor(index * share), last: Math.floor((index + 1) * share) }
      return { worker, span, positions: tokens, id: this.id() }
    })
    const about = { request, asker, modelId, layers, room: null, job, tokens, outputTokens, activeParameters }
    const terms = await this.server.agree(about, tickets)
    if (!terms) return null
    this.#countTerms(terms)
    return tickets.flatMap((ticket, index) => {
      const term = terms[index]
      return term ? [{ ...ticket, request, asker, modelId, room: null, job, ...term }] : []
    })
  }

  async #give(device: string, owner: LedgerOwner, tries: number): Promise<void> {
    const { grantMicro: micro, grantForMs: forMs, epochMs } = this.options.policy
    const given = await this.server.post({ type: 'grant', device, owner, micro, forMs, atMs: this.nowMs })
    if (given?.ok) return
    // The server was away, or the treasury has given all of this epoch.
    if (tries < 20) this.later(given ? epochMs : 10 * MINUTE_MS, () => this.#give(device, owner, tries + 1))
    else this.counts.tooLateToGive += 1
  }

  #countTerms(terms: readonly TicketTerms[]): void {
    const kind = terms[0]?.pay.kind
    if (kind === 'paid' || kind === 'unpaid' || kind === 'own') this.counts[kind] += 1
  }

  #peer(): PeerId {
    return `ed25519:${toBase64Url(Uint8Array.from({ length: 32 }, () => this.random.below(256)))}/${RUN}`
  }
}

const MODEL_ID = 'a'.repeat(64)

function keyOf(peer: PeerId): string {
  return peer.slice(0, peer.indexOf('/'))
}
