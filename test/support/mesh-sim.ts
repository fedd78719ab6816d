/**
 * Random lives and deaths of routes on links in memory: every number comes from the seed, so that a run can be seen again.
 * The stages are the CPU oracle; a run is right when its tokens are those of one whole stage.
 */
import type { LayerRange, SamplerSpec } from '../../web/engine/stage.ts'
import { type RouteEvent, RouteHop, type RouteStage } from '../../web/schedule/route-hop.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import { Random } from '../fixtures/random.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from './memory-mesh.ts'
import { GREEDY, loadCpu, SEEDED } from './tiny-stage.ts'

const LAYERS = 4
const POSITIONS = 96
const TOKENS_MAX = 20
const REQUEST = '0123456789abcdef0123456789abcdef'
/** Of the clock in memory: an answer that takes longer hangs. */
const RUN_MS_MAX = 10 * 60_000

/** `torn`: nobody dies, but the link between a stage and the next one is gone. */
const DEATHS = ['closed', 'drained', 'frozen', 'stuck', 'torn'] as const
const PHASES = ['connect', 'prefill', 'decode', 'hand-over'] as const
type Death = (typeof DEATHS)[number]
type Phase = (typeof PHASES)[number]

export interface Kill {
  readonly stage: number
  /** The one that stands by, whether it has taken over or not. */
  readonly standby: boolean
  readonly death: Death
  readonly phase: Phase
  /** Of a decode: when so many tokens have come. */
  readonly atToken: number
}

export interface SimRun {
  readonly seed: number
  readonly cuts: readonly number[]
  readonly kills: readonly Kill[]
  readonly events: readonly RouteEvent['kind'][]
  readonly tokens: readonly number[]
  readonly expected: readonly number[]
  readonly end: SessionEvent | null
  readonly virtualMs: number
}

export class MeshSim {
  readonly #file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
  readonly #whole = new Map<string, readonly number[]>()

  async run(seed: number): Promise<SimRun> {
    const random = new Random(seed)
    const below = (count: number) => random.below(count)
    const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T
    const sampler = pick([GREEDY, SEEDED])
    const prompt = Array.from({ length: 1 + below(30) }, () => 3 + below(200))
    const tokens = 1 + below(TOKENS_MAX)
    const cuts = [1, 2, 3].filter(() => below(2) === 0)
    const ends = [...cuts, LAYERS]
    const kills = Array.from(
      { length: below(3) },
      (): Kill => ({
        stage: below(ends.length),
        standby: below(4) === 0,
        death: pick(DEATHS),
        phase: pick(PHASES),
        atToken: below(tokens),
      }),
    )
    const mesh = new MemoryMesh({ delayMs: () => 1 + random.uniform() * 40 })
    const asker = mesh.join('asker')
    const stages: RouteStage[] = []
    for (const [index, last] of ends.entries()) {
      const span: LayerRange = { first: ends[index - 1] ?? 0, last }
      mesh.join(`stage${index}`, await loadCpu(this.#file, span))
      mesh.join(`standby${index}`, await loadCpu(this.#file, span))
      stages.push({ span, peer: `stage${index}`, standby: `standby${index}` })
    }
    const events: RouteEvent['kind'][] = []
    const alive = new Set(kills)
    const happen = (phase: Phase, atToken = 0) => {
      for (const kill of [...alive]) {
        if (kill.phase !== phase || (phase === 'decode' && kill.atToken !== atToken)) continue
        alive.delete(kill)
        const name = `${kill.standby ? 'standby' : 'stage'}${kill.stage}`
        end(mesh, name, kill.death, `stage${(kill.stage + 1) % ends.length}`)
      }
    }
    const onEvent = (event: RouteEvent) => {
      events.push(event.kind)
      if (event.kind === 'lost') happen('hand-over')
    }
    const { nowMs, every } = { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every }
    const hop = new RouteHop({
      request: REQUEST,
      stages,
      tickets: new Map(),
      exchange: asker.exchange,
      onEvent,
      clock: { nowMs, every },
    })
    const session = new Session(1, [hop], POSITIONS)
    const got: number[] = []
    let ended: SessionEvent | null = null
    happen('connect')
    const running = (async () => {
      const request = { prompt, sampler, maxTokens: tokens, endTokens: new Set<number>() }
      for await (const event of session.generate(request, new AbortController().signal)) {
        if (event.kind === 'prefill' && got.length === 0) happen('prefill')
        if (event.kind === 'token') {
          happen('decode', got.length)
          got.push(event.id)
        }
        if (event.kind === 'end') ended = event
      }
    })()
    if (await mesh.clock.until(() => ended !== null, RUN_MS_MAX)) await running
    const expected = await this.#expected(prompt, sampler, tokens)
    return { seed, cuts, kills, events, tokens: got, expected, end: ended, virtualMs: mesh.clock.nowMs }
  }

  async #expected(prompt: readonly number[], sampler: SamplerSpec, maxTokens: number): Promise<readonly number[]> {
    const key = `${prompt.join()} ${sampler.temperature} ${maxTokens}`
    const known = this.#whole.get(key)
    if (known) return known
    const session = new Session(1, [await loadCpu(this.#file)], POSITIONS)
    const tokens: number[] = []
    const request = { prompt, sampler, maxTokens, endTokens: new Set<number>() }
    for await (const event of session.generate(request, new AbortController().signal)) {
      if (event.kind === 'token') tokens.push(event.id)
    }
    this.#whole.set(key, tokens)
    return tokens
  }
}

/** `whole`: to its end. `broken`: a stage and its standby died, and what came before is right. */
export type Verdict = 'whole' | 'broken' | 'wrong'

/** Nothing may be lost or doubled, and an answer for which somebody is left goes on to its end. */
export function judge({ tokens, expected, end, kills }: SimRun): Verdict {
  if (!tokens.every((id, index) => id === expected[index])) return 'wrong'
  if (end?.kind !== 'end') return 'wrong'
  if (end.reason === 'length') return tokens.length === expected.length ? 'whole' : 'wrong'
  const dead = kills.filter(({ death }) => death !== 'torn')
  const nobody = dead.some((one) => dead.some((other) => one.stage === other.stage && one.standby !== other.standby))
  return nobody && end.failure?.code === 'route-broken' ? 'broken' : 'wrong'
}

/** In one line: enough to see what happened. */
export function tell(run: SimRun): string {
  const { seed, cuts, kills, events, tokens, expected, end, virtualMs } = run
  const died = kills.map((kill) => {
    const who = `${kill.standby ? 'standby' : 'stage'} ${kill.stage} ${kill.death}`
    return kill.phase === 'decode' ? `${who} at token ${kill.atToken}` : `${who} in ${kill.phase}`
  })
  const how = end?.kind === 'end' ? (end.failure?.code ?? end.reason) : 'no end'
  const parts = [`seed ${seed}`, `${cuts.length + 1} stages`, died.join(' and ') || 'no death', events.join(' ')]
  return [...parts, `${tokens.length} of ${expected.length} tokens`, how, `${Math.round(virtualMs)} ms`].join('; ')
}

function end(mesh: MemoryMesh, name: string, death: Death, next: string): void {
  if (death === 'torn') mesh.cut(name, next)
  else if (death === 'closed') mesh.kill(name)
  else if (death === 'drained') mesh.drain(name)
  else if (death === 'frozen') mesh.freeze(name)
  else mesh.stick(name)
}
