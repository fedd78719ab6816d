/**
 * Stages that cannot reach each other, or not at once, on links in memory and the CPU oracle: who is dead is replaced and
 * nobody else; without the server a takeover finds the links that it needs; a link that breaks between two stages is made
 * anew. The text is that of one whole stage.
 */
import { expect, it } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import type { MemoryMesh, MeshWish } from '../support/memory-mesh.ts'
import { runRoute, wholeAnswer } from '../support/route-run.ts'
import { SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 96
const TOKENS = 24
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8]
const FILE = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })

const ASKED = { file: FILE, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler: SEEDED }
const RANGES = [0, 1, 2].map((first) => ({ first, last: first + 1 }))

/** Only the asker has links; whatever stages need among each other they make. */
const STAR: MeshWish = { linked: (a, b) => a === 'asker' || b === 'asker' }

const whole = () => wholeAnswer(ASKED)

/** `atToken`: what happens when so many tokens have come; before anything is asked at 0. */
async function route(mesh: MeshWish, atToken: (mesh: MemoryMesh, count: number) => void) {
  const before = (made: MemoryMesh) => atToken(made, 0)
  const onToken = (made: MemoryMesh, count: number) => (count > 0 ? atToken(made, count) : undefined)
  const { tokens, events, end } = await runRoute(ASKED, { ranges: RANGES, mesh, before, onToken })
  const lost = events.flatMap((event) => (event.kind === 'lost' ? [event.peer] : []))
  return { tokens, lost, reason: end?.failure?.code ?? end?.reason }
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
