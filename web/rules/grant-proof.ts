/**
 * The proof of work that a first grant asks for: SHA-256 of the challenge, a dot and the proof begins with so many zero bits.
 * Pure; the hash is passed in. Searches in slices, so that whoever computes it can do other things between.
 */
import type { GrantPuzzle } from '../wire/credit-events.ts'
import { GRANT_PROOF_TRIES_MAX } from '../wire/limits/credits.ts'
import { fail, ok, type Result } from '../wire/result.ts'

/** 32 bytes of a text. */
export type HashOfText = (text: string) => Uint8Array

export function isProof({ challenge, bits }: GrantPuzzle, proof: string, hash: HashOfText): boolean {
  return zeroBitsOf(hash(`${challenge}.${proof}`)) >= bits
}

function zeroBitsOf(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? 8 * bytes.length : 8 * first + Math.clz32(bytes[first] ?? 0) - 24
}

/** One slice of tries a step, each ended by `rested`. Refusals: `grant-proof` where none was found in all tries. */
export function* searchProof(
  puzzle: GrantPuzzle,
  hash: HashOfText,
  rested: () => boolean,
  triesMax: number = GRANT_PROOF_TRIES_MAX,
): Generator<null, Result<string>, void> {
  for (let tried = 0; tried < triesMax; tried += 1) {
    const proof = tried.toString(36)
    if (isProof(puzzle, proof, hash)) return ok(proof)
    if (tried % TRIES_BETWEEN_LOOKS === TRIES_BETWEEN_LOOKS - 1 && rested()) yield null
  }
  return fail('grant-proof', `${triesMax} tries found none.`)
}

const TRIES_BETWEEN_LOOKS = 64
