/**
 * A signalling server that lies: it carries words between two peers and puts in another DTLS fingerprint, or swaps a whole
 * peer for one of its own, with a key and a run that are in order. What it is given is all that a real one is given.
 */
import type { DeviceKey } from '../../web/account/device-key.ts'
import { type SealedParts, SealedSignalling } from '../../web/mesh/sealed-signalling.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { type PeerId, peerIdOf } from '../../web/wire/peers.ts'
import { ok } from '../../web/wire/result.ts'
import type { Sealed } from '../../web/wire/signal-events.ts'
import { newKey, randomBytes } from './room-tabs.ts'

export interface LyingPeer {
  readonly peer: PeerId
  readonly key: DeviceKey
}

export async function newPeer(): Promise<LyingPeer> {
  const key = await newKey()
  return { key, peer: peerIdOf(key.name, toBase64Url(randomBytes(16))) }
}

export class LyingServer {
  readonly #listeners = new Map<PeerId, (from: PeerId, sealed: Sealed) => Promise<void>>()
  readonly #lie: (sealed: Sealed) => Sealed

  /** `lie`: what becomes of a word on its way. */
  constructor(lie: (sealed: Sealed) => Sealed = (sealed) => sealed) {
    this.#lie = lie
  }

  /** One end of a call, as a tab makes it. */
  call(own: LyingPeer, other: PeerId, verify: SealedParts['verify']) {
    const ends = { heard: [] as string[], forged: 0 }
    const signalling = new SealedSignalling({
      self: own.peer,
      other,
      call: 'c'.repeat(22),
      sign: (purpose, fields) => own.key.sign(purpose, fields),
      verify,
      relay: async (to, sealed) => {
        await this.#listeners.get(to)?.(own.peer, this.#lie(sealed))
        return ok(null)
      },
      onForged: () => {
        ends.forged += 1
      },
    })
    signalling.onDescription((said) => ends.heard.push(said.type))
    this.#listeners.set(own.peer, (from, sealed) => signalling.hear({ from, sealed }))
    return { signalling, ends }
  }
}
