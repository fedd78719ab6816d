/**
 * What the address of the page asks for when it opens: text that another app shares (`share_target` of the web manifest),
 * an engine. Which screen it opens stands after its `#`. Pure; anybody can write an address, so all of it is capped.
 */
import { ENGINE_NAMES, type EngineName } from './chat.ts'
import { SHARED_TEXT_CHARACTERS_MAX } from './limits/page.ts'

export interface Launch {
  /** Text for the composer, never to be sent by itself. */
  readonly shared: string | null
  readonly engine: EngineName | null
}

export const NO_LAUNCH: Launch = { shared: null, engine: null }

/**
 * In the order in which they read. As `public/manifest.webmanifest` names them. The page takes them out of its address, so
 * that a reload does not hand the same text over again.
 */
export const SHARED_FIELDS = ['share-title', 'share-text', 'share-url'] as const

export function parseLaunch(url: string): Launch {
  const fields = readQuery(url)
  const engine = ENGINE_NAMES.find((name) => name === fields.get('engine')) ?? null
  return { shared: sharedText(fields), engine }
}

/** Many apps put the address into the text as well: what is said already is not said again. */
function sharedText(fields: ReadonlyMap<string, string>): string | null {
  const parts: string[] = []
  for (const name of SHARED_FIELDS) {
    const part = (fields.get(name) ?? '').trim()
    if (part !== '' && !parts.some((said) => said.includes(part))) parts.push(part)
  }
  const text = parts.join('\n')
  return text === '' ? null : cut(text, SHARED_TEXT_CHARACTERS_MAX)
}

/** Never between the two halves of one character. */
function cut(text: string, charactersMax: number): string {
  const kept = text.slice(0, charactersMax)
  return /[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept
}

/** The first value of each name. By hand: this room knows no browser, and so no `URL`. */
function readQuery(url: string): ReadonlyMap<string, string> {
  const withoutPlace = url.split('#', 1)[0] ?? ''
  const start = withoutPlace.indexOf('?')
  const fields = new Map<string, string>()
  if (start < 0) return fields
  for (const pair of withoutPlace.slice(start + 1).split('&')) {
    const middle = pair.indexOf('=')
    const name = decode(middle < 0 ? pair : pair.slice(0, middle))
    if (name !== '' && !fields.has(name)) fields.set(name, middle < 0 ? '' : decode(pair.slice(middle + 1)))
  }
  return fields
}

/** What is not properly encoded stays as it stands. */
function decode(part: string): string {
  const spaced = part.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
