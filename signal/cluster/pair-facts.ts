/**
 * What the processes of one server tell each other of pairings: shapes, and how each is read. Of a code only its hash goes from
 * process to process: who reads along learns none that opens anything.
 */
import type { Fields } from '../../web/wire/fields.ts'
import { TIME_MS_MAX } from '../../web/wire/limits/units.ts'
import { readSite } from '../../web/wire/pairings.ts'
import { type PeerId, peerReaderOf } from '../../web/wire/peers.ts'

/** Of a frame: `offer`, and what its process says of who took it: `pair`, `refuse`. Of a window: `take`. Of either: `end`. */
export type PairFact =
  | { readonly kind: 'offer'; readonly hash: string; readonly untilMs: number; readonly site: string }
  | { readonly kind: 'take'; readonly frame: PeerId; readonly hash: string }
  | { readonly kind: 'pair' | 'refuse'; readonly other: PeerId }
  | { readonly kind: 'end' }

const { record, words, whole, oneOf, peer } = peerReaderOf('event-invalid')

/** A SHA-256 in base64url. */
const HASH_CHARACTERS = 43

/** What is wrong leaves as the readers of its caller have it leave. */
export function readPairFact(value: unknown): PairFact {
  const fields = record(value, 'A fact of a pairing')
  const kind = oneOf(fields, 'kind', ['offer', 'take', 'pair', 'refuse', 'end'])
  switch (kind) {
    case 'offer':
      return { kind, hash: hashIn(fields), untilMs: whole(fields, 'untilMs', TIME_MS_MAX), site: readSite(fields) }
    case 'take':
      return { kind, frame: peer(fields, 'frame'), hash: hashIn(fields) }
    case 'pair':
    case 'refuse':
      return { kind, other: peer(fields, 'other') }
    case 'end':
      return { kind }
    default:
      return kind satisfies never
  }
}

const hashIn = (fields: Fields) => words(fields, 'hash', HASH_CHARACTERS)
