/**
 * Signs tickets and publishes the keys that verify them. A key signs for a day; after that it is published until the last
 * of its tickets can have started. Private keys live in this process only: after a restart, older tickets start nothing.
 */
import { randomBytes } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { TICKET_KEY_MS, TICKET_SKEW_MS, TICKET_START_MS } from '../../web/wire/limits.ts'
import { TICKET_ALGORITHM, type TicketClaims, type TicketKey, ticketPayload } from '../../web/wire/tickets.ts'

interface MintKey {
  readonly published: TicketKey
  readonly privateKey: CryptoKey
  readonly madeMs: number
}

export class TicketMint {
  readonly #nowMs: () => number
  /** Newest first. */
  #keys: readonly MintKey[]

  private constructor(nowMs: () => number, first: MintKey) {
    this.#nowMs = nowMs
    this.#keys = [first]
  }

  static async create(nowMs: () => number): Promise<TicketMint> {
    return new TicketMint(nowMs, await makeKey(nowMs()))
  }

  get keys(): readonly TicketKey[] {
    return this.#keys.map(({ published }) => published)
  }

  /** True where the published keys are others than before. */
  async rotate(): Promise<boolean> {
    const now = this.#nowMs()
    const before = this.#keys
    const lastMs = TICKET_KEY_MS + TICKET_START_MS + TICKET_SKEW_MS
    if ((before[0]?.madeMs ?? 0) + TICKET_KEY_MS <= now) this.#keys = [await makeKey(now), ...before]
    this.#keys = this.#keys.filter(({ madeMs }) => madeMs + lastMs > now)
    return this.#keys.length !== before.length || this.#keys[0] !== before[0]
  }

  sign(claims: TicketClaims): Promise<string> {
    const [key] = this.#keys
    if (!key) throw new Error('a mint has a key')
    const seconds = Math.floor(this.#nowMs() / 1000)
    return new SignJWT({ ...ticketPayload(claims), part: claims.part })
      .setProtectedHeader({ alg: TICKET_ALGORITHM, kid: key.published.kid })
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + TICKET_START_MS / 1000)
      .sign(key.privateKey)
  }
}

async function makeKey(madeMs: number): Promise<MintKey> {
  const { publicKey, privateKey } = await generateKeyPair(TICKET_ALGORITHM, { crv: 'Ed25519' })
  const { x } = await exportJWK(publicKey)
  if (x === undefined) throw new Error('an Ed25519 key has an x')
  const kid = randomBytes(8).toString('base64url')
  return { published: { kid, kty: 'OKP', crv: 'Ed25519', x }, privateKey, madeMs }
}
