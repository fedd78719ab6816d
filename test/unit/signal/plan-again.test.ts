/** A route once more over real sockets and the real hub: tickets for its next turn, what is set aside for it, and when there are none. */
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest'
import { Credits } from '../../../signal/credits/credits.ts'
import { CREDIT_POLICY, holdOf } from '../../../web/rules/credit-policy.ts'
import { type CreditWish, parsePuzzle, parseWallet, type Wallet } from '../../../web/wire/credit-events.ts'
import { LEASE_MS } from '../../../web/wire/limits/signalling.ts'
import type { LayerSpan } from '../../../web/wire/peers.ts'
import type { KeptStage, Plan, PlanWish } from '../../../web/wire/plan-events.ts'
import { ok, type Result } from '../../../web/wire/result.ts'
import { readTicket, type TicketClaims } from '../../../web/wire/tickets.ts'
import { JOB_MODEL, JobServer, type JobTab, jobId, until } from '../../support/job-tabs.ts'
import { closeLedger, emptiedLedger } from '../../support/memory-ledger.ts'
import { quietWatch } from '../../support/quiet-watch.ts'

const PARAMETERS = 1_000_000_000
const FIRST = { first: 0, last: 2 }
const SECOND = { first: 2, last: 4 }

let server: JobServer
let credits: Credits
let asker: JobTab
/** Two for each half. */
let holders: JobTab[]
beforeEach(async () => {
  const database = await emptiedLedger()
  server = await JobServer.start((nowMs) => {
    credits = new Credits({
      open: async () => ({ kysely: database.kysely, close: async () => {} }),
      policies: [CREDIT_POLICY],
      ownersOf: (key) => [key],
      parametersOf: async () => null,
      watch: quietWatch(),
      nowMs,
    })
    return credits
  })
  server.nowMs = CREDIT_POLICY.epochZeroMs
  holders = []
  for (const span of [FIRST, FIRST, SECOND, SECOND]) {
    const tab = await server.tab()
    await hold(tab, span)
    holders.push(tab)
  }
  asker = await server.tab()
})
afterEach(async () => {
  await credits.close()
  await server.close()
})
afterAll(closeLedger)

async function hold(tab: JobTab, span: LayerSpan, freePositions = 4_096): Promise<void> {
  const held = [{ modelId: JOB_MODEL, msPerLayer: 1, queued: 0, span, freePositions }]
  tab.client.say({ numericClass: 'x/1', visible: true, held, offers: [], room: null })
  const said = JSON.stringify([span, freePositions])
  const heard = () => server.hub.roster.peer(tab.client.peer)?.presence?.held[0]
  await until(() => JSON.stringify([heard()?.span, heard()?.freePositions]) === said)
}

async function gift(): Promise<void> {
  const wish = (what: CreditWish) => asker.client.credit(what)
  const asked = await wish({ kind: 'puzzle' })
  const puzzle = asked.ok ? parsePuzzle(asked.value) : asked
  if (!puzzle.ok) throw new Error(puzzle.code)
  const { challenge, bits } = puzzle.value
  let proof = 0
  const isLow = () => createHash('sha256').update(`${challenge}.${proof}`).digest().readUInt32BE() >>> (32 - bits) === 0
  while (!isLow()) proof += 1
  expect(await wish({ kind: 'grant', proof: String(proof) })).toEqual(ok(null))
}

async function wallet(): Promise<Wallet> {
  const asked = await asker.client.credit({ kind: 'wallet' })
  const read = asked.ok ? parseWallet(asked.value) : asked
  if (!read.ok) throw new Error(read.code)
  return read.value
}

const pays = (promptTokens: number, outputTokens: number, reusedTokens?: number) => {
  const about = { activeParameters: PARAMETERS, promptTokens, outputTokens }
  return reusedTokens === undefined ? about : { ...about, reusedTokens }
}
const wishOf = (number: number, more: Partial<PlanWish> = {}): PlanWish => {
  const about = { request: jobId(number), modelId: JOB_MODEL, layers: 4, positions: 2_048 }
  return { ...about, avoid: [], ends: null, room: null, ...more }
}
const plan = (number: number, more: Partial<PlanWish> = {}) => asker.client.plan(wishOf(number, more))

function read(planned: Result<Plan>): Plan {
  if (!planned.ok) throw new Error(`${planned.code} ${planned.detail}`)
  return planned.value
}
const keptOf = ({ stages }: Plan): readonly KeptStage[] => stages.map(({ peer, span }) => ({ peer, span }))
function claimsOf({ stages }: Plan): readonly TicketClaims[] {
  return stages
    .flatMap(({ ticket, standby }) => [ticket, ...(standby ? [standby.ticket] : [])])
    .map((ticket) => {
      const claims = readTicket(ticket)
      if (!claims.ok) throw new Error(claims.detail)
      return claims.value
    })
}
const tabOf = (peer: string | undefined): JobTab => {
  const found = holders.find(({ client }) => client.peer === peer)
  if (!found) throw new Error('it holds layers')
  return found
}

it('names the same stages for another request, also where they have no room, and sets aside what is new', async () => {
  await gift()
  const first = read(await plan(1, { pays: pays(40, 30) }))
  const kept = keptOf(first)
  for (const { peer, span } of kept) await hold(tabOf(peer), span, 0)
  const held = (await wallet()).heldMicro
  const second = read(await plan(2, { pays: pays(80, 30, 70), again: kept }))
  expect(keptOf(second)).toEqual(kept)
  const claims = claimsOf(second)
  expect(claims.map(({ request, part, pay, positions }) => [request, part, pay.kind, positions])).toEqual(
    claims.map((_, part) => [jobId(2), part, 'paid', 2_048]),
  )
  // Who stands by is somebody with room.
  expect(second.stages.map(({ standby }) => standby?.peer)).toEqual(first.stages.map(({ standby }) => standby?.peer))
  const fresh = { tokens: 110, outputTokens: 30, activeParameters: PARAMETERS }
  const micro = (await wallet()).heldMicro - held
  expect(micro).toBe(holdOf(CREDIT_POLICY, { ...fresh, reusedTokens: 70 }))
  expect(micro).toBeLessThan(holdOf(CREDIT_POLICY, fresh))
})

it('what was read before counts only where it is asked for again', async () => {
  await gift()
  read(await plan(1, { pays: pays(80, 30, 70) }))
  const whole = { tokens: 110, outputTokens: 30, activeParameters: PARAMETERS }
  expect((await wallet()).heldMicro).toBe(holdOf(CREDIT_POLICY, whole))
})

it('a plan of the same request takes over what was set aside, and for more than that nobody is paid', async () => {
  await gift()
  const kept = keptOf(read(await plan(1, { pays: pays(40, 30) })))
  read(await plan(2, { pays: pays(80, 30, 70), again: kept }))
  const { heldMicro } = await wallet()
  const kinds = async (more: Partial<PlanWish>) => {
    return new Set(claimsOf(read(await plan(2, more))).map(({ pay, part }) => `${pay.kind} ${part > 1}`))
  }
  // Who steps in has all of it to read, and says what the first did not have to.
  expect(await kinds({ pays: pays(80, 30, 70), avoid: kept.slice(0, 1).map(({ peer }) => peer) })).toEqual(
    new Set(['paid true']),
  )
  for (const more of [pays(80, 300, 70), pays(300, 30, 70), pays(80, 30)])
    expect([...(await kinds({ pays: more }))].every((kind) => kind.startsWith('unpaid'))).toBe(true)
  expect((await wallet()).heldMicro).toBe(heldMicro)
})

it.each<[string, (kept: readonly KeptStage[]) => Promise<Partial<PlanWish>>]>([
  [
    'a stage is gone',
    async ([first]) => {
      const gone = tabOf(first?.peer)
      gone.client.close()
      server.pass(LEASE_MS, [gone])
      await until(() => server.hub.roster.peer(gone.client.peer) === null)
      return {}
    },
  ],
  [
    'a stage holds other layers',
    async ([first]) => {
      await hold(tabOf(first?.peer), SECOND)
      return {}
    },
  ],
  ['the asker leaves one out', async ([first]) => ({ avoid: first ? [first.peer] : [] })],
  ['it is no route', async ([first]) => ({ again: first ? [first] : [] })],
  ['its order is another', async (kept) => ({ again: [...kept].reverse() })],
])('where %s there are no tickets, and nothing is set aside', async (_, change) => {
  await gift()
  const again = keptOf(read(await plan(1)))
  const more = await change(again)
  const wished = { pays: pays(80, 30, 70), again, ...more }
  expect(await plan(2, wished)).toMatchObject({ ok: false, code: 'no-holder' })
  expect((await wallet()).heldMicro).toBe(0n)
  // Another one can be had for it all the same.
  const { again: _again, ...anew } = wished
  if (more.avoid === undefined) expect(await plan(2, anew)).toMatchObject({ ok: true })
})

it('who has no credits any more goes on over the same stages for nothing', async () => {
  await gift()
  const first = read(await plan(1, { pays: pays(20, 30) }))
  expect(claimsOf(first).every(({ pay }) => pay.kind === 'paid')).toBe(true)
  const dear = { ...pays(80, 2_000, 70), activeParameters: PARAMETERS * 1_000 }
  const second = read(await plan(2, { pays: dear, again: keptOf(first) }))
  expect(keptOf(second)).toEqual(keptOf(first))
  const { unpaidOutputTokens } = CREDIT_POLICY
  expect(claimsOf(second).map(({ pay, outputTokens }) => [pay.kind, outputTokens])).toEqual(
    claimsOf(second).map(() => ['unpaid', unpaidOutputTokens]),
  )
})

it('what is no such wish is refused by a code', async () => {
  const again = keptOf(read(await plan(1)))
  const wrong: readonly unknown[] = [
    { again: [{ peer: 'x', span: FIRST }] },
    { again: [{ ...again[0], span: { first: 2, last: 1 } }] },
    { again, pays: pays(80, 30, 81) },
    { again, pays: pays(80, 30, -1) },
  ]
  for (const more of wrong) {
    expect(await plan(2, more as Partial<PlanWish>), JSON.stringify(more).slice(0, 80)).toMatchObject({
      ok: false,
      code: 'event-invalid',
    })
  }
})
