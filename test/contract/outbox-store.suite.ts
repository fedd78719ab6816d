/** What every store of receipts and words promises: one of each name, what took another's place stays, the longest kept goes first. */
import { describe, expect, it } from 'vitest'
import type { KeptWord, OutboxStore } from '../../web/account/outbox-store.ts'
import { CREDIT_WORDS_MAX, RECEIPTS_WAITING_MAX } from '../../web/wire/limits/credits.ts'
import type { Receipt } from '../../web/wire/receipt-bytes.ts'
import { acknowledgedOf, keptReceipt } from '../support/receipt-records.ts'

/** `open` gives an empty store each time. */
export function outboxStoreSuite(name: string, open: () => Promise<OutboxStore>): void {
  describe(`receipts ${name}`, () => {
    it('come back as they were kept, the longest kept first', async () => {
      const { receipts: store } = await open()
      const [a, b] = [keptReceipt(1, { keptMs: 9 }), keptReceipt(2, { both: false, acknowledged: acknowledgedOf(3) })]
      const draft = keptReceipt(3, { draftOf: 'tab', keptMs: 5, both: false })
      for (const one of [a, b, draft]) await store.put(one)
      expect(await store.all()).toEqual([b, draft, a])
    })

    it('of the same ticket take the place of older ones', async () => {
      const { receipts: store } = await open()
      const draft = keptReceipt(1, { draftOf: 'tab', both: false })
      const whole = keptReceipt(1, { keptMs: 2 })
      await store.put(draft)
      await store.put(whole)
      expect(await store.all()).toEqual([whole])
    })

    it('are deleted as they were read, and not where another one took their place', async () => {
      const { receipts: store } = await open()
      const alone = keptReceipt(1, { both: false })
      const draft = keptReceipt(1, { both: false, draftOf: 'tab' })
      const more = keptReceipt(1, { both: false, acknowledged: acknowledgedOf(4) })
      const both = keptReceipt(1)
      for (const [was, is] of [
        [draft, alone],
        [alone, more],
        [alone, both],
      ] as const) {
        await store.put(is)
        await store.delete(was)
        expect(await store.all()).toEqual([is])
      }
      await store.delete(both)
      await store.delete(both)
      expect(await store.all()).toEqual([])
    })

    it('are deleted as they were read, in whatever order their fields were written', async () => {
      const { receipts: store } = await open()
      const kept = keptReceipt(1)
      const receipt = Object.fromEntries(Object.entries(kept.signed.receipt).reverse()) as unknown as Receipt
      await store.put({ ...kept, signed: { ...kept.signed, receipt } })
      for (const read of await store.all()) await store.delete(read)
      expect(await store.all()).toEqual([])
    })

    it('are so many at most: the longest kept goes', async () => {
      const { receipts: store } = await open()
      const all = Array.from({ length: RECEIPTS_WAITING_MAX + 2 }, (_, at) => keptReceipt(at + 1, { keptMs: 10 + at }))
      await Promise.all(all.map((one) => store.put(one)))
      const kept = await store.all()
      expect(kept).toHaveLength(RECEIPTS_WAITING_MAX)
      expect(kept[0]).toEqual(all[2])
      expect(kept.at(-1)).toEqual(all.at(-1))
    })
  })

  describe(`words ${name}`, () => {
    const id = (number: number) => number.toString(16).padStart(32, '0')
    const began = (ticket: number, keptMs = ticket): KeptWord => {
      return { word: { kind: 'began', ticket: id(ticket) }, tab: 'tab', draft: false, keptMs }
    }
    const over = (request: number, parts: readonly number[], more: Partial<KeptWord> = {}): KeptWord => {
      return { word: { kind: 'over', request: id(request), parts }, tab: 'tab', draft: false, keptMs: request, ...more }
    }

    it('come back as they were kept, one of what it is about, the longest kept first', async () => {
      const { words, receipts } = await open()
      const all = [over(1, [], { keptMs: 9 }), began(1, 4), over(2, [0, 3], { draft: true, keptMs: 5 })]
      for (const one of all) await words.put(one)
      const more = over(2, [0, 3, 4], { keptMs: 8 })
      await words.put(more)
      expect(await words.all()).toEqual([all[1], more, all[0]])
      expect(await receipts.all()).toEqual([])
    })

    it('are deleted as they were read, and not where another one took their place', async () => {
      const { words } = await open()
      const said = over(1, [0])
      for (const was of [over(1, [0, 1]), over(1, [0], { draft: true }), over(1, [0], { tab: 'other' })]) {
        await words.put(said)
        await words.delete(was)
        expect(await words.all()).toEqual([said])
      }
      await words.delete(said)
      await words.delete(said)
      expect(await words.all()).toEqual([])
    })

    it('are so many at most: the longest kept goes', async () => {
      const { words } = await open()
      const all = Array.from({ length: CREDIT_WORDS_MAX + 2 }, (_, at) => began(at + 1))
      await Promise.all(all.map((one) => words.put(one)))
      const kept = await words.all()
      expect(kept).toHaveLength(CREDIT_WORDS_MAX)
      expect([kept[0], kept.at(-1)]).toEqual([all[2], all.at(-1)])
    })
  })
}
