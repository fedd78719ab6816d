/**
 * `npm run sim -- --credits`: first short lives of small worlds with many faults, then a long one of a thousand epochs. Fails where a
 * credit is lost, doubled or made, or a ring that pays itself gains by it. Every number comes from the seed.
 */
import { CREDIT_POLICIES, CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { type RunFigures, runWorld } from '../support/credit-sim/credit-run.ts'
import { SMALL_WORLD, SMALL_WORLD_RUN } from '../support/credit-sim/small-world.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'

const SPEC: FlagSpec = {
  credits: { type: 'boolean', words: 'this simulation and not that of routes' },
  seed: { type: 'string', words: 'of the first run; the others count on from it (1)' },
  runs: { type: 'string', words: 'small worlds before the long one (20)' },
  epochs: { type: 'string', words: 'of the long one (1000)' },
  policy: { type: 'string', words: 'by this version of the credit policy (the newest)' },
  json: { type: 'boolean', words: 'one JSON object' },
}
const HELP = usage('sim', 'Lives of credits in memory: what is given, held, earned and burned.', SPEC)
const SHOWN = [1, 10, 100, 1_000]
const HOUR_MS = 3_600_000
/** A round each two days. */
const RING_ROUNDS_MAX = 60
/** Of the long world: thousands of accounts, and a crash now and then. */
const LONG_WORLD = { people: 1_500, arrivals: 20, requestsPerEpoch: 300, ring: 10, crash: 1e-5 }

export async function simulateCredits(args: readonly string[]): Promise<void> {
  await runCommand(HELP, args, async () => {
    const flags = readFlags(args, SPEC)
    const first = wholeNumber(flags, 'seed', 1, 2 ** 31)
    const runs = wholeNumber(flags, 'runs', 20, 100_000)
    const epochs = wholeNumber(flags, 'epochs', 1_000, 10_000)
    const version = wholeNumber(flags, 'policy', CREDIT_POLICY.version, CREDIT_POLICY.version)
    const policy = CREDIT_POLICIES.find((one) => one.version === version) ?? CREDIT_POLICY
    const small: RunFigures[] = []
    for (let seed = first; seed < first + runs; seed += 1)
      small.push(expectPoorer(await runWorld({ ...SMALL_WORLD, policy, seed }, SMALL_WORLD_RUN)))
    const options = {
      shown: [...new Set([...SHOWN, epochs])],
      sweepMs: 12 * HOUR_MS,
      ringRounds: Math.min(RING_ROUNDS_MAX, 3 * epochs),
    }
    const long = expectPoorer(await runWorld({ ...LONG_WORLD, epochs, policy, seed: first }, options))
    if (flags['json'] === true) process.stdout.write(`${toJson({ seed: first, small: sumOf(small), long })}\n`)
    else process.stdout.write(tell(small, long))
  })
}

function expectPoorer(run: RunFigures): RunFigures {
  const { beganMicro, endedMicro, honestMicro } = run.ring
  if (endedMicro >= beganMicro || honestMicro <= endedMicro - beganMicro)
    throw new Error(`seed ${run.seed}: a ring had ${beganMicro} and has ${endedMicro}`)
  return run
}

function sumOf(runs: readonly RunFigures[]) {
  const total = (of: (run: RunFigures) => number) => runs.reduce((sum, run) => sum + of(run), 0)
  const refused: Record<string, number> = {}
  for (const run of runs)
    for (const [name, count] of Object.entries(run.receipts.refused)) refused[name] = (refused[name] ?? 0) + count
  return {
    runs: runs.length,
    events: total(({ events }) => events),
    paidRequests: total(({ requests }) => requests.paid),
    sent: total(({ receipts }) => receipts.sent),
    lost: total(({ receipts }) => receipts.lost),
    doubled: total(({ receipts }) => receipts.doubled),
    taken: total(({ receipts }) => receipts.taken),
    again: total(({ receipts }) => receipts.again),
    refused,
    crashesBeforeCommit: total(({ crashes }) => crashes.before),
    crashesAfterCommit: total(({ crashes }) => crashes.after),
  }
}

function tell(small: readonly RunFigures[], long: RunFigures): string {
  const { runs, events, refused, crashesBeforeCommit, crashesAfterCommit, ...counts } = sumOf(small)
  const { paidRequests, sent, lost, doubled, taken, again } = counts
  const lines = [
    `${runs} small worlds: ${events} events, ${paidRequests} paid requests, ${crashesBeforeCommit} crashes before a commit, ${crashesAfterCommit} after one`,
    `receipts: sent ${sent} times (${lost} lost, ${doubled} doubled), ${taken} taken, ${again} of them again`,
    ...Object.entries(refused).map(([name, count]) => `refused, ${name}: ${count}`),
  ]
  const { paid, unpaid } = long.requests
  lines.push(
    `long world: ${long.events} events, ${long.crashes.before + long.crashes.after} crashes, ${paid} requests paid, ${unpaid} for nothing`,
  )
  lines.push('epoch | accounts | supply | given | lapsed | burned | Gini | richest 1 % | richest 10 %')
  for (const one of long.epochs) {
    const amounts = [one.supplyMicro, one.givenMicro, one.lapsedMicro, one.burnedMicro].map(credits)
    const spread = [one.gini.toFixed(3), percent(one.richest1), percent(one.richest10)]
    lines.push([one.epoch, one.accounts, ...amounts, ...spread].join(' | '))
  }
  const { accounts, rounds, beganMicro, endedMicro, workedMicro, honestMicro } = long.ring
  lines.push(
    `a ring of ${accounts} accounts had ${credits(beganMicro)}, paid itself ${credits(workedMicro)} in ${rounds} rounds and has ${credits(endedMicro)}; honest workers have ${credits(honestMicro)} more of as much work`,
  )
  return `${lines.join('\n')}\n`
}

function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? Number(one) : one))
}

function credits(micro: bigint): string {
  return (Number(micro) / 1e6).toFixed(0)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
