/**
 * The next turns of a conversation over a paid route: each has its own tickets and receipts, the stages keep what they hold, and
 * only what is new is computed. What happens when a stage dies, the credits are gone, or the asker brings no ticket that is right.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { Session } from '../../web/schedule/session.ts'
import type { Code } from '../../web/wire/codes.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import type { Receipt } from '../../web/wire/receipt-bytes.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { PaidRoute, REQUEST, requestOf } from '../support/paid-route.ts'
import { type Asked, answerOf } from '../support/route-run.ts'
import { loadCpu, SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 160
const TOKENS = 20
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8, 14, 2, 77, 31]
const MORE = [
  [9, 4, 33, 120],
  [51, 6, 88],
]
const RANGES = [
  { first: 0, last: 1 },
  { first: 1, last: 2 },
  { first: 2, last: 3 },
]
const STAGES = ['stage0', 'stage1', 'stage2']
let asked: Asked
/** Three turns on one whole stage: what is asked, and what it says. */
let alone: readonly { readonly prompt: readonly number[]; readonly tokens: readonly number[] }[]
beforeAll(async () => {
  const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
  asked = { file, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler: SEEDED }
  const session = new Session(1, [await loadCpu(file)], POSITIONS)
  const turns: { readonly prompt: readonly number[]; readonly tokens: readonly number[] }[] = []
  let prompt: readonly number[] = PROMPT
  for (const more of [...MORE, []]) {
    const { tokens } = await answerOf(session, { ...asked, prompt })
    turns.push({ prompt, tokens })
    prompt = [...prompt, ...tokens, ...more]
  }
  alone = turns
})

const promptAt = (turn: number) => alone[turn]?.prompt ?? []
const tokensAt = (turn: number) => alone[turn]?.tokens ?? []

const receiptOf = (route: PaidRoute, name: string, turn: number): Receipt => {
  const owed = route.owedOf.get(`${name} ${requestOf(turn)}`)
  if (!owed) throw new Error(`${name} has no receipt of turn ${turn}`)
  return owed.signed.receipt
}
const isSigned = (route: PaidRoute, name: string, turn: number) =>
  typeof route.owedOf.get(`${name} ${requestOf(turn)}`)?.signed.askerSignature === 'string'

const refused = (route: PaidRoute): readonly Code[] =>
  route.mesh.sent.flatMap(({ what }) => ('says' in what && what.says === 'refused' ? [what.code] : []))
const detailsOf = (route: PaidRoute): readonly string[] =>
  route.mesh.sent.flatMap(({ what }) => ('says' in what && what.says === 'refused' ? [what.detail] : []))
const saidBy = (route: PaidRoute, says: PeerSays['says']) =>
  route.mesh.sent.filter(({ what }) => 'says' in what && what.says === says)

/** Read once, its stages rest. */
async function afterOne(wish: Partial<Parameters<typeof PaidRoute.of>[1]> = {}): Promise<PaidRoute> {
  const route = await PaidRoute.of(asked, { ranges: RANGES, signed: true, ...wish })
  expect((await route.answer()).tokens).toEqual(tokensAt(0))
  await route.pause()
  return route
}

describe('the next turns over a paid route', () => {
  it('say what one tab says, read only what is new, and each is paid by itself', async () => {
    const route = await afterOne()
    expect(STAGES.every((name) => isSigned(route, name, 0))).toBe(true)
    for (const turn of [1, 2]) {
      expect(await route.renew(turn)).toMatchObject({ ok: true })
      const { tokens } = await route.answer(undefined, { prompt: promptAt(turn) })
      expect(tokens, `turn ${turn}`).toEqual(tokensAt(turn))
      await route.pause()
      // All but the last token of the turn before was held.
      const fresh = promptAt(turn).length - promptAt(turn - 1).length - TOKENS + 1
      for (const name of STAGES) {
        const { promptTokens, outputTokens } = receiptOf(route, name, turn)
        expect({ prompt: promptTokens, steps: outputTokens }, name).toEqual(route.rows.get(name))
        expect([promptTokens, outputTokens]).toEqual([fresh, TOKENS - 1])
        expect(isSigned(route, name, turn), name).toBe(true)
      }
      const [first, middle, tail] = STAGES.map((name) => receiptOf(route, name, turn))
      expect(first?.chainOut).toBe(middle?.chainIn)
      expect(middle?.chainOut).toBe(tail?.chainIn)
    }
    await route.close()
    expect(route.refusals).toEqual([])
    expect(refused(route)).toEqual([])
    expect(saidBy(route, 'open')).toHaveLength(STAGES.length)
    const over = route.told.filter(({ kind }) => kind === 'over')
    const parts = STAGES.map((_, index) => index)
    const wanted = [0, 1, 2].map((turn) => ({ kind: 'over', request: requestOf(turn), parts, by: 'asker' }))
    expect(over).toEqual(wanted)
    expect(route.told.filter(({ kind }) => kind === 'began')).toHaveLength(3 * STAGES.length)
  })

  it('is settled at the end of each answer, not of the route', async () => {
    const route = await afterOne()
    for (const name of STAGES) expect(receiptOf(route, name, 0).outputTokens).toBe(TOKENS - 1)
    expect(route.told.filter(({ kind }) => kind === 'over')).toHaveLength(1)
    await route.close()
    expect(route.told.filter(({ kind }) => kind === 'over')).toHaveLength(1)
  })

  it('where nobody pays for the next one it goes on over the same stages, and so does a paid one after it', async () => {
    const route = await afterOne()
    const began = () => route.told.filter(({ kind }) => kind === 'began').length
    expect(await route.renew(1, undefined, true)).toMatchObject({ ok: true })
    expect((await route.answer(undefined, { prompt: promptAt(1) })).tokens).toEqual(tokensAt(1))
    expect([began(), route.owed.get('stage0')?.signed.receipt.request]).toEqual([STAGES.length, REQUEST])
    expect(await route.renew(2)).toMatchObject({ ok: true })
    expect((await route.answer(undefined, { prompt: promptAt(2) })).tokens).toEqual(tokensAt(2))
    await route.close()
    expect(STAGES.every((name) => isSigned(route, name, 2))).toBe(true)
    expect(saidBy(route, 'open')).toHaveLength(STAGES.length)
  })
})

describe('when a stage is gone', () => {
  it.each([0, 1, 2])('stage %i in the second turn: the same text, and each is paid for its part', async (index) => {
    const route = await afterOne()
    expect(await route.renew(1)).toMatchObject({ ok: true })
    const { tokens } = await route.answer(
      (count) => {
        if (count === 9) route.kill(`stage${index}`)
      },
      { prompt: promptAt(1) },
    )
    expect(tokens).toEqual(tokensAt(1))
    await route.close()
    const heir = receiptOf(route, `standby${index}`, 1)
    expect(isSigned(route, `standby${index}`, 1)).toBe(true)
    // Of what it did not see, the first turn too.
    expect(heir.promptTokens).toBeGreaterThanOrEqual(promptAt(1).length)
    expect(heir.promptTokens + heir.outputTokens).toBe(promptAt(1).length + TOKENS - 1)
    expect(isSigned(route, `stage${index}`, 0)).toBe(true)
    for (const other of STAGES.filter((name) => name !== `stage${index}`)) {
      expect(isSigned(route, other, 1), other).toBe(true)
      expect(receiptOf(route, other, 1).promptTokens).toBeLessThan(promptAt(1).length)
    }
  })

  it('who stepped in in the first turn goes on in the second, and may die in turn', async () => {
    const route = await PaidRoute.of(asked, { ranges: RANGES, signed: true })
    const first = await route.answer((count) => {
      if (count === 5) route.kill('stage1')
    })
    expect(first.tokens).toEqual(tokensAt(0))
    await route.pause()
    route.stand('stage1', 'standby1')
    await route.back('stage1')
    expect(await route.renew(1)).toMatchObject({ ok: true })
    const second = await route.answer(
      (count) => {
        if (count === 7) route.kill('standby1')
      },
      { prompt: promptAt(1) },
    )
    expect(second.tokens).toEqual(tokensAt(1))
    await route.close()
    // It had the beginning of the first turn once, and has it no more.
    expect(receiptOf(route, 'stage1', 1).promptTokens).toBeGreaterThanOrEqual(promptAt(1).length)
    expect(isSigned(route, 'stage1', 1)).toBe(true)
  })

  it('while it is asked to go on: its standby is brought up under its own ticket', async () => {
    const route = await afterOne()
    const dying = route.renew(1)
    route.kill('stage1')
    expect(await dying).toMatchObject({ ok: true })
    expect((await route.answer(undefined, { prompt: promptAt(1) })).tokens).toEqual(tokensAt(1))
    await route.close()
    expect(isSigned(route, 'standby1', 1)).toBe(true)
    expect(isSigned(route, 'stage0', 1)).toBe(true)
  })

  it('while it rests: the route is not gone on with', async () => {
    const route = await afterOne()
    route.kill('stage1')
    await route.rest(1_000)
    expect(await route.renew(1)).toMatchObject({ ok: false })
    await route.close()
    expect(saidBy(route, 'renew')).toEqual([])
  })
})

describe('an asker without the right ticket', () => {
  type Forged = readonly [string, (claims: TicketClaims, route: PaidRoute) => Partial<TicketClaims>, RegExp]
  const HOSTILE: readonly Forged[] = [
    ['the old one again', (_, route) => route.claims('stage0'), /another request/],
    ['one of another asker', (_, route) => ({ asker: route.peer('standby1') }), /another asker/],
    ['one for another worker', (_, route) => ({ worker: route.peer('stage1') }), /CLAIM_VALIDATION/],
    ['one for another range', () => ({ span: { first: 1, last: 2 } }), /another range/],
    ['one for another model', () => ({ modelId: 'b'.repeat(64) }), /another model/],
    ['one for fewer positions', () => ({ positions: 8 }), /another number of positions/],
    ['one that was used', (_, route) => ({ id: route.claims('stage0').id }), /used before/],
  ]
  const renewed = (route: PaidRoute) => ({
    ...route.claims('stage0'),
    id: 'c'.repeat(32),
    request: requestOf(1),
  })

  const SALT = 'A'.repeat(22)
  const goOn = (route: PaidRoute, from: string, ticket: string) =>
    route.say(from, 'stage0', { says: 'renew', request: requestOf(1), epoch: 9, kept: REQUEST, ticket, salt: SALT })

  it('the right one is let in, once', async () => {
    const route = await afterOne()
    const ticket = await route.ticket(renewed(route))
    goOn(route, 'asker', ticket)
    goOn(route, 'asker', ticket)
    await route.rest(2_000)
    expect(route.told.filter(({ kind }) => kind === 'began')).toHaveLength(STAGES.length + 1)
    expect(refused(route)).toEqual(['session-unknown'])
    expect(route.mesh.peer(route.peer('stage0')).provider?.serving).toBe(1)
  })

  it.each(HOSTILE)('%s: refused by code, and what was kept is let go', async (_, forge, why) => {
    const route = await afterOne()
    const claims = renewed(route)
    goOn(route, 'asker', await route.ticket({ ...claims, ...forge(claims, route) }))
    await route.rest(2_000)
    expect(refused(route)).toEqual(['ticket-invalid'])
    expect(detailsOf(route)).toEqual([expect.stringMatching(why)])
    expect(route.mesh.peer(route.peer('stage0')).provider?.serving).toBe(0)
    expect(route.told.filter(({ kind }) => kind === 'began')).toHaveLength(STAGES.length)
  })

  it('none: refused by code', async () => {
    const route = await afterOne()
    goOn(route, 'asker', '')
    await route.rest(2_000)
    expect(refused(route)).toEqual(['ticket-invalid'])
  })

  it('a right one without a salt is refused', async () => {
    const route = await afterOne()
    const ticket = await route.ticket(renewed(route))
    route.say('asker', 'stage0', { says: 'renew', request: requestOf(1), epoch: 9, kept: REQUEST, ticket })
    await route.rest(2_000)
    expect(refused(route)).toEqual(['control-invalid'])
  })

  it("another peer cannot go on with what is not its own, and takes nobody's place", async () => {
    const route = await afterOne()
    goOn(route, 'standby2', await route.ticket({ ...renewed(route), asker: route.peer('standby2') }))
    await route.rest(2_000)
    expect(refused(route)).toEqual(['session-unknown'])
    expect(await route.renew(1)).toMatchObject({ ok: true })
    expect((await route.answer(undefined, { prompt: promptAt(1) })).tokens).toEqual(tokensAt(1))
  })

  it.each(['truncate', 'frame'])('goes on with a %s all the same: nothing is computed', async (what) => {
    const route = await afterOne()
    for (const rows of route.rows.values()) [rows.prompt, rows.steps] = [0, 0]
    const about = { request: REQUEST, epoch: route.epoch('stage0') }
    if (what === 'truncate') {
      route.say('asker', 'stage0', { says: 'truncate', ...about, position: 3, sampler: null, place: null })
    } else {
      const position = PROMPT.length + TOKENS - 1
      const rows = { position, count: 1, mode: 'decode', sample: true, rebuild: false } as const
      route.send('asker', 'stage0', { type: 'tokens', ...about, ...rows, ids: Uint32Array.of(5) })
    }
    await route.rest(2_000)
    expect(refused(route)).toEqual(['ticket-spent'])
    expect(route.rows.get('stage0')).toEqual({ prompt: 0, steps: 0 })
  })
})
