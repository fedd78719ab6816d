/** The same text, said in another way. */
import { type Chat, type HelperOptions, type Prompt, say } from './helper-call.ts'

const WAYS = {
  shorter: 'so that it is shorter',
  clearer: 'so that it is clearer and simpler',
  formal: 'in a formal tone',
  friendly: 'in a friendly tone',
  correct: 'so that spelling and grammar are right, and change nothing else',
} as const

export interface RewriteOptions extends HelperOptions {
  /** One of these, or a wish in words. */
  readonly way: keyof typeof WAYS | { readonly wish: string }
}

function rewritePrompt(text: string, { way }: RewriteOptions): Prompt {
  const wish = typeof way === 'string' ? WAYS[way] : `as follows: ${way.wish}`
  return {
    system: `Rewrite the text ${wish}. Keep its language and its meaning. Give the new text and nothing else.`,
    user: text,
  }
}

export function rewrite(weft: Chat, text: string, options: RewriteOptions): Promise<string> {
  return say(weft, rewritePrompt(text, options), options)
}
