/**
 * The turns of a conversation as the page asks for them, over paid stages on links in memory and a played planner: what it is asked
 * for each turn, what is gone on with, and that the text is the same whatever becomes of the route.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RouteChat } from '../../web/schedule/route-chat.ts'
import type { ChatMessage } from '../../web/wire/chat.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import type { Plan, PlanWish } from '../../web/wire/plan-events.ts'
import { type Failure, fail, ok } from '../../web/wire/result.ts'
import type { TicketPay } from '../../web/wire/tickets.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { PARAMETERS, PaidRoute } from '../support/paid-route.ts'
import { GREEDY, loadCpu } from '../support/tiny-stage.ts'
import { wordsOf, wordsWorker } from '../support/words-worker.ts'

const LAYERS = 3
const POSITIONS = 128
const TOKENS = 8
const NEVER = new AbortController().signal
const SOURCE = { kind: 'mirror', id: 'a'.repeat(64) } as const
const FIRST: readonly ChatMessage[] = [{ role: 'user', content: '3 17 42 7 99 5' }]
const MORE = ['31 9', '12 80 4', '6 7']
const RANGES = [
  { first: 0, last: 1 },
  { first: 1, last: 2 },
  { first: 2, last: 3 },
]
const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
const PAID: TicketPay = { kind: 'paid', policy: 1, activeParameters: PARAMETERS, layers: LAYERS }
const STAGES = ['stage0', 'stage1', 'stage2']

let route: PaidRoute
let chat: RouteChat
let worker: Worker
let wishes: PlanWish[]
let over: string[]
/** What the played server says to the wish of this turn. */
let pay: TicketPay
let refuses: (wish: PlanWish) => Failure | null
/** It names whoever comes first. */
let forgets: boolean
/** As each turn is read over a route of its own. */
let texts: readonly string[]

async function begin(): Promise<void> {
  const asked = { file, positions: POSITIONS, prompt: [1], maxTokens: TOKENS, sampler: GREEDY }
  route = await PaidRoute.of(asked, { ranges: RANGES, signed: true })
  const { mesh } = route
  const { exchange } = mesh.peer(route.peer('asker'))
  wishes = []
  over = []
  pay = PAID
  refuses = () => null
  forgets = false
  let requests = 0
  worker = wordsWorker(wordsOf(SOURCE.id, LAYERS, POSITIONS, (await loadCpu(file)).facts.vocabulary))
  chat = new RouteChat({
    makeWorker: () => worker,
    baseUrl: 'http://localhost/',
    askPersistence: async () => false,
    now: () => mesh.clock.nowMs,
    self: route.peer('asker'),
    ends: { load: async () => ok(false), unload: async () => {} },
    plan: async (wish) => {
      wishes.push(wish)
      const plan = await planned(wish)
      return refuses(wish) ?? (plan ? ok(plan) : fail('no-holder', ''))
    },
    connect: async (peer) => {
      const link = exchange.linkTo(peer)
      return link ? ok(link) : fail('link-failed', '')
    },
    exchange,
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
    randomRequest: () => (requests++).toString(16).padStart(32, '0'),
    receipts: (request) => route.signs(request),
    over: (request) => over.push(request),
    onRoute: () => {},
  })
  expect(await chat.load(SOURCE, () => {}, NEVER)).toMatchObject({ ok: true })
}

async function planned({ request, avoid, pays, again }: PlanWish): Promise<Plan | null> {
  let part = 0
  const ticketFor = (name: string) => {
    part += 1
    const id = `${request.slice(-8)}${wishes.length.toString(16).padStart(4, '0')}${part.toString(16)}`.padStart(
      32,
      '0',
    )
    const outputTokens = pays?.outputTokens ?? 0
    return route.ticket({ ...route.claims(name), id, request, part, positions: POSITIONS, outputTokens, pay })
  }
  const stages: Plan['stages'][number][] = []
  for (const [index, span] of RANGES.entries()) {
    const there = [`stage${index}`, `standby${index}`].filter(
      (name) => route.mesh.has(route.peer(name)) && !avoid.includes(route.peer(name)),
    )
    const kept = again?.[index]?.peer
    const [own, spare] = kept === route.peer(`standby${index}`) && !forgets ? [...there].reverse() : there
    if (own === undefined) return null
    const standby = spare === undefined ? null : { peer: route.peer(spare), ticket: await ticketFor(spare) }
    stages.push({ span, peer: route.peer(own), ticket: await ticketFor(own), standby })
  }
  return { stages, predictedMs: 1, oneClass: true }
}

interface Turn {
  readonly text: string
  readonly reused: number
}

async function ask(
  messages: readonly ChatMessage[],
  onText: (count: number) => void = () => {},
  ends = 'length ',
): Promise<Turn> {
  const request = { messages, sampling: GREEDY, maxTokens: TOKENS, stop: [] }
  let [text, end, count, reused] = ['', '', 0, -1]
  let done = false
  const reading = (async () => {
    for await (const event of chat.chat(request, NEVER)) {
      if (event.kind === 'text') {
        text += event.text
        count += 1
        onText(count)
      }
      if (event.kind === 'end') {
        end = `${event.reason} ${event.code ?? ''}`
        reused = event.usage.reusedTokens
      }
    }
  })().finally(() => {
    done = true
  })
  const { clock } = route.mesh
  // Words come from a port, which no clock of the test moves.
  while (!done) if (!(await clock.until(() => done, clock.nowMs + 5))) clock.later(5, () => {})
  await reading
  expect(end).toBe(ends)
  await route.rest(1_000)
  return { text, reused }
}

/** The conversation up to that turn, as it was said. */
const upTo = (turn: number): readonly ChatMessage[] => [
  ...FIRST,
  ...texts.slice(0, turn).flatMap((content, index): readonly ChatMessage[] => [
    { role: 'assistant', content },
    { role: 'user', content: MORE[index] ?? '' },
  ]),
]
const said = (says: PeerSays['says']) =>
  route.mesh.sent.filter(({ what }) => 'says' in what && what.says === says).length
const receipts = () => [...route.owedOf.values()].filter(({ draft }) => !draft)
const requestsPaid = () => [...new Set(receipts().map(({ signed }) => signed.receipt.request))].sort()

beforeAll(async () => {
  const read: string[] = []
  texts = read
  for (const turn of [0, 1, 2]) {
    await begin()
    read.push((await ask(upTo(turn))).text)
    worker.terminate()
  }
})
beforeEach(begin)
afterEach(() => worker.terminate())

describe('a conversation over paid stages', () => {
  it('asks for its stages again, turn by turn, and pays each turn by itself', async () => {
    for (const turn of [0, 1, 2]) {
      const { text, reused } = await ask(upTo(turn))
      expect([turn, text]).toEqual([turn, texts[turn]])
      // All that the turn before has come to but its last token.
      const before = turn === 0 ? 0 : wordsIn(upTo(turn - 1)) + TOKENS - 1
      expect(reused).toBe(before)
      expect(wishes[turn]?.pays).toMatchObject({ promptTokens: wordsIn(upTo(turn)), outputTokens: TOKENS })
      expect(wishes[turn]?.pays?.reusedTokens ?? 0).toBe(before)
    }
    expect(new Set(wishes.map(({ request }) => request)).size).toBe(3)
    const again = STAGES.map((name, index) => ({ peer: route.peer(name), span: RANGES[index] }))
    expect(wishes.map((wish) => wish.again)).toEqual([undefined, again, again])
    expect([said('open'), said('renew')]).toEqual([STAGES.length, 2 * STAGES.length])
    expect(requestsPaid()).toEqual(wishes.map(({ request }) => request).sort())
    expect(receipts().every(({ signed }) => signed.askerSignature !== null)).toBe(true)
  })

  it('goes on for nothing where its credits are gone, and pays again where there are some', async () => {
    await ask(upTo(0))
    pay = { kind: 'unpaid' }
    expect(await ask(upTo(1))).toMatchObject({ text: texts[1], reused: wordsIn(upTo(0)) + TOKENS - 1 })
    expect(requestsPaid()).toHaveLength(1)
    pay = PAID
    expect(await ask(upTo(2))).toMatchObject({ text: texts[2], reused: wordsIn(upTo(1)) + TOKENS - 1 })
    expect(requestsPaid()).toEqual([wishes[0]?.request, wishes[2]?.request])
    expect([said('open'), said('renew')]).toEqual([STAGES.length, 2 * STAGES.length])
  })

  it('reads all over another route where the server knows the stages no more', async () => {
    await ask(upTo(0))
    refuses = ({ again }) => (again ? fail('no-holder', '') : null)
    expect(await ask(upTo(1))).toEqual({ text: texts[1], reused: 0 })
    expect(wishes.map(({ again }) => again !== undefined)).toEqual([false, true, false])
    // What was kept is let go before.
    expect(STAGES.map((name) => route.mesh.peer(route.peer(name)).provider?.serving)).toEqual([1, 1, 1])
    expect(requestsPaid()).toHaveLength(2)
  })

  it('does so too where a stage has let go what it held and nobody stands by; nothing stays set aside', async () => {
    for (const index of [0, 1, 2]) route.kill(`standby${index}`)
    await ask(upTo(0))
    const [request = ''] = wishes.map((wish) => wish.request)
    route.say('asker', 'stage1', { says: 'close', request })
    expect(await ask(upTo(1))).toEqual({ text: texts[1], reused: 0 })
    const [, renewed = '', anew = ''] = wishes.map((wish) => wish.request)
    expect(wishes).toHaveLength(3)
    expect(over).toContain(renewed)
    expect(requestsPaid()).toContain(anew)
  })

  it('is planned anew where a stage has gone while it rested', async () => {
    await ask(upTo(0))
    route.kill('stage2')
    await route.rest(1_000)
    expect(await ask(upTo(1))).toEqual({ text: texts[1], reused: 0 })
    expect(wishes.map(({ again }) => again)).toEqual([undefined, undefined])
  })

  /** `standby1` stands in the route when it is over, and the other one is back. */
  async function steppedIn(): Promise<void> {
    const dying = await ask(upTo(0), (count) => {
      if (count === 4) route.kill('stage1')
    })
    expect(dying.text).toBe(texts[0])
    await route.back('stage1')
  }

  it('does not believe a plan that names others', async () => {
    await steppedIn()
    forgets = true
    expect(await ask(upTo(1))).toEqual({ text: texts[1], reused: 0 })
    expect(wishes.map(({ again }) => again !== undefined)).toEqual([false, true, false])
    expect(over).toEqual([wishes[1]?.request])
    expect(said('renew')).toBe(0)
  })

  it('goes on over who stepped in, whose standby is named anew', async () => {
    await steppedIn()
    expect(await ask(upTo(1))).toMatchObject({ text: texts[1], reused: wordsIn(upTo(0)) + TOKENS - 1 })
    const peers = wishes[1]?.again?.map(({ peer }) => route.nameOf(peer))
    expect(peers).toEqual(['stage0', 'standby1', 'stage2'])
  })

  it('says the same where a stage dies in its second turn', async () => {
    await ask(upTo(0))
    const second = await ask(upTo(1), (count) => {
      if (count === 3) route.kill('stage0')
    })
    expect(second.text).toBe(texts[1])
    expect(await ask(upTo(2))).toMatchObject({ text: texts[2] })
    expect(receipts().filter(({ signed }) => signed.receipt.request === wishes[1]?.request).length).toBeGreaterThan(2)
  })

  it('without a server what was free goes on, and what was paid says why it does not', async () => {
    pay = { kind: 'unpaid' }
    await ask(upTo(0))
    refuses = () => fail('signal-away', '')
    expect(await ask(upTo(1))).toMatchObject({ text: texts[1], reused: wordsIn(upTo(0)) + TOKENS - 1 })
    refuses = () => null
    pay = PAID
    await ask(upTo(2))
    refuses = () => fail('signal-away', '')
    expect(await ask(upTo(1), undefined, 'error signal-away')).toMatchObject({ text: '' })
  })
})

function wordsIn(messages: readonly ChatMessage[]): number {
  return messages.flatMap(({ content }) => content.match(/\d+/g) ?? []).length
}
