/**
 * Partner keys: what a site that shows the widget may have answered, by whom, and who pays for its visitors. The key stands in the page's
 * source and is no secret; what holds it to its site are the origins. Says what bytes mean; whether a visitor is
 * let in is the server's to decide. Pure.
 */
import type { Code } from './codes.ts'
import { parsePublicKey } from './device-keys.ts'
import { type Fields, readerOf } from './fields.ts'
import type { LedgerOwner, MicroCredits } from './ledger-events.ts'
import { LEDGER_MICRO_MAX } from './limits/credits.ts'
import { NAME_CHARACTERS_MAX } from './limits/models.ts'
import {
  EMBED_QUESTION_CHARACTERS_MAX,
  EMBED_SUGGESTIONS_MAX,
  PARTNER_DAYS_MAX,
  PARTNER_MODELS_MAX,
  PARTNER_ORIGIN_CHARACTERS_MAX,
  PARTNER_ORIGINS_MAX,
  PARTNER_SYSTEM_CHARACTERS_MAX,
  PARTNERS_MAX,
} from './limits/partners.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import { isModelId } from './model.ts'
import { plainName } from './plain-name.ts'
import type { Result } from './result.ts'

/** `wk_` and 22 characters of base64url. */
export type PartnerKey = string

/** Who may answer a visitor: its own device only, others only, or both. */
export const PARTNER_SCOPES = ['own', 'mesh', 'any'] as const
export type PartnerScope = (typeof PARTNER_SCOPES)[number]

/** Why the frame runs nothing at all for a key. */
export const PARTNER_REFUSALS = [
  'partner-unknown',
  'partner-revoked',
  'partner-origin',
] as const satisfies readonly Code[]
export type PartnerRefusal = (typeof PARTNER_REFUSALS)[number]

/** `partner-budget`: what its payer gives for a day is used up. */
export const PARTNER_STATES = ['open', 'partner-budget'] as const
export type PartnerState = (typeof PARTNER_STATES)[number]

/** What an operator says of a key. */
export interface PartnerWish {
  /** As visitors read it. */
  readonly site: string
  /** At least one. As a browser writes them. */
  readonly origins: readonly string[]
  /** Ids of models; empty: any. */
  readonly models: readonly string[]
  readonly scope: PartnerScope
  /** The site's words before each conversation. They go to the frame, and so to who asks. */
  readonly system: string
  readonly suggested: readonly string[]
  /** Whose credits pay for the visitors; null: nobody's. */
  readonly payer: LedgerOwner | null
  /** Of one UTC day; 0 where nobody pays. */
  readonly dailyMicro: MicroCredits
}

export interface PartnerRecord extends PartnerWish {
  readonly id: PartnerKey
  readonly madeMs: number
  readonly revokedMs: number | null
}

/** What a visitor's browser learns of a key. */
export interface PartnerView
  extends Pick<PartnerWish, 'site' | 'origins' | 'models' | 'scope' | 'system' | 'suggested'> {
  readonly state: PartnerState
}

/**
 * What visitors of a key asked for in one UTC day: `2026-11-22`. `tokens`: of prompts and answers that were paid. `micro`: of the
 * budget; what is set aside for a request counts until it comes back.
 */
export interface PartnerDay {
  readonly day: string
  readonly requests: number
  readonly tokens: number
  readonly micro: MicroCredits
}

const KEY = /^wk_[\w-]{22}$/
/** An exact origin, in the one form that browsers send: lower case, no path, no port that goes without saying. */
const ORIGIN =
  /^(?:https:\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)*(?!:443$)|http:\/\/(?:localhost|127\.0\.0\.1)(?!:80$))(?::[1-9]\d{0,4})?$/
const DAY = /^\d{4}-\d{2}-\d{2}$/
const { attempt, record, refuse, list, words, whole, oneOf, orNull } = readerOf('request-invalid')

export function isPartnerKey(value: unknown): value is PartnerKey {
  return typeof value === 'string' && KEY.test(value)
}

/** Refusals: `request-invalid`. */
export function parsePartnerWish(value: unknown): Result<PartnerWish> {
  return attempt(() => wishOf(record(value, 'A partner key')))
}

/** Refusals: `request-invalid`. */
export function parsePartners(value: unknown): Result<readonly PartnerRecord[]> {
  return attempt(() => {
    const { partners } = record(value, 'The list of partner keys')
    return list(partners, '`partners`', PARTNERS_MAX).map((one) => recordOf(record(one, 'A partner key')))
  })
}

/** Refusals: `request-invalid`. */
export function parsePartner(value: unknown): Result<PartnerRecord> {
  return attempt(() => recordOf(record(value, 'A partner key')))
}

/** Refusals: `request-invalid`. */
export function parsePartnerView(value: unknown): Result<PartnerView> {
  return attempt(() => {
    const fields = record(value, 'A partner key')
    return { ...sayingsOf(fields), state: oneOf(fields, 'state', PARTNER_STATES) }
  })
}

/** Refusals: `request-invalid`. */
export function parsePartnerDays(value: unknown): Result<readonly PartnerDay[]> {
  return attempt(() => {
    const { days } = record(value, 'The days of a partner key')
    return list(days, '`days`', PARTNER_DAYS_MAX).map((one) => {
      const fields = record(one, 'A day')
      const day = words(fields, 'day', 10)
      return {
        day: DAY.test(day) ? day : refuse('`day`', 'is no day'),
        requests: whole(fields, 'requests', Number.MAX_SAFE_INTEGER),
        tokens: whole(fields, 'tokens', Number.MAX_SAFE_INTEGER),
        micro: microOf(fields, 'micro'),
      }
    })
  })
}

/** As JSON: amounts are decimal text. */
export function writePartner({ dailyMicro, ...rest }: PartnerWish | PartnerRecord): object {
  return { ...rest, dailyMicro: dailyMicro.toString() }
}

export function writePartnerDay({ micro, ...rest }: PartnerDay): object {
  return { ...rest, micro: micro.toString() }
}

export function viewOfPartner(partner: PartnerRecord, state: PartnerState): PartnerView {
  const { site, origins, models, scope, system, suggested } = partner
  return { site, origins, models, scope, system, suggested, state }
}

function recordOf(fields: Fields): PartnerRecord {
  const { id } = fields
  return {
    id: isPartnerKey(id) ? id : refuse('`id`', 'is no partner key'),
    ...wishOf(fields),
    madeMs: whole(fields, 'madeMs', TIME_MS_MAX),
    revokedMs: orNull(fields, 'revokedMs', (revokedMs) => whole({ revokedMs }, 'revokedMs', TIME_MS_MAX)),
  }
}

function wishOf(fields: Fields): PartnerWish {
  const payer = orNull(fields, 'payer', payerOf)
  const dailyMicro = microOf(fields, 'dailyMicro')
  if (payer === null && dailyMicro > 0n) refuse('`dailyMicro`', 'is more than nothing, and nobody pays it')
  return { ...sayingsOf(fields), payer, dailyMicro }
}

function sayingsOf(fields: Fields): Omit<PartnerView, 'state'> {
  const site = plainName(words(fields, 'site', NAME_CHARACTERS_MAX)) || refuse('`site`', 'is empty')
  const origins = texts(fields, 'origins', PARTNER_ORIGINS_MAX, PARTNER_ORIGIN_CHARACTERS_MAX)
  if (origins.length === 0) refuse('`origins`', 'is empty')
  const wrong = origins.find((origin) => !ORIGIN.test(origin))
  if (wrong !== undefined) refuse('`origins`', `has ${wrong}, which is no https:// origin as a browser writes it`)
  const models = list(fields['models'], '`models`', PARTNER_MODELS_MAX).map((id) =>
    isModelId(id) ? id : refuse('`models`', 'has what is no id of a model'),
  )
  return {
    site,
    origins: [...new Set(origins)],
    models: [...new Set(models)],
    scope: oneOf(fields, 'scope', PARTNER_SCOPES),
    system: words(fields, 'system', PARTNER_SYSTEM_CHARACTERS_MAX),
    suggested: texts(fields, 'suggested', EMBED_SUGGESTIONS_MAX, EMBED_QUESTION_CHARACTERS_MAX),
  }
}

function texts(fields: Fields, field: string, many: number, characters: number): readonly string[] {
  return list(fields[field], `\`${field}\``, many).map((text) => words({ [field]: text }, field, characters))
}

function payerOf(value: unknown): LedgerOwner {
  return typeof value === 'string' && parsePublicKey(value).ok ? value : refuse('`payer`', 'is no account')
}

function microOf(fields: Fields, field: string): MicroCredits {
  const text = words(fields, field, 20)
  const micro = /^\d+$/.test(text) ? BigInt(text) : refuse(`\`${field}\``, 'is no amount')
  return micro <= LEDGER_MICRO_MAX ? micro : refuse(`\`${field}\``, 'is more than there can be')
}
