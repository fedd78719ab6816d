/** What a wallet's history means, what its days come to, what a request costs and what giving earns. */
import { beforeAll, describe, expect, it } from 'vitest'
import { burnOf, CREDIT_POLICY, priceOf } from '../../../web/rules/credit-policy.ts'
import { amountOf, costOf, daysOf, earningsAnHour, netOf, senseOf } from '../../../web/rules/wallet.ts'
import { cellOf, exactCredits, walletCsv, walletJson } from '../../../web/rules/wallet-export.ts'
import type { Wallet, WalletEntry } from '../../../web/wire/credit-events.ts'
import { parseReceipt, type SignedReceipt } from '../../../web/wire/receipt-bytes.ts'
import { acknowledgedBy, receiptBetween, signedBy, twoSides } from '../../support/signed-receipts.ts'
import { entryOf } from '../../support/wallet-entries.ts'

const DAY_MS = 86_400_000
const GIGA = 1_000_000_000

let earned: WalletEntry
let signed: SignedReceipt
beforeAll(async () => {
  const sides = await twoSides()
  const receipt = receiptBetween(sides)
  signed = await signedBy(receipt, sides, null)
  const acknowledged = await acknowledgedBy(receipt, 48, sides.asker)
  earned = entryOf('settle', { escrow: 9_500n }, { receipt: signed, acknowledged, atMs: DAY_MS + 5, seq: 7 })
})

describe('an entry', () => {
  it.each([
    ['grant', { user: 40n }, 'gift', 40n],
    ['lapse', { user: -3n }, 'lapsed', -3n],
    ['hold', { user: -9n, hold: 9n }, 'set-aside', -9n],
    ['settle', { hold: -9n, user: 5n }, 'asked', -4n],
    ['settle', { escrow: 7n }, 'earned', 7n],
    ['release', { hold: -9n, user: 9n }, 'given-back', 9n],
    ['dispute', { hold: -6n, dispute: 6n }, 'disputed', -6n],
    ['judge', { dispute: -6n, user: 2n }, 'judged', -4n],
    ['vest', { escrow: -7n, user: 7n }, 'vested', 7n],
  ] as const)('of type %s that moves %o is %s, of %s', (type, moved, sense, amount) => {
    const entry = entryOf(type, moved)
    expect([senseOf(entry), amountOf(entry)]).toEqual([sense, amount])
  })
})

describe('days', () => {
  const starts = [0, DAY_MS, 2 * DAY_MS]

  it('count what was paid and earned where it happened, and nothing that only changed its place', () => {
    const entries = [
      entryOf('vest', { escrow: -7n, user: 7n }, { atMs: 2 * DAY_MS }),
      earned,
      entryOf('settle', { hold: -9n, user: 5n }, { atMs: DAY_MS - 1 }),
      entryOf('hold', { user: -9n, hold: 9n }, { atMs: 1 }),
      entryOf('grant', { user: 40n }, { atMs: 0 }),
      entryOf('settle', { hold: -100n }, { atMs: -1 }),
    ]
    expect(daysOf(entries, starts)).toEqual([
      { dayMs: 0, earnedMicro: 0n, spentMicro: 4n, tokens: 0 },
      { dayMs: DAY_MS, earnedMicro: 9_500n, spentMicro: 0n, tokens: 180 },
      { dayMs: 2 * DAY_MS, earnedMicro: 0n, spentMicro: 0n, tokens: 0 },
    ])
  })

  it('count the tokens of a receipt once', () => {
    expect(daysOf([earned, { ...earned, seq: 8 }], starts)[1]).toMatchObject({ tokens: 180, earnedMicro: 19_000n })
  })
})

describe('what a request costs', () => {
  it('is by the policy, at most for the limit and usually for 256 tokens', () => {
    const work = { promptTokens: 100, activeParameters: GIGA, layers: 1, layersAll: 1 }
    const { usualMicro, mostMicro } = costOf(CREDIT_POLICY, { ...work, outputTokensMax: 1_024 })
    expect(usualMicro).toBe(priceOf(CREDIT_POLICY, { ...work, outputTokens: 256 }))
    expect(mostMicro).toBe(priceOf(CREDIT_POLICY, { ...work, outputTokens: 1_024 }))
    const short = costOf(CREDIT_POLICY, { ...work, outputTokensMax: 20 })
    expect(short.usualMicro).toBe(short.mostMicro)
  })
})

describe('an hour of giving', () => {
  it('earns what its tokens cost, less the burn; layers earn their share', () => {
    const given = { tokensPerSecond: 10, activeParameters: GIGA, share: null }
    const price = 36_000_000n
    expect(earningsAnHour(CREDIT_POLICY, given)).toBe(price - burnOf(CREDIT_POLICY, price))
    const half = earningsAnHour(CREDIT_POLICY, { ...given, share: { layers: 8, layersAll: 16 } })
    expect(half * 2n).toBe(earningsAnHour(CREDIT_POLICY, given))
    expect(earningsAnHour(CREDIT_POLICY, { ...given, tokensPerSecond: 0 })).toBe(0n)
  })
})

describe('an export', () => {
  const wallet: Wallet = {
    owner: `ed25519:${'A'.repeat(43)}`,
    userMicro: 9_007_199_254_740_993n,
    heldMicro: 1n,
    escrowMicro: 9_500n,
    disputedMicro: 0n,
    grant: { leftMicro: 5n, untilMs: DAY_MS },
    held: [{ request: 'r', micro: 1n, untilMs: DAY_MS }],
    escrows: [{ request: 'r', part: 0, micro: 9_500n, vestMs: DAY_MS }],
    disputes: [],
    policy: 1,
  }
  const nameOf = () => '=HYPERLINK("http://evil")'
  const all = () => [entryOf('settle', { hold: -9n, user: 5n }), earned]

  it('writes amounts exactly, also those that no float can hold', () => {
    expect(exactCredits(9_007_199_254_740_993n)).toBe('9007199254.740993')
    expect(exactCredits(-1n)).toBe('-0.000001')
    expect(exactCredits(0n)).toBe('0.000000')
  })

  it('has in JSON the balance, every entry and what was signed, as it can be read again', () => {
    const days = daysOf(all(), [0])
    const text = walletJson({ exportedMs: 0, wallet, days, entries: all(), whole: true, nameOf })
    const file = JSON.parse(text)
    expect(file.credits.toSpend).toBe('9007199254.740993')
    expect(file.history.map((entry: { change: string }) => entry.change)).toEqual(['-0.000004', '0.009500'])
    expect(parseReceipt(file.history[1].receipt)).toEqual({ ok: true, value: signed })
    expect(file.history[1].acknowledged).toEqual(earned.acknowledged)
    expect(file.historyIsWhole).toBe(true)
  })

  it('has in CSV a line for each entry, every line with as many cells', () => {
    const lines = walletCsv({ entries: all(), nameOf }).split('\r\n')
    expect(lines.pop()).toBe('')
    expect(lines).toHaveLength(3)
    const [head, asked, work] = lines.map((line) => line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/))
    expect(new Set([head?.length, asked?.length, work?.length]).size).toBe(1)
    const cell = (row: readonly string[] | undefined, name: string) => row?.[head?.indexOf(name) ?? -1]
    expect(cell(asked, 'change')).toBe('-0.000004')
    expect(cell(asked, 'model')).toBe('')
    expect(cell(work, 'change')).toBe('0.009500')
    expect(cell(work, 'model')).toBe(`"'=HYPERLINK(""http://evil"")"`)
    expect(cell(work, 'acknowledgedTokens')).toBe('48')
    expect(cell(work, 'askerSignature')).toBe('')
  })

  it.each([
    ['=1+1', "'=1+1"],
    ['+49', "'+49"],
    ['-cmd', "'-cmd"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', "'\tx"],
    ['-1.5', '-1.5'],
    ['a,b', '"a,b"'],
    ['say "so"', '"say ""so"""'],
    ['two\nlines', '"two\nlines"'],
    [null, ''],
    [0, '0'],
  ])('makes of %j the cell %j', (value, cell) => {
    expect(cellOf(value)).toBe(cell)
  })

  it('says what an account has in all places together', () => {
    expect(netOf(entryOf('hold', { user: -9n, hold: 9n }))).toBe(0n)
  })
})
