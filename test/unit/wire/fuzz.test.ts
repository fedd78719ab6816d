/** Thousands of words, frames and events that nobody should send, from another seed each time, which a failure names. */
import { expect, it } from 'vitest'
import { FUZZ_TARGETS } from '../../support/wire-fuzz.ts'

const RUNS = 1_000

it.each(FUZZ_TARGETS)('$name: whatever comes is read or refused', ({ name, run }) => {
  const seed = Math.floor(Math.random() * 2 ** 30)
  const { read, refused } = run(RUNS, seed)
  // What reads nothing or refuses nothing has looked at nothing.
  expect(refused, `seed ${seed}`).toBeGreaterThan(0)
  if (name !== 'text') expect(read, `seed ${seed}`).toBeGreaterThan(0)
})
