/**
 * A route of stages over links in memory, on the CPU oracle: the same text as one whole stage, with several tokens in
 * flight; and the same text again when stages die in every phase.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { LayerRange, SamplerSpec, StageEngine } from '../../web/engine/stage.ts'
import { type RouteEvent, RouteHop, type RouteStage } from '../../web/schedule/route-hop.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { GREEDY, loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 4
const POSITIONS = 128
const TOKENS = 24
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8, 14, 2, 77, 31]
const REQUEST = '0123456789abcdef0123456789abcdef'

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

async function whole(sampler: SamplerSpec): Promise<readonly number[]> {
  const session = new Session(1, [await loadCpu(file)], POSITIONS)
  const request = { prompt: PROMPT, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
  const tokens: number[] = []
  for await (const event of session.generate(request, new AbortController().signal)) {
    if (event.kind === 'token') tokens.push(event.id)
  }
  expect(tokens.length).toBe(TOKENS)
  return tokens
}

interface Run {
  readonly tokens: readonly number[]
  readonly events: readonly RouteEvent[]
  readonly end: SessionEvent | undefined
}

/** `kill`: what dies when so many tokens have come; before the first at 0. */
async function route(
  ranges: readonly LayerRange[],
  sampler: SamplerSpec,
  kill: readonly { readonly index: number; readonly atToken: number; readonly standby?: boolean }[] = [],
): Promise<Run> {
  const mesh = new MemoryMesh()
  const asker = mesh.join('asker')
  const stages: RouteStage[] = []
  const load = (range: LayerRange): Promise<StageEngine> => loadCpu(file, range)
  for (const [index, span] of ranges.entries()) {
    mesh.join(`stage${index}`, await load(span))
    mesh.join(`standby${index}`, await load(span))
    stages.push({ span, peer: `stage${index}`, standby: `standby${index}` })
  }
  const events: RouteEvent[] = []
  const onEvent = (event: RouteEvent) => events.push(event)
  const hop = new RouteHop({
    request: REQUEST,
    stages,
    tickets: new Map(),
    exchange: asker.exchange,
    onEvent,
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
  })
  const session = new Session(1, [hop], POSITIONS)
  const request = { prompt: PROMPT, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
  const tokens: number[] = []
  let end: SessionEvent | undefined
  const killAt = (count: number) => {
    for (const { index, atToken, standby } of kill)
      if (atToken === count) mesh.kill(`${standby ? 'standby' : 'stage'}${index}`)
  }
  const running = (async () => {
    for await (const event of session.generate(request, new AbortController().signal)) {
      if (event.kind === 'prefill' && event.done > 0 && tokens.length === 0) killAt(0)
      if (event.kind === 'token') {
        tokens.push(event.id)
        killAt(tokens.length)
      }
      if (event.kind === 'end') end = event
    }
  })()
  expect(await mesh.clock.until(() => end !== undefined)).toBe(true)
  await running
  return { tokens, events, end }
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
