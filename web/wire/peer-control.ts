/**
 * What peers say on the control channel of a link: a request is opened at a stage, moved to another epoch, closed; a stage
 * refuses, reports, and says goodbye. JSON, because it is rare and small; parsed once, where it arrives.
 */

import type { Sampling } from './chat.ts'
import { CODES, type Code } from './codes.ts'
import { fromBase64Url } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { JOB_ASKER_SAYS, JOB_WORKER_SAYS, type JobAskerSays, type JobWorkerSays, readJobSays } from './job-words.ts'
import { CONTEXT_POSITIONS_MAX } from './limits/engine.ts'
import { CONTROL_BYTES_MAX, POSITION_MAX } from './limits/links.ts'
import {
  DETAIL_CHARACTERS_MAX,
  PEER_ID_CHARACTERS_MAX,
  SERVED_PER_ASKER_MAX,
  SPARES_MAX,
  TICKET_CHARACTERS_MAX,
} from './limits/mesh.ts'
import type { RequestId } from './peer-frame.ts'
import { type LayerSpan, peerReaderOf } from './peers.ts'
import { CHAIN_SALT_BYTES } from './receipt-bytes.ts'
import {
  RECEIPT_ASKER_SAYS,
  RECEIPT_WORKER_SAYS,
  type ReceiptAskerSays,
  type ReceiptWorkerSays,
  readReceiptSays,
} from './receipt-words.ts'
import { type Removals, readRemovalsOfPeer } from './removals.ts'
import { fail, type Result } from './result.ts'
import { type Membership, type RoomId, readMembershipOfPeer } from './rooms.ts'
import { samplingWithoutSeed } from './sampling-fields.ts'

/** As `SamplerSpec`; the seed travels as 16 hexadecimal digits. */
export interface SamplerWire extends Omit<Sampling, 'seed'> {
  readonly seed: string
}

interface About {
  readonly request: RequestId
  readonly epoch: number
}

/** Where a stage stands in the route: what it gets comes from `before`, what it makes goes to `after`. */
export interface StagePlace {
  readonly span: LayerSpan
  /** A peer; null for the first stage, which takes tokens. */
  readonly before: string | null
  /** A peer; null for the tail, which draws tokens. */
  readonly after: string | null
  /** The first stage, to which the tail sends each token; and the tail, from which the first stage takes it. */
  readonly head: string
  readonly tail: string
}

/**
 * Said by the asker. `truncate` also tells a stage its new neighbours after a takeover; `feed` has a stage send what it has
 * sent before, up to `position`, to the stage that now stands after it. `spares` names who may take its neighbours' places,
 * so that it can link to them while the server is there to introduce them; nobody answers that.
 */
export type AskerSays =
  | (About & {
      readonly says: 'open'
      readonly ticket: string
      readonly place: StagePlace
      readonly positions: number
      readonly sampler: SamplerWire
      /** Of the chains of a paid request, the same for all its stages: 16 bytes in base64url. */
      readonly salt?: string
    })
  | (About & {
      readonly says: 'truncate'
      readonly position: number
      readonly sampler: SamplerWire | null
      readonly place: StagePlace | null
    })
  | (About & { readonly says: 'feed'; readonly position: number })
  | (About & { readonly says: 'spares'; readonly peers: readonly string[] })
  /** The answer is over and its receipts may come; what the stage holds stays for a next one. */
  | (About & { readonly says: 'rest' })
  /** What rests as `kept` goes on as this request, with what it holds, under a ticket of its own. Answered as `open`. */
  | (About & { readonly says: 'renew'; readonly kept: RequestId; readonly ticket: string; readonly salt?: string })
  | { readonly says: 'close'; readonly request: RequestId }

/** Where the next rows begin at a stage, and up to where it has passed on what it made. */
export interface StagePosition extends About {
  readonly got: number
  readonly passed: number
}

/**
 * Said by a stage. `refused` answers any of these or a frame, `by` names the neighbour whose fault it was as the stage sees
 * it; `held` says how far the KV has come while it is fed.
 */
export type StageSays =
  | (About & { readonly says: 'opened' | 'truncated' })
  | (About & { readonly says: 'held'; readonly position: number })
  | (About & { readonly says: 'refused'; readonly by: string | null; readonly code: Code; readonly detail: string })
  /**
   * `frameMs`: how long its newest tokens were at this stage, so that an asker can tell its trips from its computing. `at`:
   * where the asker's requests stand there, so that it can tell who holds them up.
   */
  | { readonly says: 'alive'; readonly frameMs?: number; readonly at?: readonly StagePosition[] }
  | { readonly says: 'draining' }

/** Said by both over a link, for each room that one of them speaks of, and again with each newer list. Null: it is not in the room. */
export interface MemberSays {
  readonly says: 'member'
  readonly room: RoomId
  readonly membership: Membership | null
  /** The newest list of removed devices that it knows. */
  readonly removals: Removals | null
}

/** Said by either; the link itself answers. */
export interface LinkSays {
  readonly says: 'ping' | 'pong'
  readonly id: number
}

export type PeerSays =
  | AskerSays
  | StageSays
  | MemberSays
  | JobAskerSays
  | JobWorkerSays
  | ReceiptAskerSays
  | ReceiptWorkerSays
/** All that can lie on the channel. */
export type ControlSays = PeerSays | LinkSays

const SAYS = [
  'open',
  'truncate',
  'feed',
  'spares',
  'rest',
  'renew',
  'close',
  'opened',
  'truncated',
  'held',
  'refused',
  'alive',
  'draining',
  'ping',
  'pong',
  'member',
  ...JOB_ASKER_SAYS,
  ...JOB_WORKER_SAYS,
  ...RECEIPT_ASKER_SAYS,
  ...RECEIPT_WORKER_SAYS,
] as const
const EPOCH_MAX = 0xffff_ffff
const FRAME_MS_MAX = 600_000
const reader = peerReaderOf('control-invalid')
const { attempt, refuse, parseJson, record, list, words, orNull, number, whole, oneOf, span, requestId, run } = reader

export function writePeerSays(message: ControlSays): string {
  return JSON.stringify(message)
}

/** Refusals: `control-invalid`. */
export function readPeerSays(text: string): Result<ControlSays> {
  if (text.length > CONTROL_BYTES_MAX) return fail('control-invalid', `It has ${text.length} characters.`)
  return attempt(() => {
    const fields = record(parseJson(text), 'The message')
    const says = oneOf(fields, 'says', SAYS)
    switch (says) {
      case 'alive': {
        const frameMs = orNull(fields, 'frameMs', () => number(fields, 'frameMs', 0, FRAME_MS_MAX))
        const at = orNull(fields, 'at', (all) => list(all, '`at`', SERVED_PER_ASKER_MAX).map(stagePositionOf))
        return { says, ...(frameMs === null ? {} : { frameMs }), ...(at === null ? {} : { at }) }
      }
      case 'draining':
        return { says }
      case 'ping':
      case 'pong':
        return { says, id: whole(fields, 'id', Number.MAX_SAFE_INTEGER) }
      case 'member':
        return {
          says,
          room: run(fields, 'room'),
          membership: orNull(fields, 'membership', readMembershipOfPeer),
          removals: orNull(fields, 'removals', readRemovalsOfPeer),
        }
      case 'close':
        return { says, request: requestId(fields, 'request') }
      case 'job-open':
      case 'job-ack':
      case 'job-cancel':
      case 'job-held':
      case 'job-begun':
        return readJobSays(says, fields)
      case 'acknowledge':
      case 'receipt-signed':
      case 'receipt-refused':
      case 'receipt':
        return readReceiptSays(says, fields)
      case 'rest':
      case 'opened':
      case 'truncated':
        return { says, ...aboutOf(fields) }
      case 'renew': {
        const about = aboutOf(fields)
        const kept = requestId(fields, 'kept')
        if (kept === about.request) refuse('`kept`', 'is the same request')
        return { says, ...about, kept, ticket: words(fields, 'ticket', TICKET_CHARACTERS_MAX), ...saltOf(fields) }
      }
      case 'feed':
      case 'held':
        return { says, ...aboutOf(fields), position: whole(fields, 'position', POSITION_MAX) }
      case 'spares':
        return { says, ...aboutOf(fields), peers: list(fields['peers'], '`peers`', SPARES_MAX).map(peerNamed) }
      case 'refused':
        return {
          says,
          ...aboutOf(fields),
          by: orNull(fields, 'by', () => named(fields, 'by')),
          code: codeOf(fields),
          detail: words(fields, 'detail', DETAIL_CHARACTERS_MAX),
        }
      case 'truncate':
        return {
          says,
          ...aboutOf(fields),
          position: whole(fields, 'position', POSITION_MAX),
          sampler: orNull(fields, 'sampler', samplerOf),
          place: orNull(fields, 'place', placeOf),
        }
      case 'open':
        return {
          says,
          ...aboutOf(fields),
          ticket: words(fields, 'ticket', TICKET_CHARACTERS_MAX),
          place: placeOf(fields['place']),
          positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX),
          sampler: samplerOf(fields['sampler']),
          ...saltOf(fields),
        }
      default:
        return says satisfies never
    }
  })
}

function aboutOf(fields: Fields): About {
  return { request: requestId(fields, 'request'), epoch: whole(fields, 'epoch', EPOCH_MAX) }
}

function saltOf(fields: Fields): { readonly salt?: string } {
  const salt = orNull(fields, 'salt', () => words(fields, 'salt', 32))
  if (salt === null) return {}
  return fromBase64Url(salt)?.length === CHAIN_SALT_BYTES ? { salt } : refuse('`salt`', 'has another length')
}

function stagePositionOf(value: unknown): StagePosition {
  const fields = record(value, 'A position')
  const [got, passed] = [whole(fields, 'got', POSITION_MAX), whole(fields, 'passed', POSITION_MAX)]
  return { ...aboutOf(fields), got, passed }
}

/** A newer peer may know more codes than this page. */
function codeOf(fields: Fields): Code {
  const code = words(fields, 'code', 64)
  return Object.hasOwn(CODES, code) ? (code as Code) : 'peer-refused'
}

function placeOf(value: unknown): StagePlace {
  const fields = record(value, '`place`')
  return {
    span: span(fields, 'span'),
    before: orNull(fields, 'before', () => named(fields, 'before')),
    after: orNull(fields, 'after', () => named(fields, 'after')),
    head: named(fields, 'head'),
    tail: named(fields, 'tail'),
  }
}

/** Whoever it is, there is a proven link to it or not. */
function named(fields: Fields, field: string): string {
  return words(fields, field, PEER_ID_CHARACTERS_MAX)
}

function peerNamed(value: unknown): string {
  return named({ peer: value }, 'peer')
}

function samplerOf(value: unknown): SamplerWire {
  const fields = record(value, '`sampler`')
  const seed = words(fields, 'seed', 16)
  return {
    ...samplingWithoutSeed(reader, fields, 100),
    seed: /^[0-9a-f]{16}$/.test(seed) ? seed : refuse('`seed`', 'is no seed'),
  }
}
