/**
 * The gift to a device that came: once for each, against a small proof of work, and only so many a day to one network address.
 * Puzzles and counts live in this process: after a restart a puzzle is asked for anew.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { CreditPolicy } from '../../web/rules/credit-policy.ts'
import type { GrantPuzzle } from '../../web/wire/credit-events.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { LedgerOwner } from '../../web/wire/ledger-events.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { GRANT_ADDRESSES_MAX, GRANT_BITS, GRANT_DAY_MS, GRANT_PUZZLE_MS, GRANTS_PER_ADDRESS_MAX } from '../config.ts'
import type { Journal } from '../ledger/journal.ts'

export interface GrantsParts {
  readonly journal: () => Promise<Pick<Journal, 'post'>>
  readonly policy: CreditPolicy
  readonly nowMs: () => number
}

interface OpenPuzzle extends GrantPuzzle {
  readonly untilMs: number
}

export class Grants {
  readonly #parts: GrantsParts
  /** The oldest first. */
  readonly #puzzles = new Map<PublicKeyText, OpenPuzzle>()
  /** When each address got its gifts of the last day; the oldest address first. */
  readonly #given = new Map<string, readonly number[]>()

  constructor(parts: GrantsParts) {
    this.#parts = parts
  }

  puzzle(device: PublicKeyText): GrantPuzzle {
    const puzzle = { challenge: randomBytes(16).toString('base64url'), bits: GRANT_BITS }
    this.#puzzles.delete(device)
    this.#puzzles.set(device, { ...puzzle, untilMs: this.#parts.nowMs() + GRANT_PUZZLE_MS })
    trim(this.#puzzles)
    return puzzle
  }

  /** A device that has had its gift has it still. Refusals: `grant-proof`, `grant-many`, `treasury-empty`, `posting-taken`. */
  async grant(
    device: PublicKeyText,
    { owner, address, proof }: { readonly owner: LedgerOwner; readonly address: string; readonly proof: string },
  ): Promise<Result<null>> {
    const { journal, policy, nowMs } = this.#parts
    const atMs = nowMs()
    const puzzle = this.#puzzles.get(device)
    this.#puzzles.delete(device)
    if (!puzzle || puzzle.untilMs < atMs || zeroBits(`${puzzle.challenge}.${proof}`) < puzzle.bits) {
      return fail('grant-proof', '')
    }
    const network = networkOf(address)
    const lately = (this.#given.get(network) ?? []).filter((givenMs) => givenMs > atMs - GRANT_DAY_MS)
    if (lately.length >= GRANTS_PER_ADDRESS_MAX) return fail('grant-many', '')
    const given = await (await journal()).post({
      type: 'grant',
      device,
      owner,
      micro: policy.grantMicro,
      forMs: policy.grantForMs,
      atMs,
    })
    if (!given.ok) return given
    if (!given.value.again) {
      this.#given.delete(network)
      this.#given.set(network, [...lately, atMs])
      trim(this.#given)
    }
    return ok(null)
  }
}

function trim(known: Map<string, unknown>): void {
  const [oldest] = known.keys()
  if (oldest !== undefined && known.size > GRANT_ADDRESSES_MAX) known.delete(oldest)
}

function zeroBits(text: string): number {
  const hash = createHash('sha256').update(text).digest()
  const first = hash.findIndex((byte) => byte !== 0)
  return first < 0 ? hash.length * 8 : first * 8 + Math.clz32(hash[first] ?? 0) - 24
}

/** One house has one IPv4 address, or 64 bits of IPv6 in common. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail = ''] = plain.split('::', 2)
  const words = head.split(':').filter((word) => word !== '')
  const after = tail.split(':').filter((word) => word !== '')
  const all = plain.includes('::')
    ? [...words, ...Array<string>(Math.max(0, 8 - words.length - after.length)).fill('0'), ...after]
    : words
  return all
    .slice(0, 4)
    .map((word) => word.replace(/^0+(?=.)/, ''))
    .join(':')
}
