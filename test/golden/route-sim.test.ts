/** Some of the random routes of `npm run sim`, from another seed each time, which a failure names. */
import { expect, it } from 'vitest'
import { judge, MeshSim, tell } from '../support/mesh-sim.ts'

const RUNS = 60

it('lose, double and change no token, whoever dies when and how', async () => {
  const sim = new MeshSim()
  const first = Math.floor(Math.random() * 2 ** 30)
  const wrong: string[] = []
  let takeovers = 0
  let reroutes = 0
  for (let seed = first; seed < first + RUNS; seed += 1) {
    const run = await sim.run(seed)
    if (judge(run) === 'wrong') wrong.push(tell(run))
    reroutes += run.events.filter((kind) => kind === 'rerouted').length
    takeovers += run.events.filter((kind) => kind === 'recovered').length
  }
  expect(wrong).toEqual([])
  // What is never taken over proves nothing.
  expect(takeovers).toBeGreaterThan(RUNS / 10)
  expect(reroutes).toBeGreaterThan(0)
})
