/** A peer that cannot be reached is tried less and less. */
import { expect, it } from 'vitest'
import { Breaker } from '../../../web/rules/breaker.ts'
import { BREAKER_REST_MS, BREAKER_REST_MS_MAX, BREAKER_TRIES } from '../../../web/wire/limits/mesh.ts'

it('rests after some failures in a row, longer each time, up to a bound', () => {
  const breaker = new Breaker()
  let nowMs = 0
  for (let count = 1; count < BREAKER_TRIES; count += 1) {
    breaker.failed(nowMs, 1)
    expect(breaker.closed(nowMs)).toBe(true)
  }
  let restMs = BREAKER_REST_MS
  for (let count = 0; count < 12; count += 1) {
    breaker.failed(nowMs, 0)
    expect(breaker.closed(nowMs + restMs - 1)).toBe(false)
    expect(breaker.closed(nowMs + restMs)).toBe(true)
    nowMs += restMs
    restMs = Math.min(restMs * 2, BREAKER_REST_MS_MAX)
  }
  expect(restMs).toBe(BREAKER_REST_MS_MAX)
})

it('spreads the end of a rest over half of it', () => {
  const [soon, late] = [new Breaker(), new Breaker()]
  for (let count = 0; count < BREAKER_TRIES; count += 1) {
    soon.failed(0, 0)
    late.failed(0, 1)
  }
  expect([soon, late].map((breaker) => breaker.closed(BREAKER_REST_MS))).toEqual([true, false])
  expect(late.closed(1.5 * BREAKER_REST_MS)).toBe(true)
})
