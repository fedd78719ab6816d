/** Tabs that come one after the other are given layers that together make routes. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignSpan, gridOf } from '../../../web/rules/coverage.ts'
import type { LayerSpan } from '../../../web/wire/peers.ts'

const layersOf = fc.integer({ min: 1, max: 80 })

test('a grid covers all layers in ranges that meet, none more than a layer longer than another', () => {
  fc.assert(
    fc.property(layersOf, fc.integer({ min: 1, max: 80 }), (layers, wanted) => {
      const spans = gridOf(layers, Math.min(layers, wanted))
      expect(spans[0].first).toBe(0)
      expect(spans.at(-1)?.last).toBe(layers)
      const lengths = spans.map(({ first, last }) => last - first)
      for (const [index, { last }] of spans.entries()) expect(spans[index + 1]?.first ?? layers).toBe(last)
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1)
    }),
  )
})

test('equal tabs fill the holes before they double anything', () => {
  fc.assert(
    fc.property(
      layersOf,
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 1, max: 3 }),
      (layers, layersMax, rounds) => {
        const held: LayerSpan[] = []
        const stages = Math.ceil(layers / Math.min(layers, layersMax))
        for (let tab = 0; tab < stages * rounds; tab += 1)
          held.push(assignSpan({ layers, layersMax, held, middles: [] }))
        for (const span of gridOf(layers, stages)) {
          const here = held.filter(({ first, last }) => first === span.first && last === span.last)
          expect(here).toHaveLength(rounds)
          expect(span.last - span.first).toBeLessThanOrEqual(layersMax)
        }
      },
    ),
  )
})

test('a tab with more room joins the cuts of those who are there, one with less begins finer ones', () => {
  const held = [{ first: 0, last: 4 }]
  expect(assignSpan({ layers: 8, layersMax: 8, held, middles: [] })).toEqual({ first: 4, last: 8 })
  expect(assignSpan({ layers: 8, layersMax: 2, held, middles: [] })).toEqual({ first: 0, last: 2 })
})

test('middles that are asked for are covered too, and no range is left out of either', () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 40 }), fc.integer({ min: 1, max: 40 }), (layers, layersMax) => {
      const middle = { first: 1, last: layers - 1 }
      const held: LayerSpan[] = []
      const enough = 4 * layers
      for (let tab = 0; tab < enough; tab += 1) held.push(assignSpan({ layers, layersMax, held, middles: [middle] }))
      for (const { first, last } of held) expect(last - first).toBeLessThanOrEqual(layersMax)
      for (const { first, last } of [middle, { first: 0, last: layers }]) expect(leads(held, first, last)).toBe(true)
    }),
  )
})

test('of equal needs the middle goes first; covered, it waits for the rest', () => {
  const [layers, layersMax, middles] = [4, 2, [{ first: 1, last: 3 }]]
  const held: LayerSpan[] = []
  for (let tab = 0; tab < 4; tab += 1) held.push(assignSpan({ layers, layersMax, held, middles }))
  expect(held.map(({ first, last }) => [first, last])).toEqual([
    [1, 3],
    [0, 1],
    [3, 4],
    [1, 3],
  ])
})

function leads(held: readonly LayerSpan[], from: number, to: number): boolean {
  return from === to || held.some(({ first, last }) => first === from && last <= to && leads(held, last, to))
}
