/**
 * What a ticket says: this asker may have this worker compute these layers of this model for this request, up to so many
 * positions, if it starts within five minutes. A JWT (RFC 7519) signed with EdDSA by the signalling server; workers verify
 * it themselves, on the server's clock as it was when they connected. Types and reading; signing is the server's.
 */
import { fromBase64Url } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { JOB_KINDS, type JobKind } from './jobs.ts'
import { ACTIVE_PARAMETERS_MAX, LEDGER_PART_MAX } from './limits/credits.ts'
import { CONTEXT_POSITIONS_MAX } from './limits/engine.ts'
import { TICKET_KEYS_MAX } from './limits/mesh.ts'
import { LAYERS_MAX } from './limits/models.ts'
import type { RequestId } from './peer-frame.ts'
import { type LayerSpan, type PeerId, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'
import type { RoomId } from './rooms.ts'

/**
 * What is paid for the work. `own`: asker and worker are of one account; `room`: they are of one room; `unpaid`: the asker has
 * no credits for it, or offers none. Those three are free and earn nothing; `unpaid` work waits behind all other.
 */
export type TicketPay =
  | {
      readonly kind: 'paid'
      /** Version of the credit policy that the price is by. */
      readonly policy: number
      readonly activeParameters: number
      /** Of the whole model. */
      readonly layers: number
    }
  | { readonly kind: 'own' | 'room' | 'unpaid' }

export interface TicketClaims {
  /** Names this ticket; each is used once. */
  readonly id: string
  readonly request: RequestId
  /** Of the request's tickets: each has a receipt of its own. */
  readonly part: number
  readonly asker: PeerId
  readonly worker: PeerId
  readonly modelId: string
  readonly span: LayerSpan
  /** A whole job of this kind, whose span is all layers; null for a stage of a route. */
  readonly job: JobKind | null
  /** KV positions at most: prompt and answer. */
  readonly positions: number
  /** Of the answer at most, of `positions`. */
  readonly outputTokens: number
  readonly pay: TicketPay
  /** Between members of this room; null for anyone. */
  readonly room: RoomId | null
}

/** A public key of the server, as a JWK (RFC 8037): enough to verify a ticket that names it. */
export interface TicketKey {
  readonly kid: string
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
}

export const TICKET_ALGORITHM = 'EdDSA'

const { attempt, parseJson, refuse, record, list, words, whole, oneOf, peer, span, modelId, requestId, orNull, run } =
  peerReaderOf('ticket-invalid')

/** The payload of a JWT, as `parseTicketClaims` reads it. */
export function ticketPayload(claims: Omit<TicketClaims, 'part'>) {
  const { id, request, asker, worker, modelId, span, job, positions, outputTokens, pay, room } = claims
  const { first, last } = span
  const sides = { jti: id, sub: asker, aud: worker }
  return { ...sides, request, model: modelId, span: { first, last }, job, positions, output: outputTokens, pay, room }
}

/** The payload of a JWT whose signature and times were checked. Refusals: `ticket-invalid`. */
export function parseTicketClaims(value: unknown): Result<TicketClaims> {
  return attempt(() => {
    const fields = record(value, 'The ticket')
    return {
      id: requestId(fields, 'jti'),
      request: requestId(fields, 'request'),
      part: whole(fields, 'part', LEDGER_PART_MAX),
      asker: peer(fields, 'sub'),
      worker: peer(fields, 'aud'),
      modelId: modelId(fields, 'model'),
      span: span(fields, 'span'),
      job: orNull(fields, 'job', () => oneOf(fields, 'job', JOB_KINDS)),
      positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX),
      outputTokens: whole(fields, 'output', CONTEXT_POSITIONS_MAX),
      pay: payOf(record(fields['pay'], '`pay`')),
      room: orNull(fields, 'room', () => run(fields, 'room')),
    }
  })
}

/** What a ticket says, its signature unseen: it is ASCII. For the asker, who has it from its own server. Refusals: `ticket-invalid`. */
export function readTicket(ticket: string): Result<TicketClaims> {
  return attempt(() => {
    const payload = fromBase64Url(ticket.split('.')[1] ?? '')
    const claims = parseTicketClaims(parseJson(payload ? String.fromCharCode(...payload) : ''))
    return claims.ok ? claims.value : refuse('The ticket', claims.detail)
  })
}

function payOf(fields: Fields): TicketPay {
  const kind = oneOf(fields, 'kind', ['paid', 'own', 'room', 'unpaid'] as const)
  if (kind !== 'paid') return { kind }
  const [policy, layers] = [whole(fields, 'policy', LEDGER_PART_MAX), whole(fields, 'layers', LAYERS_MAX)]
  return { kind, policy, layers, activeParameters: whole(fields, 'activeParameters', ACTIVE_PARAMETERS_MAX) }
}

/** The keys that a server publishes: the one in use, and those whose tickets may still start. */
export function parseTicketKeys(value: unknown): Result<readonly TicketKey[]> {
  return attempt(() =>
    list(value, 'The keys', TICKET_KEYS_MAX).map((one) => {
      const fields = record(one, 'A key')
      return {
        kid: words(fields, 'kid', 64),
        kty: oneOf(fields, 'kty', ['OKP']),
        crv: oneOf(fields, 'crv', ['Ed25519']),
        x: words(fields, 'x', 64),
      }
    }),
  )
}
