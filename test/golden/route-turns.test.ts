/**
 * The next turn of a conversation over the route of the last one, on links in memory and the CPU oracle: only what is new is
 * computed, the text is that of one stage that goes on in the same way, and a route that is not used is let go.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { type Keepable, KeptRoute } from '../../web/schedule/kept-route.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import { Session } from '../../web/schedule/session.ts'
import { ROUTE_KEPT_MS } from '../../web/wire/limits/mesh.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { GREEDY, loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 2
const POSITIONS = 96
const TOKENS = 10
const FIRST = [3, 17, 42, 7, 99, 5, 23, 61, 8]
const MORE = [31, 9, 120, 44]
const CUTS = [
  { first: 0, last: 1 },
  { first: 1, last: 2 },
]
const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })

interface Turn {
  readonly tokens: readonly number[]
  readonly reused: number
}

let mesh: MemoryMesh
let kept: KeptRoute<Keepable & { readonly session: Session }>
let lost: string[]

beforeEach(async () => {
  mesh = new MemoryMesh()
  mesh.join('asker')
  for (const [index, span] of CUTS.entries()) {
    mesh.join(`stage${index}`, await loadCpu(file, span))
    mesh.join(`standby${index}`, await loadCpu(file, span))
  }
  kept = new KeptRoute(mesh.clock)
  lost = []
})

/** As an asker opens it, in the middle of nothing. */
function open(request: string) {
  const stages = CUTS.map((span, index) => ({ span, peer: `stage${index}`, standby: `standby${index}` }))
  const clock = { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every }
  const { exchange } = mesh.peer('asker')
  const hop = new RouteHop({
    request: request.repeat(32),
    stages,
    tickets: new Map(),
    exchange,
    clock,
    onEvent(event) {
      if (event.kind !== 'lost') return
      lost.push(event.peer)
      route.lost = true
      if (kept.has(route)) void kept.close()
    },
  })
  const route = { kind: 'm', session: new Session(1, [hop], POSITIONS), promptTokens: 0, lost: false }
  return route
}

async function turn(
  session: Session,
  prompt: readonly number[],
  sampler = GREEDY,
  onToken = (_: number) => {},
): Promise<Turn> {
  const tokens: number[] = []
  let reused = -1
  const request = { prompt, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
  for await (const event of session.generate(request, new AbortController().signal)) {
    if (event.kind === 'prefill' && reused < 0) reused = event.reused
    if (event.kind === 'token') {
      tokens.push(event.id)
      onToken(tokens.length)
    }
  }
  expect(tokens).toHaveLength(TOKENS)
  return { tokens, reused }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let done = false
  void work.finally(() => {
    done = true
  })
  expect(await mesh.clock.until(() => done)).toBe(true)
  return work
}

/** Both turns on one whole stage. */
async function alone(sampler = GREEDY): Promise<readonly [Turn, Turn]> {
  const session = new Session(1, [await loadCpu(file)], POSITIONS)
  const first = await turn(session, FIRST, sampler)
  return [first, await turn(session, [...FIRST, ...first.tokens, ...MORE], sampler)]
}

const serving = () => CUTS.map((_, index) => mesh.peer(`stage${index}`).provider?.serving)

describe.each([
  ['greedy', GREEDY],
  ['seeded', SEEDED],
] as const)('the next turn, %s', (_, sampler) => {
  it('goes on over the same route with what its stages hold', async () => {
    const expected = await alone(sampler)
    const route = { ...open('1'), promptTokens: FIRST.length }
    const first = await inTime(turn(route.session, FIRST, sampler))
    await kept.keep(route)
    const next = [...FIRST, ...first.tokens, ...MORE]
    expect(await kept.take('m', next)).toBe(route)
    const second = await inTime(turn(route.session, next, sampler))
    expect([first, second]).toEqual(expected)
    expect(second.reused).toBeGreaterThan(FIRST.length)
  })

  it('is the same text where a stage dies in its middle', async () => {
    const expected = await alone(sampler)
    for (const victim of ['stage0', 'stage1']) {
      const route = open(victim === 'stage0' ? '2' : '3')
      const first = await inTime(turn(route.session, FIRST, sampler))
      const next = [...FIRST, ...first.tokens, ...MORE]
      const second = await inTime(
        turn(route.session, next, sampler, (count) => {
          if (count === 4) mesh.kill(victim)
        }),
      )
      expect(second.tokens).toEqual(expected[1].tokens)
      await inTime(route.session.close())
      if (victim === 'stage0') mesh.join('stage0', await loadCpu(file, CUTS[0]))
    }
    expect(lost).toEqual(['stage0', 'stage1'])
  })
})

describe('a kept route', () => {
  async function keep() {
    const route = { ...open('4'), promptTokens: FIRST.length }
    const { tokens } = await inTime(turn(route.session, FIRST))
    await kept.keep(route)
    expect(serving()).toEqual([1, 1])
    return { route, next: [...FIRST, ...tokens, ...MORE] }
  }

  it.each([
    ['another conversation', 'm', () => [50, 51, 52]],
    ['the same question once more', 'm', () => FIRST],
    ['another model, or who has its ends', 'other', (next: readonly number[]) => next],
  ])('is closed for %s', async (_, kind, promptOf) => {
    const { next } = await keep()
    expect(await inTime(kept.take(kind, promptOf(next)))).toBeNull()
    expect(await mesh.clock.until(() => serving().every((count) => count === 0))).toBe(true)
  })

  it('is let go after a while, and its stages are free', async () => {
    const { route, next } = await keep()
    const fromMs = mesh.clock.nowMs
    expect(await mesh.clock.until(() => serving().every((count) => count === 0))).toBe(true)
    expect(mesh.clock.nowMs - fromMs).toBeGreaterThanOrEqual(ROUTE_KEPT_MS)
    expect(kept.has(route)).toBe(false)
    expect(await kept.take('m', next)).toBeNull()
  })

  it('that loses a stage is let go: nobody takes over for an answer that nobody waits for', async () => {
    const route = open('5')
    route.promptTokens = FIRST.length
    await inTime(turn(route.session, FIRST))
    await kept.keep(route)
    mesh.kill('stage1')
    expect(await mesh.clock.until(() => mesh.peer('stage0').provider?.serving === 0)).toBe(true)
    expect([lost, kept.has(route)]).toEqual([['stage1'], false])
    expect(mesh.peer('standby1').provider?.serving).toBe(0)
  })
})
