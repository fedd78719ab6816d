/**
 * What WebRTC needs to connect two peers, sealed: each side signs what it says, with the DTLS fingerprint in it, for exactly
 * this other side, and believes only what that side has signed. So whoever carries the words cannot put itself between.
 */
import type { Purpose } from '../wire/device-keys.ts'
import { fromBase64Url, type PublicKey, parsePublicKey, toBase64Url } from '../wire/device-keys.ts'
import { keyOfPeer, type PeerId } from '../wire/peers.ts'
import type { Result } from '../wire/result.ts'
import type { Relayed, Sealed } from '../wire/signal-events.ts'
import type { Description, Signalling } from './link-webrtc.ts'

const PURPOSE: Purpose = 'fingerprint'

export interface SealedParts {
  readonly self: PeerId
  readonly other: PeerId
  readonly call: string
  readonly sign: (purpose: Purpose, fields: readonly string[]) => Promise<Uint8Array>
  readonly verify: (
    key: PublicKey,
    purpose: Purpose,
    fields: readonly string[],
    signature: Uint8Array,
  ) => Promise<boolean>
  readonly relay: (to: PeerId, sealed: Sealed) => Promise<Result<null>>
  /** A word that was not signed by the other side, or not for this one. */
  readonly onForged: () => void
}

export class SealedSignalling implements Signalling {
  readonly #parts: SealedParts
  #listener: ((description: Description) => void) | null = null
  readonly #early: Description[] = []
  /** Words are given on in the order in which they came, however long each takes to verify. */
  #order: Promise<void> = Promise.resolve()

  constructor(parts: SealedParts) {
    this.#parts = parts
  }

  async send(description: Description): Promise<void> {
    const { self, other, call, sign, relay } = this.#parts
    const text = description.type === 'candidate' ? JSON.stringify(description.candidate) : description.sdp
    const signature = toBase64Url(await sign(PURPOSE, [self, other, call, description.type, text]))
    await relay(other, { call, kind: description.type, text, signature })
  }

  onDescription(listener: (description: Description) => void): void {
    this.#listener = listener
    for (const description of this.#early.splice(0)) listener(description)
  }

  /** A word that the server says is from the other side. */
  hear({ from, sealed }: Relayed): Promise<void> {
    this.#order = this.#order.then(() => this.#open(from, sealed))
    return this.#order
  }

  async #open(from: PeerId, { kind, text, signature }: Sealed): Promise<void> {
    const { self, other, call, verify, onForged } = this.#parts
    const key = parsePublicKey(keyOfPeer(other) ?? '')
    const bytes = fromBase64Url(signature)
    const signed =
      from === other && key.ok && bytes && (await verify(key.value, PURPOSE, [other, self, call, kind, text], bytes))
    const description = signed ? describe(kind, text) : null
    if (!description) onForged()
    else if (this.#listener) this.#listener(description)
    else this.#early.push(description)
  }
}

/** Null for a candidate that is no JSON: signed nonsense is nonsense. */
function describe(kind: Sealed['kind'], text: string): Description | null {
  if (kind !== 'candidate') return { type: kind, sdp: text }
  try {
    return { type: 'candidate', candidate: JSON.parse(text) as RTCIceCandidateInit }
  } catch {
    return null
  }
}
