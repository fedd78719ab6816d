/** Tickets from the server's mint to a worker's check: who may, for what, until when, how often. */
import { SignJWT } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { TicketMint } from '../../../signal/sockets/tickets.ts'
import { TicketCheck, type TicketUse } from '../../../web/account/ticket-check.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { TICKET_KEY_MS, TICKET_SKEW_MS, TICKET_START_MS } from '../../../web/wire/limits/mesh.ts'
import { peerIdOf } from '../../../web/wire/peers.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import type { RoomId } from '../../../web/wire/rooms.ts'
import type { TicketPay } from '../../../web/wire/tickets.ts'

const peer = (byte: number) =>
  peerIdOf(`ed25519:${toBase64Url(new Uint8Array(32).fill(byte))}`, toBase64Url(new Uint8Array(16).fill(byte)))
const [ASKER, WORKER, OTHER] = [peer(1), peer(2), peer(3)]
const USE: TicketUse = {
  request: '0123456789abcdef0123456789abcdef',
  asker: ASKER,
  modelId: 'a'.repeat(64),
  whole: { layers: 6, activeParameters: 1_000 },
  span: { first: 2, last: 5 },
  job: null,
  positions: 512,
}
const ROOM = `${'r'.repeat(21)}A`

let nowMs: number
let mint: TicketMint
let check: TicketCheck
/** Whom the worker serves. */
let within: RoomId | null
const served = (room: RoomId | null) => (room === within ? ok(null) : fail('peer-not-member', ''))
beforeEach(async () => {
  nowMs = 1_700_000_000_000
  within = null
  mint = await TicketMint.create(() => nowMs)
  check = new TicketCheck({
    self: WORKER,
    keys: () => mint.keys,
    nowMs: () => nowMs,
    letsIn: async (_, room) => served(room),
  })
})

const TERMS = { part: 0, outputTokens: 64, pay: { kind: 'unpaid' } } as const
let signed = 0
const sign = (worker = WORKER, room: RoomId | null = null, pay: TicketPay = TERMS.pay) => {
  signed += 1
  const id = signed.toString(16).padStart(32, '0')
  return mint.sign({ ...USE, ...TERMS, pay, id, worker, room })
}

describe('a ticket', () => {
  it('lets its asker start what it says, once', async () => {
    const ticket = await sign()
    expect(await check.admit(ticket, { ...USE, positions: 100 })).toMatchObject({ ok: true })
    expect(await check.admit(ticket, USE)).toMatchObject({ code: 'ticket-invalid', detail: 'It was used before.' })
  })

  it.each([
    ['request', { request: 'f'.repeat(32) }],
    ['asker', { asker: OTHER }],
    ['model', { modelId: 'b'.repeat(64) }],
    ['range', { span: { first: 2, last: 6 } }],
    ['number of positions', { positions: 513 }],
  ])('is refused for another %s, and is not used up by that', async (what, other) => {
    const ticket = await sign()
    const refused = await check.admit(ticket, { ...USE, ...other })
    expect(refused).toMatchObject({ code: 'ticket-invalid', detail: `It is for another ${what}.` })
    expect(await check.admit(ticket, USE)).toMatchObject({ ok: true })
  })

  it('is refused at another worker, and where it was changed, unsigned or signed by somebody else', async () => {
    const ticket = await sign()
    const [head = '', body = '', signature = ''] = ticket.split('.')
    const changed = toBase64Url(
      new TextEncoder().encode(JSON.stringify({ ...JSON.parse(atob(body)), positions: 9_999 })),
    )
    const unsigned = toBase64Url(new TextEncoder().encode(JSON.stringify({ alg: 'none' })))
    const stranger = await TicketMint.create(() => nowMs)
    const secret = new TextEncoder().encode(mint.keys[0]?.x ?? '')
    const bySecret = await new SignJWT(JSON.parse(atob(body)))
      .setProtectedHeader({ alg: 'HS256', kid: mint.keys[0]?.kid ?? '' })
      .sign(secret)
    const forged = [
      await sign(OTHER),
      `${head}.${changed}.${signature}`,
      `${unsigned}.${body}.`,
      await stranger.sign({ ...USE, ...TERMS, id: 'e'.repeat(32), worker: WORKER, room: null }),
      bySecret,
      '',
      'x.y.z',
    ]
    for (const one of forged) expect(await check.admit(one, USE), one).toMatchObject({ code: 'ticket-invalid' })
    expect(await check.admit(ticket, USE)).toMatchObject({ ok: true })
  })

  it.each<[string, Partial<TicketPay>, boolean]>([
    ['this very model', {}, true],
    ['a larger model', { activeParameters: 2_000 }, true],
    ['a smaller model', { activeParameters: 999 }, false],
    ['a model of more layers, whose stages are cheaper', { layers: 60 }, false],
    ['a model of fewer layers', { layers: 5 }, false],
  ])('that is priced for %s: let in %s', async (_title, other, isEnough) => {
    const paid = { kind: 'paid', policy: 1, activeParameters: 1_000, layers: 6 } as const
    const ticket = await sign(WORKER, null, { ...paid, ...other } as TicketPay)
    const admitted = await check.admit(ticket, USE)
    expect(admitted.ok ? 'ok' : admitted.code).toBe(isEnough ? 'ok' : 'ticket-underpaid')
    // It is not used up by that, and what is not known here is not asked for.
    const unknown = await check.admit(ticket, { ...USE, whole: { ...USE.whole, activeParameters: 0 } })
    const isSameModel = !('layers' in other)
    expect(unknown.ok).toBe(!isEnough && isSameModel)
  })

  it.each(['own', 'room', 'unpaid'] as const)('of work that is free (%s) has no price to be too low', async (kind) => {
    const ticket = await sign(WORKER, null, { kind })
    expect(await check.admit(ticket, USE)).toMatchObject({ ok: true })
  })

  it('of a room starts nothing at who serves another one or anyone, and is not used up by that', async () => {
    const [inside, outside] = [await sign(WORKER, ROOM), await sign()]
    expect(await check.admit(inside, USE)).toMatchObject({ code: 'peer-not-member' })
    within = ROOM
    expect(await check.admit(outside, USE)).toMatchObject({ code: 'peer-not-member' })
    expect(await check.admit(inside, USE)).toMatchObject({ ok: true })
    expect(await check.admit(inside, USE)).toMatchObject({ code: 'ticket-invalid', detail: 'It was used before.' })
  })

  it('has five minutes to start, by the clock of the server and half a minute more or less', async () => {
    const [early, late, tooLate] = [await sign(), await sign(), await sign()]
    nowMs -= TICKET_SKEW_MS
    expect(await check.admit(early, USE)).toMatchObject({ ok: true })
    nowMs += TICKET_SKEW_MS + TICKET_START_MS + TICKET_SKEW_MS - 1_000
    expect(await check.admit(late, USE)).toMatchObject({ ok: true })
    nowMs += 2_000
    expect(await check.admit(tooLate, USE)).toMatchObject({ code: 'ticket-invalid' })
    // What was used is remembered until it has expired for good, and then forgotten.
    expect(await check.admit(late, USE)).toMatchObject({ code: 'ticket-invalid' })
  })

  it('outlives the key that signed it, and no longer', async () => {
    nowMs += TICKET_KEY_MS - 1_000
    const ticket = await sign()
    nowMs += 1_000
    expect(await mint.rotate()).toBe(true)
    expect(mint.keys).toHaveLength(2)
    expect(await check.admit(ticket, USE)).toMatchObject({ ok: true })
    expect(await check.admit(await sign(), USE)).toMatchObject({ ok: true })
    expect(await mint.rotate()).toBe(false)
    nowMs += TICKET_START_MS + TICKET_SKEW_MS
    expect(await mint.rotate()).toBe(true)
    expect(mint.keys).toHaveLength(1)
  })
})
