/** Signatures under receipts, made by real keys: which hold, which do not, and which are not there. */
import { beforeAll, describe, expect, it } from 'vitest'
import { checkSignatures } from '../../../web/account/receipt-check.ts'
import type { Receipt } from '../../../web/wire/receipt-bytes.ts'
import { acknowledgedBy, receiptBetween, type Sides, signedBy, twoSides } from '../../support/signed-receipts.ts'

let sides: Sides
let receipt: Receipt
beforeAll(async () => {
  sides = await twoSides()
  receipt = receiptBetween(sides)
})

describe('a receipt', () => {
  it('of both sides has two good signatures', async () => {
    const signed = await signedBy(receipt, sides, sides.asker)
    expect(await checkSignatures(signed, null)).toEqual({ worker: 'good', asker: 'good', acknowledged: 'none' })
  })

  it.each<[string, Partial<Receipt>]>([
    ['its price', { micro: 12_151n }],
    ['its tokens', { outputTokens: 81 }],
    ['its request', { request: 'ef'.repeat(16) }],
    ['its model', { modelId: '2'.padStart(64, '0') }],
    ['its time', { endedMs: 1_790_000_004_201 }],
  ])('that was changed in %s has no good one', async (_title, change) => {
    const signed = await signedBy(receipt, sides, sides.asker)
    const changed = { ...signed, receipt: { ...receipt, ...change } }
    expect(await checkSignatures(changed, null)).toMatchObject({ worker: 'bad', asker: 'bad' })
  })

  it('that somebody else signed for the asker has a bad one', async () => {
    const signed = await signedBy(receipt, sides, sides.worker)
    expect(await checkSignatures(signed, null)).toMatchObject({ worker: 'good', asker: 'bad' })
  })
})

describe('a receipt that the asker has not signed', () => {
  it('has what was acknowledged, where that is of this work and by the asker', async () => {
    const signed = await signedBy(receipt, sides, null)
    const told = await acknowledgedBy(receipt, 48, sides.asker)
    expect(await checkSignatures(signed, told)).toEqual({ worker: 'good', asker: 'none', acknowledged: 'good' })
    const forged = await acknowledgedBy(receipt, 48, sides.worker)
    expect(await checkSignatures(signed, forged)).toMatchObject({ acknowledged: 'bad' })
    const other = await acknowledgedBy({ ...receipt, part: 1 }, 48, sides.asker)
    expect(await checkSignatures(signed, other)).toMatchObject({ acknowledged: 'bad' })
    const more = { ...told, acknowledgement: { ...told.acknowledgement, outputTokens: 64 } }
    expect(await checkSignatures(signed, more)).toMatchObject({ acknowledged: 'bad' })
  })
})
