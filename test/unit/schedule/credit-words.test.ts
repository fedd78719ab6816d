/** What the server is told of paid work: once, also after it was away, also by a tab that was closed in the meantime. */
import { expect, it } from 'vitest'
import { memoryOutboxStore } from '../../../web/account/outbox-store.ts'
import { CreditWords } from '../../../web/schedule/receipts/credit-words.ts'
import { type OutboxLocks, OutboxTabs } from '../../../web/schedule/receipts/outbox-tabs.ts'
import type { Code } from '../../../web/wire/codes.ts'
import type { CreditWord } from '../../../web/wire/credit-events.ts'
import { CREDIT_WORDS_MAX, RECEIPT_ALONE_MS, RECEIPTS_REST_MS_MAX } from '../../../web/wire/limits/credits.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { MemoryLocks } from '../../support/memory-locks.ts'
import { SimClock } from '../../support/sim-clock.ts'

const KEPT_MS = 3_600_000

class Rig {
  readonly clock = new SimClock()
  readonly store = memoryOutboxStore().words
  readonly locks = new MemoryLocks()
  readonly heard: [tab: string, word: CreditWord][] = []
  away: Code | null = null
  refuses = false

  tab(name: string, locks: OutboxLocks | null = this.locks.of(name)) {
    const { clock, store } = this
    const nowMs = () => clock.nowMs
    const tabs = new OutboxTabs({ locks, tab: name, nowMs })
    const words = new CreditWords({
      ...{ store, tabs, nowMs, every: clock.every, chance: () => 0, keptForMs: KEPT_MS },
      say: async (word) => {
        await new Promise<void>((resolve) => clock.later(5, resolve))
        if (this.away) return fail(this.away, '')
        this.heard.push([name, word])
        return this.refuses ? fail('hold-unknown', '') : ok(null)
      },
    })
    const close = () => {
      words.close()
      tabs.close()
    }
    return { words, close }
  }

  get said(): readonly CreditWord[] {
    return this.heard.map(([, word]) => word)
  }

  pass(ms: number) {
    return this.clock.until(() => false, this.clock.nowMs + ms)
  }
}

const id = (number: number) => number.toString(16).padStart(32, '0')
const over = (request: number, ...parts: number[]): CreditWord => ({ kind: 'over', request: id(request), parts })
const began: CreditWord = { kind: 'began', ticket: id(1) }

it('is said once each, at once, also what is refused', async () => {
  const rig = new Rig()
  const { words } = rig.tab('a')
  rig.refuses = true
  const said = [began, over(1, 0), over(2)]
  for (const word of said) {
    await words.tell(word)
    await rig.pass(100)
  }
  words.flush()
  await rig.pass(RECEIPT_ALONE_MS * 3)
  expect(rig.said).toEqual(said)
  expect(await rig.store.all()).toEqual([])
})

it.each<Code>(['signal-away', 'ledger-away', 'not-proven'])(
  'waits while it is said %s, the newest of many, and is said when somebody flushes',
  async (code) => {
    const rig = new Rig()
    const { words } = rig.tab('a')
    rig.away = code
    for (let request = 0; request < CREDIT_WORDS_MAX + 5; request += 1) {
      rig.clock.nowMs += 1
      await words.tell(over(request))
    }
    await rig.pass(1_000)
    expect(rig.said).toEqual([])
    rig.away = null
    words.flush()
    await rig.clock.until(() => rig.said.length === CREDIT_WORDS_MAX)
    expect(rig.said[0]).toEqual(over(5))
    expect(rig.said.at(-1)).toEqual(over(CREDIT_WORDS_MAX + 4))
  },
)

it('is tried again by itself', async () => {
  const rig = new Rig()
  const { words } = rig.tab('a')
  rig.away = 'ledger-away'
  await words.tell(began)
  await rig.pass(RECEIPT_ALONE_MS)
  rig.away = null
  await rig.pass(2 * RECEIPTS_REST_MS_MAX)
  expect(rig.said).toEqual([began])
})

it('of a tab that is closed is said by another one, or at the next visit; and none twice', async () => {
  const rig = new Rig()
  const [a, b] = [rig.tab('a'), rig.tab('b')]
  rig.away = 'signal-away'
  await a.words.tell(began)
  await rig.pass(1)
  await a.words.tell(over(1, 0, 1))
  await rig.pass(100)
  a.close()
  rig.away = null
  await rig.pass(10)
  b.words.flush()
  await rig.pass(1_000)
  expect(rig.heard).toEqual([
    ['b', began],
    ['b', over(1, 0, 1)],
  ])
  rig.away = 'signal-away'
  await b.words.tell(over(2))
  await rig.pass(100)
  b.close()
  rig.away = null
  await rig.pass(2 * RECEIPTS_REST_MS_MAX)
  const next = rig.tab('c')
  next.words.flush()
  await rig.pass(1_000)
  expect(rig.heard.at(-1)).toEqual(['c', over(2)])
  expect(rig.heard).toHaveLength(3)
  expect(await rig.store.all()).toEqual([])
})

it('of a tab that is open is left to it', async () => {
  const rig = new Rig()
  const [a, b] = [rig.tab('a'), rig.tab('b')]
  rig.away = 'signal-away'
  await a.words.tell(began)
  await rig.pass(100)
  rig.away = null
  b.words.flush()
  await rig.pass(20)
  expect(rig.heard).toEqual([])
  await rig.pass(2 * RECEIPTS_REST_MS_MAX)
  expect(rig.heard).toEqual([['a', began]])
})

it('that is left for later is said once its tab is gone, as it was left last', async () => {
  const rig = new Rig()
  const [a, b] = [rig.tab('a'), rig.tab('b')]
  await a.words.leave(over(1))
  await a.words.leave(over(1, 0))
  await a.words.leave(over(2))
  await a.words.tell(over(2, 3))
  await rig.pass(3 * RECEIPT_ALONE_MS)
  expect(rig.heard).toEqual([['a', over(2, 3)]])
  a.close()
  await rig.pass(10)
  b.words.flush()
  await rig.pass(100)
  expect(rig.heard.slice(1)).toEqual([['b', over(1, 0)]])
  expect(await rig.store.all()).toEqual([])
})

it('is not said for a tab of which nobody knows whether it is there, but what it had to say is', async () => {
  const rig = new Rig()
  const [a, b] = [rig.tab('a', null), rig.tab('b', null)]
  rig.away = 'signal-away'
  await a.words.leave(over(1, 0))
  await a.words.tell(began)
  a.close()
  rig.away = null
  await rig.pass(2 * RECEIPT_ALONE_MS)
  b.words.flush()
  await rig.pass(100)
  expect(rig.said).toEqual([began])
  await rig.pass(KEPT_MS)
  b.words.flush()
  await rig.pass(100)
  expect(rig.said).toEqual([began])
  expect(await rig.store.all()).toEqual([])
})

it('is forgotten when what was set aside has gone back by itself', async () => {
  const rig = new Rig()
  const { words } = rig.tab('a')
  rig.away = 'ledger-away'
  await words.tell(began)
  await rig.pass(KEPT_MS)
  rig.away = null
  await rig.pass(RECEIPTS_REST_MS_MAX * 2)
  expect(rig.said).toEqual([])
  expect(await rig.store.all()).toEqual([])
})

it('is said where the browser refuses locks, as it does where it refuses storage', async () => {
  const rig = new Rig()
  const refused = () => Promise.reject(new DOMException('The request was denied.', 'SecurityError'))
  const { words } = rig.tab('a', { request: refused, query: refused })
  await words.tell(began)
  words.flush()
  await rig.pass(100)
  expect(rig.said).toEqual([began])
})
