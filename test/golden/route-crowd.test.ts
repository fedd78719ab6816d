/**
 * Several askers with several requests each over the same stages, on links in memory and the CPU oracle: every text is that
 * of one whole stage, everybody has a turn, and who dies or asks for too much harms only itself.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { SamplerSpec } from '../../web/engine/stage.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import { samplerToWire } from '../../web/schedule/sampler-wire.ts'
import { Session, type SessionEvent } from '../../web/schedule/session.ts'
import { TOKENS_IN_FLIGHT_MAX } from '../../web/wire/limits/engine.ts'
import { SERVED_IDLE_MS, SERVED_PER_ASKER_MAX } from '../../web/wire/limits/mesh.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { type Paced, paced } from '../support/paced-stage.ts'
import { GREEDY, loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 96
const TOKENS = 16
const FRAME_MS = 10
const ASKERS = ['a', 'b', 'c']

let file: Uint8Array
beforeAll(() => {
  file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
})

interface Question {
  readonly asker: string
  readonly request: string
  readonly prompt: readonly number[]
  readonly sampler: SamplerSpec
}

interface Answer {
  readonly tokens: number[]
  end: Extract<SessionEvent, { kind: 'end' }> | null
}

const questionOf = (asker: string, index: number): Question => ({
  asker,
  request: `${ASKERS.indexOf(asker)}${index}`.padStart(32, '0'),
  prompt: Array.from({ length: 5 + 9 * index }, (_, at) => 3 + ((at * 31 + asker.charCodeAt(0) + index) % 190)),
  sampler: index % 2 === 0 ? GREEDY : { ...SEEDED, seed: SEEDED.seed + BigInt(asker.charCodeAt(0)) },
})
const TWO_EACH = ASKERS.flatMap((asker) => [questionOf(asker, 0), questionOf(asker, 1)])

interface Crowd {
  readonly mesh: MemoryMesh
  readonly stages: readonly RouteStage[]
  readonly engines: readonly Paced[]
}

async function crowd(): Promise<Crowd> {
  const mesh = new MemoryMesh()
  for (const asker of ASKERS) mesh.join(asker)
  const stages: RouteStage[] = []
  const engines: Paced[] = []
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const span = { first: layer, last: layer + 1 }
    const engine = paced(await loadCpu(file, span), mesh.clock, FRAME_MS)
    mesh.join(`stage${layer}`, engine)
    stages.push({ span, peer: `stage${layer}`, standby: null })
    engines.push(engine)
  }
  return { mesh, stages, engines }
}

function ask({ mesh, stages }: Crowd, { asker, request, prompt, sampler }: Question, onToken = () => {}): Answer {
  const clock = { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every }
  const { exchange } = mesh.peer(asker)
  const hop = new RouteHop({ request, stages, tickets: new Map(), exchange, onEvent: () => {}, clock })
  const session = new Session(1, [hop], POSITIONS)
  const answer: Answer = { tokens: [], end: null }
  void (async () => {
    const wish = { prompt, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
    for await (const event of session.generate(wish, new AbortController().signal)) {
      if (event.kind === 'token') {
        answer.tokens.push(event.id)
        onToken()
      }
      if (event.kind === 'end') answer.end = event
    }
    await session.close()
  })()
  return answer
}

async function whole({ prompt, sampler }: Question): Promise<readonly number[]> {
  const session = new Session(1, [await loadCpu(file)], POSITIONS)
  const tokens: number[] = []
  const wish = { prompt, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
  for await (const event of session.generate(wish, new AbortController().signal)) {
    if (event.kind === 'token') tokens.push(event.id)
  }
  return tokens
}

/** The most frames of others that one session waits for between two of its own. */
function longestWait(order: readonly number[], session: number): number {
  const own = order.flatMap((other, index) => (other === session ? [index] : []))
  return Math.max(0, ...own.slice(1).map((at, index) => at - (own[index] ?? 0) - 1))
}

describe('three askers with two requests each over three stages', () => {
  it('all have the text of one whole stage, at once, and each has its turn', async () => {
    const setting = await crowd()
    const answers = TWO_EACH.map((question) => ask(setting, question))
    expect(await setting.mesh.clock.until(() => answers.every(({ end }) => end !== null))).toBe(true)
    for (const [index, question] of TWO_EACH.entries()) {
      expect(answers[index]?.end).toMatchObject({ reason: 'length' })
      expect(answers[index]?.tokens, `${question.asker} ${index}`).toEqual(await whole(question))
    }
    for (const { order } of setting.engines) {
      const sessions = new Set(order)
      expect(sessions.size).toBe(TWO_EACH.length)
      for (const session of sessions) {
        expect(longestWait(order, session)).toBeLessThanOrEqual(TOKENS_IN_FLIGHT_MAX * (TWO_EACH.length - 1))
      }
    }
  })

  it('one asker dies in the middle: the others notice nothing, and its places are free', async () => {
    const setting = await crowd()
    const [dying, ...others] = ASKERS
    let tokens = 0
    const answers = TWO_EACH.map((question) =>
      ask(setting, question, () => {
        tokens += 1
        if (tokens === 20) setting.mesh.kill(dying ?? '')
      }),
    )
    const rest = TWO_EACH.flatMap((question, index) => (others.includes(question.asker) ? [index] : []))
    let before: readonly number[] = []
    expect(
      await setting.mesh.clock.until(() => {
        before = setting.stages.map(({ peer }) => setting.mesh.peer(peer).provider?.serving ?? -1)
        return rest.every((index) => answers[index]?.end) && before.every((count) => count === 0)
      }),
    ).toBe(true)
    for (const index of rest) {
      const question = TWO_EACH[index] ?? questionOf('a', 0)
      expect(answers[index]?.tokens).toEqual(await whole(question))
    }
    for (const [index, question] of TWO_EACH.entries()) {
      if (question.asker === dying) expect(answers[index]?.end).not.toMatchObject({ reason: 'length' })
    }
  })
})

/** Opens a request at the first stage by hand, as somebody who does not wait for answers would. */
async function openBy({ mesh, stages }: Crowd, asker: string, request: string): Promise<PeerSays[]> {
  const { exchange } = mesh.peer(asker)
  const heard: PeerSays[] = []
  exchange.join(request, { hear: (_, message) => heard.push(message), take: () => {}, gone: () => {} })
  const [first, second, last] = stages.map(({ peer }) => peer)
  const place = { span: { first: 0, last: 1 }, before: null, after: second ?? '', head: first ?? '', tail: last ?? '' }
  await exchange.linkTo(first ?? '')?.say({
    says: 'open',
    request,
    epoch: 1,
    ticket: '',
    place,
    positions: POSITIONS,
    sampler: samplerToWire(GREEDY),
  })
  expect(await mesh.clock.until(() => heard.some(({ says }) => says === 'opened' || says === 'refused'))).toBe(true)
  return heard
}

describe('an asker that wants too much', () => {
  it('sends all its frames at once: others wait for a few of them, not for all', async () => {
    const setting = await crowd()
    const request = 'f'.repeat(32)
    await openBy(setting, 'b', request)
    const link = setting.mesh.peer('b').exchange.linkTo('stage0')
    for (let position = 0; position < POSITIONS; position += 1) {
      const about = { request, epoch: 1, position, count: 1, mode: 'decode', sample: false, rebuild: true } as const
      void link?.send({ type: 'tokens', ...about, ids: Uint32Array.of(5) }, 'now')
    }
    const question = questionOf('a', 0)
    const answer = ask(setting, question)
    expect(await setting.mesh.clock.until(() => answer.end !== null)).toBe(true)
    expect(answer.tokens).toEqual(await whole(question))
    const order = setting.engines[0]?.order ?? []
    const [flood = 0, honest = 0] = [...new Set(order)]
    expect(order.filter((session) => session === flood).length).toBeGreaterThan(TOKENS_IN_FLIGHT_MAX)
    // A queue that is served as it came would have the whole flood before the first, or between two of them.
    expect(order.indexOf(honest)).toBeLessThan(POSITIONS / 4)
    expect(longestWait(order, honest)).toBeLessThan(POSITIONS / 4)
  })

  it('has no more open requests at a stage than it may; another asker is let in', async () => {
    const setting = await crowd()
    for (let index = 0; index < SERVED_PER_ASKER_MAX; index += 1) {
      expect(await openBy(setting, 'b', `${index}`.padStart(32, 'e'))).toMatchObject([{ says: 'opened' }])
    }
    const more = await openBy(setting, 'b', 'e'.repeat(32))
    expect(more).toMatchObject([{ says: 'refused', code: 'requests-full' }])
    expect(await openBy(setting, 'a', 'd'.repeat(32))).toMatchObject([{ says: 'opened' }])
    const question = questionOf('c', 1)
    const answer = ask(setting, question)
    expect(await setting.mesh.clock.until(() => answer.end !== null)).toBe(true)
    expect(answer.tokens).toEqual(await whole(question))
  })

  it('keeps no place at a full stage by being quiet', async () => {
    const setting = await crowd()
    const quiet: PeerSays[][] = []
    for (const asker of ['b', 'c']) {
      for (let index = 0; index < SERVED_PER_ASKER_MAX; index += 1) {
        quiet.push(await openBy(setting, asker, `${index}`.padStart(32, asker)))
      }
    }
    expect(await openBy(setting, 'a', 'd'.repeat(32))).toMatchObject([{ says: 'refused', code: 'kv-full' }])
    const fromMs = setting.mesh.clock.nowMs
    await setting.mesh.clock.until(() => setting.mesh.clock.nowMs - fromMs > 2 * SERVED_IDLE_MS)
    expect((await openBy(setting, 'a', 'd'.repeat(32))).at(-1)).toMatchObject({ says: 'opened' })
    const refused = () => quiet.flatMap((heard) => heard.filter(({ says }) => says === 'refused'))
    await setting.mesh.clock.until(() => refused().length > 0)
    expect(refused()).toMatchObject([{ code: 'session-unknown' }])
  })
})
