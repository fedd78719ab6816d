/**
 * Finds in a text what somebody may not want to show: email addresses, phone and card numbers, bank accounts (IBAN), and
 * names that a person lists. Pure. Rather misses an odd spelling than takes dates, versions, prices or code for a number;
 * says nothing about what becomes of what it found (`redaction.ts`).
 */

/** In order of precedence: what one has taken, the next does not see. */
export const PRIVATE_KINDS = ['email', 'iban', 'card', 'phone', 'name'] as const
export type PrivateKind = (typeof PRIVATE_KINDS)[number]

/** A run of text that is shown as it is (`kind` null), or one value. */
export interface Piece {
  readonly kind: PrivateKind | null
  readonly text: string
}

type Find = (text: string) => Iterable<{ readonly index: number; readonly length: number }>

const ALONE_BEFORE = '(?<![\\p{L}\\p{N}\\p{M}])'
const ALONE_AFTER = '(?![\\p{L}\\p{N}\\p{M}])'

/** The pieces make up the text again. */
export function privatePieces(text: string, names: readonly string[]): readonly Piece[] {
  const finders = finderOf(names)
  let pieces: readonly Piece[] = [{ kind: null, text }]
  for (const kind of PRIVATE_KINDS) {
    const find = finders[kind]
    if (find) pieces = pieces.flatMap((piece) => (piece.kind === null ? split(piece.text, kind, find) : [piece]))
  }
  return pieces
}

function split(text: string, kind: PrivateKind, find: Find): readonly Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const { index, length } of find(text)) {
    if (index > from) pieces.push({ kind: null, text: text.slice(from, index) })
    pieces.push({ kind, text: text.slice(index, index + length) })
    from = index + length
  }
  if (from < text.length) pieces.push({ kind: null, text: text.slice(from) })
  return pieces
}

function finderOf(names: readonly string[]): Readonly<Record<PrivateKind, Find | null>> {
  return { email: emails, iban: ibans, card: cards, phone: phones, name: namesOf(names) }
}

// `git@host:path` names a repository.
const EMAIL =
  /(?<![\p{L}\p{N}\p{M}._%+-])[\p{L}\p{N}_%+-][\p{L}\p{N}\p{M}._%+-]{0,63}@(?:[\p{L}\p{N}][\p{L}\p{N}-]{0,62}\.){1,8}(\p{L}{2,24})(?![\p{L}\p{M}]|\.\p{L}|:[\w/~])/gu
/** Ends of file names such as `icon@2x.png`; none is the end of a domain. */
const FILE_ENDS = /^(png|jpe?g|gif|svg|webp|avif|css|json|html?|js|tsx?|jsx|mjs|txt|pdf)$/i

function* emails(text: string): ReturnType<Find> {
  for (const { 0: found, 1: end = '', index } of text.matchAll(EMAIL)) {
    if (!FILE_ENDS.test(end)) yield { index, length: found.length }
  }
}

/** Letters and digits of an account number, by country. */
const IBAN_LENGTHS = lengthsOf(
  'NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 CR22 DE22 GB22 GE22 IE22 ME22 ' +
    'BG22 BH22 HR21 LI21 LV21 RS22 VA22 AE23 GI23 IL23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 ' +
    'PT25 IS26 TR26 CY28 AZ28 DO28 GT28 HU28 LB28 PL28 AL28 BY28 SV28 IT27 FR27 GR27 MC27 MR27 SM27 BR29 PS29 QA29 ' +
    'UA29 JO30 KW30 MU30 EG29 LY25 SC31 LC32 MT31 IQ23',
)
const IBAN = new RegExp(`${ALONE_BEFORE}[A-Za-z]{2}\\d{2}(?: ?[A-Za-z0-9]){11,30}`, 'gu')
const WORD = /[\p{L}\p{N}\p{M}]/u

function lengthsOf(list: string): ReadonlyMap<string, number> {
  return new Map(list.split(' ').map((item) => [item.slice(0, 2), Number(item.slice(2))]))
}

const ibans: Find = (text) =>
  checked(IBAN, text, (found, index) => {
    const length = prefixOf(found, IBAN_LENGTHS.get(found.slice(0, 2).toUpperCase()) ?? 0)
    const written = found.slice(0, length)
    const compact = written.replaceAll(' ', '').toUpperCase()
    // Small letters with spaces between them are words.
    if (length === 0 || WORD.test(charAt(text, index + length))) return 0
    if (written.includes(' ') && written !== written.toUpperCase()) return 0
    return remainder97(compact.slice(4) + compact.slice(0, 4)) === 1 ? length : 0
  })

/** Where the pattern may begin one; `lengthOf` says how long it is, 0 for none. What was none may hide the next. */
function* checked(
  pattern: RegExp,
  text: string,
  lengthOf: (found: string, index: number) => number,
): Generator<{ readonly index: number; readonly length: number }> {
  // Of its own: where it has come to is nobody else's.
  const own = new RegExp(pattern)
  for (let match = own.exec(text); match; match = own.exec(text)) {
    const { index } = match
    const length = lengthOf(match[0], index)
    own.lastIndex = index + Math.max(length, 1)
    if (length > 0) yield { index, length }
  }
}

/** How much of the text holds so many characters, spaces apart; 0 where it has fewer. */
function prefixOf(text: string, count: number): number {
  let seen = 0
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== ' ') seen += 1
    if (seen === count) return at + 1
  }
  return 0
}

function remainder97(letters: string): number {
  let rest = 0
  for (const letter of letters) {
    const value = Number.parseInt(letter, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}

/** A whole character, also outside the basic plane. */
function charAt(text: string, index: number): string {
  const code = text.codePointAt(index)
  return code === undefined ? '' : String.fromCodePoint(code)
}

const CARD = new RegExp(`${ALONE_BEFORE}(?<![\\p{N}][.,-])[2-6](?:[ -]?\\d){11,18}`, 'gu')
/** Beginnings that card makers use, with the lengths that theirs have: a tenth of all numbers passes the check of Luhn. */
const CARD_MAKERS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(5[1-5]|2[2-7])/, [16]],
  [/^3[47]/, [15]],
  [/^3[068]/, [14, 16]],
  [/^35/, [16]],
  [/^6(011|4[4-9]|5|2)/, [16, 17, 18, 19]],
  [/^(50|5[6-9]|6[37])/, [12, 16, 18, 19]],
]

/** The longest number of a card that begins there and that no digit follows. */
const cards: Find = (text) =>
  checked(CARD, text, (found, index) => {
    const digits = found.replace(/\D/g, '')
    const lengths = CARD_MAKERS.flatMap(([begin, all]) => (begin.test(digits) ? all : [])).sort((a, b) => b - a)
    for (const count of lengths) {
      const length = prefixOf(found.replaceAll('-', ' '), count)
      if (length > 0 && !WORD.test(charAt(text, index + length)) && luhn(digits.slice(0, count))) return length
    }
    return 0
  })

function luhn(digits: string): boolean {
  let sum = 0
  for (let at = 0; at < digits.length; at += 1) {
    const digit = Number(digits[digits.length - 1 - at])
    const doubled = digit * 2
    sum += at % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

/** Beside a number that is counted, paid or numbered, or a part of one. */
const PHONE_BEFORE = '(?<![\\p{L}\\p{N}\\p{M}]|\\p{N}[.,:/-]|[$€£¥#+])'
const PHONE_AFTER = '(?![\\p{L}\\p{N}\\p{M}]|[.,:/-]\\p{N}| ?[$€£¥%])'
const PHONE_FORMS = [
  // +49 170 1234567, 0049 (0) 170 1234567
  '(?:\\+|00)[1-9]\\d{0,2}(?:[ ./-]?\\(\\d{1,4}\\))?[ ./-]?\\d{1,12}(?:[ ./-]\\d{1,8}){0,6}',
  // (555) 123-4567, (030) 1234567
  '\\(0?\\d{2,4}\\)[ -]?\\d{3,4}[ -]?\\d{3,5}',
  // 0170 1234567, 030/1234567, 020 7946 0958
  '0\\d{2,4}[ /-]\\d{3,8}(?:[ -]\\d{2,5}){0,2}',
  // 06 12 34 56 78
  '0[1-9](?:[ .-]\\d{2}){4}',
  // 555-123-4567
  '[2-9]\\d{2}([-. ])[2-9]\\d{2}\\1\\d{4}',
]
const PHONE = PHONE_FORMS.map((form) => new RegExp(`${PHONE_BEFORE}${form}${PHONE_AFTER}`, 'gu'))

function* phones(text: string): ReturnType<Find> {
  const found = PHONE.flatMap((form) => [...text.matchAll(form)])
    .map(({ 0: match, index }) => ({ index, length: match.length, digits: match.replace(/\D/g, '').length }))
    .filter(({ digits }) => digits >= 8 && digits <= 16)
    .sort((a, b) => a.index - b.index || b.length - a.length)
  let end = 0
  for (const { index, length } of found) {
    if (index < end) continue
    yield { index, length }
    end = index + length
  }
}

/** Whole words in any case. The longest name goes first, so that a part of one does not hide the rest. */
function namesOf(names: readonly string[]): Find | null {
  const forms = names
    .map((name) => name.trim())
    .filter((name) => name !== '')
    .flatMap((name) => [...new Set([name.normalize('NFC'), name.normalize('NFD')])])
    .sort((a, b) => b.length - a.length)
    // A name of two words may be broken at the end of a line.
    .map((name) => name.split(/\s+/).map(escaped).join('(?:[^\\S\\n]{1,4}|[^\\S\\n]{0,4}\\n[^\\S\\n]{0,4})'))
  if (forms.length === 0) return null
  const pattern = new RegExp(`${ALONE_BEFORE}(?:${forms.join('|')})${ALONE_AFTER}`, 'giu')
  return function* (text) {
    for (const { 0: found, index } of text.matchAll(pattern)) yield { index, length: found.length }
  }
}

function escaped(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
