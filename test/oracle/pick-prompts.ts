/**
 * Picks the prompt of each fixture: of many random ones, that whose greedy run keeps the widest lead at every token, in
 * the file as it is and in its exact twin, while it visits many tokens. Prints the seeds for `fixtures.ts`; writes nothing.
 * Run: `npx tsx test/oracle/pick-prompts.ts [name]`.
 */
import { exactTwin } from '../fixtures/exact-twin.ts'
import { FIXTURES, type Fixture, fixturePrompt, GREEDY_TOKENS } from '../fixtures/fixtures.ts'
import { type Oracle, type OraclePosition, openOracle } from '../support/oracle.ts'

const PROMPTS_TRIED = 80
/** Of these the exact twin's lead is computed too. */
const PROMPTS_KEPT = 15
const DISTINCT_MIN = 8

interface Candidate {
  readonly seed: number
  readonly picked: readonly number[]
  readonly lead: number
}

/** How far `id` stands before the best other token, in nats; negative where it is not the best. */
function leadOf(position: OraclePosition, id: number): number {
  const own = position.top.find((entry) => entry[0] === id)?.[1] ?? Number.NEGATIVE_INFINITY
  return own - Math.max(...position.top.filter((entry) => entry[0] !== id).map((entry) => entry[1]))
}

async function pick(oracle: Oracle, fixture: Fixture): Promise<Candidate | undefined> {
  await oracle.load(fixture.build())
  const candidates: Candidate[] = []
  for (let seed = 1; seed <= PROMPTS_TRIED; seed += 1) {
    const steps = await oracle.greedySteps(fixturePrompt(seed), GREEDY_TOKENS, 2)
    const picked = steps.map((step) => step.topId)
    if (new Set(picked).size < DISTINCT_MIN) continue
    candidates.push({ seed, picked, lead: Math.min(...steps.map((step) => leadOf(step, step.topId))) })
  }
  candidates.sort((a, b) => b.lead - a.lead)
  await oracle.load(exactTwin(fixture.spec), { kv: 'f32' })
  const judged: Candidate[] = []
  for (const candidate of candidates.slice(0, PROMPTS_KEPT)) {
    const prompt = fixturePrompt(candidate.seed)
    const positions = await oracle.forced([...prompt, ...candidate.picked.slice(0, -1)])
    const leads = candidate.picked.map((id, i) => {
      const position = positions[prompt.length - 1 + i]
      return position ? leadOf(position, id) : Number.NEGATIVE_INFINITY
    })
    judged.push({ ...candidate, lead: Math.min(candidate.lead, ...leads) })
  }
  return judged.sort((a, b) => b.lead - a.lead)[0]
}

async function main(): Promise<void> {
  const oracle = await openOracle()
  for (const fixture of FIXTURES.filter((item) => item.name.includes(process.argv[2] ?? ''))) {
    const best = await pick(oracle, fixture)
    const distinct = new Set(best?.picked).size
    console.log(`${fixture.name}: seed ${best?.seed}, lead ${best?.lead.toFixed(3)}, ${distinct} distinct tokens`)
  }
  await oracle.close()
}

await main()
