/** What the server promises of partner keys, over any ledger: who pays for visitors and how much, who is refused, what is counted. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backup, restore } from '../../signal/ledger/backup.ts'
import type { LedgerDatabase } from '../../signal/ledger/database.ts'
import { fsck } from '../../signal/ledger/fsck.ts'
import { newPartnerKey, stateOfPartner } from '../../signal/partners/partners.ts'
import { CREDIT_POLICY, holdOf } from '../../web/rules/credit-policy.ts'
import { PARTNERS_MAX } from '../../web/wire/limits/partners.ts'
import type { PartnerKey, PartnerRecord, PartnerWish } from '../../web/wire/partner-keys.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { type Device, MODEL, signedBy, Town, type TownWish } from '../support/credit-town.ts'
import { runSql } from '../support/memory-ledger.ts'

const GIFT = CREDIT_POLICY.grantMicro
const { activeParameters } = MODEL
/** Of one request as `Town` makes it. */
const HOLD = holdOf(CREDIT_POLICY, { tokens: 500, outputTokens: 400, activeParameters })
const DAY_MS = 86_400_000

/** `fresh`: an empty ledger. */
export function partnersSuite(name: string, fresh: () => Promise<LedgerDatabase>): void {
  describe(`partner keys ${name}`, () => {
    let database: LedgerDatabase
    let town: Town
    let payer: Device
    let visitor: Device
    let worker: Device
    let key: PartnerKey

    beforeEach(async () => {
      database = await fresh()
      town = new Town(database)
      ;[payer, visitor, worker] = [await town.device(), await town.device(), await town.device()]
      expect(await town.gift(payer)).toEqual(ok(null))
      // For two requests and a half.
      key = (await made({ dailyMicro: (HOLD * 5n) / 2n })).id
    })
    afterEach(() => town.credits.close())

    const wish = (more: Partial<PartnerWish> = {}): PartnerWish => ({
      site: 'Garden',
      origins: ['https://garden.example'],
      models: [],
      scope: 'any',
      system: '',
      suggested: [],
      payer: payer.key.name,
      dailyMicro: GIFT,
      ...more,
    })
    async function made(more: Partial<PartnerWish> = {}): Promise<PartnerRecord> {
      const record = await town.credits.partners.make(newPartnerKey(), wish(more))
      if (!record.ok) throw new Error(record.code)
      return record.value
    }
    const ask = (more: TownWish = {}, by = visitor, at = worker) => town.tryToHire(by, [at], { partner: key, ...more })
    const payOf = (hired: Awaited<ReturnType<typeof ask>>) => (hired.ok ? hired.value[0]?.pay.kind : hired.code)
    const today = async () => {
      const days = await town.credits.partners.days(key, 30)
      return days.ok ? days.value[0] : days
    }
    const isRight = async () => expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: true })

    it('are kept as they were made, changed as a whole, and revoked for good', async () => {
      const { partners } = town.credits
      const first = await made({ site: 'First', payer: null, dailyMicro: 0n })
      expect(await partners.find(first.id)).toEqual(ok({ record: first, leftMicro: 0n }))
      const changed = wish({ site: 'Other', models: [MODEL.modelId], scope: 'mesh' })
      expect(await partners.change(first.id, changed)).toEqual(ok({ ...first, ...changed }))
      town.nowMs += 5
      const revoked = { ...first, ...changed, revokedMs: town.nowMs }
      expect(await partners.revoke(first.id)).toEqual(ok(revoked))
      town.nowMs += 5
      expect(await partners.revoke(first.id)).toEqual(ok(revoked))
      expect(await partners.change(first.id, changed)).toMatchObject({ code: 'partner-revoked' })
      expect(await partners.find(first.id)).toMatchObject({ code: 'partner-revoked' })
      const list = await partners.list()
      expect(list.ok && list.value.map(({ id }) => id).sort()).toEqual([first.id, key].sort())
      expect(await partners.find(newPartnerKey())).toMatchObject({ code: 'partner-unknown' })
      expect(await partners.revoke(newPartnerKey())).toMatchObject({ code: 'partner-unknown' })
      expect(await partners.change(newPartnerKey(), changed)).toMatchObject({ code: 'partner-unknown' })
    })

    it('are so many at most', async () => {
      await runSql(
        database,
        `insert into partner select 'wk_' || lpad(n::text, 22, '0'), 0, null, null, 0, '{}' from generate_series(2, ${PARTNERS_MAX}) as n`,
      )
      expect(await town.credits.partners.make(newPartnerKey(), wish())).toMatchObject({ code: 'request-invalid' })
    })

    it('a visitor is paid for by the payer, who gets back what was not used', async () => {
      const [claims] = await town.hire(visitor, [worker], { partner: key })
      if (!claims) throw new Error('nobody was hired')
      expect(claims.pay.kind).toBe('paid')
      expect(await town.wallet(payer)).toMatchObject({ userMicro: GIFT - HOLD, heldMicro: HOLD })
      expect(await today()).toMatchObject({ requests: 1, tokens: 0, micro: HOLD })
      const receipt = town.receipt(claims)
      await town.settle(worker, await signedBy(worker, visitor, receipt))
      await town.wish(visitor, { kind: 'over', request: claims.request, parts: [claims.part] })
      expect(await town.wallet(payer)).toMatchObject({ userMicro: GIFT - receipt.micro, heldMicro: 0n })
      expect((await town.wallet(worker)).escrowMicro).toBeGreaterThan(0n)
      const tokens = receipt.promptTokens - receipt.reusedTokens + receipt.outputTokens
      expect(await today()).toEqual({
        day: new Date(town.nowMs).toISOString().slice(0, 10),
        requests: 1,
        tokens,
        micro: receipt.micro,
      })
      await isRight()
    })

    it('nobody else says of a visitor that its request is over', async () => {
      const [claims] = await town.hire(visitor, [worker], { partner: key })
      const stranger = await town.device()
      await town.wish(stranger, { kind: 'over', request: claims?.request ?? '', parts: [] })
      town.nowMs += CREDIT_POLICY.releaseMs
      await town.credits.sweep()
      expect(await town.wallet(payer)).toMatchObject({ heldMicro: HOLD })
    })

    it('over the budget of the day a visitor is refused, and not served for nothing', async () => {
      expect([payOf(await ask()), payOf(await ask()), payOf(await ask())]).toEqual(['paid', 'paid', 'partner-budget'])
      expect(await today()).toMatchObject({ requests: 2, micro: HOLD * 2n })
      expect(payOf(await ask({ promptTokens: 50, outputTokens: 50 }))).toBe('paid')
      const found = await town.credits.partners.find(key)
      expect(found.ok && stateOfPartner(found.value)).toBe('open')
      await isRight()
    })

    it('a visitor of a key without budget is refused also where it offers nothing', async () => {
      key = (await made({ dailyMicro: HOLD })).id
      expect(payOf(await ask({ activeParameters: null }))).toBe('unpaid')
      expect(payOf(await ask())).toBe('paid')
      expect(payOf(await ask({ activeParameters: null }))).toBe('partner-budget')
      const found = await town.credits.partners.find(key)
      expect(found.ok && stateOfPartner(found.value)).toBe('partner-budget')
      expect(await today()).toMatchObject({ requests: 2, micro: HOLD })
    })

    it('requests of one moment do not get more than there is together', async () => {
      const all = await Promise.all(Array.from({ length: 6 }, () => ask()))
      expect(all.map(payOf).sort()).toEqual(['paid', 'paid', ...Array(4).fill('partner-budget')].sort())
      expect(await town.wallet(payer)).toMatchObject({ heldMicro: HOLD * 2n })
      await isRight()
    })

    it('what comes back can be used again on the same day, and each day has its own', async () => {
      await ask()
      const [claims] = await town.hire(visitor, [worker], { partner: key })
      expect(payOf(await ask())).toBe('partner-budget')
      await town.wish(visitor, { kind: 'over', request: claims?.request ?? '', parts: [] })
      town.nowMs += CREDIT_POLICY.releaseMs
      await town.credits.sweep()
      expect(payOf(await ask())).toBe('paid')
      expect(payOf(await ask())).toBe('partner-budget')
      town.nowMs += DAY_MS
      await town.credits.sweep()
      expect(payOf(await ask())).toBe('paid')
      const days = await town.credits.partners.days(key, 30)
      expect(days.ok && days.value.map(({ requests, micro }) => [requests, micro])).toEqual([
        [1, HOLD],
        [3, 0n],
      ])
      await isRight()
    })

    it('more tickets for what was set aside cost no more', async () => {
      const [claims] = await town.hire(visitor, [worker], { partner: key })
      const request = claims?.request ?? ''
      await ask()
      expect(payOf(await ask({ request }, visitor, await town.device()))).toBe('paid')
      expect(await today()).toMatchObject({ requests: 2, micro: HOLD * 2n })
      const other = (await made()).id
      expect(payOf(await ask({ request, partner: other }))).toBe('posting-taken')
      await isRight()
    })

    it('more tickets for more than was set aside are refused, and the budget stays as it was', async () => {
      const [claims] = await town.hire(visitor, [worker], { partner: key })
      const request = claims?.request ?? ''
      expect(payOf(await ask({ request, outputTokens: 401 }))).toBe('hold-short')
      expect(payOf(await ask({ request, promptTokens: 50 }))).toBe('paid')
      expect(await today()).toMatchObject({ requests: 1, micro: HOLD })
      await isRight()
    })

    it('a request of the payer’s own is no visitor’s', async () => {
      const [claims] = await town.hire(payer, [worker])
      const request = claims?.request ?? ''
      expect(payOf(await ask({ request, promptTokens: 50 }))).toBe('posting-taken')
      expect(await today()).toBeUndefined()
      await isRight()
    })

    it('whose payer has no credits is one without budget', async () => {
      key = (await made({ payer: (await town.device()).key.name })).id
      expect(payOf(await ask())).toBe('partner-budget')
      expect(await today()).toBeUndefined()
      await isRight()
    })

    it('without a payer its visitors are served for nothing, and their own credits stay theirs', async () => {
      key = (await made({ payer: null, dailyMicro: 0n })).id
      expect(await town.gift(visitor)).toEqual(ok(null))
      expect(payOf(await ask())).toBe('unpaid')
      expect(await town.wallet(visitor)).toMatchObject({ userMicro: GIFT, heldMicro: 0n })
      expect(await today()).toMatchObject({ requests: 1, tokens: 0, micro: 0n })
      await isRight()
    })

    it('a request that was counted for nothing and is paid by somebody else does not touch a budget', async () => {
      key = (await made({ payer: null, dailyMicro: 0n })).id
      const request = 'c'.repeat(32)
      expect(payOf(await ask({ request }))).toBe('unpaid')
      await town.hire(payer, [worker], { request })
      await town.wish(payer, { kind: 'over', request, parts: [] })
      town.nowMs += CREDIT_POLICY.releaseMs
      await town.credits.sweep()
      expect(await town.wallet(payer)).toMatchObject({ heldMicro: 0n })
      await isRight()
    })

    it('neither the devices of the payer nor the visitor’s own are paid by it', async () => {
      town.join(payer, worker)
      expect(payOf(await ask())).toBe('own')
      const second = await town.device()
      town.join(visitor, second)
      expect(payOf(await ask({}, visitor, second))).toBe('own')
      expect(await town.wallet(payer)).toMatchObject({ heldMicro: 0n })
    })

    it('a key that is unknown or revoked pays nothing', async () => {
      expect(payOf(await ask({ partner: newPartnerKey() }))).toBe('partner-unknown')
      await town.credits.partners.revoke(key)
      expect(payOf(await ask())).toBe('partner-revoked')
      expect(await town.wallet(payer)).toMatchObject({ heldMicro: 0n })
    })

    it('says of each wish whether the site offers it', async () => {
      const { partners } = town.credits
      const { id } = await made({ models: [MODEL.modelId], scope: 'mesh' })
      const own = await made({ scope: 'own' })
      const about = { modelId: MODEL.modelId, room: null }
      expect(await partners.allows(id, about)).toEqual(ok(null))
      expect(await partners.allows(id, { ...about, modelId: 'b'.repeat(64) })).toMatchObject({ code: 'partner-model' })
      expect(await partners.allows(id, { ...about, room: 'r'.repeat(22) })).toMatchObject({ code: 'partner-scope' })
      expect(await partners.allows(own.id, about)).toMatchObject({ code: 'partner-scope' })
    })

    it('a budget that was tampered with is found out', async () => {
      await ask()
      await isRight()
      await runSql(database, 'update partner_day set held_micro = held_micro + 1')
      expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: false, code: 'ledger-damaged' })
      await runSql(database, 'update partner_day set held_micro = held_micro - 1, requests = requests + 1')
      expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: false, code: 'ledger-damaged' })
      await runSql(database, 'delete from partner_day')
      expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: false, code: 'ledger-damaged' })
    })

    it('are in a backup, with what they used', async () => {
      await ask()
      const lines: string[] = []
      for await (const line of backup(database)) lines.push(line.replace(/\n$/, ''))
      const before = [await town.credits.partners.list(), await today()]
      await town.credits.close()
      database = await fresh()
      const restored: Result<number> = await restore(database, of(lines), CREDIT_POLICY)
      expect(restored).toMatchObject({ ok: true })
      const { nowMs } = town
      town = new Town(database)
      town.nowMs = nowMs
      expect([await town.credits.partners.list(), await today()]).toEqual(before)
      await isRight()
      expect(payOf(await ask())).toBe('paid')
      expect(payOf(await ask())).toEqual(fail('partner-budget', '').code)
    })
  })
}

async function* of(lines: readonly string[]) {
  yield* lines
}
