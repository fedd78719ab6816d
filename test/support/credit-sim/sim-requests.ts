/**
 * The life of one request, whoever leaves or lies on the way: agreed, worked, acknowledged, signed by both or by one, sent, over.
 * Every number comes from the world's seed.
 */
import { ACKNOWLEDGE_AHEAD_TOKENS, RECEIPT_ALONE_MS } from '../../../web/wire/limits/credits.ts'
import type { TicketClaims } from '../../../web/wire/tickets.ts'
import type { CreditWorld, Person, Wish } from './credit-world.ts'
import { acknowledgedOf, receiptOf, signedBy } from './sim-work.ts'

const SECOND_MS = 1_000
const HOUR_MS = 3_600_000
const GIGA = 1_000_000_000
const MODELS = [
  { activeParameters: 0.36 * GIGA, layers: 32 },
  { activeParameters: 1.5 * GIGA, layers: 28 },
  { activeParameters: 8 * GIGA, layers: 36 },
  { activeParameters: 14 * GIGA, layers: 40 },
]
const PLAN_TRIES = 5
/** Of tickets, those that nobody uses; of askers, those that do not name what they have used. */
const SPARE = 0.05
const SILENT = 0.03

/** How a part ends, and how often. */
const ENDS = [
  ['signed', 0.8],
  /** The asker is gone in the middle and says nothing more. */
  ['asker-gone', 0.05],
  /** The asker acknowledges what it has and signs nothing. */
  ['refused', 0.04],
  /** The asker signs an hour after the worker has given up on it. */
  ['late', 0.04],
  /** The worker's tab is closed in the middle: what was acknowledged is sent when it is opened again. */
  ['worker-gone', 0.04],
  /** The worker asks for more than it did, in one way or another, and then for what it did. */
  ['greedy', 0.03],
] as const
type End = (typeof ENDS)[number][0]

export async function ask(world: CreditWorld, person: Person): Promise<void> {
  const { random } = world
  const { activeParameters, layers } = world.pick(MODELS)
  const job = random.uniform() < 0.7
  const workers = workersFor(world, person, job ? 1 : 2 + random.below(3))
  if (workers.length === 0) return
  const wish: Wish = {
    request: world.id(),
    asker: world.pick(person.peers),
    workers,
    activeParameters,
    layers,
    job,
    promptTokens: 20 + random.below(1_500),
    outputTokens: 32 + random.below(900),
  }
  await plan(world, person, wish, [], 0)
}

/** What is set aside pays for one reading of the whole more than needed: a third worker may find too little. */
const isFirst = (tickets: readonly TicketClaims[]) => tickets[0]?.part === 0

/** `used`: parts of the request before these. */
async function plan(
  world: CreditWorld,
  person: Person,
  wish: Wish,
  used: readonly number[],
  tries: number,
): Promise<void> {
  const tickets = await world.agree(wish)
  if (tickets) return work(world, person, wish, used, tickets)
  // It asks again by the same name: what was set aside already is not set aside twice.
  if (tries < PLAN_TRIES)
    world.later(60 * SECOND_MS * (1 + world.random.uniform()), () => plan(world, person, wish, used, tries + 1))
  else world.counts.unanswered += 1
}

function work(
  world: CreditWorld,
  person: Person,
  wish: Wish,
  before: readonly number[],
  tickets: readonly TicketClaims[],
): void {
  const { random, words, server } = world
  const isPaid = tickets.some(({ pay }) => pay.kind === 'paid')
  const paid = tickets.filter(({ pay }) => pay.kind === 'paid' && random.uniform() >= SPARE)
  const isSilent = random.uniform() < SILENT
  const named = [...before, ...paid.slice(0, isSilent ? random.below(2) : paid.length).map(({ part }) => part)]
  const outputTokens = random.below(2) === 0 ? wish.outputTokens : 1 + random.below(wish.outputTokens)
  const ends = paid.map(() => endOf(random.uniform()))
  // Where one is gone, the rest of a route has no more than it.
  const isCut = ends.some((end) => end === 'asker-gone' || end === 'worker-gone')
  const made = isCut ? 1 + random.below(outputTokens) : outputTokens
  const durationMs = 5 * SECOND_MS + made * (5 + random.uniform() * 100)
  for (const [index, claims] of paid.entries()) {
    words.tell(() => server.began(claims.id), random.uniform() * 3 * SECOND_MS)
    const sort = named.includes(claims.part) ? 'fair' : 'cheated'
    const part = { claims, promptTokens: wish.promptTokens, made, sort } as const
    world.later(durationMs, async () => endPart(world, ends[index] ?? 'signed', part))
  }
  if (ends.includes('worker-gone') && wish.job && isFirst(tickets))
    world.later(durationMs + 10 * SECOND_MS, () => goOn(world, person, wish, named, made))
  else if (isPaid) {
    // What a closed tab has left is said when its browser is opened again.
    const restMs = ends.includes('asker-gone') ? random.uniform() * 9 * HOUR_MS : SECOND_MS * (1 + random.uniform())
    words.tell(() => server.over(wish.request, named, person.owner), durationMs + restMs)
  }
}

/** Another worker takes over: it reads all of it and writes the rest. */
async function goOn(
  world: CreditWorld,
  person: Person,
  wish: Wish,
  used: readonly number[],
  made: number,
): Promise<void> {
  const left = wish.outputTokens - made
  const workers = workersFor(world, person, 1)
  if (left === 0 || workers.length === 0)
    return world.words.tell(() => world.server.over(wish.request, used, person.owner))
  await plan(world, person, { ...wish, workers, promptTokens: wish.promptTokens + made, outputTokens: left }, used, 0)
}

interface Part {
  readonly claims: TicketClaims
  readonly promptTokens: number
  readonly made: number
  readonly sort: 'fair' | 'cheated'
}

function endPart(world: CreditWorld, end: End, { claims, promptTokens, made, sort }: Part): void {
  const { random, outbox, nowMs, options } = world
  const done = { promptTokens, beganMs: nowMs, endedMs: nowMs, nonce: world.nonce() }
  const receipt = receiptOf(options.policy, claims, { ...done, outputTokens: made })
  const known = acknowledgedOf(claims, made)
  switch (end) {
    case 'signed':
      outbox.put(sort, signedBy('both', receipt), null)
      return
    case 'asker-gone':
    case 'refused':
      outbox.put(sort, signedBy('worker', receipt), known, RECEIPT_ALONE_MS)
      return
    case 'late':
      outbox.put(sort, signedBy('worker', receipt), known, RECEIPT_ALONE_MS)
      outbox.put(sort, signedBy('both', receipt), null, HOUR_MS)
      return
    case 'worker-gone': {
      const { outputTokens } = known.acknowledgement
      const draft = receiptOf(options.policy, claims, { ...done, outputTokens })
      outbox.put(sort, signedBy('worker', draft), known, RECEIPT_ALONE_MS + random.uniform() * 9 * HOUR_MS)
      return
    }
    case 'greedy': {
      const more = Math.min(claims.outputTokens, made + ACKNOWLEDGE_AHEAD_TOKENS + 16)
      const inflated = receiptOf(options.policy, claims, { ...done, outputTokens: more })
      if (more - known.acknowledgement.outputTokens > ACKNOWLEDGE_AHEAD_TOKENS)
        outbox.put('foul', signedBy('worker', inflated), known, RECEIPT_ALONE_MS)
      outbox.put('foul', signedBy('both', { ...receipt, outputTokens: claims.outputTokens + 1 }), null)
      outbox.put('foul', signedBy('both', { ...receipt, micro: receipt.micro + 1n }), null)
      outbox.put('foul', signedBy('worker', receipt), null, RECEIPT_ALONE_MS)
      outbox.put(sort, signedBy('both', receipt), null)
      // The same work under another nonce, once the first was taken.
      outbox.put('foul', signedBy('both', { ...receipt, nonce: world.nonce() }), null, 100 * HOUR_MS)
      return
    }
    default:
      end satisfies never
  }
}

/** The faster, the more often; now and then one of the asker's own. */
function workersFor(world: CreditWorld, person: Person, count: number) {
  const { givers } = world
  if (givers.length <= count) return []
  if (count === 1 && person.peers.length > 1 && world.random.uniform() < 0.05) return [person.peers.at(-1) ?? '']
  const found = new Set<Person>()
  while (found.size < count) {
    const some = [world.pick(givers), world.pick(givers), world.pick(givers)]
    const fastest = some.reduce((a, b) => (b.speed > a.speed ? b : a))
    if (fastest.owner !== person.owner) found.add(fastest)
  }
  return [...found].map(({ peers }) => world.pick(peers))
}

function endOf(at: number): End {
  let rest = at
  for (const [end, share] of ENDS) {
    rest -= share
    if (rest < 0) return end
  }
  return 'signed'
}
