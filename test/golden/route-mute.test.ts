/**
 * Stages that say that they are alive and pass nothing on, and slow ones that do, on links in memory and the CPU oracle: the
 * first are replaced, the second never. The text is that of one whole stage.
 */
import { describe, expect, it } from 'vitest'
import { MUTE_MS_MIN } from '../../web/wire/limits/mesh.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import type { Lies } from '../support/hostile-peer.ts'
import type { MemoryMesh } from '../support/memory-mesh.ts'
import { paced } from '../support/paced-stage.ts'
import { type RouteRun, runRoute, wholeAnswer } from '../support/route-run.ts'
import { SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 96
const TOKENS = 16
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8]
const FILE = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
const NAMES = ['stage0', 'stage1', 'stage2']

interface Wish {
  readonly plannedMs: number
  /** What a frame takes at a stage, on the mesh's clock. */
  readonly frameMs?: (name: string) => number
  readonly lies?: Readonly<Record<string, Lies>>
  /** When so many tokens have come; before the first at 0. */
  readonly atToken?: (mesh: MemoryMesh, count: number) => void
}

const ASKED = { file: FILE, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler: SEEDED }
const whole = () => wholeAnswer(ASKED)

async function route({ plannedMs, frameMs = () => 0, lies = {}, atToken = () => {} }: Wish) {
  const run = await runRoute(ASKED, {
    ranges: NAMES.map((_, first) => ({ first, last: first + 1 })),
    stageOf: (stage, name, mesh) => paced(stage, mesh.clock, () => frameMs(name)),
    plannedMs,
    lies,
    before: (mesh) => atToken(mesh, 0),
    onToken: (mesh, count) => (count > 0 ? atToken(mesh, count) : undefined),
    limitMs: 60 * 60_000,
  })
  return { ...run, reason: run.end?.failure?.code ?? run.end?.reason }
}

const lostOf = ({ events }: Pick<RouteRun, 'events'>) =>
  events.flatMap((event) => (event.kind === 'lost' ? [`${event.peer} ${event.reason.code}`] : []))

describe('a stage that is alive and passes nothing on', () => {
  const rows = NAMES.flatMap((name) => [0, 1, 7].map((count) => [name, count] as const))

  it.each(rows)('%s, from token %i on, is replaced, and nobody else', async (name, count) => {
    const run = await route({
      plannedMs: 30,
      atToken: (mesh, now) => {
        if (now === count) mesh.mute(name)
      },
    })
    expect(run).toMatchObject({ reason: 'length', tokens: await whole() })
    expect(lostOf(run)).toEqual([`${name} stage-mute`])
    // It was waited for as long as it had to be, and need not keep anything of the request.
    expect(run.tookMs).toBeGreaterThan(MUTE_MS_MIN)
    expect(run.mesh.sent.some(({ to, what }) => to === name && 'says' in what && what.says === 'close')).toBe(true)
  })

  it.each(NAMES)('%s, while it is made to hold what it should, is replaced too', async (name) => {
    const next = NAMES[(NAMES.indexOf(name) + 1) % NAMES.length] ?? ''
    const standby = name.replace('stage', 'standby')
    const run = await route({
      plannedMs: 30,
      atToken: (mesh, now) => {
        if (now !== 6) return
        mesh.mute(name)
        mesh.kill(next)
      },
    })
    expect(run).toMatchObject({ reason: 'length', tokens: await whole() })
    expect(run.mesh.peer(standby).provider?.serving).toBe(1)
  })

  it.each(NAMES)('%s, that says it did, is replaced', async (name) => {
    let held = false
    const run = await route({
      plannedMs: 30,
      lies: { [name]: { frames: (frame) => (held ? [] : [frame]) } },
      atToken: (_, now) => {
        if (now === 7) held = true
      },
    })
    expect(run).toMatchObject({ reason: 'length', tokens: await whole() })
    expect(lostOf(run)).toEqual([`${name} stage-mute`])
  })

  it('and has no standby ends the answer with what was committed', async () => {
    const run = await route({
      plannedMs: 30,
      atToken: (mesh, now) => {
        if (now !== 5) return
        mesh.kill('standby1')
        mesh.mute('stage1')
      },
    })
    expect(run.reason).toBe('route-broken')
    expect(run.tokens).toEqual((await whole()).slice(0, run.tokens.length))
    expect(run.tokens.length).toBeGreaterThanOrEqual(5)
  })
})

describe('a slow stage', () => {
  const PLANNED_MS = 1_000

  it.each(NAMES)('%s, twenty times slower than planned, stays', async (name) => {
    const slowMs = 20 * PLANNED_MS
    // Only what was planned tells that this is no death.
    expect(slowMs).toBeGreaterThan(MUTE_MS_MIN)
    const run = await route({ plannedMs: PLANNED_MS, frameMs: (own) => (own === name ? slowMs : 0) })
    expect(run).toMatchObject({ reason: 'length', tokens: await whole() })
    expect(run.events).toEqual([])
    expect(run.tookMs).toBeGreaterThan(TOKENS * slowMs)
  })

  it.each(NAMES)('%s, that becomes twenty times slower in the middle, stays', async (name) => {
    let slowed = false
    const run = await route({
      plannedMs: PLANNED_MS,
      frameMs: (own) => (own !== name ? 0 : slowed ? 20 * PLANNED_MS : PLANNED_MS),
      atToken: (_, now) => {
        slowed = now >= 6
      },
    })
    expect(run).toMatchObject({ reason: 'length', tokens: await whole() })
    expect(run.events).toEqual([])
  })
})
