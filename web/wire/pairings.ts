/**
 * A pairing: a frame in a partner's page and the window of Weft that its visitor opened to give there. What both say through the
 * signalling server, and how it is read from outside. A pairing starts nothing and is no consent: the frame hears whether the window
 * gives, and may stop it. No word of it can carry a prompt or an answer.
 */
import { type Fields, readerOf } from './fields.ts'
import { NAME_CHARACTERS_MAX } from './limits/models.ts'
import { PAIR_CODE_CHARACTERS } from './limits/pairings.ts'
import { TIME_MS_MAX } from './limits/units.ts'
import { isPartnerKey, type PartnerKey } from './partner-keys.ts'
import { plainName } from './plain-name.ts'
import type { Result } from './result.ts'

/** Twelve characters of Crockford's base32: 60 bits, and nothing in it that is read for something else. */
export type PairCode = string

/** What a window gives, as its frame is told. */
export const PAIR_GIVING = ['off', 'starting', 'serving', 'paused'] as const
export interface WindowState {
  readonly giving: (typeof PAIR_GIVING)[number]
  /** The name of the model; empty while nothing is given. */
  readonly model: string
  /** Of prompts and answers, since it began. */
  readonly tokens: number
}

/** `offer`, `stop` and `look`: of a frame. `take` and `say`: of a window. `look`: whether it is paired still. */
export type PairWish =
  | { readonly kind: 'offer' | 'stop' | 'look' | 'end' }
  | { readonly kind: 'take'; readonly code: PairCode }
  | { readonly kind: 'say'; readonly window: WindowState }

/** What an `offer` is answered with. */
export interface PairOffer {
  readonly code: PairCode
  /** The server's clock. */
  readonly untilMs: number
}

/** What a `take` is answered with: the name of the site, as the server knows it. The pairing stands once it is told so. */
export interface PairTaken {
  readonly site: string
}

/** `paired`: to both. `state`: to the frame. `stop`: to the window. `ended`: the other one went, or wants no more of it. */
export type PairWord =
  | { readonly kind: 'paired' | 'stop' | 'ended' }
  | { readonly kind: 'state'; readonly window: WindowState }

const { attempt, record, refuse, words, whole, oneOf } = readerOf('event-invalid')

export const PAIR_LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE = new RegExp(`^[${PAIR_LETTERS}]{${PAIR_CODE_CHARACTERS}}$`)
const GROUP = 4
/** A person may type it with spaces; more than that is no code. */
const TYPED_CHARACTERS_MAX = PAIR_CODE_CHARACTERS * 3
const TOKENS_MAX = Number.MAX_SAFE_INTEGER

/** As a person typed or a link brought it; null for what is no code. */
export function readPairCode(text: string): PairCode | null {
  if (text.length > TYPED_CHARACTERS_MAX) return null
  const code = text.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1')
  return CODE.test(code) ? code : null
}

/** In groups, as it is read aloud. */
export function showPairCode(code: PairCode): string {
  return (code.match(new RegExp(`.{1,${GROUP}}`, 'g')) ?? []).join('-')
}

/** Where a window takes a code, of Weft's page: after the `#`, which no server sees. The key names the site until the server has. */
export function pairAddress(code: PairCode, key: PartnerKey): string {
  return `#/contribute/${code}/${key}`
}

/** What such an address brought, with or without what stands before the `#`; null where it is none. */
export function readPairAddress(hash: string): { readonly code: PairCode; readonly key: PartnerKey | null } | null {
  const [screen, said = '', key] = hash.slice(hash.indexOf('#/') + 2).split('/')
  const code = screen === 'contribute' ? readPairCode(said) : null
  return code === null ? null : { code, key: isPartnerKey(key) ? key : null }
}

export function parsePairWish(value: unknown): Result<PairWish> {
  return attempt((): PairWish => {
    const fields = record(value, 'A wish of a pairing')
    const kind = oneOf(fields, 'kind', ['offer', 'take', 'say', 'stop', 'look', 'end'])
    switch (kind) {
      case 'take':
        return { kind, code: readCode(fields) }
      case 'say':
        return { kind, window: readWindow(fields) }
      case 'offer':
      case 'stop':
      case 'look':
      case 'end':
        return { kind }
      default:
        return kind satisfies never
    }
  })
}

export function parsePairWord(value: unknown): Result<PairWord> {
  return attempt((): PairWord => {
    const fields = record(value, 'A word of a pairing')
    const kind = oneOf(fields, 'kind', ['paired', 'state', 'stop', 'ended'])
    return kind === 'state' ? { kind, window: readWindow(fields) } : { kind }
  })
}

export function parsePairOffer(value: unknown): Result<PairOffer> {
  return attempt(() => {
    const fields = record(value, 'A code')
    return { code: readCode(fields), untilMs: whole(fields, 'untilMs', TIME_MS_MAX) }
  })
}

export function parsePairTaken(value: unknown): Result<PairTaken> {
  return attempt(() => ({ site: readSite(record(value, 'A pairing')) }))
}

function readCode(fields: Fields): PairCode {
  const code = words(fields, 'code', PAIR_CODE_CHARACTERS)
  return CODE.test(code) ? code : refuse('`code`', 'is no code')
}

/** The name of a site, as its key has it. */
export function readSite(fields: Fields): string {
  return plainName(words(fields, 'site', NAME_CHARACTERS_MAX)) || refuse('`site`', 'is empty')
}

function readWindow(fields: Fields): WindowState {
  const window = record(fields['window'], '`window`')
  return {
    giving: oneOf(window, 'giving', PAIR_GIVING),
    model: plainName(words(window, 'model', NAME_CHARACTERS_MAX)),
    tokens: whole(window, 'tokens', TOKENS_MAX),
  }
}
