/**
 * Hop times of an own route, over links in memory whose delay is known: what an asker works out from when its tokens came and
 * what the stages say they computed. A loss in the middle is no lap.
 */
import { describe, expect, it } from 'vitest'
import { LapMeter } from '../../web/schedule/lap-meter.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import { Session } from '../../web/schedule/session.ts'
import { ok } from '../../web/wire/result.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { GREEDY, loadCpu } from '../support/tiny-stage.ts'

const LAYERS = 4
const POSITIONS = 256
const TOKENS = 160
const REQUEST = '0123456789abcdef0123456789abcdef'
const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })

async function laps(delayMs: number, kill: { readonly index: number; readonly atToken: number } | null = null) {
  const mesh = new MemoryMesh({ delayMs: () => delayMs })
  const asker = mesh.join('asker')
  const stages: RouteStage[] = []
  for (const [index, first] of [0, 2].entries()) {
    const span = { first, last: first + 2 }
    mesh.join(`stage${index}`, await loadCpu(file, span))
    mesh.join(`standby${index}`, await loadCpu(file, span))
    stages.push({ span, peer: `stage${index}`, standby: `standby${index}` })
  }
  const meter = new LapMeter(
    () => mesh.clock.nowMs,
    () => hop.peers,
  )
  const { exchange } = asker
  const hop: RouteHop = new RouteHop({
    request: REQUEST,
    stages,
    tickets: new Map(),
    exchange: {
      linkTo: (peer) => exchange.linkTo(peer),
      join: (request, route) => exchange.join(request, meter.beside(route)),
    },
    onEvent: () => meter.broke(),
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
  })
  const session = new Session(1, [meter.around(hop)], POSITIONS)
  const request = { prompt: [3, 17, 42], sampler: GREEDY, maxTokens: TOKENS, endTokens: new Set<number>() }
  let [tokens, ended] = [0, false]
  const running = (async () => {
    for await (const event of session.generate(request, new AbortController().signal)) {
      if (event.kind === 'token') {
        tokens += 1
        if (kill?.atToken === tokens) mesh.kill(`stage${kill.index}`)
      }
    }
    ended = true
  })()
  expect(await mesh.clock.until(() => ended)).toBe(true)
  await running
  expect(tokens).toBe(TOKENS)
  return { times: meter.times, peers: hop.peers }
}

describe('an own route', () => {
  it.each([1, 5, 40])('over links of %i ms: a hop takes that, a lap as many as there are stages', async (delayMs) => {
    const { times } = await laps(delayMs)
    expect(times.laps).toBe(TOKENS - 1)
    // The line of the test takes a moment for the bytes as well.
    for (const ms of [times.hopP50Ms, times.hopP95Ms]) {
      expect(ms).toBeGreaterThanOrEqual(delayMs)
      expect(ms).toBeLessThan(delayMs + 0.5)
    }
    expect(times.lapP50Ms).toBeCloseTo(2 * (times.hopP50Ms ?? 0), 6)
    expect([...times.stageMs]).toEqual([
      ['stage0', 0],
      ['stage1', 0],
    ])
  })

  it('that loses a stage counts the laps before and after, and not the takeover', async () => {
    const { times, peers } = await laps(5, { index: 1, atToken: 60 })
    expect(peers).toEqual(['stage0', 'standby1'])
    expect(times.laps).toBeGreaterThan(TOKENS - 10)
    expect(times.lapP95Ms).toBeLessThan(11)
  })
})

describe('a lap', () => {
  const frame = { session: 1, epoch: 0, position: 0, mode: 'decode', input: { kind: 'chained' }, sample: true } as const

  it('of a token that was asked for early begins when the one before came; a prompt and a pause are none', async () => {
    let nowMs = 0
    const meter = new LapMeter(
      () => nowMs,
      () => ['a', 'b'],
    )
    const settles: (() => void)[] = []
    const hop = meter.around({
      open: async () => ok(null),
      truncate: async () => ok(null),
      close: async () => {},
      run: () => new Promise((settle) => settles.push(() => settle(ok({ kind: 'token', id: 1 })))),
    })
    const heard = meter.beside({ hear: () => {}, take: () => {}, gone: () => {} })
    heard.hear('a', { says: 'alive', frameMs: 4 })
    const arrive = async (atMs: number) => {
      nowMs = atMs
      settles.shift()?.()
      await Promise.resolve()
      await new Promise((resolve) => setImmediate(resolve))
    }
    void hop.run({ ...frame, count: 8 })
    void hop.run({ ...frame, count: 1 })
    await arrive(100)
    await arrive(130)
    expect(meter.times).toMatchObject({ laps: 1, lapP50Ms: 30, hopP50Ms: null })
    heard.hear('b', { says: 'alive', frameMs: 6 })
    nowMs = 500
    void hop.run({ ...frame, count: 1 })
    await arrive(540)
    expect(meter.times).toMatchObject({ laps: 2, lapP95Ms: 40, hopP50Ms: 15 })
  })
})
