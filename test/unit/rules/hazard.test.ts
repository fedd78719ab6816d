/** Who leaves without a word is remembered by device, and forgotten with time; who says goodbye, or only asked, is not. */
import { describe, expect, it } from 'vitest'
import { Hazards } from '../../../web/rules/hazard.ts'
import { Roster } from '../../../web/rules/roster.ts'
import { HAZARD_HALF_LIFE_MS, HAZARD_KEYS_MAX } from '../../../web/wire/limits/mesh.ts'
import { LEASE_MS } from '../../../web/wire/limits/signalling.ts'
import type { Presence } from '../../../web/wire/signal-events.ts'
import { jobOffer } from '../../support/job-tabs.ts'

describe('a hazard', () => {
  it('grows with every lease that ended without a word, and shrinks with every other', () => {
    const hazards = new Hazards()
    const seen = [false, false, false, true, true].map((announced) => {
      hazards.ended('k', announced, 0)
      return hazards.of('k', 0)
    })
    expect(seen).toEqual([1 / 3, 2 / 4, 3 / 5, 3 / 6, 3 / 7])
    expect(hazards.of('other', 0)).toBe(0)
  })

  it('is forgotten by half and half', () => {
    const hazards = new Hazards()
    for (let count = 0; count < 8; count += 1) hazards.ended('k', false, 0)
    expect(hazards.of('k', HAZARD_HALF_LIFE_MS)).toBeCloseTo(4 / 6, 9)
    expect(hazards.of('k', 100 * HAZARD_HALF_LIFE_MS)).toBeCloseTo(0, 9)
  })

  it('is kept of so many devices, those that served last', () => {
    const hazards = new Hazards()
    for (let index = 0; index <= HAZARD_KEYS_MAX; index += 1) hazards.ended(`k${index}`, false, 0)
    expect([hazards.of('k0', 0), hazards.of('k1', 0) > 0]).toEqual([0, true])
  })
})

describe('a roster', () => {
  const KEY = `ed25519:${'A'.repeat(43)}`
  const held = [{ modelId: 'a'.repeat(64), span: { first: 0, last: 4 }, msPerLayer: 1, freePositions: 64, queued: 0 }]
  const saying = (more: Partial<Presence>): Presence => {
    return { numericClass: 'a', visible: true, held, offers: [], relayOnly: false, near: [], room: null, ...more }
  }
  /** One run of a device: says this, and ends so. */
  const run = (roster: Roster, name: string, said: readonly Presence[], leaves: boolean) => {
    const peer = `${KEY}/${name.padEnd(22, 'x')}`
    roster.join(peer, null, 'fresh', 0)
    for (const presence of said) roster.hear(peer, presence, 0)
    if (leaves) roster.leave(peer, 0)
    else expect(roster.sweep(LEASE_MS)).toEqual([peer])
    return roster.hazard(`${KEY}/${'y'.repeat(22)}`, LEASE_MS)
  }

  it('counts who served and was gone, in whichever run', () => {
    const roster = new Roster()
    expect(run(roster, 'one', [saying({})], false)).toBeCloseTo(1 / 3, 3)
    expect(run(roster, 'two', [saying({})], true)).toBeCloseTo(1 / 4, 3)
    expect(run(roster, 'three', [saying({}), saying({ held: [] })], false)).toBeCloseTo(1 / 5, 3)
  })

  it('counts who answered whole jobs and was gone', () => {
    expect(run(new Roster(), 'one', [saying({ held: [], offers: [jobOffer()] })], false)).toBeCloseTo(1 / 3, 3)
    expect(run(new Roster(), 'one', [saying({ offers: [jobOffer()] }), saying({ held: [] })], false)).toBe(0)
  })

  it('counts nobody who only asked', () => {
    expect(run(new Roster(), 'one', [saying({ held: [] })], false)).toBe(0)
  })
})
