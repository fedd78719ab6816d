/** A world that lives for seconds and meets every fault: for tests, and for the first part of the simulation. */
import { CREDIT_POLICY } from '../../../web/rules/credit-policy.ts'
import type { WorldOptions } from './credit-world.ts'

export const SMALL_WORLD: Omit<WorldOptions, 'seed'> = {
  epochs: 3,
  people: 150,
  arrivals: 10,
  requestsPerEpoch: 120,
  ring: 6,
  crash: 0.002,
  policy: CREDIT_POLICY,
}

export const SMALL_WORLD_RUN = { shown: [1, 3], sweepMs: 2 * 3_600_000, ringRounds: 8 }
