/** Receipts on their way to the server: kept until it has them, sent once each as far as it counts, by one tab at a time. */
import { describe, expect, it } from 'vitest'
import { memoryOutboxStore } from '../../../web/account/outbox-store.ts'
import { ReceiptOutbox } from '../../../web/schedule/receipts/outbox.ts'
import { type OutboxLocks, OutboxTabs } from '../../../web/schedule/receipts/outbox-tabs.ts'
import type { Code } from '../../../web/wire/codes.ts'
import type { Settled } from '../../../web/wire/credit-events.ts'
import {
  RECEIPT_ALONE_MS,
  RECEIPTS_REST_MS,
  RECEIPTS_REST_MS_MAX,
  RECEIPTS_WAITING_MAX,
} from '../../../web/wire/limits/credits.ts'
import type { SignedReceipt } from '../../../web/wire/receipt-bytes.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'
import { MemoryLocks } from '../../support/memory-locks.ts'
import { EPOCH_MS } from '../../support/paid-tab.ts'
import { keptReceipt } from '../../support/receipt-records.ts'
import { SimClock } from '../../support/sim-clock.ts'

const ANSWER_MS = 5

class Rig {
  readonly clock = new SimClock()
  readonly store = memoryOutboxStore().receipts
  readonly #tabs = new Map<string, OutboxTabs>()
  readonly locks = new MemoryLocks()
  readonly settled: [tab: string, ticket: number, code: Code | null][] = []
  /** When each call came, and of which ticket. */
  readonly asked: [tab: string, ticket: number, atMs: number][] = []
  /** What the server has. */
  readonly had = new Set<string>()
  answer: (ticket: number) => Code | 'lost' | null = () => null
  /** Calls under way at once, at most. */
  most = 0
  #open = 0

  tab(name: string, locks: OutboxLocks | null = this.locks.of(this)): ReceiptOutbox {
    const { clock, store } = this
    const nowMs = () => EPOCH_MS + clock.nowMs
    const tabs = new OutboxTabs({ locks, tab: name, nowMs })
    this.#tabs.set(name, tabs)
    return new ReceiptOutbox({
      ...{ store, tabs, nowMs, every: clock.every, chance: () => 0 },
      settle: ({ receipt }) => this.#settle(name, receipt),
      onSettled: (signed, result) => this.settled.push([name, ticketOf(signed), result.ok ? null : result.code]),
    })
  }

  async #settle(tab: string, signed: SignedReceipt): Promise<Result<Settled>> {
    const ticket = ticketOf(signed)
    this.asked.push([tab, ticket, this.clock.nowMs])
    this.#open += 1
    this.most = Math.max(this.most, this.#open)
    await new Promise<void>((resolve) => this.clock.later(ANSWER_MS, resolve))
    this.#open -= 1
    const code = this.answer(ticket)
    if (code !== null && code !== 'lost') return fail(code, '')
    const again = this.had.has(signed.receipt.ticket)
    this.had.add(signed.receipt.ticket)
    return code === 'lost' ? fail('signal-away', '') : ok({ settledMicro: 1n, disputedMicro: 0n, again })
  }

  close(name: string, outbox: ReceiptOutbox): void {
    outbox.close()
    this.#tabs.get(name)?.close()
  }

  put(outbox: ReceiptOutbox, ticket: number, { both = true, draft = false } = {}): Promise<void> {
    const endedMs = Math.round(EPOCH_MS + this.clock.nowMs)
    const { signed } = keptReceipt(ticket, { both, more: { beganMs: EPOCH_MS, endedMs } })
    return outbox.keep({ signed, acknowledged: null, draft })
  }

  pass(ms: number) {
    return this.clock.until(() => false, this.clock.nowMs + ms)
  }
}

const ticketOf = ({ receipt }: SignedReceipt) => Number.parseInt(receipt.ticket, 16)

describe('a receipt in the outbox', () => {
  it('that both have signed is sent at once; one that waits for its asker after a while', async () => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    await rig.put(outbox, 1, { both: false })
    await rig.put(outbox, 2)
    await rig.pass(1_000)
    expect(rig.settled).toEqual([['a', 2, null]])
    await rig.pass(RECEIPT_ALONE_MS - 2_000)
    expect(rig.asked).toHaveLength(1)
    await rig.pass(RECEIPT_ALONE_MS)
    expect(rig.settled).toEqual([
      ['a', 2, null],
      ['a', 1, null],
    ])
    expect(await rig.store.all()).toEqual([])
  })

  it('is sent again, with rests that grow, while the server is away, and at once when it is back', async () => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    rig.answer = () => 'signal-away'
    await rig.put(outbox, 1)
    await rig.put(outbox, 2)
    await rig.pass(2 * RECEIPTS_REST_MS_MAX)
    const times = rig.asked.map(([, , atMs]) => atMs)
    const rests = times.slice(1).map((atMs, at) => atMs - (times[at] ?? 0))
    expect(rests.length).toBeGreaterThan(4)
    // The first two are of two receipts that were kept one after the other.
    for (const [at, rest] of rests.entries()) if (at > 2) expect(rest).toBeGreaterThan((rests[at - 1] ?? 0) * 1.2)
    expect(rests.at(-1)).toBeGreaterThan(10 * RECEIPTS_REST_MS)
    rig.answer = () => null
    outbox.flush()
    await rig.pass(100)
    expect(rig.settled.map(([, ticket]) => ticket).sort()).toEqual([1, 2])
  })

  it('whose acceptance was not heard is sent again, and counts once', async () => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    rig.answer = () => 'lost'
    await rig.put(outbox, 1)
    await rig.pass(100)
    expect([rig.had.size, rig.settled.length]).toEqual([1, 0])
    rig.answer = () => null
    await rig.pass(10_000)
    expect([rig.had.size, rig.settled.length, rig.asked.length]).toEqual([1, 1, 2])
  })

  it.each<[Code, boolean]>([
    ['receipt-inflated', true],
    ['receipt-unsigned', true],
    ['self-dealing', true],
    ['posting-taken', true],
    ['hold-ended', true],
    ['signal-away', false],
    ['receipt-early', false],
    ['ledger-away', false],
  ])('that was refused with %s: given up %s', async (code, given) => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    rig.answer = () => code
    await rig.put(outbox, 1)
    await rig.pass(100)
    expect(rig.settled).toEqual(given ? [['a', 1, code]] : [])
    expect(await rig.store.all()).toHaveLength(given ? 0 : 1)
  })

  it('that the server does not take yet holds up no other', async () => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    rig.answer = (ticket) => (ticket % 2 === 0 ? 'ledger-away' : null)
    for (const ticket of [5, 2, 3, 4, 1]) await rig.put(outbox, ticket)
    await rig.pass(1_000)
    expect(rig.settled.map(([, ticket]) => ticket).sort()).toEqual([1, 3, 5])
    rig.answer = () => null
    await rig.pass(RECEIPTS_REST_MS_MAX)
    expect(rig.settled).toHaveLength(5)
  })

  it('is the newest of its ticket, and one that came while an older one was sent is sent too', async () => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    await rig.put(outbox, 1, { both: false })
    await rig.clock.until(() => rig.asked.length === 1, 2 * RECEIPT_ALONE_MS)
    await rig.put(outbox, 1)
    await rig.pass(100)
    expect(rig.asked).toHaveLength(2)
    expect(await rig.store.all()).toEqual([])
  })

  it('of more than a browser keeps: the longest kept are gone, all others arrive', async () => {
    const rig = new Rig()
    const outbox = rig.tab('a')
    rig.answer = () => 'signal-away'
    for (let ticket = 1; ticket <= RECEIPTS_WAITING_MAX + 3; ticket += 1) {
      rig.clock.nowMs += 1
      await rig.put(outbox, ticket)
    }
    await rig.pass(100)
    rig.answer = () => null
    outbox.flush()
    await rig.clock.until(() => rig.had.size === RECEIPTS_WAITING_MAX, rig.clock.nowMs + 60_000)
    expect(rig.had.size).toBe(RECEIPTS_WAITING_MAX)
    expect(rig.settled[0]?.[1]).toBe(4)
  })
})

describe('tabs of one browser', () => {
  it('send one at a time, and nothing twice', async () => {
    const rig = new Rig()
    const [a, b] = [rig.tab('a', rig.locks.of('a')), rig.tab('b', rig.locks.of('b'))]
    for (let ticket = 1; ticket <= 20; ticket += 1) await rig.put(ticket % 2 === 0 ? a : b, ticket)
    a.flush()
    b.flush()
    await rig.pass(2_000)
    expect([rig.most, rig.asked.length, rig.had.size]).toEqual([1, 20, 20])
  })

  it('do not wait for one that sleeps in the middle of sending', async () => {
    const rig = new Rig()
    const sleeping = rig.locks.of('a')
    void sleeping.request('weft-receipts/sending', () => new Promise<void>(() => {}))
    const b = rig.tab('b', rig.locks.of('b'))
    await rig.put(b, 1)
    await rig.pass(RECEIPT_ALONE_MS - 1_000)
    expect(rig.asked).toEqual([])
    await rig.pass(2_000)
    expect(rig.settled).toEqual([['b', 1, null]])
  })

  it('send what a closed one has left, and not the draft of one that is open', async () => {
    const rig = new Rig()
    const [lockA, lockB] = ['a', 'b'].map((name) => rig.locks.of(name))
    const a = rig.tab('a', lockA)
    const b = rig.tab('b', lockB)
    await rig.put(a, 1, { draft: true, both: false })
    await rig.put(a, 2, { both: false })
    await rig.pass(3 * RECEIPT_ALONE_MS)
    expect(rig.settled.map(([, ticket]) => ticket)).toEqual([2])
    rig.close('a', a)
    await rig.pass(10)
    b.flush()
    await rig.pass(100)
    expect(rig.settled.at(-1)).toEqual(['b', 1, null])
  })

  it('leave a draft alone for a while where no browser tells who is open', async () => {
    const rig = new Rig()
    const [a, b] = [rig.tab('a', null), rig.tab('b', null)]
    await rig.put(a, 1, { draft: true, both: false })
    await rig.pass(RECEIPT_ALONE_MS - 1_000)
    expect(rig.asked).toEqual([])
    await rig.pass(2 * RECEIPT_ALONE_MS)
    expect(rig.settled).toEqual([['b', 1, null]])
    a.close()
    b.close()
    await rig.put(b, 2)
    await rig.pass(RECEIPT_ALONE_MS)
    expect(rig.asked).toHaveLength(1)
  })
})
