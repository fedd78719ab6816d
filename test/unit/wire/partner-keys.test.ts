/** What is said of partner keys is read as it was written, and what would let in more than was meant is refused. */
import { describe, expect, it } from 'vitest'
import { LEDGER_MICRO_MAX } from '../../../web/wire/limits/credits.ts'
import {
  EMBED_SUGGESTIONS_MAX,
  PARTNER_MODELS_MAX,
  PARTNER_ORIGINS_MAX,
  PARTNER_SYSTEM_CHARACTERS_MAX,
} from '../../../web/wire/limits/partners.ts'
import {
  isPartnerKey,
  type PartnerRecord,
  type PartnerWish,
  parsePartner,
  parsePartnerDays,
  parsePartners,
  parsePartnerView,
  parsePartnerWish,
  viewOfPartner,
  writePartner,
  writePartnerDay,
} from '../../../web/wire/partner-keys.ts'

const WISH: PartnerWish = {
  site: 'The garden shop',
  origins: ['https://garden.example', 'http://localhost:8080'],
  models: ['a'.repeat(64)],
  scope: 'mesh',
  system: 'You help in a garden shop.\nBe short.',
  suggested: ['When do roses bloom?'],
  payer: `ed25519:${'A'.repeat(43)}`,
  dailyMicro: 12_000_000n,
}
const RECORD: PartnerRecord = { id: `wk_${'a-_Z0'.repeat(4)}xy`, ...WISH, madeMs: 1_000, revokedMs: null }

describe('a partner key', () => {
  it('is read as it was written', () => {
    expect(parsePartnerWish(writePartner(WISH))).toEqual({ ok: true, value: WISH })
    expect(parsePartner(writePartner(RECORD))).toEqual({ ok: true, value: RECORD })
    const revoked = { ...RECORD, revokedMs: 2_000 }
    const both = { partners: [writePartner(RECORD), writePartner(revoked)] }
    expect(parsePartners(structuredClone(both))).toEqual({ ok: true, value: [RECORD, revoked] })
  })

  it('tells a visitor nothing of who pays', () => {
    const view = viewOfPartner(RECORD, 'partner-budget')
    expect(Object.keys(view).sort()).toEqual(['models', 'origins', 'scope', 'site', 'state', 'suggested', 'system'])
    expect(parsePartnerView(structuredClone(view))).toEqual({ ok: true, value: view })
  })

  it('has one shape', () => {
    expect(isPartnerKey(RECORD.id)).toBe(true)
    for (const text of ['', 'wk_', `${RECORD.id}a`, RECORD.id.slice(0, -1), `wk_${'+'.repeat(22)}`, 7, null])
      expect(isPartnerKey(text)).toBe(false)
  })

  it('names a thing once', () => {
    const twice = parsePartnerWish({ ...writePartner(WISH), origins: [...WISH.origins, ...WISH.origins] })
    expect(twice).toEqual({ ok: true, value: WISH })
  })

  it.each([
    'https://garden.example',
    'https://garden.example:8443',
    'https://xn--grten-jua.example',
    'http://127.0.0.1:5173',
    'http://localhost',
  ])('may be for %s', (origin) => {
    expect(parsePartnerWish({ ...writePartner(WISH), origins: [origin] }).ok).toBe(true)
  })

  it.each([
    'http://garden.example',
    'https://garden.example/',
    'https://garden.example:443',
    'http://localhost:80',
    'https://Garden.example',
    'https://*.example',
    'https://garden.example https://other.example',
    "https://a.example; script-src 'unsafe-inline'",
    'https://a.example\nhttps://b.example',
    'https://user@garden.example',
    'http://localhost.example',
    'null',
    '*',
  ])('is for no site %j', (origin) => {
    expect(parsePartnerWish({ ...writePartner(WISH), origins: [origin] })).toMatchObject({ code: 'request-invalid' })
  })

  it.each([
    ['no site', { site: ' ' }],
    ['no origin', { origins: [] }],
    [
      'too many origins',
      { origins: Array.from({ length: PARTNER_ORIGINS_MAX + 1 }, (_, one) => `https://${one}.example`) },
    ],
    ['a model by its name', { models: ['smollm2'] }],
    ['too many models', { models: Array(PARTNER_MODELS_MAX + 1).fill('a'.repeat(64)) }],
    ['another scope', { scope: 'room' }],
    ['words that are too long', { system: 'x'.repeat(PARTNER_SYSTEM_CHARACTERS_MAX + 1) }],
    ['too many suggestions', { suggested: Array(EMBED_SUGGESTIONS_MAX + 1).fill('?') }],
    ['a suggestion that is no text', { suggested: [1] }],
    ['a payer that is no account', { payer: 'somebody' }],
    ['a budget that nobody pays', { payer: null }],
    ['a budget that is no amount', { dailyMicro: '-1' }],
    ['a budget as a number', { dailyMicro: 5 }],
    ['a budget of more than there is', { dailyMicro: String(LEDGER_MICRO_MAX + 1n) }],
  ])('does not say %s', (_, change) => {
    expect(parsePartnerWish({ ...writePartner(WISH), ...change })).toMatchObject({ code: 'request-invalid' })
  })
})

describe('days of a key', () => {
  const DAY = { day: '2026-11-22', requests: 3, tokens: 700, micro: 9_100n }

  it('are read as they were written', () => {
    expect(parsePartnerDays({ days: [writePartnerDay(DAY)] })).toEqual({ ok: true, value: [DAY] })
  })

  it.each([{ day: 'today' }, { requests: -1 }, { tokens: 0.5 }, { micro: 'much' }])('do not say %j', (change) => {
    expect(parsePartnerDays({ days: [{ ...writePartnerDay(DAY), ...change }] })).toMatchObject({ ok: false })
  })
})
