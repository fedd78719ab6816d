/**
 * The asker as a stage of its own route, over links in memory and on the CPU oracle: with private ends nothing that leaves
 * its tab names a token, and the text is that of one whole stage, also when stages in the middle die.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { LayerRange, SamplerSpec } from '../../web/engine/stage.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import type { RouteEvent } from '../../web/schedule/route-parts.ts'
import { Session } from '../../web/schedule/session.ts'
import { seatOf } from '../../web/wire/peers.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh, type Sent } from '../support/memory-mesh.ts'
import { type Answered, answerOf, onClockOf, wholeAnswer } from '../support/route-run.ts'
import { GREEDY, loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 5
const POSITIONS = 128
const TOKENS = 24
const PROMPT = Array.from({ length: 45 }, (_, index) => 3 + ((index * 37) % 190))
const REQUEST = '0123456789abcdef0123456789abcdef'

let file: Uint8Array
beforeAll(() => {
  file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
})

interface Run extends Answered {
  readonly events: readonly RouteEvent['kind'][]
  readonly sent: readonly Sent[]
}

const askedBy = (sampler: SamplerSpec) => ({ prompt: PROMPT, maxTokens: TOKENS, sampler })

const whole = (sampler: SamplerSpec) => wholeAnswer({ file, positions: POSITIONS, ...askedBy(sampler) })

interface Setting {
  readonly mesh: MemoryMesh
  readonly stages: readonly RouteStage[]
}

/** Layers of the middle over others, each with a standby; the ends are the asker's. */
async function privately(...ends: readonly number[]): Promise<Setting> {
  const mesh = new MemoryMesh()
  const load = (range: LayerRange) => loadCpu(file, range)
  const own = [
    { first: 0, last: 1 },
    { first: LAYERS - 1, last: LAYERS },
  ] as const
  mesh.seat(mesh.join('asker'), await load(own[0]), await load(own[1]))
  const middle: RouteStage[] = []
  for (const [index, last] of ends.entries()) {
    const span = { first: ends[index - 1] ?? 1, last }
    for (const name of ['stage', 'standby']) mesh.join(`${name}${index}`, await load(span))
    middle.push({ span, peer: `stage${index}`, standby: `standby${index}` })
  }
  const seat = (name: 'first' | 'last', span: LayerRange) => ({ span, peer: seatOf('asker', name), standby: null })
  return { mesh, stages: [seat('first', own[0]), ...middle, seat('last', own[1])] }
}

async function run({ mesh, stages }: Setting, sampler: SamplerSpec, onToken?: (count: number) => void): Promise<Run> {
  const exchange = mesh.peer('asker').exchange
  const events: RouteEvent['kind'][] = []
  const clock = { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every }
  const onEvent = ({ kind }: RouteEvent) => events.push(kind)
  const hop = new RouteHop({ request: REQUEST, stages, tickets: new Map(), exchange, onEvent, clock })
  const answering = answerOf(new Session(1, [hop], POSITIONS), askedBy(sampler), onToken)
  return { ...(await onClockOf(mesh, answering)), events, sent: mesh.sent }
}

/** Every key of what is said in words, at any depth. */
function keysOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf)
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)])
}

const ABOUT = [
  'says',
  'request',
  'epoch',
  'position',
  'positions',
  'ticket',
  'peers',
  'by',
  'frameMs',
  'at',
  'got',
  'passed',
]
const PLACE = ['place', 'span', 'first', 'last', 'before', 'after', 'head', 'tail']
const SAMPLER = ['sampler', 'temperature', 'topK', 'topP', 'minP', 'repetitionPenalty', 'seed']

/** No token id is in it: hidden states, and words with no room for one. */
function expectNoIds(sent: readonly Sent[]): void {
  for (const { from, to, what } of sent) {
    if ('says' in what) {
      for (const key of keysOf(what)) expect([...ABOUT, ...PLACE, ...SAMPLER, 'code', 'detail']).toContain(key)
      continue
    }
    expect([what.type, from, to]).toEqual(['hidden', from, to])
    expect(Object.keys(what).sort()).toEqual(
      ['count', 'epoch', 'mode', 'position', 'rebuild', 'request', 'rows', 'sample', 'type', 'width'].sort(),
    )
  }
}

describe.each([
  ['greedy', GREEDY],
  ['seeded', SEEDED],
] as const)('private ends, %s', (_, sampler) => {
  it.each([[[4]], [[2, 4]], [[2, 3, 4]]])('around middles that end at %j give the text of one stage', async (ends) => {
    const { tokens, events, end, sent } = await run(await privately(...ends), sampler)
    expect(end).toMatchObject({ reason: 'length' })
    expect(tokens).toEqual(await whole(sampler))
    expect(events).toEqual([])
    expect(sent.filter(({ what }) => 'type' in what).length).toBeGreaterThan(TOKENS)
    expectNoIds(sent)
  })

  it('a stage of the middle dies at any time: the same text, and still no token leaves', async () => {
    const expected = await whole(sampler)
    for (const index of [0, 1]) {
      for (const atToken of [0, 1, 9, TOKENS - 1]) {
        const setting = await privately(2, 4)
        const { tokens, events, sent } = await run(setting, sampler, (count) => {
          if (count === atToken) setting.mesh.kill(`stage${index}`)
        })
        const what = `stage ${index} at token ${atToken}`
        expect(tokens, what).toEqual(expected)
        expect(events, what).toEqual(['lost', 'replaced', 'recovered'])
        expectNoIds(sent)
      }
    }
  })

  it('both stages of the middle die at once: all begin anew from tokens that stay here', async () => {
    const setting = await privately(2, 4)
    const { tokens, sent } = await run(setting, sampler, (count) => {
      if (count === 7) for (const name of ['stage0', 'stage1']) setting.mesh.kill(name)
    })
    expect(tokens).toEqual(await whole(sampler))
    expectNoIds(sent)
  })
})

it('without private ends the same look finds tokens on their way', async () => {
  const mesh = new MemoryMesh()
  mesh.join('asker')
  mesh.join('a', await loadCpu(file, { first: 0, last: 2 }))
  mesh.join('b', await loadCpu(file, { first: 2, last: LAYERS }))
  const stages = [
    { span: { first: 0, last: 2 }, peer: 'a', standby: null },
    { span: { first: 2, last: LAYERS }, peer: 'b', standby: null },
  ]
  const { sent } = await run({ mesh, stages }, GREEDY)
  expect(() => expectNoIds(sent)).toThrow()
})

it('an own GPU that is gone ends the answer with what was committed', async () => {
  const setting = await privately(4)
  const { tokens, end } = await run(setting, GREEDY, (count) => {
    if (count === 6) setting.mesh.stick('asker')
  })
  expect(end).toMatchObject({ reason: 'error', failure: { code: 'route-broken' } })
  expect(tokens).toEqual((await whole(GREEDY)).slice(0, tokens.length))
})

describe.each([
  ['first', 0],
  ['middle', 1],
  ['last', 2],
] as const)('a range that this tab serves to all as the %s stage of its own route', (_, own) => {
  it('gives the text of one stage, and goes on when another stage dies', async () => {
    for (const sampler of [GREEDY, SEEDED]) {
      const mesh = new MemoryMesh()
      const ends = [1, 3, LAYERS]
      const stages: RouteStage[] = []
      for (const [index, last] of ends.entries()) {
        const span = { first: ends[index - 1] ?? 0, last }
        const peer = index === own ? 'asker' : `stage${index}`
        mesh.join(peer, await loadCpu(file, span))
        mesh.join(`standby${index}`, await loadCpu(file, span))
        stages.push({ span, peer, standby: `standby${index}` })
      }
      const { tokens, events } = await run({ mesh, stages }, sampler, (count) => {
        if (count === 5) mesh.kill(`stage${(own + 1) % 3}`)
      })
      expect(tokens).toEqual(await whole(sampler))
      expect(events).toEqual(['lost', 'replaced', 'recovered'])
    }
  })
})
