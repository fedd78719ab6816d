/**
 * What is replaced before a text leaves the device, and how it comes back: exactly, wherever the pieces of a stream end;
 * nothing listed stays; what only looks like a number of somebody is left alone (measured, and printed).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PLACEHOLDER_CHARACTERS_MAX, Redaction, type Restorer } from '../../../web/rules/redaction.ts'

const NAMES = ['Ada Lovelace', 'Ada', 'Zoë', 'Jürgen', 'name', 'Иван', "O'Brien", 'C.J.']

const redactionOf = (...texts: readonly string[]) => new Redaction(texts, NAMES)
const sent = (text: string) => redactionOf(text).apply(text)
function through(restorer: Restorer, pieces: readonly string[]): string {
  return pieces.map((piece) => restorer.take(piece)).join('') + restorer.flush()
}
const back = (redaction: Redaction, text: string) => through(redaction.restorer(), [text])

const VALUES = [
  'ada@example.org',
  'Ada.Byron+x@mail.example.co.uk',
  'DE89 3704 0044 0532 0130 00',
  'GB29NWBK60161331926819',
  '4111 1111 1111 1111',
  '5500-0000-0000-0004',
  '378282246310005',
  '+49 170 1234567',
  '(555) 123-4567',
  '06 12 34 56 78',
  'Ada Lovelace',
  'ADA',
  'ada',
  'zoë',
  'Zoe\u0308',
]
/** Texts that are dense in what could go wrong. */
const bits = fc.constantFrom(
  ...VALUES,
  ...[
    '[email-1]',
    'email-1',
    '[ Email - 2 ]',
    '\\[card-1\\]',
    '[name 1]',
    '[phone-',
    '[',
    ']',
    '\\',
    '[na',
    'iban',
    '-',
  ],
  ...['1', '0', ' ', '\n', '. ', 'é', '👩‍👩‍👧', '@', '+', '(', 'x', '_'],
)
const text = fc.oneof(
  fc.array(bits, { maxLength: 14 }).map((all) => all.join('')),
  fc.array(bits, { maxLength: 8 }).map((all) => all.join(' ')),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
)
/** Cut anywhere, also in the middle of a pair of surrogates. */
function cut(whole: string, places: readonly number[]): readonly string[] {
  const ends = [...places.map((place) => place % (whole.length + 1)), whole.length].sort((a, b) => a - b)
  return ends.map((end, index) => whole.slice(ends[index - 1] ?? 0, end))
}

describe('what is replaced', () => {
  it.each(VALUES)('%s', (value) => {
    expect(sent(`Write to ${value}, please.`)).toMatch(/^Write to \[(email|iban|card|phone|name)-1\], please\.$/)
  })

  it('has one placeholder in the whole conversation, also when it grows', () => {
    const first = ['Mail ada@example.org or bob@example.org.', 'Noted: bob@example.org.']
    const short = redactionOf(...first)
    const long = redactionOf(...first, 'And eve@example.org, not ada@example.org.')
    expect(first.map((one) => long.apply(one))).toEqual(first.map((one) => short.apply(one)))
    expect(long.values.map(({ placeholder }) => placeholder)).toEqual(['[email-1]', '[email-2]', '[email-3]'])
  })

  it('is a listed name as whole words in any case, and no part of another word', () => {
    expect(sent("ADA, Adam, ada's, Jürgen's, ИВАН, Иванов, O'Brien; C.J. said so")).toBe(
      "[name-1], Adam, [name-2]'s, [name-3]'s, [name-4], Иванов, [name-5]; [name-6] said so",
    )
    expect(sent('Ada\nLovelace')).toBe('[name-1]')
  })

  it('is no placeholder that the text has by itself', () => {
    const written = 'My template says [email-1] and Card-2. Mine: ada@example.org.'
    const redaction = redactionOf(written)
    expect(redaction.apply(written)).toBe('My template says [email-1] and Card-2. Mine: [email-2].')
    expect(back(redaction, redaction.apply(written))).toBe(written)
  })

  it('leaves nothing that is listed, and no address, in what is sent', () => {
    let found = 0
    fc.assert(
      fc.property(text, (written) => {
        const redaction = redactionOf(written)
        const left = redaction.apply(written).replaceAll(/\[(email|iban|card|phone|name)-\d+\]/g, '\u0000')
        found += redaction.values.length
        const words = left
          .normalize('NFC')
          .toLowerCase()
          .split(/[^\p{L}\p{N}\p{M}]+/u)
        for (const name of ['ada', 'zoë', 'jürgen', 'иван', 'name']) expect(words).not.toContain(name)
        expect(left.split(/\s+/)).not.toContain('ada@example.org')
      }),
      { numRuns: 3_000 },
    )
    expect(found).toBeGreaterThan(1_000)
  })
})

describe('the way back', () => {
  it('is exact for any text and any split of the stream, and holds back no more than a placeholder', () => {
    let split = 0
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (written, places) => {
        const redaction = redactionOf(written)
        const restorer = redaction.restorer()
        let shown = ''
        for (const piece of cut(redaction.apply(written), places)) {
          shown += restorer.take(piece)
          expect(restorer.held.length).toBeLessThanOrEqual(PLACEHOLDER_CHARACTERS_MAX)
          if (restorer.held.length > 1) split += 1
        }
        expect(shown + restorer.flush()).toBe(written)
      }),
      { numRuns: 5_000 },
    )
    expect(split).toBeGreaterThan(200)
  })

  it('of anything that a model writes does not depend on the split', () => {
    const redaction = redactionOf(VALUES.join('; '))
    const odd = fc.array(fc.oneof(bits, fc.constantFrom('EMAIL-1', '[email-1', ' ]', '\\]', '_', '2')), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(odd, fc.array(fc.nat(), { maxLength: 12 }), (parts, places) => {
        const written = parts.join('')
        expect(through(redaction.restorer(), cut(written, places))).toBe(back(redaction, written))
      }),
      { numRuns: 3_000 },
    )
  })

  it.each([
    '[email-1]',
    '[Email-1]',
    '[EMAIL_1]',
    '[email 1]',
    '[ email - 1 ]',
    '\\[email-1\\]',
    '\\[ email-1 \\]',
    '[email\u20111]',
    'email-1',
    'EMAIL-1',
    '"email-1"',
  ])('reads %s', (written) => {
    const restored = back(redactionOf('ada@example.org'), `To ${written}.`)
    expect(restored).toBe(`To ${written.includes('"') ? '"ada@example.org"' : 'ada@example.org'}.`)
  })

  it.each([
    'email 1',
    'email1',
    'my-email-1',
    'email-1-b',
    'email-10',
    '[email-2]',
    '[email-01]',
    'e-mail-1',
    '[email 1',
    '[mail-1]',
  ])('leaves %s', (written) => {
    expect(back(redactionOf('ada@example.org'), `To ${written}.`)).toBe(`To ${written}.`)
  })

  it('keeps the bracket of a list', () => {
    const redaction = redactionOf('ada@example.org, bob@example.org')
    expect(back(redaction, '[email-1, email-2]')).toBe('[ada@example.org, bob@example.org]')
  })

  it('holds nothing back in a text without placeholders but what may become one', () => {
    const restorer = redactionOf('ada@example.org').restorer()
    expect([restorer.take('Please e'), restorer.take('at your n'), restorer.take('oodles [')]).toEqual([
      'Please ',
      'eat your ',
      'noodles ',
    ])
    expect(restorer.flush()).toBe('[')
  })
})

/** Written for this test: what people paste that is about nobody. One line, one thing. */
const HARMLESS = `The meeting is on 2024-11-22 at 14:30, or on 22.11.2024.
Released 01/02/2023, again on 03-04-2025 and 2025-06-07T08:09:10.123Z.
Upgrade from 1.2.3 to 10.15.7 (build 20H1030), node v20.11.1, react@18.3.1.
npm install @types/node@20.11.5 left-pad@1.3.0
sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
commit fa90a01868be05c76082d38ddd5eb2321b7e3dc2
md5 d41d8cd98f00b204e9800998ecf8427e, uuid 550e8400-e29b-41d4-a716-446655440000
It costs $1,299.99, 1 299,99 € or 12.345.678,90 EUR; 4111 shares at 1111.50.
The population is 8,019,876,189; light goes 299 792 458 metres a second.
const mask = 0x00123456 & 0xffffffff; let total = 1234567890123456
for (let i = 100; i < 2000000000; i += 128) sum += a[i - 1] * 555
@media (min-width: 640px) { .card-1 { margin: 0 4px 8px 12px } }
<img src="icon@2x.png" width="1024"> <link rel="stylesheet" href="a.css">
git clone git@github.com:weft/weft.git && git checkout 1.0.0-rc.1
The server listens on 192.168.100.200:8080 and 10.0.0.1, mask 255.255.255.0.
fe80::1ff:fe23:4567:890a, 2001:0db8:85a3:0000:0000:8a2e:0370:7334
ISBN 978-3-16-148410-0, RFC 2616, ISO 8601, RAL 7035, DIN 476
The answer took 1732250000000 ms since the epoch, 86 400 s a day.
pi is 3.14159265358979323846, e is 2.718281828459045
Latitude 52.520008, longitude 13.404954; UTC+01:00.
SELECT * FROM orders WHERE id IN (100200300, 100200301, 100200302)
Rooms 101-120, pages 200-300, lines 1000-2000, years 1914-1918
Order 2024-000123456, ticket #555-123-4567, section 4.5.6.7
x = 5 + 12345678 - 87654321 / 2
BE12 is a road, AT20 a tram, DE89 nothing; NO15 parking here today
Scores: 21-19, 19-21, 11-9. Ratio 16:9. Range 0..255.
10 20 30 40 50 60 70 80 90 100
| 2019 | 1200 | 3400 | 5600 |
+1 for this idea, +100 from me
Decorators: @Injectable() @Component({ selector: 'app' })`.split('\n')

describe('what is nobody’s', () => {
  it('is left alone: dates, versions, hashes, prices, code', () => {
    const taken = HARMLESS.flatMap((line) =>
      new Redaction([line], []).values.map(({ value }) => `${value} in: ${line}`),
    )
    console.log(`redaction: ${taken.length} false finds in ${HARMLESS.length} harmless lines`)
    expect(taken).toEqual([])
  })

  it('has no card or account whose check is wrong', () => {
    for (const wrong of ['4111 1111 1111 1112', 'NL91 ABNA 4171 6430 01', 'XX91 ABNA 4171 6430 00'])
      expect(sent(wrong)).toBe(wrong)
  })

  it('is found in time, however long and odd the text', () => {
    const long = [
      '+1'.padEnd(200_000, '1'),
      '+1 '.repeat(60_000),
      'a@'.repeat(90_000),
      'DE89 '.repeat(40_000),
      '[email-'.repeat(30_000),
    ]
    for (const one of long) {
      const redaction = new Redaction([one], ['Ada'])
      expect(back(redaction, redaction.apply(one))).toBe(one)
    }
  })
})
