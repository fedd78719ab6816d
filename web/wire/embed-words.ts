/**
 * What a partner's page and the Weft frame in it say to each other, by `postMessage`: both ways, parsed on each side after the
 * origin has been checked. A page may put words before the visitor (a question, context, suggestions), and it learns how the
 * widget stands; no word of the frame carries what the visitor or the model has said: answers to calls of the page go by
 * ports of their own. Pure.
 */
import { type Fields, readerOf } from './fields.ts'
import {
  EMBED_CONTEXT_CHARACTERS_MAX,
  EMBED_QUESTION_CHARACTERS_MAX,
  EMBED_SUGGESTIONS_MAX,
  EMBED_THEME_CHARACTERS_MAX,
} from './limits/partners.ts'
import type { Result } from './result.ts'

/** Of these words. A frame that reads another version says so and does nothing. */
export const EMBED_VERSION = 1

/** Custom properties of the page's style, by their names without `--weft-`. */
export const EMBED_THEME_NAMES = ['accent', 'on-accent', 'surface', 'ink', 'radius', 'font'] as const
export type EmbedThemeName = (typeof EMBED_THEME_NAMES)[number]
export type EmbedTheme = Readonly<Partial<Record<EmbedThemeName, string>>>

export interface EmbedSettings {
  readonly theme: EmbedTheme
  /** `system` follows the visitor's. */
  readonly look: 'light' | 'dark' | 'system'
  /** A BCP 47 tag of the page. */
  readonly language: string
}

/**
 * `hello` answers `here`, and tells the frame whom it talks to. `ask` puts a question into the composer and sends it where
 * the visitor has agreed; `context` is text of the page that answers may use, empty to take it back. `call` comes with a port, on
 * which both speak as `openai-call.ts` says: a question of the page's own, whose answer the page reads.
 */
export type HostWord =
  | ({ readonly kind: 'hello'; readonly version: number } & EmbedSettings)
  | ({ readonly kind: 'settings' } & EmbedSettings)
  | { readonly kind: 'shown'; readonly shown: boolean }
  | { readonly kind: 'ask'; readonly text: string }
  | { readonly kind: 'context'; readonly text: string }
  | { readonly kind: 'suggest'; readonly questions: readonly string[] }
  | { readonly kind: 'call' }

/** `none`: nothing of this device or of the mesh is used. */
export const EMBED_CONSENTS = ['none', 'use', 'give'] as const
export type EmbedConsent = (typeof EMBED_CONSENTS)[number]

export const EMBED_WORK = ['idle', 'loading', 'answering', 'giving'] as const
export type EmbedWork = (typeof EMBED_WORK)[number]

/** `state.refused`: why the widget answers nobody here: a wrong origin, a key that is revoked or has used up its budget. */
export type FrameWord =
  | { readonly kind: 'here'; readonly version: number }
  | {
      readonly kind: 'state'
      readonly consent: EmbedConsent
      readonly work: EmbedWork
      /** A code of `codes.ts`, by its shape: the script of the page does not carry their table. */
      readonly refused: string | null
    }
  | { readonly kind: 'answered'; readonly reason: 'stop' | 'length' | 'aborted' | 'failed' }
  /** The visitor has closed the panel from within. */
  | { readonly kind: 'close' }

const { attempt, record, refuse, list, words, whole, flag, orNull, oneOf } = readerOf('embed-word')

export function parseHostWord(value: unknown): Result<HostWord> {
  return attempt((): HostWord => {
    const fields = weftFields(value)
    const kind = oneOf(fields, 'kind', ['hello', 'settings', 'shown', 'ask', 'context', 'suggest', 'call'])
    switch (kind) {
      case 'hello':
        return { kind, version: whole(fields, 'version', Number.MAX_SAFE_INTEGER), ...settingsOf(fields) }
      case 'settings':
        return { kind, ...settingsOf(fields) }
      case 'shown':
        return { kind, shown: flag(fields, 'shown') }
      case 'ask':
        return { kind, text: words(fields, 'text', EMBED_QUESTION_CHARACTERS_MAX) }
      case 'context':
        return { kind, text: words(fields, 'text', EMBED_CONTEXT_CHARACTERS_MAX) }
      case 'suggest': {
        const questions = list(fields['questions'], '`questions`', EMBED_SUGGESTIONS_MAX)
        return { kind, questions: questions.map((text) => words({ text }, 'text', EMBED_QUESTION_CHARACTERS_MAX)) }
      }
      case 'call':
        return { kind }
      default:
        return kind satisfies never
    }
  })
}

export function parseFrameWord(value: unknown): Result<FrameWord> {
  return attempt((): FrameWord => {
    const fields = weftFields(value)
    const kind = oneOf(fields, 'kind', ['here', 'state', 'answered', 'close'])
    switch (kind) {
      case 'here':
        return { kind, version: whole(fields, 'version', Number.MAX_SAFE_INTEGER) }
      case 'state':
        return {
          kind,
          consent: oneOf(fields, 'consent', EMBED_CONSENTS),
          work: oneOf(fields, 'work', EMBED_WORK),
          refused: orNull(fields, 'refused', codeOf),
        }
      case 'answered':
        return { kind, reason: oneOf(fields, 'reason', ['stop', 'length', 'aborted', 'failed']) }
      case 'close':
        return { kind }
      default:
        return kind satisfies never
    }
  })
}

/** As it is posted: other scripts of a page post their own messages to the same window. */
export function writeEmbedWord<W extends HostWord | FrameWord>(word: W): W & { readonly weft: 1 } {
  return { weft: 1, ...word }
}

/** Of ours, or of somebody else; says nothing of whether it is well made. */
export function isEmbedWord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'weft' in value && value.weft === 1
}

function weftFields(value: unknown): Fields {
  return isEmbedWord(value) ? record(value, 'A word of the widget') : refuse('A message', 'is no word of the widget')
}

function codeOf(value: unknown): string {
  return typeof value === 'string' && /^[a-z0-9-]{1,40}$/.test(value) ? value : refuse('`refused`', 'is no code')
}

function settingsOf(fields: Fields): EmbedSettings {
  const given = record(fields['theme'], '`theme`')
  const theme: Partial<Record<EmbedThemeName, string>> = {}
  for (const name of EMBED_THEME_NAMES) {
    if (given[name] === undefined) continue
    const value = words(given, name, EMBED_THEME_CHARACTERS_MAX).trim()
    if (value !== '') theme[name] = THEME_SHAPES[name].test(value) ? value : refuse(`\`${name}\``, 'is no such value')
  }
  const language = words(fields, 'language', LANGUAGE_CHARACTERS_MAX)
  if (!/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(language)) refuse('`language`', 'is no language')
  return { theme, look: oneOf(fields, 'look', ['light', 'dark', 'system']), language }
}

/** No `url()`, no `var()`, nothing that ends a declaration: a value is a colour, a length or names of fonts. */
const COLOUR = /^(#[0-9a-f]{3,8}|(rgb|rgba|hsl|hsla|oklch|oklab|lab|lch)\([0-9a-z.,%/ +-]*\)|[a-z]+)$/i
const THEME_SHAPES: Readonly<Record<EmbedThemeName, RegExp>> = {
  'accent': COLOUR,
  'on-accent': COLOUR,
  'surface': COLOUR,
  'ink': COLOUR,
  'radius': /^\d{1,2}(\.\d+)?(px|rem|em)$|^0$/,
  'font': /^[\w\s,'"-]+$/,
}
/** The longest tags that are registered have fewer. */
const LANGUAGE_CHARACTERS_MAX = 35
