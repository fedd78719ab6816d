/** The proof of work of a first grant: what is one, how it is found, and that nobody looks for ever. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { findProof } from '../../../web/mesh-wallet-gift.ts'
import { isProof, searchProof } from '../../../web/rules/grant-proof.ts'

const hash = (text: string) => new Uint8Array(createHash('sha256').update(text).digest())
const never = () => false

describe('a proof', () => {
  it('is what hashes to so many zero bits, and no fewer', () => {
    const begins = (bytes: number[]) => () => Uint8Array.from([...bytes, ...new Array(30).fill(0xff)])
    const puzzle = { challenge: 'c', bits: 11 }
    expect(isProof(puzzle, 'p', begins([0, 0b0001_1111]))).toBe(true)
    expect(isProof(puzzle, 'p', begins([0, 0b0011_1111]))).toBe(false)
    expect(isProof(puzzle, 'p', begins([1, 0]))).toBe(false)
    expect(isProof({ challenge: 'c', bits: 0 }, '', begins([255, 255]))).toBe(true)
    expect(isProof({ challenge: 'c', bits: 256 }, '', () => new Uint8Array(32))).toBe(true)
  })

  it('is found in slices by the same hash as anybody has', async () => {
    const puzzle = { challenge: 'the challenge of a server', bits: 12 }
    const found = await findProof(puzzle)
    if (!found.ok) throw new Error(found.detail)
    expect(isProof(puzzle, found.value, hash)).toBe(true)
    expect(isProof({ ...puzzle, challenge: 'another' }, found.value, hash)).toBe(false)
  })

  it('is looked for with rests and no longer than allowed', () => {
    const search = searchProof(
      { challenge: 'c', bits: 32 },
      () => Uint8Array.of(255),
      () => true,
      200,
    )
    let rests = 0
    let step = search.next()
    for (; !step.done; step = search.next()) rests += 1
    expect(rests).toBe(3)
    expect(step.value).toMatchObject({ ok: false, code: 'grant-proof' })
    expect(searchProof({ challenge: 'c', bits: 32 }, () => Uint8Array.of(255), never, 200).next().done).toBe(true)
  })
})
