/**
 * A server that lies: a swapped fingerprint is refused wherever, a whole swapped peer only within a room, where each side
 * shows the owner's statement over the link itself.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { verifySigned } from '../../../web/account/device-key.ts'
import { checkMembership, ownerHashOf, signMembership } from '../../../web/account/room.ts'
import { PipeLink } from '../../../web/mesh/link.ts'
import { ChannelPipe } from '../../../web/mesh/pipe.ts'
import { Exchange } from '../../../web/schedule/exchange.ts'
import { RoomGate } from '../../../web/schedule/room-gate.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import type { Membership } from '../../../web/wire/rooms.ts'
import { type LyingPeer, LyingServer, newPeer } from '../../support/lying-server.ts'
import { MemoryChannel } from '../../support/memory-channel.ts'
import { ROOM_CRYPTO, randomBytes } from '../../support/room-tabs.ts'

const NOW = 1_700_000_000_000
const OFFER = { type: 'offer', sdp: 'v=0\r\na=fingerprint:sha-256 AB:CD\r\n' } as const
const room = toBase64Url(randomBytes(16))

let owner: LyingPeer
let asker: LyingPeer
let member: LyingPeer
let swapped: LyingPeer
let ownerHash: string

beforeEach(async () => {
  ;[owner, asker, member, swapped] = await Promise.all([newPeer(), newPeer(), newPeer(), newPeer()])
  ownerHash = await ownerHashOf(owner.key.name, ROOM_CRYPTO)
})

const statementOf = (peer: LyingPeer, by = owner, about: { room?: string; untilMs?: number } = {}) =>
  signMembership(by.key, { room, untilMs: NOW + 1_000, listNumber: 0, ...about, key: peer.key.name })

function gateOf(own: Membership | null): RoomGate {
  return new RoomGate({
    own: (asked) => (asked === room ? own : null),
    check: (asked, key, membership) =>
      checkMembership(membership, { room: asked, ownerHash, key, nowMs: NOW }, ROOM_CRYPTO),
    removals: () => null,
    learn: async () => ok(null),
  })
}

/** Two tabs with a link between them, each as sure of the other's key as a link over WebRTC is. */
function link(a: LyingPeer, gateA: RoomGate, b: LyingPeer, gateB: RoomGate) {
  const line = {
    later: (_: number, run: () => void) => queueMicrotask(run),
    delayMs: 1,
    bytesPerMs: 5_000,
    silent: () => false,
  }
  const [controlA, controlB] = MemoryChannel.pair(line)
  const [tensorsA, tensorsB] = MemoryChannel.pair(line)
  const toB = new PipeLink(b.peer, new ChannelPipe(controlA), new ChannelPipe(tensorsA))
  const toA = new PipeLink(a.peer, new ChannelPipe(controlB), new ChannelPipe(tensorsB))
  new Exchange(null, gateA).add(toB)
  new Exchange(null, gateB).add(toA)
  return { toA, toB }
}

describe('a lying server', () => {
  it('that swaps the fingerprint is found out', async () => {
    const server = new LyingServer((sealed) => ({ ...sealed, text: sealed.text.replace('AB:CD', 'EF:01') }))
    const left = server.call(asker, member.peer, verifySigned)
    const right = server.call(member, asker.peer, verifySigned)
    await left.signalling.send(OFFER)
    expect(right.ends).toEqual({ heard: [], forged: 1 })
  })

  it('that swaps a whole peer connects it, and in a room nothing is sent to it, whatever it shows', async () => {
    const server = new LyingServer()
    // The plan names the swapped peer: its key, its run and its signatures are in order.
    const left = server.call(asker, swapped.peer, verifySigned)
    const right = server.call(swapped, asker.peer, verifySigned)
    await left.signalling.send(OFFER)
    await right.signalling.send({ ...OFFER, type: 'answer' })
    expect([left.ends, right.ends]).toEqual([
      { heard: ['answer'], forged: 0 },
      { heard: ['offer'], forged: 0 },
    ])
    const own = await statementOf(asker)
    const shown = {
      'no statement': null,
      "somebody else's key": await statementOf(member),
      'another key than the one in the invite': await statementOf(swapped, swapped),
      'another room': await statementOf(swapped, owner, { room: toBase64Url(randomBytes(16)) }),
      'has expired': await statementOf(swapped, owner, { untilMs: NOW }),
      'signature of its statement is wrong': { ...(await statementOf(member)), key: swapped.key.name },
    }
    for (const [why, statement] of Object.entries(shown)) {
      const [gateA, gateX] = [gateOf(own), gateOf(statement)]
      const { toA, toB } = link(asker, gateA, swapped, gateX)
      const refused = await gateA.meet(toB, room)
      expect(refused).toMatchObject({ code: 'peer-not-member', detail: expect.stringContaining(why) })
      // It hears who asks, and nothing else: a request would come after this.
      expect(toA.peer).toBe(asker.peer)
    }
  })

  it('that lets a peer of its own ask in the name of a room is refused by who serves it', async () => {
    const [gateB, gateX] = [gateOf(await statementOf(member)), gateOf(await statementOf(swapped, swapped))]
    const { toA: toX, toB } = link(swapped, gateX, member, gateB)
    expect(await gateB.isMember(toX, room)).toMatchObject({ code: 'peer-not-member' })
    await gateX.meet(toB, room)
    expect(await gateB.isMember(toX, room)).toMatchObject({ code: 'peer-not-member' })
  })
})

describe('members', () => {
  it('know each other after one has asked, once for each link', async () => {
    const [gateA, gateB] = [gateOf(await statementOf(asker)), gateOf(await statementOf(member))]
    const { toA, toB } = link(asker, gateA, member, gateB)
    expect(await gateA.meet(toB, room)).toEqual(ok(null))
    expect(await gateB.isMember(toA, room)).toEqual(ok(null))
    const sent = toB.stats.control.sentBytes
    expect(await Promise.all([gateA.meet(toB, room), gateB.meet(toA, room)])).toEqual([ok(null), ok(null)])
    expect(toB.stats.control.sentBytes).toBe(sent)
  })

  it('are not waited for where the link ends, or where they are not in the room any more', async () => {
    const [gateA, gone] = [gateOf(await statementOf(asker)), gateOf(null)]
    const open = link(asker, gateA, member, gone)
    expect(await gateA.meet(open.toB, room)).toMatchObject({ code: 'peer-not-member' })
    const cut = link(asker, gateA, member, gateOf(await statementOf(member)))
    cut.toA.close(fail('link-closed', ''))
    expect(await gateA.meet(cut.toB, room)).toMatchObject({ code: 'peer-not-member' })
    expect(await gone.meet(open.toA, room)).toMatchObject({ code: 'room-unknown' })
  })
})
