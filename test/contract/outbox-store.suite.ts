/** What every store of receipts promises: one of each ticket, what took another's place stays, the longest kept goes first. */
import { describe, expect, it } from 'vitest'
import type { OutboxStore } from '../../web/account/outbox-store.ts'
import { RECEIPTS_WAITING_MAX } from '../../web/wire/limits.ts'
import { acknowledgedOf, keptReceipt } from '../support/receipt-records.ts'

/** `open` gives an empty store each time. */
export function outboxStoreSuite(name: string, open: () => Promise<OutboxStore>): void {
  describe(`receipts ${name}`, () => {
    it('come back as they were kept, the longest kept first', async () => {
      const store = await open()
      const [a, b] = [keptReceipt(1, { keptMs: 9 }), keptReceipt(2, { both: false, acknowledged: acknowledgedOf(3) })]
      const draft = keptReceipt(3, { draftOf: 'tab', keptMs: 5, both: false })
      for (const one of [a, b, draft]) await store.put(one)
      expect(await store.all()).toEqual([b, draft, a])
    })

    it('of the same ticket take the place of older ones', async () => {
      const store = await open()
      const draft = keptReceipt(1, { draftOf: 'tab', both: false })
      const whole = keptReceipt(1, { keptMs: 2 })
      await store.put(draft)
      await store.put(whole)
      expect(await store.all()).toEqual([whole])
    })

    it('are deleted as they were read, and not where another one took their place', async () => {
      const store = await open()
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

    it('are so many at most: the longest kept goes', async () => {
      const store = await open()
      const all = Array.from({ length: RECEIPTS_WAITING_MAX + 2 }, (_, at) => keptReceipt(at + 1, { keptMs: 10 + at }))
      await Promise.all(all.map((one) => store.put(one)))
      const kept = await store.all()
      expect(kept).toHaveLength(RECEIPTS_WAITING_MAX)
      expect(kept[0]).toEqual(all[2])
      expect(kept.at(-1)).toEqual(all.at(-1))
    })
  })
}
