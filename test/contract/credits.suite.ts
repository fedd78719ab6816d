/** What the server promises of credits, over any ledger: gifts, holds, receipts, disputes, what time brings, what a wallet says. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LedgerDatabase } from '../../signal/ledger/database.ts'
import { fsck } from '../../signal/ledger/fsck.ts'
import { burnOf, CREDIT_POLICIES, CREDIT_POLICY, holdOf } from '../../web/rules/credit-policy.ts'
import { parseSettled, parseWalletPage } from '../../web/wire/credit-events.ts'
import { MICRO_PER_CREDIT } from '../../web/wire/ledger-events.ts'
import { RECEIPT_ALONE_MS } from '../../web/wire/limits/credits.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { type Device, MODEL, signedBy, Town } from '../support/credit-town.ts'

const GIFT = CREDIT_POLICY.grantMicro

/** `fresh`: an empty ledger. */
export function creditsSuite(name: string, fresh: () => Promise<LedgerDatabase>): void {
  describe(`credits ${name}`, () => {
    let database: LedgerDatabase
    let town: Town
    let asker: Device
    let worker: Device
    let claims: TicketClaims

    beforeEach(async () => {
      database = await fresh()
      town = new Town(database)
      asker = await town.device()
      worker = await town.device()
      expect(await town.gift(asker)).toEqual(ok(null))
      claims = await hired()
    })

    // Its sweeps would go on in the ledger of the next.
    afterEach(() => town.credits.close())

    async function hired(wish: Parameters<Town['hire']>[2] = {}, by = asker, at = worker): Promise<TicketClaims> {
      const [first] = await town.hire(by, [at], wish)
      if (!first) throw new Error('nobody was hired')
      return first
    }

    const isRight = async () => expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: true })
    const settled = (result: Result<unknown>) => (result.ok ? parseSettled(result.value) : result)

    it('gives a device its first credits once, against a proof', async () => {
      expect(await town.wallet(asker)).toMatchObject({ grant: { leftMicro: GIFT } })
      expect(await town.gift(asker)).toEqual(ok(null))
      const { userMicro, heldMicro } = await town.wallet(asker)
      expect(userMicro + heldMicro).toBe(GIFT)
      expect(await town.wish(worker, { kind: 'grant', proof: 'none' })).toEqual(fail('grant-proof', ''))
      await town.wish(worker, { kind: 'puzzle' })
      expect(await town.wish(worker, { kind: 'grant', proof: 'wrong' })).toEqual(fail('grant-proof', ''))
      expect(await town.wallet(worker)).toMatchObject({ userMicro: 0n, grant: null })
      await isRight()
    })

    it('gives one network only so many a day', async () => {
      const codes: string[] = []
      for (let at = 0; at < 6; at += 1) {
        const given = await town.gift(await town.device())
        codes.push(given.ok ? 'ok' : given.code)
      }
      expect(codes).toEqual(['ok', 'ok', 'ok', 'ok', 'grant-many', 'grant-many'])
      const elsewhere = await town.device()
      elsewhere.address = '198.51.100.9'
      expect(await town.gift(elsewhere)).toEqual(ok(null))
      town.nowMs += 24 * 3_600_000 + 1
      expect(await town.gift(await town.device())).toEqual(ok(null))
    })

    it('sets the worst case aside before any work, once for a request', async () => {
      const { activeParameters } = MODEL
      const micro = holdOf(CREDIT_POLICY, { tokens: 500, outputTokens: 400, activeParameters })
      expect(claims.pay).toEqual({
        kind: 'paid',
        policy: CREDIT_POLICY.version,
        activeParameters,
        layers: MODEL.layers,
      })
      const { request } = claims
      const again = await hired({ request }, asker, await town.device())
      expect([claims.part, again.part, again.pay.kind]).toEqual([0, 1, 'paid'])
      const { userMicro, heldMicro, held } = await town.wallet(asker)
      expect([userMicro, heldMicro]).toEqual([GIFT - micro, micro])
      expect(held).toEqual([{ request, micro, untilMs: town.nowMs + CREDIT_POLICY.holdForMs }])
      await isRight()
    })

    it.each<[string, () => Promise<TicketClaims>, string]>([
      ['inside a room', () => hired({ room: 'r'.repeat(22) }), 'room'],
      ['by whom has no credits', () => hired({}, worker, asker), 'unpaid'],
      ['that costs more than there is', () => hired({ outputTokens: 60_000 }), 'unpaid'],
      ['for which nothing is offered', () => hired({ activeParameters: null }), 'unpaid'],
      ['under the request of somebody else', async () => hired({ request: claims.request }, worker, asker), 'unpaid'],
    ])('work %s is free', async (_title, hire, kind) => {
      expect((await hire()).pay).toEqual({ kind })
    })

    it('work that would cost more than was set aside for its request is not paid, however it is made to', async () => {
      const { request } = claims
      const before = await town.wallet(asker)
      const more = [{ outputTokens: 401 }, { promptTokens: 101 }, { activeParameters: MODEL.activeParameters * 2 }]
      for (const wish of more) expect((await hired({ request, ...wish })).pay).toEqual({ kind: 'unpaid' })
      // Also where a word of what was held before would make it fit, and where some was paid out since.
      expect((await hired({ request, outputTokens: 800, reusedAtFirst: 100 })).pay).toEqual({ kind: 'unpaid' })
      await town.settle(worker, await signedBy(worker, asker, town.receipt(claims)))
      expect((await hired({ request, outputTokens: 401 })).pay).toEqual({ kind: 'unpaid' })
      expect((await hired({ request, promptTokens: 50 })).pay.kind).toBe('paid')
      expect((await town.wallet(asker)).userMicro).toBe(before.userMicro)
      await isRight()
    })

    it('a tab that takes over a turn is paid by its hold, in which its first stages had less to read', async () => {
      const request = 'd'.repeat(32)
      const next = { request, promptTokens: 300, reusedTokens: 200 }
      expect((await hired(next)).pay.kind).toBe('paid')
      const { heldMicro } = await town.wallet(asker)
      expect((await hired({ request, promptTokens: 300 })).pay).toEqual({ kind: 'unpaid' })
      const over = await hired({ request, promptTokens: 300, reusedAtFirst: 200 }, asker, await town.device())
      expect([over.part, over.pay.kind]).toEqual([1, 'paid'])
      expect((await town.wallet(asker)).heldMicro).toBe(heldMicro)
      // The first plan of a request is believed nothing of that.
      const first = await hired({ promptTokens: 300, reusedAtFirst: 300 })
      const whole = holdOf(CREDIT_POLICY, { tokens: 700, outputTokens: 400, activeParameters: MODEL.activeParameters })
      expect((await town.wallet(asker)).held.find((one) => one.request === first.request)?.micro).toBe(whole)
      await isRight()
    })

    it('the price is by what the server knows of a model, whatever its asker says', async () => {
      town.known.set(MODEL.modelId, 7_000_000_000)
      const cheap = await hired({ activeParameters: 1 })
      expect(cheap.pay).toMatchObject({ kind: 'paid', activeParameters: 7_000_000_000 })
      expect((await hired({ activeParameters: null })).pay).toEqual({ kind: 'unpaid' })
    })

    it('work between devices of one account is free', async () => {
      town.join(asker, worker)
      expect((await hired()).pay).toEqual({ kind: 'own' })
    })

    it('a device that comes into an account keeps what it had, and uses what the account has first', async () => {
      const first = await town.device()
      town.join(first, asker)
      const own = (await town.wallet(asker)).userMicro
      expect(await town.wallet(first)).toMatchObject({ userMicro: 0n })
      expect((await hired()).pay.kind).toBe('paid')
      expect((await town.wallet(asker)).userMicro).toBeLessThan(own)
      expect(await town.gift(first)).toEqual(ok(null))
      const before = (await town.wallet(asker)).userMicro
      const { request } = await hired()
      expect((await town.wallet(first)).held.map((one) => one.request)).toEqual([request])
      await town.wish(asker, { kind: 'over', request, parts: [] })
      town.nowMs += CREDIT_POLICY.releaseMs
      await town.credits.sweep()
      expect((await town.wallet(asker)).userMicro).toBe(before)
      await isRight()
    })

    it('work for nothing is short', async () => {
      const unpaid = await hired({ activeParameters: null })
      expect([unpaid.outputTokens, unpaid.positions]).toEqual([
        CREDIT_POLICY.unpaidOutputTokens,
        100 + CREDIT_POLICY.unpaidOutputTokens,
      ])
      expect([claims.outputTokens, claims.positions]).toEqual([400, 500])
    })

    it('pays what both have signed, once, whoever brings it; the rest comes back', async () => {
      const receipt = town.receipt(claims)
      const signed = await signedBy(worker, asker, receipt)
      const paid = ok({ settledMicro: receipt.micro, disputedMicro: 0n, again: false })
      expect(settled(await town.settle(worker, signed))).toEqual(paid)
      expect(settled(await town.settle(asker, signed))).toEqual(ok({ ...(paid.ok ? paid.value : {}), again: true }))
      await town.wish(asker, { kind: 'over', request: claims.request, parts: [claims.part] })
      const burned = burnOf(CREDIT_POLICY, receipt.micro)
      expect(await town.wallet(asker)).toMatchObject({ userMicro: GIFT - receipt.micro, heldMicro: 0n, held: [] })
      expect(await town.wallet(worker)).toMatchObject({
        userMicro: 0n,
        escrowMicro: receipt.micro - burned,
        escrows: [{ request: claims.request, part: 0, micro: receipt.micro - burned }],
      })
      await isRight()
    })

    it('a ticket of an older policy is settled by it, and the books are right', async () => {
      const [, older] = CREDIT_POLICIES
      if (!older) throw new Error('there is an older one')
      const before = new Town(database, [older])
      const [ticket] = await before.hire(asker, [worker])
      await before.credits.close()
      if (!ticket) throw new Error('nobody was hired')
      expect(ticket.pay).toMatchObject({ kind: 'paid', policy: older.version })
      const receipt = town.receipt(ticket)
      expect(receipt.policy).toBe(older.version)
      const result = await town.settle(worker, await signedBy(worker, asker, receipt))
      expect(settled(result)).toMatchObject({ ok: true, value: { settledMicro: receipt.micro } })
      await isRight()
      // Who knows the newest alone finds a contradiction.
      expect(await fsck(database, CREDIT_POLICY, [CREDIT_POLICY])).toMatchObject({ code: 'ledger-damaged' })
    })

    it('earnings come out of escrow by themselves', async () => {
      const receipt = town.receipt(claims)
      await town.settle(worker, await signedBy(worker, asker, receipt))
      town.nowMs += CREDIT_POLICY.escrowMs
      expect(await town.credits.sweep()).toBeGreaterThan(0)
      const earned = receipt.micro - burnOf(CREDIT_POLICY, receipt.micro)
      expect(await town.wallet(worker)).toMatchObject({ userMicro: earned, escrowMicro: 0n, escrows: [] })
      await isRight()
    })

    it('an asker that vanishes pays what it acknowledged; the little past that is disputed, and is its own in the end', async () => {
      const receipt = town.receipt(claims, { outputTokens: 80 })
      const alone = await signedBy(worker, null, receipt)
      const word = await town.acknowledged(claims, asker, 64)
      expect(await town.settle(worker, alone, word)).toMatchObject({ code: 'receipt-early' })
      town.nowMs += RECEIPT_ALONE_MS
      const acknowledged = town.receipt(claims, { outputTokens: 64 }).micro
      const part = { settledMicro: acknowledged, disputedMicro: receipt.micro - acknowledged }
      expect(settled(await town.settle(worker, alone, word))).toEqual(ok({ ...part, again: false }))
      expect(settled(await town.settle(worker, alone, word))).toEqual(ok({ ...part, again: true }))
      expect((await town.wallet(asker)).disputes).toEqual([
        { request: claims.request, part: 0, micro: part.disputedMicro, side: 'asker' },
      ])
      expect((await town.wallet(worker)).disputes).toMatchObject([{ side: 'worker' }])
      await town.wish(asker, { kind: 'over', request: claims.request, parts: [claims.part] })
      town.nowMs += CREDIT_POLICY.disputeMs
      await town.credits.sweep()
      expect(await town.wallet(asker)).toMatchObject({
        userMicro: GIFT - acknowledged,
        disputedMicro: 0n,
        disputes: [],
      })
      await isRight()
    })

    it('an asker that signs late ends the dispute for its worker', async () => {
      const receipt = town.receipt(claims, { outputTokens: 80 })
      const word = await town.acknowledged(claims, asker, 64)
      town.nowMs += RECEIPT_ALONE_MS
      await town.settle(worker, await signedBy(worker, null, receipt), word)
      const both = await signedBy(worker, asker, receipt)
      expect(settled(await town.settle(worker, both))).toMatchObject({ ok: true, value: { again: false } })
      expect(settled(await town.settle(worker, both))).toMatchObject({ ok: true, value: { again: true } })
      expect(await town.wallet(asker)).toMatchObject({ disputedMicro: 0n, disputes: [] })
      await town.wish(asker, { kind: 'over', request: claims.request, parts: [claims.part] })
      expect(await town.wallet(asker)).toMatchObject({ userMicro: GIFT - receipt.micro })
      await isRight()
    })

    it('an asker that acknowledged nothing owes nothing', async () => {
      const alone = await signedBy(worker, null, town.receipt(claims))
      town.nowMs += RECEIPT_ALONE_MS
      expect(await town.settle(worker, alone)).toMatchObject({ code: 'receipt-unsigned' })
    })

    describe('refuses a receipt', () => {
      const refused = async (code: string, result: Promise<Result<unknown>>) => {
        const { userMicro, heldMicro } = await town.wallet(asker)
        expect(await result).toMatchObject({ ok: false, code })
        expect(await town.wallet(asker)).toMatchObject({ userMicro, heldMicro })
        expect(await town.wallet(worker)).toMatchObject({ userMicro: 0n, escrowMicro: 0n })
        await isRight()
      }

      it('that was changed after it was signed', async () => {
        const signed = await signedBy(worker, asker, town.receipt(claims))
        const receipt = { ...signed.receipt, endedMs: signed.receipt.endedMs + 1 }
        await refused('receipt-signature', town.settle(worker, { ...signed, receipt }))
      })

      it('of a ticket that nobody gave out', async () => {
        const receipt = town.receipt(claims, { ticket: 'f'.repeat(32) })
        await refused('receipt-ticket', town.settle(worker, await signedBy(worker, asker, receipt)))
      })

      it('under the ticket of another worker', async () => {
        const [other] = await town.hire(asker, [await town.device()], { request: claims.request })
        const receipt = town.receipt(claims, { ticket: other?.id ?? '', part: other?.part ?? 0 })
        await refused('receipt-ticket', town.settle(worker, await signedBy(worker, asker, receipt)))
      })

      it('that is signed by another key, or brought by one', async () => {
        const stranger = await town.device()
        const receipt = town.receipt(claims)
        await refused('receipt-signature', town.settle(worker, await signedBy(worker, stranger, receipt)))
        await refused('receipt-signature', town.settle(worker, await signedBy(stranger, asker, receipt)))
        await refused('receipt-key', town.settle(stranger, await signedBy(worker, asker, receipt)))
      })

      it('that counts more than was allowed, or more than was acknowledged and a little', async () => {
        const large = town.receipt(claims, { outputTokens: 401 })
        await refused('receipt-inflated', town.settle(worker, await signedBy(worker, asker, large)))
        const ahead = town.receipt(claims, { outputTokens: 97 })
        const word = await town.acknowledged(claims, asker, 64)
        town.nowMs += RECEIPT_ALONE_MS
        await refused('receipt-inflated', town.settle(worker, await signedBy(worker, null, ahead), word))
      })

      it('whose acknowledgement is of other work, or of another key', async () => {
        const other = await hired()
        const alone = await signedBy(worker, null, town.receipt(claims))
        town.nowMs += RECEIPT_ALONE_MS
        await refused('receipt-ticket', town.settle(worker, alone, await town.acknowledged(other, asker, 64)))
        const forged = { ...(await town.acknowledged(claims, asker, 64)) }
        const { signature } = await town.acknowledged(claims, asker, 48)
        await refused('receipt-signature', town.settle(worker, alone, { ...forged, signature }))
      })

      it('of another price, and of work that is free', async () => {
        const dear = town.receipt(claims, { micro: 1n })
        await refused('receipt-price', town.settle(worker, await signedBy(worker, asker, dear)))
        const over = town.receipt(claims, { micro: 10n ** 15n })
        await refused('receipt-price', town.settle(worker, await signedBy(worker, asker, over)))
      })

      it('a second one of the same ticket', async () => {
        await town.settle(worker, await signedBy(worker, asker, town.receipt(claims)))
        const second = await signedBy(worker, asker, town.receipt(claims, { outputTokens: 65 }))
        expect(await town.settle(worker, second)).toMatchObject({ code: 'posting-taken' })
        await isRight()
      })
    })

    it('devices that came into one account after they were hired are self-dealing', async () => {
      const selfish = await hired({}, asker, worker)
      // The ticket names who owned them when it was given out.
      await database.kysely
        .updateTable('hold')
        .set({ owner: worker.key.name })
        .where('request', '=', selfish.request)
        .execute()
      const signed = await signedBy(worker, asker, town.receipt(selfish))
      expect(await town.settle(worker, signed)).toMatchObject({ code: 'self-dealing' })
    })

    it('a route pays each of its stages by its layers, and never more than was set aside', async () => {
      const others = [await town.device(), await town.device()]
      const stages = await town.hire(asker, [worker, ...others])
      let sum = 0n
      for (const [index, stage] of stages.entries()) {
        const by = [worker, ...others][index] ?? worker
        const receipt = town.receipt(stage)
        sum += receipt.micro
        expect(await town.settle(by, await signedBy(by, asker, receipt))).toMatchObject({ ok: true })
      }
      const whole = town.receipt(claims).micro
      expect(sum - whole).toBeLessThan(3n)
      expect(stages.map(({ part }) => part)).toEqual([0, 1, 2])
      await isRight()
    })

    it('where more tabs took over than was set aside for, the last of them get what is left', async () => {
      const wish = { request: claims.request, promptTokens: 100, outputTokens: 400 }
      const workers = [worker, await town.device(), await town.device()]
      const parts = [claims]
      for (const by of workers.slice(1)) parts.push(await hired(wish, asker, by))
      const micro = holdOf(CREDIT_POLICY, { tokens: 500, outputTokens: 400, activeParameters: MODEL.activeParameters })
      const paid: bigint[] = []
      for (const [index, part] of parts.entries()) {
        const by = workers[index] ?? worker
        const receipt = town.receipt(part, { outputTokens: 160 })
        const result = settled(await town.settle(by, await signedBy(by, asker, receipt)))
        if (!result.ok) throw new Error(result.code)
        paid.push(result.value.settledMicro)
      }
      const price = town.receipt(claims, { outputTokens: 160 }).micro
      expect(paid).toEqual([price, price, micro - 2n * price])
      expect(micro - 2n * price).toBeLessThan(price)
      const last = await hired(wish, asker, await town.device()).then(({ pay }) => pay.kind)
      expect(last).toBe('unpaid')
      await isRight()
    })

    it('a gift that was not used in time goes back, also what was held meanwhile', async () => {
      town.nowMs += CREDIT_POLICY.grantForMs
      await town.credits.sweep()
      expect(await town.wallet(asker)).toMatchObject({ userMicro: 0n, heldMicro: 0n, grant: { leftMicro: 0n } })
      await isRight()
    })

    it('a wallet tells what happened, page by page, with the receipts', async () => {
      for (let at = 0; at < 30; at += 1) {
        const one = at === 0 ? claims : await hired({ outputTokens: 70, promptTokens: 100 })
        await town.settle(worker, await signedBy(worker, asker, town.receipt(one)))
        await town.wish(asker, { kind: 'over', request: one.request, parts: [one.part] })
      }
      const pages = []
      for (let before: number | null = null; ; ) {
        const answer = await town.wish(asker, { kind: 'history', before })
        const page = answer.ok ? parseWalletPage(answer.value) : answer
        if (!page.ok) throw new Error(page.detail)
        pages.push(page.value)
        before = page.value.entries.at(-1)?.seq ?? null
        if (!page.value.more) break
      }
      expect(pages.map(({ entries }) => entries.length)).toEqual([50, 41])
      const all = pages.flatMap(({ entries }) => entries)
      expect(all.map(({ seq }) => seq)).toEqual([...all.map(({ seq }) => seq)].sort((a, b) => b - a))
      const sum = all.flatMap(({ lines }) => lines).reduce((total, { micro }) => total + micro, 0n)
      const { userMicro, heldMicro } = await town.wallet(asker)
      expect(sum).toBe(userMicro + heldMicro)
      expect(all.filter(({ type }) => type === 'settle').every(({ receipt }) => receipt?.askerSignature)).toBe(true)
      expect(all.at(-1)).toMatchObject({ type: 'grant', lines: [{ kind: 'user', micro: 40n * MICRO_PER_CREDIT }] })
    })
  })
}
