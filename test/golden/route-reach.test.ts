/**
 * Stages that cannot reach each other, or not at once, on links in memory and the CPU oracle: who is dead is replaced and
 * nobody else; without the server a takeover finds the links that it needs; a link that breaks between two stages is made
 * anew. The text is that of one whole stage.
 */
import { expect, it } from 'vitest'
import { type RouteEvent, RouteHop, type RouteStage } from '../../web/schedule/route-hop.ts'
import { Session } from '../../web/schedule/session.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh, type MeshWish } from '../support/memory-mesh.ts'
import { loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 96
const TOKENS = 24
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8]
const REQUEST = '0123456789abcdef0123456789abcdef'
const NEVER = new AbortController().signal
const FILE = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })

/** Only the asker has links; whatever stages need among each other they make. */
const STAR: MeshWish = { linked: (a, b) => a === 'asker' || b === 'asker' }

interface Run {
  readonly tokens: readonly number[]
  readonly lost: readonly string[]
  readonly reason: string
  readonly tookMs: number
}

/** `atToken`: what happens when so many tokens have come; before the first at 0. */
async function route(wish: MeshWish, atToken: (mesh: MemoryMesh, count: number) => void): Promise<Run> {
  const mesh = new MemoryMesh(wish)
  const asker = mesh.join('asker')
  const stages: RouteStage[] = []
  for (let first = 0; first < LAYERS; first += 1) {
    const span = { first, last: first + 1 }
    const names = { peer: `stage${first}`, standby: `standby${first}` }
    for (const name of Object.values(names)) mesh.join(name, await loadCpu(FILE, span))
    stages.push({ span, ...names })
  }
  const lost: string[] = []
  const onEvent = (event: RouteEvent) => {
    if (event.kind === 'lost') lost.push(event.peer)
  }
  const clock = { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every }
  const hop = new RouteHop({ request: REQUEST, stages, tickets: new Map(), exchange: asker.exchange, onEvent, clock })
  const session = new Session(1, [hop], POSITIONS)
  const tokens: number[] = []
  let reason = ''
  atToken(mesh, 0)
  const request = { prompt: PROMPT, sampler: SEEDED, maxTokens: TOKENS, endTokens: new Set<number>() }
  const running = (async () => {
    for await (const event of session.generate(request, NEVER)) {
      if (event.kind === 'token') {
        tokens.push(event.id)
        atToken(mesh, tokens.length)
      }
      if (event.kind === 'end') reason = event.failure?.code ?? event.reason
    }
  })()
  expect(await mesh.clock.until(() => reason !== '', 10 * 60_000)).toBe(true)
  await running
  return { tokens, lost, reason, tookMs: mesh.clock.nowMs }
}

async function whole(): Promise<readonly number[]> {
  const session = new Session(1, [await loadCpu(FILE)], POSITIONS)
  const request = { prompt: PROMPT, sampler: SEEDED, maxTokens: TOKENS, endTokens: new Set<number>() }
  const tokens: number[] = []
  for await (const event of session.generate(request, NEVER)) if (event.kind === 'token') tokens.push(event.id)
  return tokens
}

it.each(['stage0', 'stage1', 'stage2'])(
  '%s, frozen before anybody reached it, is the only one replaced',
  async (name) => {
    const run = await route(STAR, (mesh, count) => {
      if (count === 0) mesh.freeze(name)
    })
    expect(run).toMatchObject({ reason: 'length', lost: [name], tokens: await whole() })
  },
)

it.each(['stage0', 'stage1', 'stage2'])(
  '%s, gone while tickets are looked at, is the only one replaced',
  async (name) => {
    const run = await route({ ...STAR, admitMs: 40 }, (mesh, count) => {
      if (count === 0) mesh.kill(name)
    })
    expect(run).toMatchObject({ reason: 'length', lost: [name], tokens: await whole() })
  },
)

it.each(['stage0', 'stage1', 'stage2'])('%s is replaced without the server', async (name) => {
  const run = await route(STAR, (mesh, count) => {
    if (count === 12) mesh.loseServer()
    if (count === 14) mesh.kill(name)
  })
  expect(run).toMatchObject({ reason: 'length', lost: [name], tokens: await whole() })
})

it.each([
  ['stage0', 'stage1'],
  ['stage1', 'stage2'],
  ['stage2', 'stage0'],
] as const)('a link that breaks between %s and %s is made anew', async (from, to) => {
  const run = await route(STAR, (mesh, count) => {
    if (count === 6) mesh.cut(from, to)
  })
  expect(run).toMatchObject({ reason: 'length', tokens: await whole() })
})
