/**
 * The only file that knows the highlighter, and the only one of its chunk: loaded when code is to be coloured. Gives a
 * tree, never HTML; a language it does not know is null.
 */
import { common, createLowlight } from 'lowlight'

/** A node of the reader's tree: a text, or a scope with its nodes. */
export interface ScopeNode {
  readonly type: string
  readonly value?: string
  readonly properties?: { readonly className?: unknown }
  readonly children?: readonly ScopeNode[]
}

const lowlight = createLowlight(common)

export function readLanguage(text: string, language: string): readonly ScopeNode[] | null {
  return lowlight.registered(language) ? lowlight.highlight(language, text).children : null
}
