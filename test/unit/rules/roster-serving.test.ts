/** Who serves a model, by the roster's own list: the same as by looking at everybody, whatever peers do. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Roster } from '../../../web/rules/roster.ts'
import { LEASE_MS, RESUME_MS } from '../../../web/wire/limits/signalling.ts'
import type { Presence } from '../../../web/wire/signal-events.ts'

const PEERS = ['k/1', 'k/2', 'l/1', 'm/1']
const MODELS = ['a', 'b', 'c']
const held = (modelId: string) => ({
  modelId,
  span: { first: 0, last: 1 },
  msPerLayer: 1,
  freePositions: 1,
  queued: 0,
})
const presence = (models: readonly string[]): Presence => ({
  numericClass: 'a',
  visible: true,
  offers: [],
  held: models.map(held),
  relayOnly: false,
  near: [],
  room: null,
})

it('is who holds something of it, after any words in any order', () => {
  const peer = fc.constantFrom(...PEERS)
  const step = fc.oneof(
    fc.tuple(fc.constant('join'), peer, fc.constant<string[]>([])),
    fc.tuple(fc.constant('hear'), peer, fc.subarray(MODELS)),
    fc.tuple(fc.constant('lose'), peer, fc.constant<string[]>([])),
    fc.tuple(fc.constant('leave'), peer, fc.constant<string[]>([])),
    fc.tuple(fc.constant('sweep'), peer, fc.constant<string[]>([])),
  )
  let served = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const roster = new Roster()
      let nowMs = 0
      for (const id of PEERS) roster.join(id, null, 'r', nowMs)
      for (const [what, id, models] of steps) {
        nowMs += Math.min(LEASE_MS, RESUME_MS) / 5
        if (what === 'join') roster.join(id, null, 'r', nowMs)
        if (what === 'hear') roster.hear(id, presence(models), nowMs)
        if (what === 'lose') roster.lose(id, nowMs)
        if (what === 'leave') roster.leave(id, nowMs)
        if (what === 'sweep') roster.sweep(nowMs)
        for (const model of MODELS) {
          const looked = roster.all().filter((one) => one.presence?.held.some(({ modelId }) => modelId === model))
          const known = roster.serving(model)
          served += known.length
          expect(known.map((one) => one.id).sort()).toEqual(looked.map((one) => one.id).sort())
          expect(known.every((one) => roster.peer(one.id) === one)).toBe(true)
        }
      }
    }),
  )
  expect(served).toBeGreaterThan(100)
})
