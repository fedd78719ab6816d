/** Rooms as `App.mesh` has them, over a played mesh: nothing before consent, and nothing outside the room that was chosen. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AppMesh } from '../../web/app-mesh.ts'
import type { RoomView } from '../../web/app-mesh-view.ts'
import { DEFAULT_SAMPLING } from '../../web/app-view.ts'
import { deviceCode, nameOfRoom, sayRooms } from '../../web/ui/rooms/room-words.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { fakeModel } from '../support/fake-engine.ts'
import { fakeEntry } from '../support/fake-entry.ts'
import { FakeMesh } from '../support/fake-mesh.ts'
import { meshOfOne } from '../support/mesh-of-one.ts'

const ROOM = 'r'.repeat(22)
const PEER = `key/${'p'.repeat(22)}`
const model = { ...fakeModel(1), layers: 30 }
const entry = fakeEntry(model)
const VIEW: RoomView = {
  id: ROOM,
  name: 'Studio',
  mine: true,
  state: 'in',
  people: [],
  away: [],
  knocking: [],
  invite: { hash: '', alone: true },
  noticed: null,
}

let played: FakeMesh
let mesh: AppMesh
beforeEach(() => {
  played = new FakeMesh()
  mesh = meshOfOne(played, entry).mesh
  mesh.set({ way: 'layers' })
})

async function ask(): Promise<void> {
  const request = { messages: [], sampling: { ...DEFAULT_SAMPLING, seed: 1n }, maxTokens: 8, stop: [] }
  for await (const event of mesh.ask(entry.key, request, new AbortController().signal)) expect(event).toBeDefined()
}

describe('rooms', () => {
  it('connect nothing before a person has agreed', async () => {
    expect(await mesh.rooms.make('Studio', true)).toMatchObject({ code: 'consent-missing' })
    expect(await mesh.rooms.join('#/join')).toMatchObject({ code: 'consent-missing' })
    expect([played.joins, played.roomWishes]).toEqual([0, []])
  })

  it('join the mesh for whoever wants one, and hand on what is wished and refused', async () => {
    mesh.set({ consent: true })
    played.room = ok(ROOM)
    expect(await mesh.rooms.make('Studio', false)).toEqual(ok(ROOM))
    expect(await mesh.rooms.answer(ROOM, PEER, true)).toEqual(ok(null))
    expect(await mesh.rooms.renewInvite(ROOM, true)).toEqual(ok(null))
    expect(await mesh.rooms.remove(ROOM, 'key')).toEqual(ok(null))
    played.room = fail('room-full', '')
    expect(await mesh.rooms.join('#/join')).toMatchObject({ code: 'room-full' })
    expect(played.joins).toBe(1)
    expect(played.roomWishes).toEqual([
      ['make', 'Studio', false],
      ['answer', ROOM, PEER, true],
      ['renewInvite', ROOM, true],
      ['remove', ROOM, 'key'],
      ['join', '#/join'],
    ])
    played.rooms([VIEW])
    expect(mesh.view.rooms).toEqual([VIEW])
    mesh.set({ consent: false })
    await played.gone()
    expect(mesh.view.rooms).toEqual([])
  })

  it('hold for what is given, asked and looked at, from the first word on', async () => {
    mesh.set({ consent: true, room: ROOM })
    mesh.look(true)
    await played.joined()
    expect([played.within, played.looking]).toEqual([ROOM, ROOM])
    await ask()
    mesh.set({ room: null })
    expect([played.within, played.looking]).toEqual([null, true])
    await ask()
    expect(played.askedWithin).toEqual([ROOM, null])
  })

  it('that are left while one gives to them give to nobody, before they are left', async () => {
    mesh.set({ consent: true, room: ROOM })
    void mesh.contribute(entry.key)
    await played.started()
    played.serve(0, 10, model.id, 1.5)
    await mesh.rooms.leave(ROOM)
    expect(mesh.view.contribution.state).toBe('off')
    expect([mesh.view.settings.room, played.within]).toEqual([null, null])
    expect(played.roomWishes).toEqual([['leave', ROOM]])
  })

  it.each([
    ['that an owner takes this browser out of', [{ ...VIEW, state: 'removed' as const }]],
    ['that are left in another tab', []],
  ])('%s while one gives to them are given nothing any more, nor is anybody else', async (_, after) => {
    mesh.set({ consent: true, room: ROOM })
    void mesh.contribute(entry.key)
    await played.started()
    played.rooms([VIEW])
    played.serve(0, 10, model.id, 1.5)
    expect(mesh.view.contribution.state).toBe('serving')
    played.rooms(after)
    await played.tick()
    expect(mesh.view.contribution.state).toBe('off')
    expect([mesh.view.settings.room, played.within]).toEqual([null, null])
  })

  it('that are left while one works elsewhere change nothing else', async () => {
    mesh.set({ consent: true })
    void mesh.contribute(entry.key)
    await played.started()
    played.serve(0, 10, model.id, 1.5)
    await mesh.rooms.leave(ROOM)
    expect(mesh.view.contribution.state).toBe('serving')
  })
})

it('what changes in a room is said once, to who cannot see it', () => {
  const asking = { ...VIEW, state: 'asking' as const, name: '' }
  expect(sayRooms([], [VIEW])).toBeNull()
  expect(sayRooms([VIEW], [{ ...VIEW, knocking: [PEER] }])).toBe('Somebody asks to join Studio.')
  expect(sayRooms([{ ...VIEW, knocking: [PEER] }], [{ ...VIEW, knocking: [PEER] }])).toBeNull()
  expect(sayRooms([asking], [VIEW])).toBe('You are in Studio.')
  expect(sayRooms([asking], [{ ...asking, state: 'declined' }])).toBe('The owner of Room rrrr declined.')
  const removed = { ...VIEW, state: 'removed' as const }
  expect(sayRooms([VIEW], [removed])).toBe('The owner of Studio has taken this browser out.')
  expect([nameOfRoom(VIEW), nameOfRoom(asking)]).toEqual(['Studio', 'Room rrrr'])
  expect(deviceCode('ed25519:xabc-d_efgh')).toBe('abcd-efgh')
})
