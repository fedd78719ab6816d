/** Receipts and acknowledgements: their vectors hold, made again here by other means; nothing that is none is read. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Chain } from '../../../web/rules/chain.ts'
import { fromBase64Url, parsePublicKey, signedBytes } from '../../../web/wire/device-keys.ts'
import {
  acknowledgementFields,
  parseAcknowledgement,
  parseReceipt,
  receiptFields,
  writeReceipt,
} from '../../../web/wire/receipt-bytes.ts'
import vectors from '../../../web/wire/receipt-bytes.vectors.json' with { type: 'json' }

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest())
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** By OpenSSL, which knows nothing of ours. */
function holds(name: string, signature: string | null, bytes: string): boolean {
  const key = parsePublicKey(name)
  if (!key.ok || signature === null) return false
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key.value.bytes])
  const signed = fromBase64Url(signature) ?? new Uint8Array()
  return verify(null, Buffer.from(bytes, 'hex'), createPublicKey({ key: der, format: 'der', type: 'spki' }), signed)
}

/** Length before each text, as the description of the format says it. */
function written(...texts: string[]): string {
  const parts = texts.map((text) => Buffer.from(text))
  return Buffer.concat(
    parts.flatMap((part) => [Buffer.from([0, 0, part.length >> 8, part.length & 255]), part]),
  ).toString('hex')
}

describe('the vectors of receipts', () => {
  it.each(vectors.receipts)('$what', ({ receipt, bytes, workerSignature, askerSignature }) => {
    const read = parseReceipt({ receipt, workerSignature, askerSignature })
    if (!read.ok) throw new Error(read.detail)
    const { request, part, ticket, asker, worker, modelId, span } = receipt
    const { promptTokens, reusedTokens, outputTokens, chainIn, chainOut, beganMs, endedMs, micro, policy, nonce } =
      receipt
    const who = [receipt.kind, request, `${part}`, ticket, asker, worker, modelId]
    const work = [
      `${span.first}`,
      `${span.last}`,
      `${promptTokens}`,
      `${reusedTokens}`,
      `${outputTokens}`,
      chainIn,
      chainOut,
    ]
    expect(written('weft/1', 'receipt', ...who, ...work, `${beganMs}`, `${endedMs}`, micro, `${policy}`, nonce)).toBe(
      bytes,
    )
    expect(hex(signedBytes('receipt', receiptFields(read.value.receipt)))).toBe(bytes)
    expect(holds(worker, workerSignature, bytes) && holds(asker, askerSignature, bytes)).toBe(true)
    expect(holds(asker, workerSignature, bytes)).toBe(false)
    expect(JSON.parse(writeReceipt(read.value))).toEqual({ receipt, workerSignature, askerSignature })
  })

  it.each(vectors.acknowledgements)('$what', ({ acknowledgement, bytes, signature }) => {
    const read = parseAcknowledgement({ acknowledgement, signature })
    if (!read.ok) throw new Error(read.detail)
    expect(read.value).toEqual({ acknowledgement, signature })
    expect(hex(signedBytes('acknowledge', acknowledgementFields(read.value.acknowledgement)))).toBe(bytes)
    expect(holds(acknowledgement.asker, signature, bytes)).toBe(true)
  })

  it.each(vectors.chains)('a chain over $what', ({ salt, tokens, frames, head }) => {
    const chain = new Chain(Uint8Array.from(Buffer.from(salt, 'hex')), sha256)
    let expected = sha256(
      Buffer.from(written('weft/1', 'chain', Buffer.from(salt, 'hex').toString('base64url')), 'hex'),
    )
    for (const id of tokens ?? []) {
      expected = sha256(Buffer.concat([expected, Buffer.from(Uint32Array.of(id).buffer)]))
      chain.addTokens([id])
    }
    for (const frame of frames ?? []) {
      expected = sha256(Buffer.concat([expected, sha256(Buffer.from(frame, 'hex'))]))
      chain.addFrame(Uint8Array.from(Buffer.from(frame, 'hex')))
    }
    expect(Buffer.from(expected).toString('base64url')).toBe(head)
    expect([chain.head, chain.count]).toEqual([head, (tokens ?? frames ?? []).length])
  })
})

describe('a chain', () => {
  const salt = new Uint8Array(16).fill(9)
  const headOf = (ids: readonly number[], cuts: readonly number[] = []) => {
    const chain = new Chain(salt, sha256)
    let at = 0
    for (const cut of [...cuts.filter((one) => one <= ids.length).sort((a, b) => a - b), ids.length]) {
      chain.addTokens(ids.slice(at, cut))
      at = Math.max(at, cut)
    }
    return chain.head
  }
  const ids = fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 40 })

  it('comes to the same however the tokens come, and to something else for any other tokens', () => {
    fc.assert(
      fc.property(ids, fc.array(fc.nat(40), { maxLength: 4 }), ids, (tokens, cuts, others) => {
        expect(headOf(tokens, cuts)).toBe(headOf(tokens))
        if (JSON.stringify(tokens) !== JSON.stringify(others)) expect(headOf(others)).not.toBe(headOf(tokens))
      }),
    )
  })
})

describe('what is no receipt', () => {
  const [good] = vectors.receipts
  const changed = (change: object) => parseReceipt({ ...good, receipt: { ...good?.receipt, ...change } })
  it.each([
    ['no kind of work', { kind: 'mining' }],
    ['a count below nothing', { outputTokens: -1 }],
    ['half a token', { promptTokens: 1.5 }],
    ['a count that overflows', { outputTokens: 2 ** 53 }],
    ['more reused than read', { reusedTokens: 121 }],
    ['an end before its beginning', { endedMs: 1 }],
    ['an amount below nothing', { micro: '-5' }],
    ['an amount as a number', { micro: 1_890 }],
    ['an amount in another writing', { micro: '01890' }],
    ['an amount that overflows', { micro: '9223372036854775808' }],
    ['a key that is none', { worker: 'ed25519:AAAA' }],
    ['a chain of another length', { chainOut: 'AAAA' }],
    ['a nonce of another length', { nonce: 'AAAA' }],
    ['no model', { modelId: 'x' }],
    ['layers that are none', { span: { first: 4, last: 4 } }],
  ])('%s', (_title, change) => expect(changed(change)).toMatchObject({ ok: false, code: 'receipt-invalid' }))

  it('a signature of another length, or none of the worker', () => {
    for (const workerSignature of ['AAAA', null, 5])
      expect(parseReceipt({ ...good, workerSignature })).toMatchObject({ ok: false, code: 'receipt-invalid' })
    expect(parseReceipt({ ...good, askerSignature: null })).toMatchObject({ ok: true })
  })

  it('throws nothing, whatever it is', () => {
    fc.assert(
      fc.property(fc.anything(), fc.object(), (anything, object) => {
        for (const value of [anything, object, { receipt: object, workerSignature: '' }]) {
          expect(parseReceipt(value).ok).toBe(false)
          expect(parseAcknowledgement(value).ok).toBe(false)
        }
      }),
    )
  })
})
