/** Credits over real sockets and the real hub: what a wish of a job or a plan sets aside, who goes first, and what is refused at the door. */

import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest'
import { Credits } from '../../../signal/credits/credits.ts'
import type { LedgerDatabase } from '../../../signal/ledger/database.ts'
import { CREDIT_POLICY, holdOf } from '../../../web/rules/credit-policy.ts'
import { type CreditWish, parsePuzzle, parseWallet, type Wallet } from '../../../web/wire/credit-events.ts'
import type { JobWord } from '../../../web/wire/jobs.ts'
import { OVER_PARTS_MAX } from '../../../web/wire/limits/credits.ts'
import { ok, type Result } from '../../../web/wire/result.ts'
import { readTicket } from '../../../web/wire/tickets.ts'
import { JOB_MODEL, JobServer, type JobTab, jobId, jobOffer, jobWish, until } from '../../support/job-tabs.ts'
import { closeLedger, emptiedLedger } from '../../support/memory-ledger.ts'
import { quietWatch } from '../../support/quiet-watch.ts'

const PARAMETERS = 1_000_000_000
const GIFT = CREDIT_POLICY.grantMicro

let server: JobServer
let credits: Credits
/** The ledger cannot be reached. */
let away: boolean
beforeEach(async () => {
  const database = await emptiedLedger()
  away = false
  server = await JobServer.start((nowMs) => {
    const open = async (): Promise<LedgerDatabase> => {
      if (away) throw new Error('no database')
      return { kysely: database.kysely, close: async () => {} }
    }
    credits = new Credits({
      open,
      policies: [CREDIT_POLICY],
      ownersOf: (key) => [key],
      parametersOf: async () => null,
      nowMs,
      watch: quietWatch(),
    })
    return credits
  })
  server.nowMs = CREDIT_POLICY.epochZeroMs
})
afterEach(async () => {
  await credits.close()
  await server.close()
})
afterAll(closeLedger)

const wish = ({ client }: JobTab, what: CreditWish) => client.credit(what)

async function gift(tab: JobTab): Promise<void> {
  const asked = await wish(tab, { kind: 'puzzle' })
  const puzzle = asked.ok ? parsePuzzle(asked.value) : asked
  if (!puzzle.ok) throw new Error(puzzle.code)
  const { challenge, bits } = puzzle.value
  let proof = 0
  const isLow = () => createHash('sha256').update(`${challenge}.${proof}`).digest().readUInt32BE() >>> (32 - bits) === 0
  while (!isLow()) proof += 1
  expect(await wish(tab, { kind: 'grant', proof: String(proof) })).toEqual(ok(null))
}

async function walletOf(tab: JobTab): Promise<Wallet> {
  const asked = await wish(tab, { kind: 'wallet' })
  const wallet = asked.ok ? parseWallet(asked.value) : asked
  if (!wallet.ok) throw new Error(`${wallet.code} ${wallet.detail}`)
  return wallet.value
}

function claimsOf(word: Result<JobWord>) {
  if (!word.ok || word.value.state !== 'leased') throw new Error(JSON.stringify(word))
  return word.value.workers.map(({ ticket }) => {
    const claims = readTicket(ticket)
    if (!claims.ok) throw new Error(claims.detail)
    return claims.value
  })
}

it('a job that is paid sets its worst case aside, whoever of the named does it', async () => {
  await server.worker()
  await server.worker()
  const asker = await server.tab()
  await gift(asker)
  const asked = jobWish(1, { promptTokens: 20, maxTokens: 30, activeParameters: PARAMETERS })
  const claims = claimsOf(await asker.client.job(asked))
  expect(claims.map(({ part, pay }) => [part, pay.kind])).toEqual([
    [0, 'paid'],
    [1, 'paid'],
  ])
  const micro = holdOf(CREDIT_POLICY, { tokens: 50, outputTokens: 30, activeParameters: PARAMETERS })
  expect(await walletOf(asker)).toMatchObject({ userMicro: GIFT - micro, heldMicro: micro })
})

it('a plan that is paid does so too, and its standbys have tickets of their own parts', async () => {
  const range = { modelId: JOB_MODEL, msPerLayer: 1, freePositions: 4_096, queued: 0 }
  for (const first of [0, 0, 2, 2]) {
    const { client } = await server.tab()
    const held = [{ ...range, span: { first, last: first + 2 } }]
    client.say({ numericClass: 'x/1', visible: true, held, offers: [], room: null })
    await until(() => server.hub.roster.peer(client.peer)?.presence?.held.length === 1)
  }
  const asker = await server.tab()
  await gift(asker)
  const pays = { activeParameters: PARAMETERS, promptTokens: 20, outputTokens: 30 }
  const about = {
    request: jobId(7),
    modelId: JOB_MODEL,
    layers: 4,
    positions: 2_048,
    avoid: [],
    ends: null,
    room: null,
  }
  const plan = await asker.client.plan({ ...about, pays })
  if (!plan.ok) throw new Error(plan.code)
  const tickets = plan.value.stages.flatMap(({ ticket, standby }) => [ticket, ...(standby ? [standby.ticket] : [])])
  const claims = tickets.map((ticket) => readTicket(ticket))
  expect(claims.map((read) => read.ok && read.value.part).sort()).toEqual([...claims.keys()])
  expect(claims.every((read) => read.ok && read.value.pay.kind === 'paid' && read.value.positions === 2_048)).toBe(true)
  const micro = holdOf(CREDIT_POLICY, { tokens: 50, outputTokens: 30, activeParameters: PARAMETERS })
  expect(await walletOf(asker)).toMatchObject({ heldMicro: micro })
})

it('who has no credits is answered for nothing, shorter, and behind all who have', async () => {
  const worker = await server.worker({ parallel: 1, held: 1 })
  const [poor, rich] = [await server.tab(), await server.tab()]
  await gift(rich)
  const asked = { promptTokens: 20, maxTokens: 3_000, activeParameters: PARAMETERS } as const
  expect(await poor.client.job(jobWish(1, asked))).toMatchObject({ ok: true, value: { state: 'queued', ahead: 0 } })
  expect(await rich.client.job(jobWish(2, asked))).toMatchObject({ ok: true, value: { state: 'queued', ahead: 0 } })
  const turnOf = (tab: JobTab, number: number) =>
    tab.words.findLast((word) => word.job === jobId(number) && word.state === 'leased')
  await worker.offer([jobOffer({ parallel: 1, held: 0 })])
  await until(() => turnOf(rich, 2) !== undefined)
  expect(turnOf(poor, 1)).toBeUndefined()
  await rich.client.jobNews({ job: jobId(2), state: 'done', worker: null, tokens: 1, code: null })
  await worker.offer([jobOffer({ parallel: 1, held: 0, heldTokens: 0, tokensPerSecond: 11 })])
  await until(() => turnOf(poor, 1) !== undefined)
  const word = turnOf(poor, 1)
  const [claims] = word ? claimsOf(ok(word)) : []
  const { unpaidOutputTokens } = CREDIT_POLICY
  expect(claims).toMatchObject({
    pay: { kind: 'unpaid' },
    outputTokens: unpaidOutputTokens,
    positions: 20 + unpaidOutputTokens,
  })
})

it('a job that comes again is as large as it was, and one that waited is not let in as a smaller one', async () => {
  const worker = await server.worker({ parallel: 1, held: 1 })
  const asker = await server.tab()
  await gift(asker)
  const asked = { promptTokens: 20, maxTokens: 30, activeParameters: PARAMETERS } as const
  const queued = { ok: true, value: { state: 'queued' } }
  expect(await asker.client.job(jobWish(1, asked))).toMatchObject(queued)
  const more = [{ maxTokens: 3_000 }, { promptTokens: 4_000 }, { activeParameters: 1 }]
  for (const wish of more)
    expect(await asker.client.job(jobWish(1, { ...asked, ...wish }))).toMatchObject({ code: 'event-invalid' })
  expect(await asker.client.job(jobWish(1, asked))).toMatchObject(queued)
  await worker.offer([jobOffer({ parallel: 1, held: 0 })])
  await until(() => asker.words.at(-1)?.state === 'leased')
  expect(await asker.client.job(jobWish(1, { ...asked, maxTokens: 31 }))).toMatchObject({ code: 'event-invalid' })
  const micro = holdOf(CREDIT_POLICY, { tokens: 50, outputTokens: 30, activeParameters: PARAMETERS })
  expect(await walletOf(asker)).toMatchObject({ heldMicro: micro })
})

it('what is no wish of credits is refused by a code, and so is who has not proven its key', async () => {
  const tab = await server.tab()
  for (const wrong of [
    { kind: 'mint' },
    { kind: 'grant', proof: 'x'.repeat(65) },
    { kind: 'history', before: -1 },
    { kind: 'over', request: 'x', parts: [] },
    { kind: 'over', request: '1'.repeat(32) },
    { kind: 'over', request: '1'.repeat(32), parts: [-1] },
    { kind: 'over', request: '1'.repeat(32), parts: Array.from({ length: OVER_PARTS_MAX + 1 }, (_, part) => part) },
  ]) {
    expect(await wish(tab, wrong as CreditWish)).toMatchObject({ ok: false, code: 'event-invalid' })
  }
})

it('a ledger that cannot be reached is said, and takes nobody their answer', async () => {
  await server.worker()
  const asker = await server.tab()
  away = true
  expect(await wish(asker, { kind: 'wallet' })).toMatchObject({ ok: false, code: 'ledger-away' })
  const [claims] = claimsOf(await asker.client.job(jobWish(1, { activeParameters: PARAMETERS })))
  expect(claims?.pay).toEqual({ kind: 'unpaid' })
  away = false
  await gift(asker)
  expect(await walletOf(asker)).toMatchObject({ userMicro: GIFT })
})
