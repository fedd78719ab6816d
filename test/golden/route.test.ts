/**
 * A route of stages over links in memory, on the CPU oracle: the same text as one whole stage, with several tokens in
 * flight; and the same text again when stages die in every phase.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { LayerRange, SamplerSpec } from '../../web/engine/stage.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import type { MemoryMesh } from '../support/memory-mesh.ts'
import { type Asked, type RouteRun, runRoute, wholeAnswer } from '../support/route-run.ts'
import { GREEDY, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 4
const POSITIONS = 128
const TOKENS = 24
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8, 14, 2, 77, 31]
let file: Uint8Array
beforeAll(() => {
  file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
})

interface Cut {
  readonly name: string
  readonly ranges: readonly LayerRange[]
}

const cutAt = (name: string, ...ends: readonly number[]): Cut => ({
  name,
  ranges: ends.map((last, index) => ({ first: ends[index - 1] ?? 0, last })),
})
const TWO = cutAt('two stages', 1, LAYERS)
const CUTS: readonly Cut[] = [cutAt('one stage', LAYERS), TWO, cutAt('four stages', 1, 2, 3, LAYERS)]

const askedBy = (sampler: SamplerSpec): Asked => ({
  ...{ file, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler },
})

const whole = (sampler: SamplerSpec) => wholeAnswer(askedBy(sampler))

/** `kill`: what dies when so many tokens have come; before the first at 0. */
function route(
  ranges: readonly LayerRange[],
  sampler: SamplerSpec,
  kill: readonly { readonly index: number; readonly atToken: number; readonly standby?: boolean }[] = [],
): Promise<RouteRun> {
  const onToken = (mesh: MemoryMesh, count: number) => {
    for (const { index, atToken, standby } of kill)
      if (atToken === count) mesh.kill(`${standby ? 'standby' : 'stage'}${index}`)
  }
  return runRoute(askedBy(sampler), { ranges, onToken })
}

describe.each([
  ['greedy', GREEDY],
  ['seeded', SEEDED],
] as const)('%s', (_, sampler) => {
  it.each(CUTS)('over $name gives the text of one whole stage', async ({ ranges }) => {
    const run = await route(ranges, sampler)
    expect(run.end).toMatchObject({ reason: 'length' })
    expect(run.tokens).toEqual(await whole(sampler))
    expect(run.events).toEqual([])
  })

  it.each(CUTS)('over $name goes on with the same text when any stage dies at any time', async ({ ranges }) => {
    const expected = await whole(sampler)
    for (const index of ranges.keys()) {
      for (const atToken of [0, 1, 2, 9, TOKENS - 1]) {
        const run = await route(ranges, sampler, [{ index, atToken }])
        const what = `stage ${index} at token ${atToken}`
        expect(run.tokens, what).toEqual(expected)
        // A whole stage may have sent its last token before it died.
        const kinds = run.events.map(({ kind }) => kind)
        if (ranges.length > 1 || atToken < 9) expect(kinds, what).toEqual(['lost', 'replaced', 'recovered'])
      }
    }
  })
})

describe('several deaths', () => {
  it('of neighbours at once begin anew from the tokens', async () => {
    const { ranges } = TWO
    const run = await route(ranges, SEEDED, [
      { index: 0, atToken: 7 },
      { index: 1, atToken: 7 },
    ])
    expect(run.tokens).toEqual(await whole(SEEDED))
    expect(run.events.some((event) => event.kind === 'replaced' && !event.fed)).toBe(true)
  })

  it('one after the other are each mended', async () => {
    const { ranges } = TWO
    const run = await route(ranges, SEEDED, [
      { index: 0, atToken: 5 },
      { index: 1, atToken: 12 },
    ])
    expect(run.tokens).toEqual(await whole(SEEDED))
  })

  it('of a stage and of its standby end the answer with what was committed', async () => {
    const { ranges } = TWO
    const run = await route(ranges, GREEDY, [
      { index: 1, atToken: 6 },
      { index: 1, atToken: 6, standby: true },
    ])
    expect(run.end).toMatchObject({ reason: 'error', failure: { code: 'route-broken' } })
    expect(run.tokens).toEqual((await whole(GREEDY)).slice(0, run.tokens.length))
    expect(run.tokens.length).toBeGreaterThanOrEqual(6)
  })
})
