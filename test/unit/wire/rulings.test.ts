/** What an operator may rule, and what tabs and the operator's page take of it: everything else is refused with a reason. */
import { describe, expect, it } from 'vitest'
import {
  ANNOUNCEMENT_CHARACTERS_MAX,
  ANNOUNCEMENTS_MAX,
  SANCTION_REASON_CHARACTERS_MAX,
} from '../../../web/wire/limits/operator.ts'
import {
  parseAnnouncements,
  parseAnnouncementWish,
  parseKeptAnnouncements,
  parseKeptSanctions,
  parseSanctionWish,
  parseSanctionWord,
  saySanction,
} from '../../../web/wire/rulings.ts'

const KEY = `ed25519:${'A'.repeat(43)}`
const ID = 'a'.repeat(22)
const SANCTION = { subject: KEY, reason: 'It floods rooms.', untilMs: 1_800_000_000_000 }
const ANNOUNCEMENT = { level: 'note', text: 'A restart at noon.', untilMs: 1_800_000_000_000 }

describe('a sanction', () => {
  it('names a key, why, and until when, or for good', () => {
    expect(parseSanctionWish(SANCTION)).toEqual({ ok: true, value: SANCTION })
    expect(parseSanctionWish({ ...SANCTION, untilMs: null, more: 1 })).toMatchObject({ value: { untilMs: null } })
    expect(parseSanctionWish({ ...SANCTION, reason: '  It floods rooms. ' })).toMatchObject({ value: SANCTION })
  })

  it.each([
    ['no record', []],
    ['no key', { ...SANCTION, subject: 'somebody' }],
    ['a key written in another way', { ...SANCTION, subject: ` ${KEY}` }],
    ['a reason of two lines', { ...SANCTION, reason: 'a\nb' }],
    ['a reason that turns the line', { ...SANCTION, reason: 'a\u202eb' }],
    ['a reason too long', { ...SANCTION, reason: 'x'.repeat(SANCTION_REASON_CHARACTERS_MAX + 1) }],
    ['an end that is no time', { ...SANCTION, untilMs: 1.5 }],
    ['an end beyond time', { ...SANCTION, untilMs: 9e15 }],
  ])('is refused with %s', (_, value) => {
    expect(parseSanctionWish(value)).toMatchObject({ ok: false, code: 'request-invalid' })
  })

  it('is said with its end and its reason', () => {
    expect(saySanction({ reason: 'It floods rooms.', untilMs: Date.UTC(2026, 10, 22, 9, 5) })).toBe(
      'Until 2026-11-22 09:05 UTC: It floods rooms.',
    )
    expect(saySanction({ reason: '', untilMs: null })).toBe('For good.')
  })

  it('is told to a tab and to the operator, and what is malformed is not believed', () => {
    expect(parseSanctionWord({ reason: 'r', untilMs: null })).toEqual({
      ok: true,
      value: { reason: 'r', untilMs: null },
    })
    expect(parseSanctionWord({ reason: 3 })).toMatchObject({ ok: false, code: 'event-invalid' })
    const kept = { id: ID, ...SANCTION, madeMs: 5, liftedMs: null }
    expect(parseKeptSanctions({ rows: [kept], total: 3 })).toEqual({ ok: true, value: { rows: [kept], total: 3 } })
    expect(parseKeptSanctions({ rows: [{ ...kept, id: '../x' }], total: 1 })).toMatchObject({ ok: false })
    expect(parseKeptSanctions({ rows: Array(101).fill(kept), total: 101 })).toMatchObject({ ok: false })
  })
})

describe('an announcement', () => {
  it('has a level, one line of text and an end', () => {
    expect(parseAnnouncementWish(ANNOUNCEMENT)).toEqual({ ok: true, value: ANNOUNCEMENT })
  })

  it.each([
    ['another level', { ...ANNOUNCEMENT, level: 'alarm' }],
    ['no text', { ...ANNOUNCEMENT, text: ' ' }],
    ['a text too long', { ...ANNOUNCEMENT, text: 'x'.repeat(ANNOUNCEMENT_CHARACTERS_MAX + 1) }],
    ['no end', { ...ANNOUNCEMENT, untilMs: null }],
  ])('is refused with %s', (_, value) => {
    expect(parseAnnouncementWish(value)).toMatchObject({ ok: false, code: 'request-invalid' })
  })

  it('comes to tabs as a short list', () => {
    const told = { id: ID, ...ANNOUNCEMENT }
    expect(parseAnnouncements([told])).toEqual({ ok: true, value: [told] })
    expect(parseAnnouncements([])).toEqual({ ok: true, value: [] })
    expect(parseAnnouncements(Array(ANNOUNCEMENTS_MAX + 1).fill(told))).toMatchObject({ code: 'event-invalid' })
    expect(parseAnnouncements([{ ...told, id: 7 }])).toMatchObject({ code: 'event-invalid' })
    const kept = { ...told, madeMs: 1, endedMs: 2 }
    expect(parseKeptAnnouncements({ announcements: [kept] })).toEqual({ ok: true, value: [kept] })
  })
})
