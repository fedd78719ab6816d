/** When the rest of a hold goes back, over any ledger: neither before work that began has its receipt, nor later than it has to. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LedgerDatabase } from '../../signal/ledger/database.ts'
import { fsck } from '../../signal/ledger/fsck.ts'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { LEDGER_PART_MAX } from '../../web/wire/limits/credits.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { type Device, signedBy, Town } from '../support/credit-town.ts'

const GIFT = CREDIT_POLICY.grantMicro

/** `fresh`: an empty ledger. */
export function creditsOverSuite(name: string, fresh: () => Promise<LedgerDatabase>): void {
  describe(`a request that is over ${name}`, () => {
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
      await town.gift(asker)
      claims = await hired()
    })

    afterEach(() => town.credits.close())

    async function hired(wish: Parameters<Town['hire']>[2] = {}, by = asker, at = worker): Promise<TicketClaims> {
      const [first] = await town.hire(by, [at], wish)
      if (!first) throw new Error('nobody was hired')
      return first
    }

    const over = (request: string, parts: readonly number[] = [], by = asker) =>
      town.wish(by, { kind: 'over', request, parts })
    const began = (ticket: TicketClaims, by = worker) => town.wish(by, { kind: 'began', ticket: ticket.id })
    const settle = async (ticket: TicketClaims, by = worker) =>
      town.settle(by, await signedBy(by, asker, town.receipt(ticket)))
    const heldRequests = async () => (await town.wallet(asker)).held.map(({ request }) => request)
    const isRight = async () => expect(await fsck(database, CREDIT_POLICY)).toMatchObject({ ok: true })

    async function pass(ms: number): Promise<void> {
      town.nowMs += ms
      await town.credits.sweep()
    }

    it('waits for the receipt of a part that its worker says began; where nothing did it is given back after a while', async () => {
      await began(claims)
      const idle = await hired()
      for (const { request } of [claims, idle]) await over(request)
      await pass(CREDIT_POLICY.releaseMs)
      expect(await heldRequests()).toEqual([claims.request])
      const { micro } = town.receipt(claims)
      expect(await settle(claims)).toMatchObject({ ok: true })
      expect(await town.wallet(asker)).toMatchObject({ heldMicro: 0n, userMicro: GIFT - micro })
      await isRight()
    })

    it('waits for the receipts of the parts that its asker names, though no worker said that it began', async () => {
      await over(claims.request, [claims.part])
      await pass(2 * CREDIT_POLICY.releaseMs)
      expect(await heldRequests()).toEqual([claims.request])
      expect(await settle(claims)).toMatchObject({ ok: true })
      expect(await heldRequests()).toEqual([])
      await isRight()
    })

    it('waits for all of them, whichever is signed first', async () => {
      const other = await town.device()
      const stages = await town.hire(asker, [worker, other])
      const [first, second] = stages
      if (!first || !second) throw new Error('two were hired')
      await over(
        first.request,
        stages.map(({ part }) => part),
      )
      expect(await settle(first)).toMatchObject({ ok: true })
      await pass(CREDIT_POLICY.releaseMs)
      expect(await settle(second, other)).toMatchObject({ ok: true })
      expect(await heldRequests()).toEqual([claims.request])
      await isRight()
    })

    it('whose asker names too few: the word of the other worker counts, if it comes in its time', async () => {
      const other = await town.device()
      const [first, second] = await town.hire(asker, [worker, other])
      if (!first || !second) throw new Error('two were hired')
      await over(first.request, [first.part])
      await settle(first)
      await began(second, other)
      await pass(CREDIT_POLICY.releaseMs)
      expect(await settle(second, other)).toMatchObject({ ok: true })
      await isRight()
    })

    it('whose asker names too few, and of whose other worker nothing is heard, is given back', async () => {
      const other = await town.device()
      const [first, second] = await town.hire(asker, [worker, other])
      if (!first || !second) throw new Error('two were hired')
      await over(first.request, [first.part])
      await settle(first)
      await pass(CREDIT_POLICY.releaseMs - 1)
      expect(await heldRequests()).toContain(first.request)
      await pass(1)
      expect(await heldRequests()).not.toContain(first.request)
      // Nothing is set aside any more, and nobody pays out of what is not.
      await began(second, other)
      expect(await settle(second, other)).toMatchObject({ code: 'hold-ended' })
      await isRight()
    })

    it('may be said again with more parts, and parts that nobody was hired for change nothing', async () => {
      await over(claims.request)
      await over(claims.request, [claims.part, claims.part, LEDGER_PART_MAX])
      await pass(CREDIT_POLICY.releaseMs)
      expect(await heldRequests()).toEqual([claims.request])
      expect(await settle(claims)).toMatchObject({ ok: true })
      expect(await heldRequests()).toEqual([])
    })

    it('is not over any more once somebody else is hired for it', async () => {
      await over(claims.request, [claims.part])
      const other = await town.device()
      const next = await hired({ request: claims.request }, asker, other)
      await settle(claims)
      await pass(CREDIT_POLICY.releaseMs)
      expect(await heldRequests()).toEqual([claims.request])
      await over(claims.request, [next.part])
      expect(await settle(next, other)).toMatchObject({ ok: true })
      expect(await heldRequests()).toEqual([])
      await isRight()
    })

    it('nobody else says that, or which parts began', async () => {
      const stranger = await town.device()
      await over(claims.request, [claims.part], stranger)
      await began(claims, stranger)
      await over(claims.request)
      expect(await heldRequests()).toEqual([claims.request])
      await pass(CREDIT_POLICY.releaseMs)
      expect(await heldRequests()).toEqual([])
      await isRight()
    })

    it('another device of its account may say it', async () => {
      const beside = await town.device()
      town.join(asker, beside)
      await over(claims.request, [claims.part], beside)
      await settle(claims)
      expect(await heldRequests()).toEqual([])
    })

    it('a hold that waits in vain comes back by itself, and its late receipt finds it ended', async () => {
      await over(claims.request, [claims.part])
      await pass(CREDIT_POLICY.holdForMs)
      expect(await town.wallet(asker)).toMatchObject({ userMicro: GIFT, heldMicro: 0n })
      expect(await settle(claims)).toMatchObject({ code: 'hold-ended' })
      await isRight()
    })

    it('many words at once never wait in a circle, and come to the same', async () => {
      const workers = await Promise.all(Array.from({ length: 4 }, () => town.device()))
      const stages = await town.hire(asker, workers)
      const request = stages[0]?.request ?? ''
      const parts = stages.map(({ part }) => part)
      const said = stages.flatMap((stage, index) => {
        const by = workers[index] ?? worker
        return [began(stage, by), over(request, parts), over(request, [...parts].reverse()), settle(stage, by)]
      })
      for (const one of await Promise.all(said)) expect(one).toMatchObject({ ok: true })
      expect(await heldRequests()).toEqual([claims.request])
      await isRight()
    })
  })
}
