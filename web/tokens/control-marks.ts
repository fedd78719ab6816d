/**
 * Control tokens as texts, for an engine that gets its prompt as text and tokenises by itself: it takes `<|im_end|>` for
 * the token whoever wrote it. `breakMarks` puts a word joiner, which shows as nothing, into each such text of a person.
 * Reads the file's own lists, so it also works for tokenizers that no codec here knows.
 */
import type { Directory } from '../wire/gguf-header.ts'
import { SPECIAL_TOKENS_MAX } from '../wire/limits/models.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { SpecialTokens } from './special-tokens.ts'
import { CONTROL, END_NAMES, UNKNOWN } from './tokenizer-facts.ts'

const WORD_JOINER = '\u2060'
const REPLACEMENT = '\ufffd'

/** Refusal: `gguf-invalid`. */
export function controlMarks(metadata: Directory['metadata']): Result<SpecialTokens> {
  const tokens = metadata['tokenizer.ggml.tokens']
  const types = metadata['tokenizer.ggml.token_type']
  const ends = new Set(END_NAMES)
  const marks: [number, string][] = []
  for (const [id, token] of (Array.isArray(tokens) ? tokens : []).entries()) {
    if (typeof token !== 'string') continue
    const type = Array.isArray(types) ? Number(types[id]) : 0
    if (type === CONTROL || type === UNKNOWN || ends.has(token)) marks.push([id, token])
  }
  if (marks.length > SPECIAL_TOKENS_MAX)
    return fail('gguf-invalid', `${marks.length} special tokens are more than ${SPECIAL_TOKENS_MAX}.`)
  return ok(new SpecialTokens(marks))
}

/** A mark of one character has no inside: it becomes U+FFFD. */
export function breakMarks(text: string, marks: SpecialTokens): string {
  const singles = new Set([...marks.texts()].filter((mark) => [...mark].length === 1))
  let broken = ''
  let from = 0
  for (const { at } of marks.occurrences(text)) {
    const first = String.fromCodePoint(text.codePointAt(at) ?? 0)
    broken += text.slice(from, at) + (singles.has(first) ? REPLACEMENT : first + WORD_JOINER)
    from = at + first.length
  }
  return broken + text.slice(from)
}
