/**
 * Keeps what people write from becoming control tokens. Before a template is rendered, the first character of each
 * control token's text inside a message is swapped for a private-use character that occurs nowhere else; after the
 * rendered text is cut at the control tokens that are left (the template's own), `restore` swaps it back. Messages without such
 * text pass unchanged, so a template that trims, tests or cuts them sees what it expects.
 */
import type { ChatMessage } from '../wire/chat.ts'
import type { SpecialTokens } from './special-tokens.ts'

const PRIVATE_USE = /[\ue000-\uf8ff]/g
const PRIVATE_FIRST = 0xe000
const PRIVATE_LAST = 0xf8ff

/** Proper beginnings and ends of control tokens: what a message must not complete where it meets the template. */
export interface TokenEdges {
  readonly prefixes: ReadonlySet<string>
  readonly suffixes: ReadonlySet<string>
  readonly lengthMax: number
}

export function tokenEdges(control: SpecialTokens): TokenEdges {
  const prefixes = new Set<string>()
  const suffixes = new Set<string>()
  let lengthMax = 0
  for (const text of control.texts()) {
    lengthMax = Math.max(lengthMax, text.length - 1)
    for (let length = 1; length < text.length; length++) {
      prefixes.add(text.slice(0, length))
      suffixes.add(text.slice(-length))
    }
  }
  return { prefixes, suffixes, lengthMax }
}

export interface Shielded {
  readonly messages: readonly ChatMessage[]
  restore(text: string): string
}

/** Where a message meets the text of the template: positions from which the two could complete a token together. */
function exposedBorders(text: string, control: SpecialTokens, edges: TokenEdges): Set<number> {
  const exposed = new Set<number>()
  const first = text.search(/\S/)
  if (first < 0) return exposed
  const last = text.trimEnd().length
  // With and without the space around it: a template may trim.
  for (const start of new Set([0, first])) {
    for (let length = 1; length <= edges.lengthMax && start + length <= text.length; length++) {
      if (edges.suffixes.has(text.slice(start, start + length))) exposed.add(start)
    }
  }
  for (const end of new Set([last, text.length])) {
    for (let length = 1; length <= edges.lengthMax && length <= end; length++) {
      if (edges.prefixes.has(text.slice(end - length, end))) exposed.add(end - length)
    }
  }
  const core = text.slice(first, last)
  if (core.length <= edges.lengthMax && [...control.texts()].some((token) => token.includes(core))) exposed.add(first)
  return exposed
}

/** Null when the texts leave no private-use character free. */
export function shieldMessages(
  messages: readonly ChatMessage[],
  template: string,
  control: SpecialTokens,
  edges: TokenEdges,
): Shielded | null {
  const taken = new Set<string>()
  for (const text of [template, ...messages.flatMap(({ role, content }) => [role, content])]) {
    for (const [character] of text.matchAll(PRIVATE_USE)) taken.add(character)
  }
  const standIns = new Map<string, string>()
  let next = PRIVATE_FIRST
  const standIn = (unit: string): string | null => {
    const known = standIns.get(unit)
    if (known !== undefined) return known
    while (next <= PRIVATE_LAST && taken.has(String.fromCharCode(next))) next++
    if (next > PRIVATE_LAST) return null
    const fresh = String.fromCharCode(next++)
    standIns.set(unit, fresh)
    return fresh
  }
  let full = false
  const shield = (text: string, borders: ReadonlySet<number>): string => {
    const exposed = new Set(borders)
    for (const { at } of control.occurrences(text)) exposed.add(at)
    let shielded = ''
    let from = 0
    for (const at of [...exposed].sort((a, b) => a - b)) {
      const swapped = standIn(text.charAt(at))
      if (swapped === null) full = true
      shielded += text.slice(from, at) + (swapped ?? '')
      from = at + 1
    }
    return shielded + text.slice(from)
  }
  const shielded = messages.map(({ role, content }) => ({
    // Some templates put a role between marks to make a control token, as they should.
    role: shield(role, new Set()) as ChatMessage['role'],
    content: shield(content, exposedBorders(content, control, edges)),
  }))
  if (full) return null
  const originals = new Map([...standIns].map(([unit, fresh]) => [fresh, unit]))
  const restore = (text: string) => text.replace(PRIVATE_USE, (character) => originals.get(character) ?? character)
  return { messages: shielded, restore }
}
