/**
 * The only file that knows the highlighter, and the only one of its chunk: loaded when code is to be coloured. Gives a
 * tree, never HTML; a language it does not know is null.
 */
import { common, createLowlight } from 'lowlight'
import type { ScopeNode } from './tints.ts'

const lowlight = createLowlight(common)

export function readLanguage(text: string, language: string): readonly ScopeNode[] | null {
  return lowlight.registered(language) ? lowlight.highlight(language, text).children : null
}
