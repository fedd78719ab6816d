/** Sealed words: they arrive in order and only unchanged, from whom they say and for whom they were meant. */
import { beforeEach, describe, expect, it } from 'vitest'
import { DeviceKey, makeKey, verifySigned } from '../../../web/account/device-key.ts'
import type { Description } from '../../../web/mesh/link-webrtc.ts'
import { SealedSignalling } from '../../../web/mesh/sealed-signalling.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { type PeerId, peerIdOf } from '../../../web/wire/peers.ts'
import { ok } from '../../../web/wire/result.ts'
import type { Relayed, Sealed } from '../../../web/wire/signal-events.ts'

interface Side {
  readonly peer: PeerId
  readonly key: DeviceKey
  readonly sent: Sealed[]
  readonly heard: Description[]
  forged: number
}

const OFFER: Description = { type: 'offer', sdp: 'v=0\r\na=fingerprint:sha-256 AB:CD\r\n' }
const CANDIDATE: Description = { type: 'candidate', candidate: { candidate: 'candidate:1', sdpMid: '0' } }

let a: Side
let b: Side
let c: Side

async function side(): Promise<Side> {
  const key = await DeviceKey.of(await makeKey())
  const run = toBase64Url(crypto.getRandomValues(new Uint8Array(16)))
  return { peer: peerIdOf(key.name, run), key, sent: [], heard: [], forged: 0 }
}

const CALL = 'c'.repeat(22)

function signalling(own: Side, other: PeerId, call = CALL): SealedSignalling {
  const made = new SealedSignalling({
    self: own.peer,
    other,
    call,
    sign: (purpose, fields) => own.key.sign(purpose, fields),
    verify: verifySigned,
    relay: async (_, sealed) => {
      own.sent.push(sealed)
      return ok(null)
    },
    onForged: () => {
      own.forged += 1
    },
  })
  made.onDescription((description) => own.heard.push(description))
  return made
}

beforeEach(async () => {
  ;[a, b, c] = await Promise.all([side(), side(), side()])
})

const from = (who: Side, sealed: Sealed | undefined): Relayed => ({
  from: who.peer,
  sealed: sealed ?? { call: CALL, kind: 'offer', text: '', signature: '' },
})

describe('a sealed word', () => {
  it('arrives as it was said, in order', async () => {
    const left = signalling(a, b.peer)
    const right = signalling(b, a.peer)
    await left.send(OFFER)
    await left.send(CANDIDATE)
    await Promise.all(a.sent.map((sealed) => right.hear(from(a, sealed))))
    expect(b.heard).toEqual([OFFER, CANDIDATE])
    expect(b.forged).toBe(0)
  })

  it('with another fingerprint is refused', async () => {
    await signalling(a, b.peer).send(OFFER)
    const [sealed] = a.sent
    const right = signalling(b, a.peer)
    await right.hear(from(a, sealed && { ...sealed, text: sealed.text.replace('AB:CD', 'EF:01') }))
    await right.hear(from(a, sealed && { ...sealed, kind: 'answer' }))
    expect([b.heard.length, b.forged]).toEqual([0, 2])
  })

  it('of another call is refused', async () => {
    await signalling(a, b.peer).send(OFFER)
    await signalling(b, a.peer, 'd'.repeat(22)).hear(from(a, a.sent[0]))
    expect([b.heard.length, b.forged]).toEqual([0, 1])
  })

  it('of somebody else, or for somebody else, is refused', async () => {
    await signalling(c, b.peer).send(OFFER)
    await signalling(a, c.peer).send(OFFER)
    const right = signalling(b, a.peer)
    // The server puts itself in: another's word under this name, this one's word for another.
    await right.hear(from(a, c.sent[0]))
    await right.hear(from(a, a.sent[0]))
    await right.hear(from(c, c.sent[0]))
    expect([b.heard.length, b.forged]).toEqual([0, 3])
  })
})
