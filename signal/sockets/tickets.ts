/**
 * Signs tickets and publishes the keys that verify them. A key signs for a day; after that it is published until the last
 * of its tickets can have started. Private keys live in this process only: after a restart, older tickets start nothing.
 */
import { generateKeyPair, type KeyObject, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { TICKET_KEY_MS, TICKET_SKEW_MS, TICKET_START_MS } from '../../web/wire/limits/mesh.ts'
import { TICKET_ALGORITHM, type TicketClaims, type TicketKey, ticketPayload } from '../../web/wire/tickets.ts'

interface MintKey {
  readonly published: TicketKey
  readonly privateKey: KeyObject
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

  /** A JWT, in its compact form. */
  async sign(claims: TicketClaims): Promise<string> {
    const [key] = this.#keys
    if (!key) throw new Error('a mint has a key')
    const iat = Math.floor(this.#nowMs() / 1000)
    const payload = { ...ticketPayload(claims), part: claims.part, iat, exp: iat + TICKET_START_MS / 1000 }
    const text = `${inBase64({ alg: TICKET_ALGORITHM, kid: key.published.kid })}.${inBase64(payload)}`
    // At once: a plan has a dozen tickets, and each would wait its turn in the thread pool for longer than it takes to sign.
    return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString('base64url')}`
  }
}

function inBase64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

async function makeKey(madeMs: number): Promise<MintKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ed25519')
  const { x } = publicKey.export({ format: 'jwk' })
  if (x === undefined) throw new Error('an Ed25519 key has an x')
  const kid = randomBytes(8).toString('base64url')
  return { published: { kid, kty: 'OKP', crv: 'Ed25519', x }, privateKey, madeMs }
}
