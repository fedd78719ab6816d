/**
 * What the processes of one server say to each other, on one page: shapes, and how each is read. A fact that cannot be read is
 * left out, so that a process of another version does no harm. No fact can carry a prompt, an answer or a private key.
 */
import { type AccountChain, parseAccountChains } from '../../web/wire/accounts.ts'
import type { PublicKeyText } from '../../web/wire/device-keys.ts'
import type { Fields } from '../../web/wire/fields.ts'
import { isPartnerKey, type PartnerKey } from '../../web/wire/partner-keys.ts'
import { type PeerId, peerReaderOf } from '../../web/wire/peers.ts'
import type { Result } from '../../web/wire/result.ts'
import { parseRoomWish, type RoomWish } from '../../web/wire/room-events.ts'
import { keyIn } from '../../web/wire/rooms.ts'
import { type Presence, parsePresence } from '../../web/wire/signal-events.ts'
import { parseTicketKeys, type TicketKey } from '../../web/wire/tickets.ts'
import { CLUSTER_FACTS_MAX } from '../config.ts'
import { type PairFact, readPairFact } from './pair-facts.ts'

/** Random, of one run of a process. */
export type ProcessId = string

/** `asleep`: its lease has ended, its socket is open. */
export type Going = 'left' | 'lost' | 'asleep'

/** Of a tab that the teller has, but for the last. */
export type Fact =
  /** `stay`: higher at each process that it comes to, so that news of the one before are known as old. */
  | {
      readonly on: 'here'
      readonly peer: PeerId
      readonly stay: number
      readonly resume: string
      readonly connected: boolean
      readonly presence: Presence | null
    }
  | { readonly on: 'gone'; readonly peer: PeerId; readonly how: Going }
  /** It was granted there; signatures in it are verified again. */
  | { readonly on: 'room'; readonly peer: PeerId; readonly wish: RoomWish }
  | { readonly on: 'pair'; readonly peer: PeerId; readonly word: PairFact }
  /** `own`: the device that told of it. */
  | { readonly on: 'account'; readonly own: PublicKeyText; readonly chain: AccountChain }
  /** Of no tab: the operator has ruled of this key, or, null, of who may come in or what is announced. What it is stands in the database. */
  | { readonly on: 'ruled'; readonly partner: PartnerKey | null }

export type Word = { readonly process: ProcessId } & (
  | {
      /** It lives. `seq`: how many changes it has told of. `isNew`: it wants to hear who else is there. */
      readonly say: 'beat'
      readonly seq: number
      readonly keys: readonly TicketKey[]
      readonly isNew: boolean
    }
  | { readonly say: 'change'; readonly seq: number; readonly facts: readonly Fact[] }
  /** For all of its tabs, from the process `of`. */
  | { readonly say: 'ask'; readonly of: ProcessId }
  /** All of the teller's tabs, in pieces, as they are after change `seq`. */
  | {
      readonly say: 'all'
      readonly seq: number
      readonly piece: number
      readonly pieces: number
      readonly facts: readonly Fact[]
    }
  /** It ends, and its tabs look for another. */
  | { readonly say: 'bye' }
)

const reader = peerReaderOf('event-invalid')
const { attempt, record, list, words, whole, flag, oneOf, peer, run, orNull, refuse } = reader

const RESUME_CHARACTERS_MAX = 64
const COUNT_MAX = Number.MAX_SAFE_INTEGER

export function parseWord(value: unknown): Result<Word> {
  return attempt((): Word => {
    const fields = record(value, 'A word between processes')
    const process = run(fields, 'process')
    const say = oneOf(fields, 'say', ['beat', 'change', 'ask', 'all', 'bye'])
    switch (say) {
      case 'beat':
        return { process, say, seq: seqOf(fields), keys: keysOf(fields), isNew: flag(fields, 'isNew') }
      case 'change':
        return { process, say, seq: seqOf(fields), facts: factsOf(fields) }
      case 'ask':
        return { process, say, of: run(fields, 'of') }
      case 'all': {
        const [piece, pieces] = [whole(fields, 'piece', COUNT_MAX), whole(fields, 'pieces', COUNT_MAX)]
        return { process, say, seq: seqOf(fields), piece, pieces, facts: factsOf(fields) }
      }
      case 'bye':
        return { process, say }
      default:
        return say satisfies never
    }
  })
}

function factsOf(fields: Fields): readonly Fact[] {
  return list(fields['facts'], '`facts`', CLUSTER_FACTS_MAX).flatMap((value) => {
    const fact = parseFact(value)
    return fact.ok ? [fact.value] : []
  })
}

function parseFact(value: unknown): Result<Fact> {
  return attempt((): Fact => {
    const fields = record(value, 'A fact')
    const on = oneOf(fields, 'on', ['here', 'gone', 'room', 'pair', 'account', 'ruled'])
    switch (on) {
      case 'here':
        return {
          on,
          peer: peer(fields, 'peer'),
          stay: whole(fields, 'stay', COUNT_MAX),
          resume: words(fields, 'resume', RESUME_CHARACTERS_MAX),
          connected: flag(fields, 'connected'),
          presence: orNull(fields, 'presence', (said) => orRefuse(parsePresence(said))),
        }
      case 'gone':
        return { on, peer: peer(fields, 'peer'), how: oneOf(fields, 'how', ['left', 'lost', 'asleep']) }
      case 'room':
        return { on, peer: peer(fields, 'peer'), wish: orRefuse(parseRoomWish(fields['wish'])) }
      case 'pair':
        return { on, peer: peer(fields, 'peer'), word: readPairFact(fields['word']) }
      case 'account': {
        const [chain] = orRefuse(parseAccountChains([fields['chain']]))
        return { on, own: keyIn(fields, 'own', reader), chain: chain ?? refuse('`chain`', 'is missing') }
      }
      case 'ruled':
        return { on, partner: orNull(fields, 'partner', partnerKeyOf) }
      default:
        return on satisfies never
    }
  })
}

function partnerKeyOf(value: unknown): PartnerKey {
  return isPartnerKey(value) ? value : refuse('`partner`', 'is no partner key')
}

function orRefuse<T>(read: Result<T>): T {
  return read.ok ? read.value : refuse('A part of it', 'is malformed')
}

const seqOf = (fields: Fields) => whole(fields, 'seq', COUNT_MAX)
const keysOf = (fields: Fields) => orRefuse(parseTicketKeys(fields['keys']))
