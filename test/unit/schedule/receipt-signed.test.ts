/** What an asker signs at the end, and with which codes it refuses anything else. */
import { beforeEach, describe, expect, it } from 'vitest'
import { CREDIT_POLICIES, CREDIT_POLICY } from '../../../web/rules/credit-policy.ts'
import { checkReceipt } from '../../../web/rules/receipts.ts'
import { isSignedBy } from '../../../web/schedule/receipts/signing.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { type Receipt, receiptFields, type SignedReceipt, writeReceipt } from '../../../web/wire/receipt-bytes.ts'
import { ok } from '../../../web/wire/result.ts'
import { PaidPair, type PaidRun } from '../../support/paid-pair.ts'
import { EPOCH_MS, paidTab } from '../../support/paid-tab.ts'

let pair: PaidPair
beforeEach(async () => {
  pair = await PaidPair.of()
})

describe('a receipt', () => {
  /** As the worker would say it, changed and signed anew, or changed only. */
  async function say(run: PaidRun, change: Partial<Receipt>, { by = pair.worker, resign = true } = {}) {
    const { claims, doneAt } = run
    const { request, part, id: ticket, modelId, span } = claims
    const receipt: Receipt = {
      ...{
        kind: 'chat',
        request,
        part,
        ticket,
        asker: pair.asker.key.name,
        worker: pair.worker.key.name,
        modelId,
        span,
      },
      ...doneAt(20),
      ...{ micro: 23_000n, policy: CREDIT_POLICY.version, nonce: toBase64Url(new Uint8Array(16)) },
    }
    expect(checkReceipt(receipt, claims, CREDIT_POLICIES)).toEqual(ok(23_000n))
    const said = { ...receipt, ...change }
    const signature = toBase64Url(await by.key.sign('receipt', receiptFields(resign ? said : receipt)))
    const text = writeReceipt({ receipt: said, workerSignature: signature, askerSignature: null })
    void pair.linkTo(pair.worker, pair.asker).say({ says: 'receipt', request, part, receipt: text })
    await pair.quiet()
    return { said, answer: pair.last(pair.asker) }
  }

  async function whole() {
    const run = pair.begin()
    await run.write(20)
    await run.ours.done()
    await pair.quiet()
    return run
  }

  it('that says what is so is signed, once, and again where it is the same', async () => {
    const run = await whole()
    const { answer, said } = await say(run, {})
    expect(answer?.says).toBe('receipt-signed')
    const signature = answer?.says === 'receipt-signed' ? answer.signature : ''
    const fields = receiptFields(said)
    const signing = { key: pair.asker.key, verify: (await import('../../../web/account/device-key.ts')).verifySigned }
    expect(await isSignedBy(signing, pair.asker.key.name, 'receipt', fields, signature)).toBe(true)
    expect((await say(run, { nonce: toBase64Url(new Uint8Array(16).fill(1)) })).answer).toMatchObject({
      says: 'receipt-refused',
      code: 'receipt-second',
    })
    expect((await say(run, { outputTokens: 19, micro: 22_000n })).answer).toMatchObject({ code: 'receipt-second' })
  })

  const other = toBase64Url(new Uint8Array(32).fill(7))
  it.each<[string, Partial<Receipt>, string]>([
    ['kind', { kind: 'completion' }, 'receipt-ticket'],
    ['request', { request: '1'.repeat(32) }, 'receipt-ticket'],
    ['part', { part: 1 }, 'receipt-ticket'],
    ['ticket', { ticket: '1'.repeat(32) }, 'receipt-ticket'],
    ['model', { modelId: 'b'.repeat(64) }, 'receipt-ticket'],
    ['span', { span: { first: 0, last: 3 } }, 'receipt-ticket'],
    ['prompt', { promptTokens: 41 }, 'receipt-price'],
    ['prompt, with its price', { promptTokens: 290, micro: 48_000n }, 'receipt-inflated'],
    ['reused', { reusedTokens: 9 }, 'receipt-price'],
    ['tokens', { outputTokens: 21 }, 'receipt-price'],
    ['tokens, with their price', { outputTokens: 21, micro: 24_000n }, 'receipt-inflated'],
    ['tokens past the ticket', { outputTokens: 201, micro: 204_000n }, 'receipt-inflated'],
    ['chain', { chainIn: other, chainOut: other }, 'receipt-chain'],
    ['price', { micro: 23_001n }, 'receipt-price'],
    ['policy', { policy: CREDIT_POLICY.version + 1 }, 'receipt-price'],
    ['policy, though it is known', { policy: 1 }, 'receipt-price'],
    ['time', { endedMs: 0 }, 'receipt-invalid'],
    ['nonce', { nonce: 'AA' }, 'receipt-invalid'],
    ['amount', { micro: -23_000n }, 'receipt-invalid'],
    ['overflowing amount', { micro: 10n ** 19n }, 'receipt-invalid'],
  ])('with another %s is refused, and signed by nobody', async (_title, change, code) => {
    const run = await whole()
    expect((await say(run, change)).answer).toMatchObject({ says: 'receipt-refused', code })
    expect((await say(run, {})).answer?.says).toBe('receipt-signed')
  })

  it('with another asker or worker is refused', async () => {
    const third = await paidTab(pair.mesh.clock, pair.server)
    const run = await whole()
    for (const change of [{ asker: third.key.name }, { worker: third.key.name }]) {
      expect((await say(run, change)).answer).toMatchObject({ code: 'receipt-ticket' })
    }
    expect((await say(run, {}, { by: third })).answer).toMatchObject({ code: 'receipt-signature' })
  })

  it.each<[string, Partial<Receipt>]>([
    ['times', { beganMs: EPOCH_MS - 1 }],
    ['chain that nobody looks at', { chainIn: other }],
    ['nonce', { nonce: toBase64Url(new Uint8Array(16).fill(2)) }],
  ])('whose %s was changed after it was signed is refused', async (_title, change) => {
    const run = await whole()
    expect((await say(run, change, { resign: false })).answer).toMatchObject({ code: 'receipt-signature' })
  })

  it('that is no JSON, or is said of a part that nobody asked for, is signed by nobody', async () => {
    const run = await whole()
    const { request, part } = run.claims
    void pair.linkTo(pair.worker, pair.asker).say({ says: 'receipt', request, part, receipt: '{' })
    await pair.quiet()
    expect(pair.last(pair.asker)).toMatchObject({ says: 'receipt-refused', code: 'receipt-invalid' })
    const before = pair.words(pair.asker).length
    void pair.linkTo(pair.worker, pair.asker).say({ says: 'receipt', request: '1'.repeat(32), part, receipt: '{' })
    void pair.linkTo(pair.worker, pair.asker).say({ says: 'receipt', request, part: 7, receipt: '{' })
    await pair.quiet()
    expect(pair.words(pair.asker)).toHaveLength(before)
  })

  it('that its asker signed with another key, or over other words, is still without a signature', async () => {
    const run = pair.begin()
    run.lose(20)
    run.theirs.end(run.doneAt(20))
    await pair.quiet()
    const { request, part } = run.claims
    const signed = (await pair.kept())?.signed as SignedReceipt
    const third = await paidTab(pair.mesh.clock, pair.server)
    for (const [by, receipt] of [
      [third, signed.receipt],
      [pair.asker, { ...signed.receipt, micro: 1n }],
    ] as const) {
      const signature = toBase64Url(await by.key.sign('receipt', receiptFields(receipt)))
      void pair.linkTo(pair.asker, pair.worker).say({ says: 'receipt-signed', request, part, signature })
      await pair.quiet()
      expect((await pair.kept())?.signed.askerSignature).toBeNull()
    }
    const signature = toBase64Url(await pair.asker.key.sign('receipt', receiptFields(signed.receipt)))
    void pair.linkTo(pair.asker, pair.worker).say({ says: 'receipt-signed', request, part, signature })
    await pair.quiet()
    expect(pair.server.taken.get(run.claims.id)?.signed.askerSignature).toBe(signature)
  })
})
