/**
 * A wallet with something in every place, for pictures and tests: what the played server says of it, with receipts that real keys
 * have signed, in all states that a signature can be in. Adds up as a ledger's would; nobody did the work.
 */

import type { WalletEntry } from '../../web/wire/credit-events.ts'
import { writeCredits } from '../../web/wire/credit-events.ts'
import type { Receipt } from '../../web/wire/receipt-bytes.ts'
import { acknowledgedBy, receiptBetween, type Sides, signedBy, twoSides } from './signed-receipts.ts'
import { entryOf } from './wallet-entries.ts'

const DAY_MS = 86_400_000
const REQUESTS = ['a1', 'b2', 'c3', 'd4', 'e5', 'f6'].map((pair) => pair.repeat(16))

export interface SaidWallet {
  readonly wallet: object
  readonly entries: readonly object[]
}

/** Receipts of the newest earnings: signed by both; with a forged asker; not signed by the asker, acknowledged so far. */
async function receipts(sides: Sides, model: Partial<Receipt>, nowMs: number) {
  const at = (minutes: number) => ({ beganMs: nowMs - minutes * 60_000 - 4_200, endedMs: nowMs - minutes * 60_000 })
  const [good, broken, alone] = [0, 1, 2].map((index) =>
    receiptBetween(sides, { ...model, ...at(9 + 7 * index), request: REQUESTS[index] ?? '' }),
  )
  if (!good || !broken || !alone) throw new Error('three receipts')
  return [
    { receipt: await signedBy(good, sides, sides.asker), acknowledged: null },
    { receipt: await signedBy(broken, sides, sides.worker), acknowledged: null },
    { receipt: await signedBy(alone, sides, null), acknowledged: await acknowledgedBy(alone, 64, sides.asker) },
  ] as const
}

/** `model`: what the receipts are of. */
export async function playedCredits(model: Partial<Receipt>, nowMs: number): Promise<SaidWallet> {
  const sides = await twoSides()
  const signed = await receipts(sides, model, nowMs)
  const { micro = 12_150n } = model
  const earned = micro - micro / 20n
  const newest: WalletEntry[] = signed.map((one, index) =>
    entryOf(
      'settle',
      { escrow: earned },
      { ...one, atMs: one.receipt.receipt.endedMs + 900, request: REQUESTS[index] ?? '' },
    ),
  )
  const days = Array.from({ length: 29 }, (_, index) => daysBefore(index + 1, nowMs, sides, model))
  const before = (await Promise.all(days)).flat()
  const entries = [
    entryOf('hold', { user: -640_000n, hold: 640_000n }, { request: REQUESTS[3] ?? '', atMs: nowMs - 60_000 }),
    ...newest,
    entryOf('dispute', { hold: -210_000n, dispute: 210_000n }, { request: REQUESTS[4] ?? '', atMs: nowMs - 3_600_000 }),
    entryOf('release', { hold: -96_000n, user: 96_000n }, { request: REQUESTS[5] ?? '', atMs: nowMs - 4_000_000 }),
    entryOf('settle', { hold: -31_400n }, { request: REQUESTS[5] ?? '', atMs: nowMs - 4_100_000 }),
    ...before,
    entryOf('grant', { user: 40_000_000n }, { request: null, part: null, atMs: nowMs - 29 * DAY_MS - 60_000 }),
  ].map((entry, index, { length }) => ({ ...entry, seq: 3 * (length - index) }))
  const wallet = {
    userMicro: '38412600',
    heldMicro: '640000',
    escrowMicro: (earned * 3n).toString(),
    disputedMicro: '210000',
    grant: { leftMicro: '31204000', untilMs: nowMs + DAY_MS },
    held: [{ request: REQUESTS[3], micro: '640000', untilMs: nowMs + 5.9 * 3_600_000 }],
    escrows: newest.map(({ request, part }, index) => ({
      request,
      part,
      micro: earned.toString(),
      vestMs: nowMs + DAY_MS - (9 + 7 * index) * 60_000,
    })),
    disputes: [{ request: REQUESTS[4], part: 0, micro: '210000', side: 'asker' }],
  }
  return { wallet, entries: writeCredits(entries) as readonly object[] }
}

/** A day as a person has them: some work for others, some questions; none on some. */
async function daysBefore(days: number, nowMs: number, sides: Sides, model: Partial<Receipt>) {
  const at = (hours: number) => ({ atMs: nowMs - days * DAY_MS - hours * 3_600_000 })
  const [given, taken] = [(days * 37) % 11, (days * 53) % 7]
  const asked = taken > 2 ? [entryOf('settle', { hold: BigInt(-taken) * 91_000n }, at(2))] : []
  if (given <= 3) return asked
  const request = days.toString(16).padStart(32, '0')
  const micro = BigInt(given) * 100_800n
  const counts = { promptTokens: 300 * given, reusedTokens: 0, outputTokens: 250 * given }
  const ended = at(3).atMs
  const times = { beganMs: ended - 9_000 * given, endedMs: ended }
  const receipt = receiptBetween(sides, { ...model, ...counts, ...times, request, micro })
  const signed = { receipt: await signedBy(receipt, sides, sides.asker), request }
  const escrow = micro - micro / 20n
  return [
    entryOf('vest', { escrow: -escrow, user: escrow }, { ...at(1), request }),
    ...asked,
    entryOf('settle', { escrow }, { ...at(3), ...signed }),
  ]
}
