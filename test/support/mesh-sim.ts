/**
 * Random lives and deaths of routes on links in memory: every number comes from the seed, so that a run can be seen again.
 * The stages are the CPU oracle; a run is right when its tokens are those of one whole stage.
 */
import type { LayerRange, SamplerSpec } from '../../web/engine/stage.ts'
import { Offenders } from '../../web/schedule/offenders.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteEvent } from '../../web/schedule/route-parts.ts'
import { RoutePlans } from '../../web/schedule/route-plans.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import { LEASE_MS } from '../../web/wire/limits/signalling.ts'
import type { Plan, PlanWish } from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
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

/** After the first search began; in good time for its last look. */
const HEIR_MS_MAX = 20_000

/** `mute`: it is alive and passes nothing on. `torn`: nobody dies, but the link between a stage and the next one is gone. */
const DEATHS = ['closed', 'drained', 'frozen', 'stuck', 'mute', 'torn'] as const
/** Who comes once a route is looked for: nobody, one for each place of which all are dead, or one with all layers. */
const HEIRS = ['none', 'none', 'layers', 'whole'] as const
const PHASES = ['connect', 'prefill', 'decode', 'hand-over'] as const
type Death = (typeof DEATHS)[number]
type Phase = (typeof PHASES)[number]

interface Holder {
  readonly name: string
  readonly span: LayerRange
  /** When the server knows that it is gone. */
  goneMs: number
}

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
  readonly heirs: (typeof HEIRS)[number]
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
    const killOf = (stage: number, standby: boolean): Kill => {
      return { stage, standby, death: pick(DEATHS), phase: pick(PHASES), atToken: below(tokens) }
    }
    const kills = Array.from({ length: below(3) }, () => killOf(below(ends.length), below(4) === 0))
    // In every third run there is a place in which nobody is left.
    const bereft = below(3) === 0 ? [below(ends.length)] : []
    for (const stage of bereft) kills.push(killOf(stage, false), killOf(stage, true))
    const heirs = pick(HEIRS)
    const heirMs = below(HEIR_MS_MAX)
    const mesh = new MemoryMesh({ delayMs: () => 1 + random.uniform() * 40 })
    const asker = mesh.join('asker')
    const holders: Holder[] = []
    const join = async (name: string, span: LayerRange) => {
      mesh.join(name, await loadCpu(this.#file, span))
      holders.push({ name, span, goneMs: Number.POSITIVE_INFINITY })
    }
    const spans = ends.map((last, index): LayerRange => ({ first: ends[index - 1] ?? 0, last }))
    for (const [index, span] of spans.entries()) {
      await join(`stage${index}`, span)
      await join(`standby${index}`, span)
    }
    const dead = new Set<string>()
    const inherit = async () => {
      const lacking = spans.filter((_, index) => dead.has(`stage${index}`) && dead.has(`standby${index}`))
      const wanted = heirs === 'whole' ? [{ first: 0, last: LAYERS }] : heirs === 'layers' ? lacking : []
      for (const span of wanted) await join(`heir${span.first}`, span)
    }
    const events: RouteEvent['kind'][] = []
    const alive = new Set(kills)
    const happen = (phase: Phase, atToken = 0) => {
      for (const kill of [...alive]) {
        if (kill.phase !== phase || (phase === 'decode' && kill.atToken !== atToken)) continue
        alive.delete(kill)
        const name = `${kill.standby ? 'standby' : 'stage'}${kill.stage}`
        end(mesh, name, kill.death, `stage${(kill.stage + 1) % ends.length}`)
        if (kill.death !== 'torn') dead.add(name)
        const goneMs = mesh.clock.nowMs + knownAfterMs(kill.death)
        for (const holder of holders) if (holder.name === name) holder.goneMs = goneMs
      }
    }
    const { nowMs, every } = { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every }
    const chance = () => random.uniform()
    const plans = new RoutePlans(
      {
        self: 'asker',
        ends: { load: async () => ok(false), unload: async () => {} },
        plan: async (wish) => planOf(holders, wish, nowMs()),
        connect: async (peer) => {
          const link = asker.exchange.linkTo(peer)
          return link ? ok(link) : fail('link-failed', '')
        },
        clock: { nowMs, every },
        randomRequest: () => REQUEST,
        chance,
      },
      new Offenders(),
      {
        head: { id: '', layers: LAYERS, activeParameters: 0, contextPositions: POSITIONS },
        source: null,
        ends: null,
        room: null,
      },
    )
    const onEvent = (event: RouteEvent) => {
      events.push(event.kind)
      if (event.kind === 'searching') mesh.clock.later(heirMs, () => void inherit())
      if (event.kind !== 'lost') return
      plans.lost(event.peer, event.reason)
      happen('hand-over')
    }
    const planned = await plans.first(() => {}, new AbortController().signal)
    if (!planned.ok) throw new Error(`all are here, and there is no plan: ${planned.code}`)
    const hop = new RouteHop({
      request: REQUEST,
      ...plans.layOut(planned.value),
      exchange: asker.exchange,
      onEvent,
      clock: { nowMs, every },
      replan: () => plans.again(),
      chance,
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
    return { seed, cuts, kills, heirs, events, tokens: got, expected, end: ended, virtualMs: mesh.clock.nowMs }
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

/** `whole`: to its end. `broken`: a stage and its standby died, nobody came for them, and what came before is right. */
export type Verdict = 'whole' | 'broken' | 'wrong'

/** Nothing may be lost or doubled, and an answer for which somebody is left goes on to its end. */
export function judge({ tokens, expected, end, kills, heirs }: SimRun): Verdict {
  if (!tokens.every((id, index) => id === expected[index])) return 'wrong'
  if (end?.kind !== 'end') return 'wrong'
  if (end.reason === 'length') return tokens.length === expected.length ? 'whole' : 'wrong'
  const dead = kills.filter(({ death }) => death !== 'torn')
  const nobody = dead.some((one) => dead.some((other) => one.stage === other.stage && one.standby !== other.standby))
  return nobody && heirs === 'none' && end.failure?.code === 'route-broken' ? 'broken' : 'wrong'
}

/** In one line: enough to see what happened. */
export function tell(run: SimRun): string {
  const { seed, cuts, kills, heirs, events, tokens, expected, end, virtualMs } = run
  const died = kills.map((kill) => {
    const who = `${kill.standby ? 'standby' : 'stage'} ${kill.stage} ${kill.death}`
    return kill.phase === 'decode' ? `${who} at token ${kill.atToken}` : `${who} in ${kill.phase}`
  })
  const how = end?.kind === 'end' ? (end.failure?.code ?? end.reason) : 'no end'
  const parts = [
    `seed ${seed}`,
    `${cuts.length + 1} stages`,
    died.join(' and ') || 'no death',
    `heirs: ${heirs}`,
    events.join(' '),
  ]
  return [...parts, `${tokens.length} of ${expected.length} tokens`, how, `${Math.round(virtualMs)} ms`].join('; ')
}

/** Who is mute goes on telling the server that it is there. */
function knownAfterMs(death: Death): number {
  if (death === 'mute' || death === 'torn') return Number.POSITIVE_INFINITY
  return death === 'closed' || death === 'drained' ? 0 : LEASE_MS
}

/** The fewest stages; of two with the same layers the first, and the second stands by. */
function planOf(holders: readonly Holder[], { avoid }: PlanWish, nowMs: number): Result<Plan> {
  const here = holders.filter(({ name, goneMs }) => goneMs > nowMs && !avoid.includes(name))
  const from = (first: number): Plan['stages'] | null => {
    if (first === LAYERS) return []
    const next = here.filter(({ span }) => span.first === first).sort((a, b) => b.span.last - a.span.last)
    for (const { name, span } of next) {
      const rest = from(span.last)
      if (!rest) continue
      const spare = next.find((other) => other.name !== name && other.span.last === span.last)
      const standby = spare ? { peer: spare.name, ticket: '' } : null
      return [{ span, peer: name, ticket: '', standby }, ...rest]
    }
    return null
  }
  const stages = from(0)
  return stages ? ok({ stages, predictedMs: 1, oneClass: true }) : fail('no-holder', '')
}

function end(mesh: MemoryMesh, name: string, death: Death, next: string): void {
  if (death === 'torn') mesh.cut(name, next)
  else if (death === 'closed') mesh.kill(name)
  else if (death === 'drained') mesh.drain(name)
  else if (death === 'frozen') mesh.freeze(name)
  else if (death === 'mute') mesh.mute(name)
  else mesh.stick(name)
}
