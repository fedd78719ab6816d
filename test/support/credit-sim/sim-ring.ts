/**
 * Accounts of one person who pay each other in a circle for work that nobody did, all they can each time, with both signatures. What
 * is honest about it: the tickets, the receipts and the books.
 */
import type { MicroCredits } from '../../../web/wire/ledger-events.ts'
import { ACTIVE_PARAMETERS_MAX } from '../../../web/wire/limits/credits.ts'
import type { CreditWorld, Person } from './credit-world.ts'
import { receiptOf, signedBy } from './sim-work.ts'

const DAY_MS = 86_400_000
const TOKENS = 4_000
const LAYERS = 32
const GIGA = 1_000_000_000n

export class SimRing {
  readonly members: readonly Person[]
  /** What it was given, and what it paid itself in all. */
  beganMicro: MicroCredits = 0n
  rounds = 0
  readonly #world: CreditWorld

  constructor(world: CreditWorld, members: readonly Person[]) {
    this.#world = world
    this.members = members
  }

  get worthMicro(): MicroCredits {
    return this.members.reduce((sum, { owner }) => sum + this.#world.tally.worth(owner), 0n)
  }

  get workedMicro(): MicroCredits {
    return this.members.reduce((sum, { owner }) => sum + (this.#world.tally.worked.get(owner) ?? 0n), 0n)
  }

  /** Once every member has its gifts: a round each two days, since earnings stay in escrow for one. */
  begin(rounds: number): void {
    this.#world.later(DAY_MS, async () => {
      this.beganMicro = this.worthMicro
      await this.#round(rounds)
    })
  }

  async #round(left: number): Promise<void> {
    for (const [index, member] of this.members.entries()) {
      const next = this.members[(index + 1) % this.members.length]
      // To itself first, which comes to nothing.
      if (this.rounds === 0) await this.#pay(member, member)
      if (next) await this.#pay(member, next)
    }
    this.rounds += 1
    if (left > 1) this.#world.later(2 * DAY_MS, () => this.#round(left - 1))
  }

  async #pay(from: Person, to: Person): Promise<void> {
    const world = this.#world
    const { promptMicroPerGiga, outputMicroPerGiga, replaysHeld } = world.options.policy
    const perGiga = BigInt(TOKENS) * (outputMicroPerGiga + promptMicroPerGiga * BigInt(replaysHeld))
    const most = (world.server.spendable(from.owner) * GIGA) / perGiga
    const activeParameters = Math.min(Number(most), ACTIVE_PARAMETERS_MAX)
    if (activeParameters === 0) return
    const about = { request: world.id(), asker: from.peers[0] ?? '', workers: [to.peers.at(-1) ?? ''] }
    const work = { activeParameters, layers: LAYERS, job: true, promptTokens: 0, outputTokens: TOKENS }
    const tickets = await world.agree({ ...about, ...work })
    const claims = tickets?.[0]
    if (claims?.pay.kind !== 'paid') return
    const times = { beganMs: world.nowMs, endedMs: world.nowMs, nonce: world.nonce() }
    const receipt = receiptOf(world.options.policy, claims, { promptTokens: 0, outputTokens: TOKENS, ...times })
    world.outbox.put('fair', signedBy('both', receipt), null)
    world.words.tell(() => world.server.over(about.request, [claims.part], from.owner), DAY_MS / 2)
  }
}
