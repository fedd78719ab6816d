/**
 * What the operator of a server rules: who may not come in, and what everybody is told. Shapes, and how each is read from
 * outside: by the server from the operator, by tabs and the operator's page from the server. Decides nothing.
 */
import { type PublicKeyText, parsePublicKey } from './device-keys.ts'
import { type FieldReader, type Fields, readerOf } from './fields.ts'
import { PEER_ID_CHARACTERS_MAX } from './limits/mesh.ts'
import {
  ANNOUNCEMENT_CHARACTERS_MAX,
  ANNOUNCEMENTS_MAX,
  OPERATOR_ROWS_MAX,
  SANCTION_REASON_CHARACTERS_MAX,
} from './limits/operator.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import { type Page, pageOf } from './operator-views.ts'
import type { Result } from './result.ts'

/** 22 characters of base64url. */
export type RulingId = string

const RULING_ID = /^[A-Za-z0-9_-]{22}$/

/** What a refused tab is told. `untilMs`: null for good. */
export interface SanctionWord {
  readonly reason: string
  readonly untilMs: number | null
}

export interface SanctionWish extends SanctionWord {
  /** The key of a device, or of an account: that has the key of its first device. */
  readonly subject: PublicKeyText
}

export interface Sanction extends SanctionWish {
  readonly id: RulingId
  readonly madeMs: number
  /** Null while nobody has lifted it. */
  readonly liftedMs: number | null
}

export const ANNOUNCEMENT_LEVELS = ['note', 'warning'] as const
export type AnnouncementLevel = (typeof ANNOUNCEMENT_LEVELS)[number]

export interface AnnouncementWish {
  readonly level: AnnouncementLevel
  readonly text: string
  readonly untilMs: number
}

/** As tabs are told of it. */
export interface Announcement extends AnnouncementWish {
  readonly id: RulingId
}

export interface KeptAnnouncement extends Announcement {
  readonly madeMs: number
  /** Null while nobody has ended it before its time. */
  readonly endedMs: number | null
}

function isRulingId(text: string): boolean {
  return RULING_ID.test(text)
}

/** What a refused tab shows, after what its code says. */
export function saySanction({ reason, untilMs }: SanctionWord): string {
  const until =
    untilMs === null ? 'For good' : `Until ${new Date(untilMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  return reason === '' ? `${until}.` : `${until}: ${reason}`
}

const asked = readerOf('request-invalid')
const told = readerOf('event-invalid')

/** From the operator. Refusals: `request-invalid`. */
export function parseSanctionWish(value: unknown): Result<SanctionWish> {
  return asked.attempt(() => readSanctionWish(asked, asked.record(value, 'A sanction')))
}

/** From the operator. Refusals: `request-invalid`. */
export function parseAnnouncementWish(value: unknown): Result<AnnouncementWish> {
  return asked.attempt(() => readAnnouncementWish(asked, asked.record(value, 'An announcement')))
}

/** To a tab that is sent away. */
export function parseSanctionWord(value: unknown): Result<SanctionWord> {
  return told.attempt(() => readSanctionWord(told, told.record(value, 'A sanction')))
}

/** To every tab: all that is in force. */
export function parseAnnouncements(value: unknown): Result<readonly Announcement[]> {
  return told.attempt(() =>
    told.list(value, 'The announcements', ANNOUNCEMENTS_MAX).map((one) => {
      const fields = told.record(one, 'An announcement')
      return { id: rulingId(fields), ...readAnnouncementWish(told, fields) }
    }),
  )
}

/** To the operator's page. */
export function parseKeptSanctions(value: unknown): Result<Page<Sanction>> {
  return pageOf(value, (fields) => ({
    id: rulingId(fields),
    ...readSanctionWish(told, fields),
    madeMs: timeOf(told, fields, 'madeMs'),
    liftedMs: told.orNull(fields, 'liftedMs', () => timeOf(told, fields, 'liftedMs')),
  }))
}

/** To the operator's page. */
export function parseKeptAnnouncements(value: unknown): Result<readonly KeptAnnouncement[]> {
  return told.attempt(() =>
    told.list(told.record(value, 'An answer')['announcements'], '`announcements`', OPERATOR_ROWS_MAX).map((one) => {
      const fields = told.record(one, 'An announcement')
      const endedMs = told.orNull(fields, 'endedMs', () => timeOf(told, fields, 'endedMs'))
      const times = { madeMs: timeOf(told, fields, 'madeMs'), endedMs }
      return { id: rulingId(fields), ...readAnnouncementWish(told, fields), ...times }
    }),
  )
}

function readSanctionWish(reader: FieldReader, fields: Fields): SanctionWish {
  const subject = reader.words(fields, 'subject', PEER_ID_CHARACTERS_MAX)
  if (!parsePublicKey(subject).ok) reader.refuse('`subject`', 'is no key of a device')
  return { subject, ...readSanctionWord(reader, fields) }
}

function readSanctionWord(reader: FieldReader, fields: Fields): SanctionWord {
  return {
    reason: lineOf(reader, fields, 'reason', SANCTION_REASON_CHARACTERS_MAX),
    untilMs: reader.orNull(fields, 'untilMs', () => timeOf(reader, fields, 'untilMs')),
  }
}

function readAnnouncementWish(reader: FieldReader, fields: Fields): AnnouncementWish {
  const text = lineOf(reader, fields, 'text', ANNOUNCEMENT_CHARACTERS_MAX)
  if (text === '') reader.refuse('`text`', 'is empty')
  return { level: reader.oneOf(fields, 'level', ANNOUNCEMENT_LEVELS), text, untilMs: timeOf(reader, fields, 'untilMs') }
}

/** Without signs that order the text of a screen anew, or break it. */
function lineOf(reader: FieldReader, fields: Fields, field: string, max: number): string {
  const text = reader.words(fields, field, max).trim()
  return /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text)
    ? reader.refuse(`\`${field}\``, 'has signs that no line of text has')
    : text
}

function timeOf(reader: FieldReader, fields: Fields, field: string): number {
  return reader.whole(fields, field, TIME_MS_MAX)
}

function rulingId(fields: Fields): RulingId {
  const id = told.id(fields, 'id')
  return isRulingId(id) ? id : told.refuse('`id`', 'is malformed')
}
