/** Invites and statements of rooms as bytes: what was written is read, and nothing else passes for it. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkMembership, ownerHashOf, proveInvite, signMembership } from '../../../web/account/room.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { ROOM_NAME_CHARACTERS_MAX } from '../../../web/wire/limits/rooms.ts'
import { ok } from '../../../web/wire/result.ts'
import { parseRoomWish, parseRoomWord } from '../../../web/wire/room-events.ts'
import { parseInvite, roomName, writeInvite } from '../../../web/wire/rooms.ts'
import { newKey, ROOM_CRYPTO } from '../../support/room-tabs.ts'

const NOW = 1_700_000_000_000
const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => toBase64Url(array))
const invites = fc.record({
  room: bytes(16),
  ownerHash: bytes(32),
  secret: bytes(16),
  name: fc.string({ unit: 'grapheme' }).map(roomName),
})

describe('an invite', () => {
  it('is read from an address as it was written', () => {
    fc.assert(
      fc.property(invites, (invite) => {
        const hash = writeInvite(invite)
        expect(parseInvite(`https://weft.example/app/#${hash}`)).toEqual(ok(invite))
        expect(parseInvite(hash)).toEqual(ok(invite))
      }),
    )
  })

  it('that was cut anywhere, or is anything else, is none', () => {
    fc.assert(
      fc.property(invites, fc.nat(), (invite, at) => {
        const hash = writeInvite({ ...invite, name: '' })
        expect(parseInvite(hash.slice(0, at % hash.length))).toMatchObject({ code: 'invite-invalid' })
        expect(parseInvite(`${hash}/a/b`)).toMatchObject({ code: 'invite-invalid' })
      }),
    )
    for (const text of [
      '',
      '#',
      '#/join',
      '#/c/x',
      'hello',
      `${writeInvite(fc.sample(invites, 1)[0] ?? never())}/%E0%A4%A`,
    ])
      expect(parseInvite(text)).toMatchObject({ ok: false, code: 'invite-invalid' })
  })

  it('has a name of one line and bounded length', () => {
    expect(roomName('  a\u0000b\nc\u202e ')).toBe('a b c')
    expect([...roomName('\u{1f600}'.repeat(99))]).toHaveLength(ROOM_NAME_CHARACTERS_MAX)
  })
})

describe('a statement', () => {
  it('verifies as it was signed, and no other field, key or byte of it does', async () => {
    const [owner, member, other] = await Promise.all([newKey(), newKey(), newKey()])
    const room = 'A'.repeat(22)
    const good = await signMembership(owner, { room, key: member.name, untilMs: NOW + 1, listNumber: 2 })
    const ownerHash = await ownerHashOf(owner.name, ROOM_CRYPTO)
    const expected = { room, ownerHash, key: member.name, nowMs: NOW }
    const check = (membership: typeof good, to: Partial<typeof expected> = {}) =>
      checkMembership(membership, { ...expected, ...to }, ROOM_CRYPTO)
    expect(await check(good)).toEqual(ok(null))
    const others = [
      check({ ...good, room: 'B'.repeat(22) }, { room: 'B'.repeat(22) }),
      check({ ...good, key: other.name }, { key: other.name }),
      check({ ...good, untilMs: NOW + 2 }),
      check({ ...good, listNumber: 3 }),
      check({ ...good, owner: other.name }),
      check({ ...good, owner: other.name }, { ownerHash: await ownerHashOf(other.name, ROOM_CRYPTO) }),
    ]
    for (const refused of await Promise.all(others)) expect(refused).toMatchObject({ code: 'peer-not-member' })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 64, maxLength: 64 }), async (signature) => {
        expect(await check({ ...good, signature: toBase64Url(signature) })).toMatchObject({ code: 'peer-not-member' })
      }),
      { numRuns: 50 },
    )
  })

  it('is parsed where it arrives, whatever arrives', async () => {
    const owner = await newKey()
    const membership = await signMembership(owner, {
      room: 'A'.repeat(22),
      key: owner.name,
      untilMs: NOW,
      listNumber: 0,
    })
    const wish = { kind: 'enter', membership, removals: null }
    expect(parseRoomWish(wish)).toEqual(ok(wish))
    for (const [field, value] of [
      ['room', 'x'],
      ['owner', 'ed25519:AA'],
      ['key', 7],
      ['untilMs', 1.5],
      ['signature', 'AA'],
    ] as const)
      expect(parseRoomWish({ kind: 'enter', membership: { ...membership, [field]: value } })).toMatchObject({
        ok: false,
      })
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const parsed of [parseRoomWish(value), parseRoomWord(value)])
          expect(parsed).toMatchObject({ ok: false, code: 'event-invalid' })
      }),
    )
  })
})

it('a proof of an invite is for one secret, room and key', async () => {
  const prove = (secret: string, room: string, key: string) => proveInvite(secret, room, key, ROOM_CRYPTO)
  const [secret, other] = [toBase64Url(new Uint8Array(16)), toBase64Url(new Uint8Array(16).fill(1))]
  const proofs = await Promise.all([
    prove(secret, 'room', 'key'),
    prove(other, 'room', 'key'),
    prove(secret, 'roomk', 'ey'),
    prove(secret, 'room', 'yek'),
  ])
  expect(new Set(proofs).size).toBe(proofs.length)
})

function never(): never {
  throw new Error('a sample has one')
}
