/**
 * Replaces private values by placeholders such as `[email-1]` before a text leaves the device, the same value by the same
 * one in all texts of a conversation, and puts them back in the answer (`Restorer`). Pure: what was replaced lives in the
 * `Redaction` and nowhere else. A placeholder that a text has by itself is never given to a value, so the way back is exact.
 */
import { PRIVATE_KINDS, type PrivateKind, privatePieces } from './private-values.ts'

export interface ReplacedValue {
  readonly kind: PrivateKind
  readonly placeholder: string
  readonly value: string
}

const KINDS = PRIVATE_KINDS.join('|')
/** Anything that could be read as a placeholder, and more. */
const ANY_LIKE = new RegExp(`(${KINDS})[^\\p{L}\\p{N}]{0,3}?(\\d{1,6})`, 'giu')

export class Redaction {
  readonly #names: readonly string[]
  /** By the value, as it is written. */
  readonly #byValue = new Map<string, ReplacedValue>()
  /** Value by `kind-number`. */
  readonly #values = new Map<string, string>()
  /** `kind-number` of what the texts say by themselves. */
  readonly #taken = new Set<string>()
  readonly #next = new Map<PrivateKind, number>()

  /** `texts`: all that is or may be sent of one conversation, in order; so numbers stay as the conversation grows. */
  constructor(texts: readonly string[], names: readonly string[]) {
    this.#names = names
    const pieces = texts.flatMap((text) => privatePieces(text, names))
    for (const { kind, text } of pieces) {
      if (kind !== null) continue
      for (const [, like = '', number = ''] of text.matchAll(ANY_LIKE)) {
        this.#taken.add(`${like.toLowerCase()}-${Number(number)}`)
      }
    }
    for (const { kind, text } of pieces) if (kind !== null) this.#place(kind, text)
  }

  /** All that was replaced, in order of first appearance. */
  get values(): readonly ReplacedValue[] {
    return [...this.#byValue.values()]
  }

  /** What is sent for this text. */
  apply(text: string): string {
    return privatePieces(text, this.#names)
      .map((piece) => (piece.kind === null ? piece.text : this.#place(piece.kind, piece.text).placeholder))
      .join('')
  }

  restorer(): Restorer {
    return new Restorer((name) => this.#values.get(name) ?? null)
  }

  #place(kind: PrivateKind, value: string): ReplacedValue {
    const known = this.#byValue.get(value)
    if (known) return known
    let number = this.#next.get(kind) ?? 1
    while (this.#taken.has(`${kind}-${number}`)) number += 1
    this.#next.set(kind, number + 1)
    const placed = { kind, placeholder: `[${kind}-${number}]`, value }
    this.#byValue.set(value, placed)
    this.#values.set(`${kind}-${number}`, value)
    return placed
  }
}

const KIND_CHARACTERS_MAX = Math.max(...PRIVATE_KINDS.map(({ length }) => length))
/** The longest that is read as a placeholder: `\[ phone - 999999 \]`. */
export const PLACEHOLDER_CHARACTERS_MAX = 3 + KIND_CHARACTERS_MAX + 3 + 6 + 3

type Found = { readonly name: string; readonly end: number }

/**
 * Puts values back in a text that comes in pieces, wherever the borders are. Holds back only what may still become a
 * placeholder. Clear changes of one are read too: case, spaces inside the brackets, missing or escaped brackets.
 */
export class Restorer {
  readonly #valueFor: (name: string) => string | null
  #held = ''
  /** The character before what is held. */
  #before = ''

  constructor(valueFor: (name: string) => string | null) {
    this.#valueFor = valueFor
  }

  /** What is held back: at most `PLACEHOLDER_CHARACTERS_MAX`. */
  get held(): string {
    return this.#held
  }

  take(text: string): string {
    return this.#read(this.#held + text, false)
  }

  /** Nothing follows: what was held back. What comes after all is read on its own. */
  flush(): string {
    return this.#read(this.#held, true)
  }

  #read(text: string, ends: boolean): string {
    let shown = ''
    let at = 0
    // Most of a text is no beginning of a placeholder: it is passed on in runs.
    BEGIN.lastIndex = 0
    for (let begin = BEGIN.exec(text); begin; begin = BEGIN.exec(text)) {
      const { index } = begin
      const before = index === 0 ? this.#before : (text[index - 1] ?? '')
      const found = placeholderAt(text, index, before, ends)
      if (found === 'more') {
        shown += text.slice(at, index)
        if (index > 0) this.#before = before
        this.#held = text.slice(index)
        return shown
      }
      if (found === null) continue
      const value = this.#valueFor(found.name)
      shown += text.slice(at, index) + (value ?? text.slice(index, found.end))
      at = found.end
      BEGIN.lastIndex = at
    }
    this.#held = ''
    this.#before = text.at(-1) ?? this.#before
    return shown + text.slice(at)
  }
}

const BEGIN = new RegExp(`[\\\\[${[...new Set(PRIVATE_KINDS.map((kind) => kind[0]))].join('')}]`, 'gi')
const WORD_OR_HYPHEN = /[\p{L}\p{N}\p{M}_-]/u

/** `'more'` where the text ends before that is decided. A bare `email-1` counts as a word of its own only. */
function placeholderAt(text: string, index: number, before: string, ends: boolean): Found | 'more' | null {
  let at = index
  const escaped = text[at] === '\\'
  if (escaped) at += 1
  if (at === text.length) return ends ? null : 'more'
  const open = text[at] === '['
  if (escaped && !open) return null
  if (open) at += 1
  else if (WORD_OR_HYPHEN.test(before)) return null
  if (open && text[at] === ' ') at += 1
  const kind = kindAt(text, at)
  if (kind === null || kind === 'more') return kind === null || ends ? null : 'more'
  at += kind.length
  const separator = /^(?: ?[-_\u2010\u2011] ?| )?/.exec(text.slice(at, at + 3))?.[0] ?? ''
  at += separator.length
  if (at === text.length) return ends ? null : 'more'
  // `email 1` and `email1` are words of many texts; in brackets they are clear.
  if (separator === '' || (!open && (separator === ' ' || separator.length > 1))) return null
  const digits = /^\d{0,7}/.exec(text.slice(at, at + 7))?.[0] ?? ''
  if (digits.startsWith('0') || digits.length > 6) return null
  at += digits.length
  if (at === text.length && !ends) return 'more'
  if (digits === '') return null
  const name = `${kind}-${digits}`
  if (!open) return WORD_OR_HYPHEN.test(text[at] ?? '') ? null : { name, end: at }
  // One that is not closed is read again without its bracket.
  const close = escaped ? '\\]' : ']'
  if (text[at] === ' ') at += 1
  if (text.startsWith(close, at)) return { name, end: at + close.length }
  return !ends && close.startsWith(text.slice(at)) ? 'more' : null
}

function kindAt(text: string, at: number): PrivateKind | 'more' | null {
  const rest = text.slice(at, at + KIND_CHARACTERS_MAX).toLowerCase()
  for (const kind of PRIVATE_KINDS) {
    if (rest.startsWith(kind)) return kind
    if (at + rest.length === text.length && kind.startsWith(rest)) return 'more'
  }
  return null
}
