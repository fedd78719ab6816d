/** What a receipt may be settled for: each way in which it is not what its ticket and the policy say. */
import { describe, expect, it } from 'vitest'
import { CREDIT_POLICIES } from '../../../web/rules/credit-policy.ts'
import { acknowledgedPart, checkReceipt } from '../../../web/rules/receipts.ts'
import { parseAcknowledgement, parseReceipt, type Receipt } from '../../../web/wire/receipt-bytes.ts'
import vectors from '../../../web/wire/receipt-bytes.vectors.json' with { type: 'json' }
import { ok } from '../../../web/wire/result.ts'
import type { TicketClaims } from '../../../web/wire/tickets.ts'

const RUN = 'AAAAAAAAAAAAAAAAAAAAAA'
const PAY = { kind: 'paid', policy: 1, activeParameters: 135_000_000, layers: 24 } as const

function receiptOf(index: number): Receipt {
  const read = parseReceipt(vectors.receipts[index])
  if (!read.ok) throw new Error(read.detail)
  return read.value.receipt
}

function claimsOf({ kind, ticket, request, part, asker, worker, modelId, span }: Receipt): TicketClaims {
  const sides = { asker: `${asker}/${RUN}`, worker: `${worker}/${RUN}` }
  return {
    id: ticket,
    request,
    part,
    ...sides,
    modelId,
    span,
    job: kind === 'stage' ? null : kind,
    positions: 124,
    outputTokens: 124,
    pay: PAY,
    room: null,
  }
}

// 100 tokens read and 4 written, by a model of 0.135 billion parameters.
const job = { ...receiptOf(0), micro: 1_890n }
const stage = { ...receiptOf(1), promptTokens: 120, micro: 720n }

describe('a receipt', () => {
  it('is worth its price by the policy, a stage that of its layers', () => {
    expect(checkReceipt(job, claimsOf(job), CREDIT_POLICIES)).toEqual(ok(1_890n))
    expect(checkReceipt(stage, claimsOf(stage), CREDIT_POLICIES)).toEqual(ok(720n))
  })

  it.each<[string, Partial<Receipt>]>([
    ['another request', { request: '1'.repeat(32) }],
    ['another part', { part: 7 }],
    ['another ticket', { ticket: '1'.repeat(32) }],
    ['another asker', { asker: job.worker }],
    ['another worker', { worker: job.asker }],
    ['another model', { modelId: 'b'.repeat(64) }],
    ['other layers', { span: { first: 0, last: 23 } }],
    ['another kind of work', { kind: 'embedding' }],
  ])('of %s than its ticket is refused', (_title, change) => {
    const checked = checkReceipt({ ...job, ...change }, claimsOf(job), CREDIT_POLICIES)
    expect(checked).toMatchObject({ ok: false, code: 'receipt-ticket' })
  })

  it('of layers that the model has not is refused', () => {
    const checked = checkReceipt(job, { ...claimsOf(job), pay: { ...PAY, layers: 23 } }, CREDIT_POLICIES)
    expect(checked).toMatchObject({ ok: false, code: 'receipt-ticket' })
  })

  it('that counts more than its ticket allows is refused', () => {
    const checked = checkReceipt({ ...job, outputTokens: 5 }, claimsOf(job), CREDIT_POLICIES)
    expect(checked).toMatchObject({ ok: false, code: 'receipt-inflated' })
  })

  it.each<[string, Partial<Receipt>]>([
    ['more than it costs', { micro: 1_891n }],
    ['less than it costs', { micro: 1_889n }],
    ['what was read before', { reusedTokens: 30 }],
    ['a price of a policy that there is not', { policy: 2 }],
  ])('that asks for %s is refused', (_title, change) => {
    const checked = checkReceipt({ ...job, ...change }, claimsOf(job), CREDIT_POLICIES)
    expect(checked).toMatchObject({ ok: false, code: 'receipt-price' })
  })
})

describe('an acknowledgement', () => {
  const read = parseAcknowledgement(vectors.acknowledgements[0])
  if (!read.ok) throw new Error(read.detail)
  const { acknowledgement } = read.value

  it('says how much of a receipt the asker had, and never more than the receipt', () => {
    expect(acknowledgedPart({ ...job, outputTokens: 20 }, acknowledgement)).toEqual(ok({ outputTokens: 4 }))
    expect(acknowledgedPart({ ...job, outputTokens: 3 }, acknowledgement)).toEqual(ok({ outputTokens: 3 }))
  })

  it.each([
    ['request', { request: '1'.repeat(32) }],
    ['part', { part: 1 }],
    ['ticket', { ticket: '1'.repeat(32) }],
    ['asker', { asker: job.worker }],
    ['worker', { worker: job.asker }],
  ])('of another %s says nothing of it', (_title, change) => {
    expect(acknowledgedPart(job, { ...acknowledgement, ...change })).toMatchObject({
      ok: false,
      code: 'receipt-ticket',
    })
  })
})
