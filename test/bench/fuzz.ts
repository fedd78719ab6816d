/**
 * `npm run fuzz`: the properties of `wire-fuzz.ts` as often as one likes, on everything that is read from a peer or the
 * server. Prints what was read and refused of each; a failure names its seed and the smallest case.
 */
import { FUZZ_TARGETS } from '../support/wire-fuzz.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'

const SPEC: FlagSpec = {
  seed: { type: 'string', words: 'of all cases (1)' },
  runs: { type: 'string', words: 'cases in all, shared out among what is read (100000)' },
}
const HELP = usage('fuzz', 'What peers and the server could send: read or refused, never thrown.', SPEC)
const ARGS = process.argv.slice(2)

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const seed = wholeNumber(flags, 'seed', 1, 2 ** 31 - 1)
  const runs = wholeNumber(flags, 'runs', 100_000, 1_000_000_000)
  const each = Math.ceil(runs / FUZZ_TARGETS.length)
  let total = 0
  for (const target of FUZZ_TARGETS) {
    const { read, refused } = target.run(each, seed)
    total += read + refused
    process.stdout.write(`${target.name}: ${read} read, ${refused} refused\n`)
  }
  process.stdout.write(`${total} cases from seed ${seed}: none threw, grew or changed\n`)
}

await runCommand(HELP, ARGS, main)
