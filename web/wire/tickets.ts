/**
 * What a ticket says: this asker may have this worker compute these layers of this model for this request, up to so many
 * positions, if it starts within five minutes. A JWT (RFC 7519) signed with EdDSA by the signalling server; workers verify
 * it themselves, on the server's clock as it was when they connected. Types and reading; signing is the server's.
 */
import { JOB_KINDS, type JobKind } from './jobs.ts'
import { CONTEXT_POSITIONS_MAX, TICKET_KEYS_MAX } from './limits.ts'
import type { RequestId } from './peer-frame.ts'
import { type LayerSpan, type PeerId, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'
import type { RoomId } from './rooms.ts'

export interface TicketClaims {
  /** Names this ticket; each is used once. */
  readonly id: string
  readonly request: RequestId
  readonly asker: PeerId
  readonly worker: PeerId
  readonly modelId: string
  readonly span: LayerSpan
  /** A whole job of this kind, whose span is all layers; null for a stage of a route. */
  readonly job: JobKind | null
  /** KV positions at most: prompt and answer. */
  readonly positions: number
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

const { attempt, record, list, words, whole, oneOf, peer, span, modelId, requestId, orNull, run } =
  peerReaderOf('ticket-invalid')

/** The payload of a JWT whose signature and times were checked. Refusals: `ticket-invalid`. */
export function parseTicketClaims(value: unknown): Result<TicketClaims> {
  return attempt(() => {
    const fields = record(value, 'The ticket')
    return {
      id: requestId(fields, 'jti'),
      request: requestId(fields, 'request'),
      asker: peer(fields, 'sub'),
      worker: peer(fields, 'aud'),
      modelId: modelId(fields, 'model'),
      span: span(fields, 'span'),
      job: orNull(fields, 'job', () => oneOf(fields, 'job', JOB_KINDS)),
      positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX),
      room: orNull(fields, 'room', () => run(fields, 'room')),
    }
  })
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
