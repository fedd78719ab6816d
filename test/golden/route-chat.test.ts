/**
 * Answers over other peers as the page asks for them, with a played planner, on links in memory and the CPU oracle: what is
 * asked of the planner, which plans are believed, when own ends are loaded, and which route a next question takes.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StageEngine } from '../../web/engine/stage.ts'
import { RouteChat } from '../../web/schedule/route-chat.ts'
import type { ChatEvent, ChatMessage } from '../../web/wire/chat.ts'
import { CODES } from '../../web/wire/codes.ts'
import { REPLANS_MAX } from '../../web/wire/limits/mesh.ts'
import { peerIdOf } from '../../web/wire/peers.ts'
import type { Plan, PlanWish } from '../../web/wire/plan-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { newKey } from '../support/job-tabs.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { claimsWith, ticketOf } from '../support/ticket-claims.ts'
import { GREEDY, loadCpu } from '../support/tiny-stage.ts'
import { wordsOf, wordsWorker } from '../support/words-worker.ts'

const LAYERS = 3
const POSITIONS = 96
const NEVER = new AbortController().signal
const SOURCE = { kind: 'mirror', id: 'a'.repeat(64) } as const
const FIRST: ChatMessage = { role: 'user', content: '3 17 42 7 99 5' }
const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })

const stageOf = (peer: string, first: number, last: number) => ({
  peer,
  span: { first, last },
  ticket: 'ticket',
  standby: null,
})
const WHOLE = [stageOf('a', 0, 1), stageOf('b', 1, 2), stageOf('c', 2, 3)]
const PRIVATE = [stageOf('me', 0, 1), stageOf('b', 1, 2), stageOf('me', 2, 3)]

let mesh: MemoryMesh
let chat: RouteChat
let wishes: PlanWish[]
let loads: number
let loaded: boolean
let stages: (wish: PlanWish) => Plan['stages']
let worker: Worker
let news: string[]
/** What happens when the planner is asked for the second time and after. */
let onReplan: (wish: PlanWish) => Promise<Result<Plan>>

beforeEach(async () => {
  mesh = new MemoryMesh()
  const load = (first: number, last: number): Promise<StageEngine> => loadCpu(file, { first, last })
  const me = mesh.join('me')
  for (const { peer, span } of WHOLE) mesh.join(peer, await load(span.first, span.last))
  const [first, last] = [await load(0, 1), await load(2, 3)]
  wishes = []
  news = []
  onReplan = async () => fail('no-holder', '')
  loads = 0
  loaded = false
  stages = ({ ends }) => (ends ? PRIVATE : WHOLE)
  let requests = 0
  worker = wordsWorker(wordsOf(SOURCE.id, LAYERS, POSITIONS, first.facts.vocabulary))
  const linkTo = async (peer: string) => {
    const link = me.exchange.linkTo(peer)
    return link ? ok(link) : fail('link-failed', '')
  }
  chat = new RouteChat({
    makeWorker: () => worker,
    baseUrl: 'http://localhost/',
    askPersistence: async () => false,
    now: () => mesh.clock.nowMs,
    self: 'me',
    ends: {
      load: async (): Promise<Result<boolean>> => {
        if (loaded) return ok(false)
        loads += 1
        loaded = true
        mesh.seat(me, first, last)
        return ok(true)
      },
      unload: async () => {
        loaded = false
      },
    },
    plan: async (wish) => {
      wishes.push(wish)
      if (wishes.some((other) => other !== wish && other.request === wish.request)) return onReplan(wish)
      return ok({ stages: stages(wish), predictedMs: 1, oneClass: true })
    },
    connect: linkTo,
    exchange: me.exchange,
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
    randomRequest: () => (requests++).toString(16).padStart(32, '0'),
    onRoute: (_, { kind }) => news.push(kind),
  })
  expect(await chat.load(SOURCE, () => {}, NEVER)).toMatchObject({ ok: true })
})

afterEach(() => worker.terminate())

async function ask(
  messages: readonly ChatMessage[],
  privateEnds = false,
  on: (event: ChatEvent) => void = () => {},
  signal = NEVER,
) {
  const request = { messages, sampling: GREEDY, maxTokens: 8, stop: [] }
  let text = ''
  const notices: string[] = []
  let end: Extract<ChatEvent, { kind: 'end' }> | null = null
  const reading = (async () => {
    for await (const event of chat.chat(request, signal, privateEnds)) {
      on(event)
      if (event.kind === 'notice') notices.push(event.code)
      if (event.kind === 'text') text += event.text
      if (event.kind === 'end') end = event
    }
    return true
  })()
  let done = false
  void reading.finally(() => {
    done = true
  })
  // Words come from a port, which no clock of the test moves.
  while (!done) if (!(await mesh.clock.until(() => done, mesh.clock.nowMs + 5))) mesh.clock.later(5, () => {})
  await reading
  return { text, notices, end: end as Extract<ChatEvent, { kind: 'end' }> | null }
}

const following = (text: string): readonly ChatMessage[] => [
  FIRST,
  { role: 'assistant', content: text },
  { role: 'user', content: '31 9' },
]

describe('an answer that nobody pays', () => {
  it('is as long as its tickets allow', async () => {
    const [asker, worker] = [
      peerIdOf((await newKey()).name, 'a'.repeat(22)),
      peerIdOf((await newKey()).name, 'b'.repeat(22)),
    ]
    const ticketFor = (outputTokens: number) => ticketOf(claimsWith({ asker, worker, outputTokens }))
    stages = () => WHOLE.map((stage, index) => ({ ...stage, ticket: ticketFor(5 - index) }))
    const { text, end } = await ask([FIRST])
    expect(text).toMatch(/^(t\d+ ){3}$/)
    expect(end).toMatchObject({ reason: 'length' })
    expect(wishes[0]).not.toHaveProperty('pays')
  })
})

describe('private ends', () => {
  it('are loaded once, planned for with tickets of after the load, and say the same', async () => {
    const open = await ask([FIRST])
    const own = await ask([FIRST], true)
    const more = await ask([FIRST], true)
    expect([own.text, more.text]).toEqual([open.text, open.text])
    expect(open.text).toMatch(/^(t\d+ ){8}$/)
    const ends = { first: 1, last: 1 }
    expect(wishes.map((wish) => wish.ends)).toEqual([null, ends, ends, ends])
    expect(loads).toBe(1)
  })

  it('are given back with the first answer that is without', async () => {
    await ask([FIRST], true)
    expect(loaded).toBe(true)
    await ask([FIRST])
    expect(loaded).toBe(false)
  })

  it.each<[string, Plan['stages']]>([
    ['the first layer', [stageOf('a', 0, 1), stageOf('b', 1, 2), stageOf('me', 2, 3)]],
    ['the last layer', [stageOf('me', 0, 1), stageOf('b', 1, 2), stageOf('c', 2, 3)]],
    ['everything', WHOLE],
  ])('of a plan that gives %s to others are not believed, and nothing is sent', async (_, planned) => {
    stages = () => planned
    const { end, text } = await ask([FIRST], true)
    expect(end).toMatchObject({ reason: 'error', code: 'event-invalid' })
    expect([text, loads]).toEqual(['', 0])
    expect(mesh.sent.filter(({ from, what }) => from === 'me' && !('says' in what && what.says === 'alive'))).toEqual(
      [],
    )
  })
})

describe('the next question', () => {
  it.each([
    ['of the same conversation goes on over the same route', false],
    ['with private ends too', true],
  ])('%s', async (_, privateEnds) => {
    const first = await ask([FIRST], privateEnds)
    const planned = wishes.length
    const second = await ask(following(first.text), privateEnds)
    expect(wishes).toHaveLength(planned)
    expect(second.end).toMatchObject({ reason: 'length' })
    expect(second.end?.usage.reusedTokens).toBeGreaterThan(first.end?.usage.promptTokens ?? 0)
    // The same by a route of its own.
    await chat.load(SOURCE, () => {}, NEVER)
    const fresh = await ask(following(first.text), privateEnds)
    expect(fresh.end?.usage.reusedTokens).toBe(0)
    expect(fresh.text).toBe(second.text)
    expect(wishes.length).toBeGreaterThan(planned)
  })

  it('once more, of another conversation, or with other ends takes a route of its own', async () => {
    const { text } = await ask([FIRST])
    const others: readonly (readonly [readonly ChatMessage[], boolean])[] = [
      [[FIRST], false],
      [[{ role: 'user', content: '50 51 52' }], false],
      [following(text), true],
    ]
    for (const [messages, privateEnds] of others) {
      const planned = wishes.length
      const { end } = await ask(messages, privateEnds)
      expect(end).toMatchObject({ reason: 'length', usage: { reusedTokens: 0 } })
      expect(wishes.length).toBeGreaterThan(planned)
    }
    // Those that are kept no more have given their places back.
    expect(WHOLE.map(({ peer }) => mesh.peer(peer).provider?.serving)).toEqual([0, 1, 0])
  })
})

describe('a stage for which nobody stands by', () => {
  /** Closes `b` at the fourth token. */
  const dying = () => {
    let texts = 0
    return (event: ChatEvent) => {
      if (event.kind === 'text') texts += 1
      if (event.kind === 'text' && texts === 4) mesh.kill('b')
    }
  }
  const another = (planned: Plan['stages']): Result<Plan> => ok({ stages: planned, predictedMs: 1, oneClass: true })
  const expectFree = async (names: readonly string[]) => {
    const busy = () => names.filter((name) => mesh.peer(name).provider?.serving !== 0)
    await mesh.clock.until(() => busy().length === 0, mesh.clock.nowMs + 1_000)
    expect(busy()).toEqual([])
  }
  const join = async (name: string, first: number, last: number) => {
    if (!mesh.has(name)) mesh.join(name, await loadCpu(file, { first, last }))
  }

  it.each<[string, Plan['stages']]>([
    ['with the same layers', [stageOf('a', 0, 1), stageOf('heir', 1, 2), stageOf('c', 2, 3)]],
    ['with other cuts', [stageOf('a', 0, 1), stageOf('heir', 1, 3)]],
    ['with all layers', [stageOf('heir', 0, 3)]],
  ])('is followed by another plan %s, and the text is the same', async (_, planned) => {
    const { text } = await ask([FIRST])
    await chat.load(SOURCE, () => {}, NEVER)
    wishes = []
    news = []
    const heir = planned.find(({ peer }) => peer === 'heir')?.span ?? { first: 0, last: 0 }
    onReplan = async () => {
      // Nobody has them the first time that it looks.
      if (wishes.length === 2) return fail('no-holder', '1 to 2')
      await join('heir', heir.first, heir.last)
      return another(planned)
    }
    const answer = await ask([FIRST], false, dying())
    expect(answer.end).toMatchObject({ reason: 'length' })
    expect(answer.text).toBe(text)
    expect(answer.notices).toEqual(['route-searching'])
    expect(wishes.map(({ avoid }) => avoid)).toEqual([[], ['b'], ['b']])
    expect(new Set(wishes.map(({ request }) => request)).size).toBe(1)
    const steps = ['planned', 'lost', 'searching', 'rerouted', 'recovered']
    expect(news.filter((kind) => kind !== 'replaced')).toEqual(steps)
    // Who has no place any more keeps nothing; the route was lost, so it is not kept for a next question either.
    await expectFree(['a', 'c', 'heir'])
  })

  it('ends the answer where no plan can be had, with what was shown and why', async () => {
    const whole = await ask([FIRST])
    await chat.load(SOURCE, () => {}, NEVER)
    wishes = []
    const answer = await ask([FIRST], false, dying())
    expect(answer.end).toMatchObject({ reason: 'error', code: 'route-broken' })
    expect(answer.end?.detail).toContain(CODES['no-holder'][0])
    expect(whole.text.startsWith(answer.text)).toBe(true)
    expect(answer.text).not.toBe('')
    expect(wishes).toHaveLength(1 + REPLANS_MAX)
    await expectFree(['a', 'c'])
  })

  it.each(['once it is looked for', 'just before'])(
    'is looked for no longer where the answer is stopped %s',
    async (when) => {
      const abort = new AbortController()
      const die = dying()
      const watch = (event: ChatEvent) => {
        die(event)
        if (when === 'just before' ? !mesh.has('b') : event.kind === 'notice') abort.abort()
      }
      const answer = await ask([FIRST], false, watch, abort.signal)
      expect(answer.end).toMatchObject({ reason: 'abort' })
      expect(wishes.length).toBeLessThanOrEqual(2)
      await expectFree(['a', 'c'])
    },
  )

  it('of private ends is not replaced by a plan that gives an end to others', async () => {
    onReplan = async () => another(WHOLE)
    const answer = await ask([FIRST], true, dying())
    expect(answer.end).toMatchObject({ reason: 'error', code: 'route-broken' })
    expect(
      mesh.sent.filter(({ from, to, what }) => from === 'me' && to === 'a' && 'says' in what && what.says === 'open'),
    ).toEqual([])
  })
})
