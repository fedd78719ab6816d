/**
 * What can happen to credits, as the ledger's journal keeps it: one event, its business id, and the postings that it comes to.
 * Whether an event may happen is `rules/ledger.ts`. Amounts are integers of a millionth of a credit, in JSON as decimal text.
 */
import { readerOf } from './fields.ts'
import { LEDGER_MICRO_MAX, LEDGER_NAME_CHARACTERS_MAX, LEDGER_PART_MAX } from './limits/credits.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import type { Result } from './result.ts'

/** A millionth of a credit. */
export type MicroCredits = bigint
export const MICRO_PER_CREDIT = 1_000_000n

/** Who owns credits: an account of device keys. The ledger compares it and reads nothing in it. */
export type LedgerOwner = string

/** Where credits are. All but the last two belong to an owner. */
export const LEDGER_KINDS = ['user', 'hold', 'escrow', 'dispute', 'treasury', 'burn'] as const
export type LedgerKind = (typeof LEDGER_KINDS)[number]

/** One line of the ledger. */
export interface Posting {
  readonly kind: LedgerKind
  /** Empty for `treasury` and `burn`. */
  readonly owner: LedgerOwner
  /** Positive for what comes in. */
  readonly micro: MicroCredits
}

interface At {
  /** Unix time of the server. A retry may carry a later one. */
  readonly atMs: number
}

/** One stage of a route, or a whole job (part 0). */
interface OfPart extends At {
  readonly request: string
  readonly part: number
}

/** The treasury's gift to a device that came. What is not spent in time goes back. */
export interface GrantEvent extends At {
  readonly type: 'grant'
  readonly device: string
  readonly owner: LedgerOwner
  readonly micro: MicroCredits
  readonly forMs: number
}

/** What was not spent of a grant in time goes back. `count`: from 0; what was held meanwhile goes back later. */
export interface LapseEvent extends At {
  readonly type: 'lapse'
  readonly device: string
  readonly count: number
}

/** The worst case of a request is set aside before any work. */
export interface HoldEvent extends At {
  readonly type: 'hold'
  readonly request: string
  readonly owner: LedgerOwner
  readonly micro: MicroCredits
  readonly forMs: number
}

/** A receipt: the work of one worker is paid out of the hold, into its escrow. */
export interface SettleEvent extends OfPart {
  readonly type: 'settle'
  readonly worker: LedgerOwner
  readonly micro: MicroCredits
  /** Of `micro`. */
  readonly burnMicro: MicroCredits
  /** The worker cannot use it before. */
  readonly escrowMs: number
  /** Nothing else is to come: the rest of the hold goes back. */
  readonly final: boolean
}

/** The rest of a hold goes back. `expired`: by its time alone; else by the asker's word. */
export interface ReleaseEvent extends At {
  readonly type: 'release'
  readonly request: string
  readonly expired: boolean
}

/** The two sides do not agree about so much of a part. */
export interface DisputeEvent extends OfPart {
  readonly type: 'dispute'
  readonly worker: LedgerOwner
  readonly micro: MicroCredits
}

/** A dispute is over: so much is the worker's, the rest is the asker's. */
export interface JudgeEvent extends OfPart {
  readonly type: 'judge'
  readonly workerMicro: MicroCredits
  /** Of `workerMicro`. */
  readonly burnMicro: MicroCredits
}

/** What was settled is the worker's to use. */
export interface VestEvent extends OfPart {
  readonly type: 'vest'
}

export const LEDGER_TYPES = ['grant', 'lapse', 'hold', 'settle', 'release', 'dispute', 'judge', 'vest'] as const

export type LedgerEvent =
  | GrantEvent
  | LapseEvent
  | HoldEvent
  | SettleEvent
  | ReleaseEvent
  | DisputeEvent
  | JudgeEvent
  | VestEvent

/** Its business id: the same thing never happens twice, whoever says it again. */
export function ledgerIdOf(event: LedgerEvent): string {
  switch (event.type) {
    case 'grant':
      return `grant/${event.device}`
    case 'lapse':
      return `lapse/${event.device}/${event.count}`
    case 'hold':
    case 'release':
      return `${event.type}/${event.request}`
    case 'settle':
    case 'dispute':
    case 'judge':
    case 'vest':
      return `${event.type}/${event.request}/${event.part}`
    default:
      return event satisfies never
  }
}

/** Without its time: what a retry says again, character for character. */
export function ledgerBodyOf({ atMs: _, ...body }: LedgerEvent): string {
  const fields = Object.entries(body).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify(Object.fromEntries(fields), (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
}

const { attempt, refuse, parseJson, record, words, whole, flag, oneOf } = readerOf('ledger-damaged')

/** What `ledgerBodyOf` made, and when. Refusals: `ledger-damaged`. */
export function readLedgerEvent(body: string, atMs: number): Result<LedgerEvent> {
  return attempt(() => {
    const fields = record(parseJson(body), 'An event')
    const name = (field: string) => words(fields, field, LEDGER_NAME_CHARACTERS_MAX)
    const at = { atMs: whole({ atMs }, 'atMs', TIME_MS_MAX) }
    const micro = (field: string): MicroCredits => {
      const text = words(fields, field, 20)
      const value = /^\d+$/.test(text) ? BigInt(text) : refuse(`\`${field}\``, 'is no amount')
      return value <= LEDGER_MICRO_MAX ? value : refuse(`\`${field}\``, 'is more than there can be')
    }
    const ms = (field: string) => whole(fields, field, TIME_MS_MAX)
    const part = () => ({ request: name('request'), part: whole(fields, 'part', LEDGER_PART_MAX), ...at })
    const type = oneOf(fields, 'type', LEDGER_TYPES)
    switch (type) {
      case 'grant': {
        const [device, owner] = [name('device'), name('owner')]
        return { type, device, owner, micro: micro('micro'), forMs: ms('forMs'), ...at }
      }
      case 'lapse':
        return { type, device: name('device'), count: whole(fields, 'count', LEDGER_PART_MAX), ...at }
      case 'hold': {
        const [request, owner] = [name('request'), name('owner')]
        return { type, request, owner, micro: micro('micro'), forMs: ms('forMs'), ...at }
      }
      case 'settle': {
        const amounts = { micro: micro('micro'), burnMicro: micro('burnMicro') }
        const more = { escrowMs: ms('escrowMs'), final: flag(fields, 'final') }
        return { type, ...part(), worker: name('worker'), ...amounts, ...more }
      }
      case 'release':
        return { type, request: name('request'), expired: flag(fields, 'expired'), ...at }
      case 'dispute':
        return { type, ...part(), worker: name('worker'), micro: micro('micro') }
      case 'judge':
        return { type, ...part(), workerMicro: micro('workerMicro'), burnMicro: micro('burnMicro') }
      case 'vest':
        return { type, ...part() }
      default:
        return type satisfies never
    }
  })
}
