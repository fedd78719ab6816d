/** How a tab gives: each step of the rule with its reason, what fits, and when layers are missing. */
import { describe, expect, it } from 'vitest'
import { type FitFacts, layersThatFit, wholeFitsOn } from '../../../web/rules/giving-fit.ts'
import { GIVING_WISHES, layersAreMissing, type WayFacts, wayOf } from '../../../web/rules/giving-way.ts'

const plain: WayFacts = { wish: 'best', whole: 'gpu', layers: 30, layersMissing: false }
const way = (facts: Partial<WayFacts>) => wayOf({ ...plain, ...facts })

describe('the way of giving', () => {
  it('is whole answers where the GPU holds the whole model', () => {
    expect(way({})).toMatchObject({ ok: true, value: { way: 'whole', reason: 'whole-fits' } })
    expect(way({ layers: 0 })).toMatchObject({ value: { way: 'whole' } })
  })

  it('is layers where some are missing and others answer whole, for a model whose layers can be shared', () => {
    expect(way({ layersMissing: true })).toMatchObject({ value: { way: 'layers', reason: 'layers-missing' } })
    expect(way({ layersMissing: true, layers: 0 })).toMatchObject({ value: { way: 'whole' } })
  })

  it('is layers where the model is too large, and never the CPU unasked', () => {
    for (const whole of [null, 'cpu'] as const) {
      expect(way({ whole, layers: 12 })).toMatchObject({ value: { way: 'layers', reason: 'too-large' } })
      expect(way({ whole, layers: 0 })).toMatchObject({ ok: false, code: 'gpu-too-small' })
    }
  })

  it('is what a person has picked, or refused', () => {
    expect(way({ wish: 'layers' })).toMatchObject({ value: { way: 'layers', reason: 'picked' } })
    expect(way({ wish: 'whole', whole: 'cpu', layersMissing: true })).toMatchObject({
      value: { way: 'whole', reason: 'picked' },
    })
    expect(way({ wish: 'whole', whole: null })).toMatchObject({ ok: false, code: 'gpu-too-small' })
    expect(way({ wish: 'layers', layers: 0 })).toMatchObject({ ok: false, code: 'gpu-too-small' })
  })

  it('never gives what does not fit, over all facts', () => {
    for (const wish of GIVING_WISHES) {
      for (const whole of ['gpu', 'cpu', null] as const) {
        for (const layers of [0, 1, 30]) {
          for (const layersMissing of [true, false]) {
            const chosen = wayOf({ wish, whole, layers, layersMissing })
            if (!chosen.ok) continue
            expect(chosen.value.way === 'whole' ? whole : layers).toBeTruthy()
            if (wish !== 'best') expect(chosen.value.way).toBe(wish)
          }
        }
      }
    }
  })
})

describe('layers are missing', () => {
  const range = (first: number, last: number) => ({ span: { first, last }, holders: 1, msPerLayer: 1 })
  const model = (...ranges: ReturnType<typeof range>[]) => ({
    modelId: 'm',
    ranges,
    whole: { offers: 1, tokensPerSecond: 20, chat: null },
  })

  it.each([
    ['at the end', [range(0, 10)], true],
    ['at the beginning', [range(10, 30)], true],
    ['in the middle', [range(20, 30), range(0, 15)], true],
    ['not where ranges overlap', [range(10, 30), range(0, 12), range(2, 4)], false],
    ['not where nobody shares any', [], false],
  ] as const)('%s', (_, ranges, missing) => {
    expect(layersAreMissing(model(...ranges), 30)).toBe(missing)
  })

  it('not where nobody answers whole: that is what is missing most', () => {
    expect(layersAreMissing({ ...model(range(0, 10)), whole: null }, 30)).toBe(false)
    expect(layersAreMissing(undefined, 30)).toBe(false)
  })
})

describe('what fits', () => {
  const factsOf = (more: Partial<FitFacts>): FitFacts => ({
    engine: 'stage',
    needs: 300e6,
    browserMax: null,
    personMax: null,
    fits: true,
    layers: 30,
    ...more,
  })

  it('is all of it where nobody says otherwise', () => {
    expect([layersThatFit(factsOf({})), wholeFitsOn(factsOf({}))]).toEqual([30, 'gpu'])
  })

  it('is less where the person or the browser allows less', () => {
    expect([layersThatFit(factsOf({ personMax: 128e6 })), wholeFitsOn(factsOf({ personMax: 128e6 }))]).toEqual([
      12,
      null,
    ])
    expect(layersThatFit(factsOf({ browserMax: 100e6, personMax: 200e6, fits: false }))).toBe(10)
    expect(wholeFitsOn(factsOf({ fits: false }))).toBe(null)
  })

  it('on the CPU is not held against what the person allows of the GPU', () => {
    expect(wholeFitsOn(factsOf({ engine: 'cpu', personMax: 1 }))).toBe('cpu')
  })
})
