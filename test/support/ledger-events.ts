/**
 * Random events of a ledger, by a seed: most make sense after those before them, many do not. Requests and devices come and go, so
 * that there is always something that can still happen to them.
 */
import fc from 'fast-check'
import type { LedgerEvent } from '../../web/wire/ledger-events.ts'

/** Events a request is spoken of, and a device. */
const REQUEST_EVENTS = 90
const DEVICE_EVENTS = 100
const STEP_MS = 3

export function randomLedgerEvents(seed: number, count: number): readonly LedgerEvent[] {
  const owner = fc.constantFrom('alice', 'bob', 'carol')
  const device = fc.constantFrom('a', 'b', 'c')
  const request = fc.constantFrom('a', 'b', 'c')
  const part = fc.constantFrom(0, 0, 0, 1)
  const micro = fc.constantFrom(0n, 1n, 1n, 7n, 7n, 60n, 60n, 500n)
  const much = fc.constantFrom(0n, 60n, 500n, 900n)
  const ms = fc.constantFrom(0, 10, 300)
  const burnMicro = fc.constantFrom(0n, 0n, 1n, 7n)
  const type = <T extends string>(name: T) => fc.constant(name)
  const flag = fc.boolean()
  const weighed = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary })
  const work = { request, part, worker: owner, micro }
  const events = fc.oneof(
    weighed(2, fc.record({ type: type('grant'), device, owner, micro: much, forMs: ms })),
    weighed(2, fc.record({ type: type('lapse'), device, count: fc.integer({ min: 0, max: 9 }) })),
    weighed(6, fc.record({ type: type('hold'), request, owner, micro: much, forMs: ms })),
    weighed(6, fc.record({ type: type('settle'), ...work, burnMicro, escrowMs: ms, final: flag })),
    weighed(2, fc.record({ type: type('release'), request, expired: flag })),
    weighed(5, fc.record({ type: type('dispute'), ...work })),
    weighed(6, fc.record({ type: type('judge'), request, part, workerMicro: micro, burnMicro })),
    weighed(8, fc.record({ type: type('vest'), request, part })),
  )
  return fc.sample(events, { numRuns: count, seed }).map((one, index): LedgerEvent => {
    const atMs = index * STEP_MS
    const device = `${Math.floor(index / DEVICE_EVENTS)}`
    const request = `${Math.floor(index / REQUEST_EVENTS)}`
    if ('device' in one) return { ...one, device: `${one.device}${device}`, atMs }
    return { ...one, request: `${one.request}${request}`, atMs }
  })
}
