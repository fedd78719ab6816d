/** Visitors of partners over real sockets and the real hub: who pays for their jobs and plans, and why they are refused. */
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PartnerRates } from '../../../signal/config.ts'
import { Credits } from '../../../signal/credits/credits.ts'
import type { LedgerDatabase } from '../../../signal/ledger/database.ts'
import { newPartnerKey } from '../../../signal/partners/partners.ts'
import type { DeviceKey } from '../../../web/account/device-key.ts'
import { SignalClient, type SignalState } from '../../../web/mesh/signal-client.ts'
import { CREDIT_POLICY, holdOf } from '../../../web/rules/credit-policy.ts'
import { parseWallet } from '../../../web/wire/credit-events.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { PARTNERS_MAX } from '../../../web/wire/limits/partners.ts'
import { type PairWord, parsePairOffer } from '../../../web/wire/pairings.ts'
import type { PartnerKey, PartnerWish } from '../../../web/wire/partner-keys.ts'
import { readTicket } from '../../../web/wire/tickets.ts'
import { JOB_MODEL, JobServer, type JobTab, jobId, jobOffer, jobWish, newKey, until } from '../../support/job-tabs.ts'
import { closeLedger, emptiedLedger } from '../../support/memory-ledger.ts'
import { quietWatch } from '../../support/quiet-watch.ts'

const PARAMETERS = 1_000_000_000
const MICRO = holdOf(CREDIT_POLICY, { tokens: 50, outputTokens: 30, activeParameters: PARAMETERS })
const HAS = MICRO * 100n
const ASKED = { promptTokens: 20, maxTokens: 30, activeParameters: PARAMETERS } as const
const MANY = { perSecond: 1e6, burst: 1e6 }
/** No second one comes before the test is over. */
const ONCE = { perSecond: 1e-6, burst: 1 }

let database: LedgerDatabase
/** It cannot be reached. */
let away: boolean
let server: JobServer
let credits: Credits
let rates: PartnerRates
let payer: DeviceKey
const open: SignalClient[] = []

beforeEach(async () => {
  database = await emptiedLedger()
  away = false
  rates = {
    'partner-http': MANY,
    'partner-connect': MANY,
    'partner-wish': MANY,
    'partner-address': MANY,
    'partner-device': MANY,
    'partner-network': MANY,
  }
  payer = await newKey()
  await begin()
  const posted = await (await credits.open()).journal.post({
    type: 'grant',
    device: payer.name,
    owner: payer.name,
    micro: HAS,
    forMs: 1e12,
    atMs: server.nowMs,
  })
  expect(posted.ok).toBe(true)
})

async function begin(): Promise<void> {
  server = await JobServer.start((nowMs) => {
    credits = new Credits({
      open: async () => ({
        get kysely() {
          if (away) throw new Error('no database')
          return database.kysely
        },
        close: async () => {},
      }),
      policies: [CREDIT_POLICY],
      ownersOf: (key) => [key],
      parametersOf: async () => null,
      nowMs,
      watch: quietWatch(),
      partnerRates: rates,
    })
    return credits
  })
  server.nowMs = CREDIT_POLICY.epochZeroMs + 1_000
}

async function beginAgain(more: Partial<PartnerRates>): Promise<void> {
  await credits.close()
  await server.close()
  rates = { ...rates, ...more }
  await begin()
}

afterEach(async () => {
  for (const client of open.splice(0)) client.close()
  await credits.close()
  await server.close()
})
afterAll(closeLedger)

async function made(more: Partial<PartnerWish> = {}): Promise<PartnerKey> {
  const record = await credits.partners.make(newPartnerKey(), {
    site: 'Garden',
    origins: ['https://garden.example'],
    models: [],
    scope: 'any',
    system: '',
    suggested: [],
    payer: payer.name,
    dailyMicro: MICRO,
    ...more,
  })
  if (!record.ok) throw new Error(record.code)
  return record.value.id
}

async function walletOf(tab: JobTab) {
  const asked = await tab.client.credit({ kind: 'wallet' })
  const wallet = asked.ok ? parseWallet(asked.value) : asked
  if (!wallet.ok) throw new Error(wallet.code)
  return wallet.value
}

function statesOf(partner: PartnerKey): Promise<readonly SignalState[]> {
  const states: SignalState[] = []
  return newKey().then((key) => {
    const client = new SignalClient({
      url: server.url,
      key,
      run: toBase64Url(crypto.getRandomValues(new Uint8Array(16))),
      nowMs: () => server.nowMs,
      onState: (state) => states.push(state),
      onRelayed: () => {},
      partner,
    })
    open.push(client)
    return states
  })
}

describe('a job of a visitor', () => {
  it('is paid from the balance of its payer, until the budget is used up', async () => {
    await server.worker({ parallel: 4 })
    const owner = await server.tab(payer)
    const visitor = await server.tab(undefined, await made())
    const word = await visitor.client.job(jobWish(1, ASKED))
    if (!word.ok || word.value.state !== 'leased') throw new Error(JSON.stringify(word))
    const claims = readTicket(word.value.workers[0]?.ticket ?? '')
    expect(claims).toMatchObject({ ok: true, value: { pay: { kind: 'paid' }, asker: visitor.client.peer } })
    expect(await walletOf(owner)).toMatchObject({ userMicro: HAS - MICRO, heldMicro: MICRO })
    expect(await walletOf(visitor)).toMatchObject({ userMicro: 0n, heldMicro: 0n })
    expect(await visitor.client.job(jobWish(2, ASKED))).toMatchObject({ ok: false, code: 'partner-budget' })
    // The same job again costs nothing more.
    expect(await visitor.client.job(jobWish(1, ASKED))).toMatchObject({ ok: true, value: { state: 'leased' } })
    expect(await walletOf(owner)).toMatchObject({ userMicro: HAS - MICRO })
  })

  it('that waited ends by a code where another one has used up the budget meanwhile', async () => {
    const worker = await server.worker({ parallel: 1, held: 1 })
    const key = await made()
    const visitor = await server.tab(undefined, key)
    for (const number of [1, 2])
      expect(await visitor.client.job(jobWish(number, ASKED))).toMatchObject({ value: { state: 'queued' } })
    await worker.offer([jobOffer({ parallel: 2, held: 0 })])
    const endOf = (number: number) => visitor.words.findLast(({ job }) => job === jobId(number))
    await until(() => endOf(1)?.state === 'leased' && endOf(2)?.state === 'failed')
    expect(endOf(2)).toMatchObject({ code: 'partner-budget' })
    const days = await credits.partners.days(key, 1)
    expect(days).toMatchObject({ value: [{ requests: 1, micro: MICRO }] })
  })

  it('is refused for another model, and where the site offers its own device only', async () => {
    await server.worker()
    const other = await server.tab(undefined, await made({ models: ['b'.repeat(64)] }))
    expect(await other.client.job(jobWish(1, ASKED))).toMatchObject({ ok: false, code: 'partner-model' })
    const own = await server.tab(undefined, await made({ scope: 'own' }))
    expect(await own.client.job(jobWish(1, ASKED))).toMatchObject({ ok: false, code: 'partner-scope' })
  })

  it('waits its turn where its device asks too much, and takes nothing from others of its site', async () => {
    await beginAgain({ 'partner-device': ONCE, 'partner-wish': { ...ONCE, burst: 2 } })
    await server.worker({ parallel: 8 })
    const [key, device] = [await made({ dailyMicro: HAS }), await newKey()]
    const [visitor, beside] = [await server.tab(device, key), await server.tab(device, key)]
    expect(await visitor.client.job(jobWish(1, ASKED))).toMatchObject({ ok: true })
    for (const { client } of [visitor, beside, visitor])
      expect(await client.job(jobWish(2, ASKED))).toMatchObject({ ok: false, code: 'partner-busy' })
    const other = await server.tab(undefined, key)
    expect(await other.client.job(jobWish(3, ASKED))).toMatchObject({ ok: true })
  })

  it('waits its turn where its address asks too much, by however many devices', async () => {
    await beginAgain({ 'partner-network': ONCE })
    await server.worker({ parallel: 4 })
    const key = await made({ dailyMicro: HAS })
    const [one, two] = [await server.tab(undefined, key), await server.tab(undefined, key)]
    expect(await one.client.job(jobWish(1, ASKED))).toMatchObject({ ok: true })
    expect(await two.client.job(jobWish(2, ASKED))).toMatchObject({ ok: false, code: 'partner-busy' })
    const free = await server.tab()
    expect(await free.client.job(jobWish(3, ASKED))).toMatchObject({ ok: true })
  })

  it('waits its turn where too many ask under one key', async () => {
    await beginAgain({ 'partner-wish': ONCE })
    await server.worker({ parallel: 4 })
    const visitor = await server.tab(undefined, await made({ dailyMicro: HAS }))
    expect(await visitor.client.job(jobWish(1, ASKED))).toMatchObject({ ok: true })
    expect(await visitor.client.job(jobWish(2, ASKED))).toMatchObject({ ok: false, code: 'partner-busy' })
    const free = await server.tab()
    expect(await free.client.job(jobWish(3, ASKED))).toMatchObject({ ok: true })
  })
})

it('a plan of a visitor is paid so too, and refused over the budget', async () => {
  const range = { modelId: JOB_MODEL, msPerLayer: 1, freePositions: 4_096, queued: 0 }
  for (const first of [0, 2]) {
    const { client } = await server.tab()
    const held = [{ ...range, span: { first, last: first + 2 } }]
    client.say({ numericClass: 'x/1', visible: true, held, offers: [], room: null })
    await until(() => server.hub.roster.peer(client.peer)?.presence?.held.length === 1)
  }
  const visitor = await server.tab(undefined, await made())
  const pays = { activeParameters: PARAMETERS, promptTokens: 20, outputTokens: 30 }
  const about = { modelId: JOB_MODEL, layers: 4, positions: 2_048, avoid: [], ends: null, room: null, pays }
  const plan = await visitor.client.plan({ request: jobId(7), ...about })
  expect(plan.ok && plan.value.stages.length).toBe(2)
  expect(await walletOf(await server.tab(payer))).toMatchObject({ heldMicro: MICRO })
  expect(await visitor.client.plan({ request: jobId(8), ...about })).toMatchObject({ code: 'partner-budget' })
  // More tickets for the same request are paid already.
  expect(await visitor.client.plan({ request: jobId(7), ...about })).toMatchObject({ ok: true })
})

describe('a key', () => {
  it('that is revoked is told to its visitors at once, and refuses their next wish and their next socket', async () => {
    await server.worker()
    const key = await made()
    const [visitor, free] = [await server.tab(undefined, key), await server.tab()]
    expect(await visitor.client.job(jobWish(1, ASKED))).toMatchObject({ ok: true })
    expect((await credits.partners.revoke(key)).ok).toBe(true)
    await until(() => visitor.partnerWords.length > 0)
    expect([visitor.partnerWords, free.partnerWords]).toEqual([[{ refused: 'partner-revoked' }], []])
    expect(await visitor.client.job(jobWish(2, ASKED))).toMatchObject({ ok: false, code: 'partner-revoked' })
    const states = await statesOf(key)
    await until(() => states.some((one) => one.state === 'away' && one.final))
    expect(states.at(-1)).toMatchObject({ reason: { code: 'partner-revoked' } })
  })

  it('that nobody has made opens no socket', async () => {
    const states = await statesOf(newPartnerKey())
    await until(() => states.some((one) => one.state === 'away' && one.final))
    expect(states.at(-1)).toMatchObject({ reason: { code: 'partner-unknown' } })
  })

  it('that cannot be looked at keeps no tab out, and lets none ask others until it can', async () => {
    await server.worker()
    const key = await made()
    away = true
    const [visitor, none] = [await server.tab(undefined, key), await server.tab(undefined, newPartnerKey())]
    expect(await visitor.client.job(jobWish(1, ASKED))).toMatchObject({ ok: false, code: 'ledger-away' })
    expect(await none.client.job(jobWish(1, ASKED))).toMatchObject({ ok: false, code: 'ledger-away' })
    away = false
    expect(await visitor.client.job(jobWish(1, ASKED))).toMatchObject({ ok: true, value: { state: 'leased' } })
    expect(await none.client.job(jobWish(1, ASKED))).toMatchObject({ ok: false, code: 'partner-unknown' })
  })

  it('with too many new sockets lets who comes later try again, and nobody give up', async () => {
    await beginAgain({ 'partner-connect': { perSecond: 1, burst: 1 } })
    const key = await made()
    await server.tab(undefined, key)
    const states = await statesOf(key)
    await until(() => states.some(({ state }) => state === 'away'))
    // The server's clock stands still until here.
    server.nowMs += 60_000
    await until(() => states.at(-1)?.state === 'here')
    expect(states.some((one) => one.state === 'away' && one.final)).toBe(false)
  })
})

it('keys that nobody has made share one bucket, and make nobody forget how much was asked under a real one', async () => {
  await beginAgain({ 'partner-http': ONCE })
  const key = await made()
  const takes = (one: PartnerKey) => credits.partners.takes(one, 'partner-http')
  const madeUp = Array.from({ length: PARTNERS_MAX + 1 }, newPartnerKey)
  expect([takes(key), takes(key)]).toEqual([true, false])
  expect(madeUp.filter(takes).length).toBe(1)
  expect(takes(key)).toBe(false)
  await beginAgain({})
  await credits.open()
  expect(madeUp.filter(takes).length).toBe(1)
  expect(takes(key)).toBe(true)
})

it('a visitor has no rooms and no devices', async () => {
  const visitor = await server.tab(undefined, await made())
  expect(await visitor.client.room({ kind: 'quit', room: 'r'.repeat(22) })).toMatchObject({
    code: 'partner-scope',
  })
  expect(await visitor.client.account({ kind: 'ask', key: payer.name })).toMatchObject({
    code: 'partner-scope',
  })
  await server.worker()
  const asked = await visitor.client.job(jobWish(1, { ...ASKED, room: 'r'.repeat(22) }))
  expect(asked).toMatchObject({ ok: false, code: 'partner-scope' })
})

describe('a pairing of a frame with a window', () => {
  const GIVES = { giving: 'serving', model: 'Tiny', tokens: 7 } as const
  function heard({ client }: JobTab): readonly PairWord[] {
    const words: PairWord[] = []
    client.onPair = (word) => words.push(word)
    return words
  }
  async function codeOf({ client }: JobTab): Promise<string> {
    const answer = await client.pair({ kind: 'offer' })
    const offer = answer.ok ? parsePairOffer(answer.value) : answer
    if (!offer.ok) throw new Error(offer.code)
    return offer.value.code
  }

  it('begins with a code of a visitor, names the site, carries states and a stop, and ends when the window goes', async () => {
    const [frame, window] = [await server.tab(undefined, await made({ site: 'Herbs' })), await server.tab()]
    const [atFrame, atWindow] = [heard(frame), heard(window)]
    const code = await codeOf(frame)
    expect(await window.client.pair({ kind: 'take', code })).toEqual({ ok: true, value: { site: 'Herbs' } })
    expect(await window.client.pair({ kind: 'say', window: GIVES })).toMatchObject({ ok: true })
    expect(await frame.client.pair({ kind: 'stop' })).toMatchObject({ ok: true })
    await until(() => atFrame.length === 2 && atWindow.length === 2)
    expect(atFrame).toEqual([{ kind: 'paired' }, { kind: 'state', window: GIVES }])
    expect(atWindow).toEqual([{ kind: 'paired' }, { kind: 'stop' }])
    await window.client.leave()
    await until(() => atFrame.at(-1)?.kind === 'ended')
    expect(await frame.client.pair({ kind: 'look' })).toMatchObject({ code: 'peer-unknown' })
  })

  it('is offered by visitors alone, taken by others alone, and by nobody without a code', async () => {
    const key = await made()
    const [frame, second, free] = [
      await server.tab(undefined, key),
      await server.tab(undefined, key),
      await server.tab(),
    ]
    expect(await free.client.pair({ kind: 'offer' })).toMatchObject({ ok: false, code: 'partner-unknown' })
    const code = await codeOf(frame)
    expect(await second.client.pair({ kind: 'take', code })).toMatchObject({ ok: false, code: 'partner-scope' })
    expect(await free.client.pair({ kind: 'take', code: '0'.repeat(12) })).toMatchObject({
      ok: false,
      code: 'pair-code',
    })
    expect(await free.client.pair({ kind: 'say', window: GIVES })).toMatchObject({ ok: false, code: 'peer-unknown' })
    await credits.partners.revoke(key)
    expect(await frame.client.pair({ kind: 'offer' })).toMatchObject({ ok: false, code: 'partner-revoked' })
  })
})
