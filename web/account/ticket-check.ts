/**
 * Whether a ticket lets this asker have this worker do exactly this: signed by the server, not too late, for these layers,
 * this request and these positions, at the price of this model, and not used before. Verified here, without the server.
 */
import { createLocalJWKSet, errors, jwtVerify } from 'jose'
import { isPriceOf } from '../rules/receipts.ts'
import type { PricedModel } from '../wire/active-parameters.ts'
import { TICKET_SKEW_MS, TICKETS_USED_MAX } from '../wire/limits/mesh.ts'
import type { PeerId } from '../wire/peers.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { RoomId } from '../wire/rooms.ts'
import { parseTicketClaims, TICKET_ALGORITHM, type TicketClaims, type TicketKey } from '../wire/tickets.ts'

export interface TicketCheckParts {
  readonly self: PeerId
  /** As the server told them last. */
  readonly keys: () => readonly TicketKey[]
  /** The server's clock. */
  readonly nowMs: () => number
  /** Whether this tab serves that asker within that room; null for anyone. */
  readonly letsIn: (asker: PeerId, room: RoomId | null) => Promise<Result<null>>
}

export interface TicketUse extends Pick<TicketClaims, 'request' | 'asker' | 'modelId' | 'span' | 'job' | 'positions'> {
  /** As this worker has it. */
  readonly whole: Omit<PricedModel, 'id'>
}

export class TicketCheck {
  readonly #parts: TicketCheckParts
  /** Ids of tickets that started something, with the time when they start nothing any more. */
  readonly #used = new Map<string, number>()

  constructor(parts: TicketCheckParts) {
    this.#parts = parts
  }

  /** What it says. Refusals: `ticket-invalid`, `ticket-underpaid`, and those of the room it is for. A ticket that was let in is used up. */
  async admit(ticket: string, use: TicketUse): Promise<Result<TicketClaims>> {
    const { self, keys, nowMs, letsIn } = this.#parts
    const now = nowMs()
    const verified = await verify(ticket, self, keys(), now)
    if (!verified.ok) return verified
    const { claims, untilMs } = verified.value
    const wrong = mismatch(claims, use)
    if (wrong !== null) return fail('ticket-invalid', `It is for another ${wrong}.`)
    if (!isPriceOf(claims.pay, use.whole)) return fail('ticket-underpaid', '')
    const welcome = await letsIn(claims.asker, claims.room)
    if (!welcome.ok) return welcome
    for (const [id, until] of this.#used) if (until < now) this.#used.delete(id)
    if (this.#used.has(claims.id)) return fail('ticket-invalid', 'It was used before.')
    if (this.#used.size >= TICKETS_USED_MAX) return fail('ticket-invalid', 'Too many were used in a short time.')
    this.#used.set(claims.id, untilMs)
    return ok(claims)
  }
}

async function verify(
  ticket: string,
  audience: PeerId,
  keys: readonly TicketKey[],
  nowMs: number,
): Promise<Result<{ readonly claims: TicketClaims; readonly untilMs: number }>> {
  try {
    const { payload } = await jwtVerify(ticket, createLocalJWKSet({ keys: [...keys] }), {
      algorithms: [TICKET_ALGORITHM],
      audience,
      currentDate: new Date(nowMs),
      clockTolerance: TICKET_SKEW_MS / 1000,
      requiredClaims: ['exp', 'iat', 'jti', 'sub', 'aud'],
    })
    const claims = parseTicketClaims(payload)
    return claims.ok ? ok({ claims: claims.value, untilMs: (payload.exp ?? 0) * 1000 + TICKET_SKEW_MS }) : claims
  } catch (error) {
    if (error instanceof errors.JOSEError) return fail('ticket-invalid', `${error.code}.`)
    throw error
  }
}

function mismatch(claims: TicketClaims, use: TicketUse): string | null {
  if (claims.request !== use.request) return 'request'
  if (claims.asker !== use.asker) return 'asker'
  if (claims.modelId !== use.modelId) return 'model'
  if (claims.span.first !== use.span.first || claims.span.last !== use.span.last) return 'range'
  if (claims.job !== use.job) return 'kind of work'
  return use.positions <= claims.positions ? null : 'number of positions'
}
