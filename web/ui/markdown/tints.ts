/**
 * Code as pieces that each have one tint. The reader of languages comes in a chunk of its own, at the first finished
 * block that names a language; its tree is flattened here, and HTML is made nowhere. Where it cannot come, or does not
 * know the language, code is plain.
 */
import { HIGHLIGHT_CHARACTERS_MAX } from '../../wire/limits/page.ts'
import type { ScopeNode } from './language-reader.ts'

export type Tint = 'plain' | 'keyword' | 'string' | 'number' | 'name' | 'type' | 'comment' | 'added' | 'removed'

export interface TintedPiece {
  readonly text: string
  readonly tint: Tint
}

/** Scopes of highlight.js by the role their words play; the rest is plain. */
const TINTS: Readonly<Record<string, Tint>> = {
  keyword: 'keyword',
  literal: 'keyword',
  operator: 'plain',
  'selector-tag': 'keyword',
  tag: 'plain',
  name: 'keyword',
  section: 'keyword',
  meta: 'comment',
  comment: 'comment',
  quote: 'comment',
  doctag: 'comment',
  string: 'string',
  regexp: 'string',
  char: 'string',
  symbol: 'string',
  link: 'string',
  bullet: 'number',
  number: 'number',
  title: 'name',
  'selector-class': 'name',
  'selector-id': 'name',
  attr: 'name',
  attribute: 'name',
  property: 'name',
  built_in: 'type',
  type: 'type',
  class: 'type',
  'template-variable': 'type',
  variable: 'type',
  addition: 'added',
  deletion: 'removed',
}

/** Blocks are read one after the other, each in a task of its own, so that a long conversation opens without a stop. */
let turn: Promise<unknown> = Promise.resolve()

/** null: stays plain. */
export function tintCode(text: string, language: string): Promise<readonly TintedPiece[] | null> {
  if (language === '' || text.length > HIGHLIGHT_CHARACTERS_MAX) return Promise.resolve(null)
  const read = async () => {
    await new Promise((resume) => setTimeout(resume, 0))
    // Colours are no part of the answer: without their chunk (an old tab, no network) the code is there all the same.
    const reader = await import('./language-reader.ts').catch(() => null)
    const tree = reader?.readLanguage(text, language) ?? null
    return tree && flatten(tree, 'plain')
  }
  const reading = turn.then(read, read)
  turn = reading
  return reading
}

export function flatten(nodes: readonly ScopeNode[], around: Tint): readonly TintedPiece[] {
  return nodes.flatMap((node): readonly TintedPiece[] => {
    if (node.value !== undefined) return [{ text: node.value, tint: around }]
    return flatten(node.children ?? [], tintOf(node.properties?.className) ?? around)
  })
}

function tintOf(classes: unknown): Tint | null {
  if (!Array.isArray(classes)) return null
  const scope = String(classes[0]).replace(/^hljs-/, '')
  return (Object.hasOwn(TINTS, scope) ? TINTS[scope] : null) ?? null
}
