/**
 * `npm run sim`: thousands of random routes on links in memory, with random deaths in every phase. Prints what happened and
 * fails where an answer lost, doubled or changed a token, or stopped although somebody could have gone on.
 */

import { judge, MeshSim, tell, type Verdict } from '../support/mesh-sim.ts'
import { simulateCredits } from './credit-sim.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'

const SPEC: FlagSpec = {
  seed: { type: 'string', words: 'of the first run; the others count on from it (1)' },
  runs: { type: 'string', words: 'how many (1000)' },
  credits: { type: 'boolean', words: 'the simulation of credits instead; it has a --help of its own' },
  verbose: { type: 'boolean', words: 'a line for each run' },
}
const HELP = usage('sim', 'Lives and deaths of routes in memory: every number comes from the seed.', SPEC)
const ARGS = process.argv.slice(2)

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const first = wholeNumber(flags, 'seed', 1, 2 ** 31)
  const runs = wholeNumber(flags, 'runs', 1000, 1_000_000)
  const sim = new MeshSim()
  const counts: Record<Verdict, number> = { whole: 0, broken: 0, wrong: 0 }
  const deaths = new Map<string, number>()
  let takeovers = 0
  let searches = 0
  let found = 0
  for (let seed = first; seed < first + runs; seed += 1) {
    const run = await sim.run(seed)
    const verdict = judge(run)
    counts[verdict] += 1
    takeovers += run.events.filter((kind) => kind === 'recovered').length
    searches += run.events.filter((kind) => kind === 'searching').length
    found += run.events.filter((kind) => kind === 'rerouted').length
    for (const { death, phase } of run.kills) {
      const cell = `${phase}, ${death}`
      deaths.set(cell, (deaths.get(cell) ?? 0) + 1)
    }
    if (verdict === 'wrong' || flags['verbose'] === true) process.stdout.write(`${verdict}: ${tell(run)}\n`)
  }
  for (const [cell, count] of [...deaths].sort()) process.stdout.write(`${cell}: ${count}\n`)
  const { whole, broken, wrong } = counts
  process.stdout.write(
    `${runs} runs from seed ${first}: ${whole} whole, ${broken} ended because nobody was left, ${wrong} wrong; ${takeovers} takeovers, ${searches} searches for another route, ${found} found\n`,
  )
  if (wrong > 0) throw new Error(`${wrong} runs are wrong`)
}

if (ARGS.includes('--credits')) await simulateCredits(ARGS)
else await runCommand(HELP, ARGS, main)
