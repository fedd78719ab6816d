/**
 * Characters that are not what they look like. Text is never lost: what must not act is drawn as U+FFFD in its place,
 * and a copy of the answer takes the text as it came. Pure.
 */
/** Control characters but tab and line feed: NUL ends nothing here, but not everything that copies it agrees. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g
/** Overrides turn the letters after them around; languages are written without them, spoofed names with them. */
const OVERRIDES = /[\u202d\u202e]/g
/** In code every mark of direction is suspicious: what runs would differ from what is read. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  middot: '·',
  times: '×',
  deg: '°',
  euro: '€',
  larr: '←',
  rarr: '→',
}

export function drawableText(text: string): string {
  return text.replace(CONTROLS, '\ufffd').replace(OVERRIDES, '\ufffd')
}

export function drawableCode(text: string): string {
  return text.replace(CONTROLS, '\ufffd').replace(DIRECTIONS, '\ufffd')
}

/** The few named references that models write; the lexer has done the numeric ones. An unknown one stays as it is. */
export function decodeNamed(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&([a-z]{2,6});/g,
    (whole, name: string) => (Object.hasOwn(NAMED, name) ? NAMED[name] : null) ?? whole,
  )
}
