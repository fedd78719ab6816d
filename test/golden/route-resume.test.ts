/**
 * The tab that asks is gone in the middle of an answer, and another one goes on from what it had committed: over a new route
 * of the same stages or on one whole stage, on links in memory. The text is that of an undisturbed run.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { SamplerSpec } from '../../web/engine/stage.ts'
import type { Hop } from '../../web/schedule/hop.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import { Session } from '../../web/schedule/session.ts'
import type { ScheduledFrame } from '../../web/wire/frame-schedule.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { GREEDY, loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 4
const POSITIONS = 128
const TOKENS = 24
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8, 14, 2, 77, 31]
const NEVER = new AbortController().signal

interface Committed {
  readonly tokens: readonly number[]
  readonly schedule: readonly ScheduledFrame[]
}

let file: Uint8Array
let mesh: MemoryMesh
let requests = 0

beforeAll(() => {
  file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
})

async function twoStages(): Promise<void> {
  mesh = new MemoryMesh()
  mesh.join('first', await loadCpu(file, { first: 0, last: 2 }))
  mesh.join('second', await loadCpu(file, { first: 2, last: LAYERS }))
}

function routeOf(asker: string): Hop {
  requests += 1
  return new RouteHop({
    request: requests.toString(16).padStart(32, '0'),
    stages: [
      { span: { first: 0, last: 2 }, peer: 'first', standby: null },
      { span: { first: 2, last: LAYERS }, peer: 'second', standby: null },
    ],
    tickets: new Map(),
    exchange: mesh.join(asker).exchange,
    onEvent: () => {},
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
  })
}

/** Until so many tokens have come in all; then its tab is gone without a word. */
async function run(hop: Hop, sampler: SamplerSpec, count: number, begun: Committed | null): Promise<Committed> {
  const session = new Session(1, [hop], POSITIONS)
  const request = { prompt: PROMPT, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
  const tokens = [...(begun?.tokens ?? [])]
  let schedule = begun?.schedule ?? []
  let done = false
  const running = (async () => {
    for await (const event of session.generate(begun ? { ...request, begun } : request, NEVER)) {
      if (event.kind === 'schedule') schedule = event.frames
      if (event.kind === 'token') tokens.push(event.id)
      if (event.kind === 'end') expect(event).toMatchObject({ reason: 'length' })
      done = event.kind === 'end' || tokens.length >= count
      // A tab that is gone reads no more.
      if (done) return
    }
  })()
  expect(await mesh.clock.until(() => done)).toBe(true)
  void running
  return { tokens: tokens.slice(0, count), schedule }
}

describe.each([
  ['greedy', GREEDY],
  ['seeded', SEEDED],
] as const)('%s: an answer whose tab is gone', (_, sampler) => {
  const ways = [
    ['over a new route', 'route', 'route'],
    ['on a whole stage', 'route', 'whole'],
    ['over a route where it began on a whole stage', 'whole', 'route'],
  ] as const

  it.each(ways)('goes on %s, from any token', async (_name, before, after) => {
    await twoStages()
    const hop = async (kind: 'route' | 'whole', name: string) => (kind === 'route' ? routeOf(name) : loadCpu(file))
    const expected = (await run(await hop('whole', 'alone'), sampler, TOKENS, null)).tokens
    expect(expected).toHaveLength(TOKENS)
    for (const count of [1, 2, 9, TOKENS - 1]) {
      const begun = await run(await hop(before, `asker ${count}`), sampler, count, null)
      expect(begun.tokens).toHaveLength(count)
      mesh.kill(`asker ${count}`)
      const whole = await run(await hop(after, `heir ${count}`), sampler, TOKENS, begun)
      expect(whole.tokens, `from token ${count}`).toEqual(expected)
    }
  })
})
