/**
 * One answer over a route of stages of a tiny model, on links in memory and the CPU oracle, driven to its end: who is
 * there, what happens at which token, what came of it. Expects only that it ends; the rest is the tests'.
 */
import { expect } from 'vitest'
import type { LayerRange, SamplerSpec, StageEngine } from '../../web/engine/stage.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import type { RouteEvent } from '../../web/schedule/route-parts.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import type { Lies } from './hostile-peer.ts'
import { MemoryMesh, type MeshWish } from './memory-mesh.ts'
import { loadCpu } from './tiny-stage.ts'

const REQUEST = '0123456789abcdef0123456789abcdef'
const LIMIT_MS = 10 * 60_000

/** A tiny model and what it is asked. */
export interface Asked {
  readonly file: Uint8Array
  readonly positions: number
  readonly prompt: readonly number[]
  readonly maxTokens: number
  readonly sampler: SamplerSpec
}

export interface Answered {
  readonly tokens: readonly number[]
  readonly end: Extract<SessionEvent, { kind: 'end' }> | null
}

/** Reads an answer to its end. `onToken`: when so many have come; 0 when the first of the prompt is computed. */
export async function answerOf(
  session: Session,
  { prompt, sampler, maxTokens }: Pick<Asked, 'prompt' | 'sampler' | 'maxTokens'>,
  onToken: (count: number) => void = () => {},
): Promise<Answered> {
  const tokens: number[] = []
  let end: Answered['end'] = null
  const request = { prompt, sampler, maxTokens, endTokens: new Set<number>() }
  for await (const event of session.generate(request, new AbortController().signal)) {
    if (event.kind === 'prefill' && event.done > 0 && tokens.length === 0) onToken(0)
    if (event.kind === 'token') onToken(tokens.push(event.id))
    if (event.kind === 'end') end = event
  }
  return { tokens, end }
}

/** What one whole stage answers, which is as long as it may be. */
export async function wholeAnswer(asked: Asked): Promise<readonly number[]> {
  const { tokens } = await answerOf(new Session(1, [await loadCpu(asked.file)], asked.positions), asked)
  expect(tokens).toHaveLength(asked.maxTokens)
  return tokens
}

/** Lets the mesh's clock run until this has ended, which it does within the limit. */
export async function onClockOf<T>(mesh: MemoryMesh, running: Promise<T>, limitMs = LIMIT_MS): Promise<T> {
  let over = false
  const ended = running.finally(() => {
    over = true
  })
  expect(await mesh.clock.until(() => over, limitMs)).toBe(true)
  return ended
}

export interface RouteWish {
  /** One stage and one standby for each: `stage0`, `standby0` and so on. */
  readonly ranges: readonly LayerRange[]
  readonly mesh?: MeshWish
  readonly plannedMs?: number
  /** What stands in the place of a stage. */
  readonly stageOf?: (stage: StageEngine, name: string, mesh: MemoryMesh) => StageEngine
  readonly lies?: Readonly<Record<string, Lies>>
  /** When everybody is there, and nothing was asked. */
  readonly before?: (mesh: MemoryMesh) => void
  readonly onToken?: (mesh: MemoryMesh, count: number) => void
  /** On the mesh's clock. */
  readonly limitMs?: number
}

export interface RouteRun extends Answered {
  readonly events: readonly RouteEvent[]
  readonly tookMs: number
  readonly mesh: MemoryMesh
}

export async function runRoute(asked: Asked, wish: RouteWish): Promise<RouteRun> {
  const { stageOf = (stage) => stage, lies = {}, onToken = () => {}, limitMs } = wish
  const mesh = new MemoryMesh(wish.mesh)
  const asker = mesh.join('asker')
  const stages: RouteStage[] = []
  for (const [index, span] of wish.ranges.entries()) {
    const names = { peer: `stage${index}`, standby: `standby${index}` }
    for (const name of Object.values(names)) {
      mesh.join(name, stageOf(await loadCpu(asked.file, span), name, mesh), lies[name] ?? null)
    }
    stages.push({ span, ...names })
  }
  const events: RouteEvent[] = []
  const hop = new RouteHop({
    request: REQUEST,
    stages,
    tickets: new Map(),
    ...(wish.plannedMs === undefined ? {} : { plannedMs: wish.plannedMs }),
    exchange: asker.exchange,
    onEvent: (event) => events.push(event),
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
  })
  wish.before?.(mesh)
  const session = new Session(1, [hop], asked.positions)
  const answered = await onClockOf(
    mesh,
    answerOf(session, asked, (count) => onToken(mesh, count)),
    limitMs,
  )
  return { ...answered, events, tookMs: mesh.clock.nowMs, mesh }
}
