/** Jobs keep to rooms, over real sockets: who is named, who waits for whom, and what others can learn of it. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { TicketCheck } from '../../../web/account/ticket-check.ts'
import type { JobWord } from '../../../web/wire/jobs.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'
import type { RoomId } from '../../../web/wire/rooms.ts'
import { JOB_MODEL, jobId, jobOffer, jobWish } from '../../support/job-tabs.ts'
import { isIn, RoomServer, type RoomTab, until } from '../../support/room-tabs.ts'

let server: RoomServer
let owner: RoomTab
let guest: RoomTab
let stranger: RoomTab
let room: RoomId

beforeEach(async () => {
  server = await RoomServer.start()
  owner = await server.tab()
  guest = await server.tab()
  stranger = await server.tab()
  const made = await owner.rooms.make('Studio', true)
  if (!made.ok) throw new Error(made.code)
  room = made.value
  await isIn(owner, room, 1)
  await guest.rooms.join(owner.view(room)?.invite?.hash ?? '')
  await isIn(guest, room, 2)
})
afterEach(() => server.close())

async function offer(tab: RoomTab, within: RoomId | null, held = 0): Promise<void> {
  tab.client.say({ numericClass: '', visible: true, held: [], offers: [jobOffer({ held })], room: within })
  await until(() => {
    const presence = server.hub.roster.peer(tab.client.peer)?.presence
    return presence?.offers[0]?.held === held && presence.room === within
  })
}
function peersOf(answer: Result<JobWord>): readonly string[] | string {
  if (!answer.ok) return answer.code
  return answer.value.state === 'leased' ? answer.value.workers.map(({ peer }) => peer) : answer.value.state
}

it('a job within a room goes to its members only, also to those who serve anyone, and its ticket names the room', async () => {
  await offer(guest, room)
  await offer(stranger, null)
  const answer = await owner.client.job(jobWish(1, { room }))
  expect(peersOf(answer)).toEqual([guest.client.peer])
  const lets: (RoomId | null)[] = []
  const check = new TicketCheck({
    self: guest.client.peer,
    keys: () => guest.client.ticketKeys,
    nowMs: () => guest.client.serverNowMs(),
    letsIn: async (_, asked) => {
      lets.push(asked)
      return asked === room ? ok(null) : fail('peer-not-member', '')
    },
  })
  const ticket = answer.ok && answer.value.state === 'leased' ? (answer.value.workers[0]?.ticket ?? '') : ''
  const use = {
    request: jobId(1),
    asker: owner.client.peer,
    modelId: JOB_MODEL,
    span: { first: 0, last: 4 },
    whole: { layers: 4, activeParameters: 0 },
  }
  expect(await check.admit(ticket, { ...use, job: 'chat', positions: 120 })).toMatchObject({ ok: true })
  expect(lets).toEqual([room])
  await owner.client.jobNews({ job: jobId(1), state: 'done', worker: null, tokens: 9, code: null })
  await offer(guest, null)
  expect(peersOf(await owner.client.job(jobWish(2, { room })))).toEqual([guest.client.peer])
})

it('a job for anyone passes over who serves a room alone, as if nobody were there', async () => {
  await offer(guest, room)
  expect(peersOf(await owner.client.job(jobWish(1)))).toBe('no-holder')
  expect(peersOf(await stranger.client.job(jobWish(1)))).toBe('no-holder')
  expect(peersOf(await stranger.client.job(jobWish(2, { room })))).toBe('room-unknown')
  await offer(stranger, null)
  expect(peersOf(await owner.client.job(jobWish(1, { room })))).toEqual([guest.client.peer])
  expect(peersOf(await owner.client.job(jobWish(3)))).toEqual([stranger.client.peer])
})

it('a line of a room is told of its own workers, and one for anyone of nobody in a room', async () => {
  await offer(guest, room, 1)
  await offer(stranger, null, 1)
  expect(await owner.client.job(jobWish(1, { room }))).toMatchObject({ value: { state: 'queued', waitMs: 0 } })
  // The place of a stranger is none of theirs.
  await offer(stranger, null, 0)
  expect(peersOf(await owner.client.job(jobWish(1, { room })))).toBe('queued')
  await owner.rooms.leave(room)
  await until(() => !owner.view(room))
  expect(await owner.client.job(jobWish(1, { room }))).toMatchObject({ code: 'room-unknown' })
  await offer(guest, room, 0)
  server.hub.sweep()
  expect(await owner.client.jobNews({ job: jobId(1), state: 'running', worker: null, tokens: 0, code: null })).toEqual(
    fail('event-invalid', 'It was given to nobody yet.'),
  )
})
