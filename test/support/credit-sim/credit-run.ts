/**
 * One world from its first day to when nothing is left to happen in it, and what it came to. Throws where a receipt is neither
 * taken nor refused by a code, an honest one is refused for anything but that it came after its hold's time, or a credit is left over.
 */
import type { Code } from '../../../web/wire/codes.ts'
import type { MicroCredits } from '../../../web/wire/ledger-events.ts'
import { type Concentration, concentrationOf } from './concentration.ts'
import { CreditWorld, type WorldOptions } from './credit-world.ts'
import { ask } from './sim-requests.ts'
import { SimRing } from './sim-ring.ts'

export interface EpochFigures extends Concentration {
  readonly epoch: number
  readonly accounts: number
  readonly supplyMicro: MicroCredits
  readonly givenMicro: MicroCredits
  readonly lapsedMicro: MicroCredits
  readonly burnedMicro: MicroCredits
  /** In this epoch alone. */
  readonly requests: { readonly paid: number; readonly unpaid: number }
}

export interface RingFigures {
  readonly accounts: number
  readonly rounds: number
  readonly beganMicro: MicroCredits
  readonly endedMicro: MicroCredits
  readonly workedMicro: MicroCredits
  /** What honest workers have of as much work, by what all of those who only work have of theirs. */
  readonly honestMicro: MicroCredits
}

export interface RunFigures {
  readonly seed: number
  readonly events: number
  readonly requests: CreditWorld['counts']
  readonly receipts: {
    readonly sent: number
    readonly lost: number
    readonly doubled: number
    readonly taken: number
    readonly again: number
    readonly refused: Readonly<Record<string, number>>
  }
  readonly crashes: { readonly before: number; readonly after: number }
  readonly epochs: readonly EpochFigures[]
  readonly ring: RingFigures
}

/** Why an honest receipt may be refused: what was set aside went back before it came. */
const LATE: Code = 'hold-ended'
const CHECKS_PER_EPOCH = 8
const DAY_MS = 86_400_000
const DRAIN_DAYS_MAX = 30

export async function runWorld(
  options: WorldOptions,
  {
    shown = [],
    sweepMs,
    ringRounds,
  }: { readonly shown?: readonly number[]; readonly sweepMs: number; readonly ringRounds: number },
): Promise<RunFigures> {
  const world = new CreditWorld(options)
  const { random, tally, server, outbox } = world
  const startMs = world.nowMs
  const { epochMs, grantForMs, disputeMs } = options.policy
  // Grants, escrows, disputes and holds are over by then.
  const afterMs = grantForMs + disputeMs + 2 * DAY_MS
  const sweep = async (): Promise<void> => {
    await server.sweep()
    world.later(sweepMs, sweep)
  }
  world.later(sweepMs, sweep)
  const members = Array.from({ length: options.ring }, () => world.join(2, { speed: 0, asks: false }))
  const ring = new SimRing(world, members)
  ring.begin(ringRounds)
  const arrive = (count: number) => {
    for (let i = 0; i < count; i += 1) world.people.push(personOf(world))
  }
  arrive(options.people)
  const pureWorkers = new Set<string>()
  const epochs: EpochFigures[] = []
  for (let epoch = 1; epoch <= options.epochs; epoch += 1) {
    if (epoch > 1) arrive(options.arrivals)
    world.people = world.people.filter(({ leavesMs }) => leavesMs > world.nowMs)
    world.givers = world.people.filter(({ speed }) => speed > 0)
    for (const { owner, asks } of world.givers) if (!asks) pureWorkers.add(owner)
    const before = { ...world.counts }
    const askers = world.people.filter(({ asks }) => asks)
    for (let i = 0; i < options.requestsPerEpoch; i += 1)
      world.later(random.uniform() * epochMs, () => ask(world, world.pick(askers)))
    for (let part = 1; part <= CHECKS_PER_EPOCH; part += 1) {
      await world.until(startMs + (epoch - 1) * epochMs + (part * epochMs) / CHECKS_PER_EPOCH)
      if (options.epochs < 100 || part === CHECKS_PER_EPOCH) server.check()
    }
    if (shown.includes(epoch)) epochs.push(figuresOf(world, epoch, before))
  }
  for (let day = 0; day < DRAIN_DAYS_MAX && outbox.waiting > 0; day += 1) await world.until(world.nowMs + DAY_MS)
  if (outbox.waiting > 0) throw new Error(`${outbox.waiting} receipts were never answered`)
  await world.until(world.nowMs + afterMs)
  server.restart()
  expectNothingLeft(world)
  expectFair(world)
  const honest = (of: ReadonlyMap<string, MicroCredits>) =>
    [...pureWorkers].reduce((sum, owner) => sum + (of.get(owner) ?? 0n), 0n)
  const [worked, earned] = [honest(tally.worked), honest(tally.earned)]
  return {
    seed: options.seed,
    events: tally.events,
    requests: world.counts,
    receipts: {
      sent: outbox.sent,
      lost: outbox.lost,
      doubled: outbox.doubled,
      taken: outbox.taken,
      again: outbox.again,
      refused: Object.fromEntries([...outbox.refused].sort()),
    },
    crashes: server.crashes,
    epochs,
    ring: {
      accounts: members.length,
      rounds: ring.rounds,
      beganMicro: ring.beganMicro,
      endedMicro: ring.worthMicro,
      workedMicro: ring.workedMicro,
      honestMicro: worked === 0n ? 0n : (ring.workedMicro * earned) / worked,
    },
  }
}

/** Six of ten only ask, three ask and work, one only works; some devices are much faster than others. */
function personOf(world: CreditWorld) {
  const { random } = world
  const kind = random.below(10)
  const speed = kind < 6 ? 0 : 1 / (0.02 + random.uniform())
  return world.join(1 + random.below(2), { speed, asks: kind < 9 })
}

function figuresOf({ tally, counts }: CreditWorld, epoch: number, before: CreditWorld['counts']): EpochFigures {
  const worths = [...tally.balances.keys()].map((owner) => tally.worth(owner))
  return {
    epoch,
    accounts: worths.length,
    supplyMicro: -tally.treasury - tally.burn,
    givenMicro: tally.given,
    lapsedMicro: tally.lapsed,
    burnedMicro: tally.burn,
    requests: { paid: counts.paid - before.paid, unpaid: counts.unpaid - before.unpaid },
    ...concentrationOf(worths),
  }
}

function expectNothingLeft({ tally }: CreditWorld): void {
  for (const [owner, { hold, escrow, dispute }] of tally.balances) {
    if (hold + escrow + dispute !== 0n)
      throw new Error(`${owner} has ${hold} held, ${escrow} in escrow, ${dispute} disputed`)
  }
}

function expectFair({ outbox }: CreditWorld): void {
  for (const name of outbox.refused.keys())
    if (name.startsWith('fair') && name !== `fair ${LATE}`) throw new Error(`an honest receipt was refused: ${name}`)
}
