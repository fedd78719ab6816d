/** The planner: every route covers the model exactly, is the best there is, and every refusal names what is missing. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type PlacementPeer, type PlacementRequest, place, placeAgain } from '../../../web/rules/placement.ts'

const LAYERS = 6

function peerOf(id: string, first: number, last: number, more: Partial<PlacementPeer> = {}): PlacementPeer {
  const plain = { numericClass: 'a', msPerLayer: 1, freePositions: 1_000, queued: 0, visible: true, hazard: 0 }
  return { id, span: { first, last }, ...plain, ...more }
}

function requestOf(more: Partial<PlacementRequest> = {}): PlacementRequest {
  return { layers: LAYERS, positions: 100, asker: 'me', ends: null, allowed: null, rttMs: () => 10, seed: 1, ...more }
}

const arbitraryPeer = fc
  .record({
    first: fc.integer({ min: 0, max: LAYERS - 1 }),
    length: fc.integer({ min: 1, max: LAYERS }),
    numericClass: fc.constantFrom('a', 'b'),
    msPerLayer: fc.integer({ min: 1, max: 20 }),
    freePositions: fc.constantFrom(0, 1_000),
    queued: fc.integer({ min: 0, max: 3 }),
    visible: fc.boolean(),
    hazard: fc.constantFrom(0, 0.25, 0.9),
  })
  .map(({ first, length, ...rest }) => ({
    ...rest,
    span: { first, last: Math.min(LAYERS, first + length) },
  }))
const roster = fc
  .array(arbitraryPeer, { maxLength: 9 })
  .map((peers) => peers.map((peer, index): PlacementPeer => ({ ...peer, id: `p${index}` })))

/** Every chain of distinct peers that meets exactly, by trying all. */
function chainsOf(
  peers: readonly PlacementPeer[],
  at = 0,
  used: readonly string[] = [],
  last = LAYERS,
): readonly string[][] {
  if (at === last) return [[]]
  return peers
    .filter(({ id, span }) => span.first === at && !used.includes(id))
    .flatMap(({ id, span }) => chainsOf(peers, span.last, [...used, id], last).map((rest) => [id, ...rest]))
}

describe('a plan', () => {
  it('covers every layer once, with as few stages as there can be, by peers with room', () => {
    fc.assert(
      fc.property(roster, fc.integer(), (peers, seed) => {
        const planned = place(peers, requestOf({ seed }))
        const roomy = peers.filter(({ freePositions }) => freePositions >= 100)
        const all = chainsOf(roomy)
        expect(planned.ok).toBe(all.length > 0)
        if (!planned.ok) return
        const { stages } = planned.placement
        expect(all).toContainEqual(stages.map(({ peer }) => peer))
        expect(stages.length).toBe(Math.min(...all.map(({ length }) => length)))
        const everybody = stages.flatMap(({ peer, standby }) => (standby ? [peer, standby] : [peer]))
        expect(new Set(everybody).size).toBe(everybody.length)
        for (const { span, standby } of stages) {
          const stood = peers.find(({ id }) => id === standby)
          if (standby) expect(stood?.span).toEqual(span)
        }
      }),
      { numRuns: 500 },
    )
  })

  it("with private ends covers exactly the middle by others; the ends are the asker's", () => {
    const ends = fc.record({ first: fc.integer({ min: 1, max: 2 }), last: fc.integer({ min: 1, max: 3 }) })
    let planned = 0
    fc.assert(
      fc.property(roster, ends, fc.integer(), (peers, own, seed) => {
        // The asker serves something as well, which is not for its own request.
        const all = [...peers, peerOf('me', own.first, LAYERS - own.last, { msPerLayer: 0.01 })]
        const found = place(all, requestOf({ seed, ends: own }))
        const roomy = peers.filter(({ freePositions }) => freePositions >= 100)
        const chains = chainsOf(roomy, own.first, [], LAYERS - own.last)
        expect(found.ok).toBe(chains.length > 0)
        if (!found.ok) {
          for (const { first, last } of found.missing) {
            expect(first).toBeGreaterThanOrEqual(own.first)
            expect(last).toBeLessThanOrEqual(LAYERS - own.last)
          }
          return
        }
        planned += 1
        const { stages } = found.placement
        expect(stages[0]).toEqual({ peer: 'me', span: { first: 0, last: own.first }, standby: null })
        expect(stages.at(-1)).toEqual({ peer: 'me', span: { first: LAYERS - own.last, last: LAYERS }, standby: null })
        const middle = stages.slice(1, -1)
        expect(chains).toContainEqual(middle.map(({ peer }) => peer))
        expect(middle.length).toBe(Math.min(...chains.map(({ length }) => length)))
        expect(middle.flatMap(({ peer, standby }) => [peer, standby])).not.toContain('me')
        for (const [index, { span }] of stages.entries())
          expect(stages[index + 1]?.span.first ?? LAYERS).toBe(span.last)
      }),
      { numRuns: 500 },
    )
    expect(planned).toBeGreaterThan(5)
  })

  it('leaves nobody out who is better in everything', () => {
    const nearer = (a: string, b: string) => Number(a.slice(1) || 0) + Number(b.slice(1) || 0)
    fc.assert(
      fc.property(roster, fc.integer(), fc.boolean(), (peers, seed, measured) => {
        const planned = place(peers, requestOf({ seed, ...(measured ? { asker: 'p0', rttMs: nearer } : {}) }))
        if (!planned.ok) return
        const used = planned.placement.stages.map(({ peer }) => peer)
        for (const [index, one] of peers.entries()) {
          if (!used.includes(one.id)) continue
          const better = peers.filter(
            (other, at) =>
              !used.includes(other.id) &&
              other.span.first === one.span.first &&
              other.span.last === one.span.last &&
              other.freePositions >= one.freePositions &&
              other.msPerLayer < one.msPerLayer &&
              other.queued <= one.queued &&
              other.hazard <= one.hazard &&
              (other.visible || !one.visible) &&
              // By their names those before are nearer to everybody.
              (!measured || at < index),
          )
          expect(better).toEqual([])
        }
      }),
      { numRuns: 500 },
    )
  })

  it('is the same for the same snapshot, in whatever order it comes', () => {
    fc.assert(
      fc.property(roster, fc.integer(), fc.nat(), (peers, seed, turn) => {
        const turned = [...peers.slice(turn % (peers.length + 1)), ...peers.slice(0, turn % (peers.length + 1))]
        const [a, b] = [place(peers, requestOf({ seed })), place(turned, requestOf({ seed }))]
        expect(b.ok).toBe(a.ok)
        if (a.ok && b.ok) expect(b.placement.predictedMs).toBeCloseTo(a.placement.predictedMs, 9)
      }),
    )
  })

  it('says what is missing', () => {
    fc.assert(
      fc.property(roster, fc.subarray(['p0', 'p1', 'p2', 'p3', 'p4', 'p5']), (peers, chosen) => {
        const planned = place(peers, requestOf({ allowed: new Set(chosen) }))
        if (planned.ok) return
        const allowed = peers.filter(({ id }) => chosen.includes(id))
        const able = (list: readonly PlacementPeer[]) => chainsOf(list).length > 0
        if (planned.refusal === 'no-holder') expect(able(peers)).toBe(false)
        if (planned.refusal === 'filter-empty') expect([able(peers), able(allowed)]).toEqual([true, false])
        if (planned.refusal === 'no-capacity') expect(able(allowed)).toBe(true)
        expect(planned.refusal).not.toBe('unreachable')
      }),
    )
  })

  it('prefers one stage to two, near to far, shown to hidden, idle to busy', () => {
    const two = [peerOf('a', 0, 3, { msPerLayer: 0.1 }), peerOf('b', 3, 6, { msPerLayer: 0.1 })]
    const chosen = (peers: readonly PlacementPeer[], more: Partial<PlacementRequest> = {}) => {
      const planned = place(peers, requestOf(more))
      return planned.ok ? planned.placement.stages.map(({ peer }) => peer) : planned.refusal
    }
    expect(chosen([...two, peerOf('whole', 0, 6, { msPerLayer: 50 })])).toEqual(['whole'])
    const far = (a: string, b: string) => (a === 'far' || b === 'far' ? 200 : 5)
    expect(chosen([peerOf('far', 0, 3), peerOf('near', 0, 3), peerOf('b', 3, 6)], { rttMs: far })).toEqual([
      'near',
      'b',
    ])
    expect(chosen([peerOf('hidden', 0, 6, { visible: false }), peerOf('shown', 0, 6)])).toEqual(['shown'])
    expect(chosen([peerOf('busy', 0, 6, { queued: 4 }), peerOf('idle', 0, 6)])).toEqual(['idle'])
    expect(chosen([peerOf('leaving', 0, 6, { hazard: 0.9 }), peerOf('staying', 0, 6)])).toEqual(['staying'])
  })

  it('takes a standby of the same class where there is one, and says whether all bits are the same', () => {
    const peers = [
      peerOf('a', 0, 6),
      peerOf('fast', 0, 6, { numericClass: 'b', msPerLayer: 2 }),
      peerOf('same', 0, 6, { msPerLayer: 9 }),
    ]
    expect(place(peers, requestOf())).toMatchObject({
      placement: { stages: [{ peer: 'a', standby: 'same' }], oneClass: true },
    })
    expect(place(peers.slice(0, 2), requestOf())).toMatchObject({
      placement: { stages: [{ peer: 'a', standby: 'fast' }], oneClass: false },
    })
  })

  it('shares work between equals by the seed', () => {
    const peers = Array.from({ length: 8 }, (_, index) => peerOf(`p${index}`, 0, 6))
    const counts = new Map<string, number>()
    for (let seed = 0; seed < 800; seed += 1) {
      const planned = place(peers, requestOf({ seed }))
      const peer = planned.ok ? (planned.placement.stages[0]?.peer ?? '') : ''
      counts.set(peer, (counts.get(peer) ?? 0) + 1)
    }
    expect(counts.size).toBe(8)
    for (const count of counts.values()) expect(count).toBeGreaterThan(60)
  })

  it('refuses with the holes, and by name where no links lead through', () => {
    expect(place([peerOf('a', 0, 2), peerOf('b', 4, 6)], requestOf())).toEqual({
      ok: false,
      refusal: 'no-holder',
      missing: [{ first: 2, last: 4 }],
    })
    expect(place([peerOf('a', 0, 6)], requestOf({ rttMs: () => null }))).toMatchObject({ refusal: 'unreachable' })
    expect(place([], requestOf())).toMatchObject({ refusal: 'no-holder', missing: [{ first: 0, last: LAYERS }] })
  })
})

describe('the same route once more', () => {
  const kept = [
    { peer: 'a', span: { first: 0, last: 3 } },
    { peer: 'b', span: { first: 3, last: 6 } },
  ]
  const full = [peerOf('a', 0, 3, { freePositions: 0 }), peerOf('b', 3, 6, { freePositions: 0, msPerLayer: 9 })]

  it('needs no room, though others are faster; who stands by does', () => {
    const others = [peerOf('whole', 0, 6), peerOf('c', 0, 3, { freePositions: 0 }), peerOf('d', 3, 6)]
    const placed = placeAgain([...others, ...full], requestOf(), kept)
    expect(placed?.stages.map(({ peer, standby }) => [peer, standby])).toEqual([
      ['a', null],
      ['b', 'd'],
    ])
  })

  it('takes as long as it would if it were new', () => {
    const peers = [peerOf('a', 0, 3), peerOf('b', 3, 6)]
    const anew = place(peers, requestOf())
    expect(anew.ok && placeAgain(peers, requestOf(), kept)).toEqual(anew.ok && anew.placement)
  })

  const without = (peers: readonly PlacementPeer[], more: Partial<PlacementRequest> = {}) =>
    [peers, requestOf(more)] as const
  it.each([
    ['whose stage is gone', ...without(full.slice(0, 1))],
    ['whose stage has other layers', ...without([peerOf('a', 0, 3), peerOf('b', 2, 6)])],
    ['one of whom the asker is not allowed', ...without(full, { allowed: new Set(['a']) })],
    [
      'whose stages do not reach each other',
      ...without(full, { rttMs: (a, b) => (a === 'a' && b === 'b' ? null : 10) }),
    ],
    ['whose asker keeps its ends', ...without(full, { ends: { first: 1, last: 1 } })],
  ])('is not to be had %s', (_, peers, request) => {
    expect(placeAgain(peers, request, kept)).toBeNull()
  })

  it.each([
    ['is empty', []],
    ['leaves layers out', [kept[0], { peer: 'b', span: { first: 4, last: 6 } }]],
    ['ends early', kept.slice(0, 1)],
    ['names a peer twice', [kept[0], { peer: 'a', span: { first: 3, last: 6 } }]],
  ])('is none where it %s', (_, stages) => {
    const peers = [...full, peerOf('b', 4, 6), peerOf('a', 3, 6)]
    expect(
      placeAgain(
        peers,
        requestOf(),
        stages.filter((stage) => stage !== undefined),
      ),
    ).toBeNull()
  })

  it('keeps the ends where they were', () => {
    const ends = { first: 1, last: 1 }
    const own = (first: number, last: number) => ({ peer: 'me', span: { first, last } })
    const middle = { peer: 'm', span: { first: 1, last: 5 } }
    const peers = [peerOf('m', 1, 5, { freePositions: 0 })]
    const route = [own(0, 1), middle, own(5, 6)]
    expect(placeAgain(peers, requestOf({ ends }), route)?.stages.map(({ peer }) => peer)).toEqual(['me', 'm', 'me'])
    for (const wrong of [
      [middle],
      [own(0, 1), middle],
      [own(0, 1), own(5, 6)],
      [own(0, 1), middle, { ...own(5, 6), peer: 'm' }],
    ]) {
      expect(placeAgain(peers, requestOf({ ends }), wrong)).toBeNull()
    }
  })
})
