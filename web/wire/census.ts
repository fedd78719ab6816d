/**
 * How many serve what: all that a tab which looks at the network is told of those it has nothing to do with. Counts only: no
 * peer is named here, and none can be.
 */
import { JOB_MS_MAX } from './jobs.ts'
import { CENSUS_MODELS_MAX, CENSUS_PEERS_MAX, CENSUS_RANGES_MAX } from './limits/signalling.ts'
import { type LayerSpan, peerReaderOf } from './peers.ts'
import type { Result } from './result.ts'
import { isRoomId, type RoomId } from './rooms.ts'

export interface CensusRange {
  readonly span: LayerSpan
  readonly holders: number
  /** The mean of what they have measured. */
  readonly msPerLayer: number
}

export interface CensusModel {
  readonly modelId: string
  /** By where they begin. */
  readonly ranges: readonly CensusRange[]
  /** Tabs that answer whole requests with it, and their mean speed; null where none does. */
  readonly whole: CensusWhole | null
}

export interface CensusWhole {
  readonly offers: number
  /** Of those that have measured it; as the server assumes it where none has. */
  readonly tokensPerSecond: number
  /** Of those that answer chats; null where none does. */
  readonly chat: CensusChat | null
}

/** What a chat may expect of them, of the one that is predicted to be done with it first. */
export interface CensusChat {
  readonly offers: number
  /** Those with a place for one more now. Where there is none, a chat waits. */
  readonly free: number
  /** As the server assumes it where it was not measured. */
  readonly tokensPerSecond: number
  /** Until it would begin with one more chat, after those that it has and those that wait at the server. */
  readonly firstMs: number
}

export interface Census {
  /** Of whom it counts: the tabs in this room, or all of them. */
  readonly room: RoomId | null
  /** Tabs at the server, serving or not. */
  readonly peers: number
  /** With the most holders first. */
  readonly models: readonly CensusModel[]
}

const { attempt, record, refuse, list, number, whole, orNull, span, modelId, run } = peerReaderOf('event-invalid')
const MS_PER_LAYER_MAX = 60_000
const TOKENS_PER_SECOND_MAX = 1e6

export function parseLook(value: unknown): Result<boolean | RoomId> {
  return attempt(() =>
    typeof value === 'boolean' || isRoomId(value) ? value : refuse('`look`', 'is neither on nor off'),
  )
}

export function parseCensus(value: unknown): Result<Census> {
  return attempt(() => {
    const fields = record(value, 'A census')
    return {
      room: orNull(fields, 'room', () => run(fields, 'room')),
      peers: whole(fields, 'peers', CENSUS_PEERS_MAX),
      models: list(fields['models'], '`models`', CENSUS_MODELS_MAX).map(readModel),
    }
  })
}

function readModel(value: unknown): CensusModel {
  const fields = record(value, 'A model of a census')
  const ranges = list(fields['ranges'], '`ranges`', CENSUS_RANGES_MAX).map(readRange)
  return { modelId: modelId(fields, 'modelId'), ranges, whole: orNull(fields, 'whole', readWhole) }
}

function readWhole(value: unknown): CensusWhole {
  const fields = record(value, '`whole`')
  const offers = whole(fields, 'offers', CENSUS_PEERS_MAX)
  const tokensPerSecond = number(fields, 'tokensPerSecond', 0, TOKENS_PER_SECOND_MAX)
  return { offers, tokensPerSecond, chat: orNull(fields, 'chat', (value) => readChat(value, offers)) }
}

function readChat(value: unknown, offersMax: number): CensusChat {
  const fields = record(value, '`chat`')
  const offers = whole(fields, 'offers', offersMax)
  return {
    offers: offers > 0 ? offers : refuse('`offers`', 'is zero'),
    free: whole(fields, 'free', offers),
    tokensPerSecond: number(fields, 'tokensPerSecond', 0, TOKENS_PER_SECOND_MAX),
    firstMs: number(fields, 'firstMs', 0, JOB_MS_MAX),
  }
}

function readRange(value: unknown): CensusRange {
  const fields = record(value, 'A range of a census')
  return {
    span: span(fields, 'span'),
    holders: whole(fields, 'holders', CENSUS_PEERS_MAX),
    msPerLayer: number(fields, 'msPerLayer', 0, MS_PER_LAYER_MAX),
  }
}
