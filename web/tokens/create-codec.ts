/**
 * Puts a `TokenCodec` together from the metadata of a GGUF file: special tokens are cut away first, the text between
 * them goes to the vocabulary's own algorithm. The only file here that knows all parts; ids are those of llama.cpp.
 */

import { refuseOversize } from '../rules/prompt-limits.ts'
import type { ChatMessage } from '../wire/chat.ts'
import type { Directory } from '../wire/gguf-header.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { createByteLevelBpe, type EncodeText } from './byte-level-bpe.ts'
import { compileTemplate } from './chat-template.ts'
import type { ChatSpan, TokenCodec } from './codec.ts'
import { shieldMessages, tokenEdges } from './message-shield.ts'
import { createSentencePiece } from './sentence-piece.ts'
import { SpecialTokens } from './special-tokens.ts'
import { CONTROL, readTokenizerFacts, type TokenizerFacts, UNKNOWN, USER_DEFINED } from './tokenizer-facts.ts'
import { buildVocabularyBytes } from './vocabulary-bytes.ts'

/** What UTF-8 cannot carry, each half of a broken pair by itself. */
const LONE_SURROGATE = /\p{Surrogate}/gu

function tokensOfType(facts: TokenizerFacts, wanted: readonly number[]): SpecialTokens {
  const picked: [number, string][] = []
  for (const [id, text] of facts.tokens.entries()) if (wanted.includes(facts.types[id] ?? 0)) picked.push([id, text])
  return new SpecialTokens(picked)
}

/** Appends the ids of a text whose user-defined tokens count and whose control tokens do not. */
type AppendPlain = (ids: number[], text: string, atStart: boolean) => void

function plainEncoder(encodeText: EncodeText, userDefined: SpecialTokens): AppendPlain {
  return (ids, text, atStart) => {
    let start = atStart
    for (const span of userDefined.partition(text)) {
      if (span.kind === 'token') ids.push(span.id)
      else for (const id of encodeText(span.text, start)) ids.push(id)
      start = span.kind === 'token'
    }
  }
}

function chatRenderer(
  facts: TokenizerFacts,
  now: () => Date,
  toSpans: (rendered: string, restore: (text: string) => string) => readonly ChatSpan[],
): TokenCodec['renderChat'] {
  const { template } = facts
  if (template === null) return () => fail('template-invalid', 'The file has none.')
  const textOf = (id: number | null) => (id === null ? '' : (facts.tokens[id] ?? ''))
  const render = compileTemplate({ source: template, bosToken: textOf(facts.bos), eosToken: textOf(facts.eos), now })
  if (!render.ok) return () => render
  const control = tokensOfType(facts, [CONTROL, UNKNOWN])
  const edges = tokenEdges(control)
  return (messages) => {
    const oversize = refuseOversize(messages)
    if (oversize) return oversize
    const wellFormed: ChatMessage[] = messages.map(({ role, content }) => ({
      role,
      content: content.replace(LONE_SURROGATE, '\ufffd'),
    }))
    const shielded = shieldMessages(wellFormed, template, control, edges)
    if (!shielded) return fail('template-invalid', 'The messages use every private-use character.')
    const rendered = render.value(shielded.messages)
    return rendered.ok ? ok(toSpans(rendered.value, shielded.restore)) : rendered
  }
}

/** Refusals: `gguf-invalid` (the metadata contradicts itself), `tokenizer-unsupported` (named). */
export function createCodec(metadata: Directory['metadata'], now: () => Date = () => new Date()): Result<TokenCodec> {
  const read = readTokenizerFacts(metadata)
  if (!read.ok) return read
  const facts = read.value
  const { tokenizer } = facts
  const encodeText =
    tokenizer.kind === 'bpe' ? createByteLevelBpe(facts, tokenizer) : createSentencePiece(facts, tokenizer)
  const special = tokensOfType(facts, [CONTROL, UNKNOWN, USER_DEFINED])
  const appendPlain = plainEncoder(encodeText, tokensOfType(facts, [USER_DEFINED]))

  const spansOf = (text: string, restore: (text: string) => string): ChatSpan[] =>
    special
      .partition(text)
      .map((span) =>
        span.kind === 'token'
          ? { kind: 'mark', id: span.id, text: facts.tokens[span.id] ?? '' }
          : { kind: 'plain', text: restore(span.text) },
      )
  const encodeSpans = (spans: readonly ChatSpan[]): number[] => {
    const ids: number[] = []
    let atStart = true
    for (const span of spans) {
      if (span.kind === 'mark') ids.push(span.id)
      else appendPlain(ids, span.text, atStart)
      atStart = span.kind === 'mark'
    }
    return ids
  }
  /** A template may have written the begin token itself; it stands there once. */
  const missingBos = (first: number | undefined): number | null =>
    facts.addBos && first !== facts.bos ? facts.bos : null
  const withBos = (ids: number[]): number[] => {
    const bos = missingBos(ids[0])
    return bos === null ? ids : [bos, ...ids]
  }
  const begunBy = (bos: number | null, spans: readonly ChatSpan[]): readonly ChatSpan[] =>
    bos === null ? spans : [{ kind: 'mark', id: bos, text: facts.tokens[bos] ?? '' }, ...spans]
  const renderChat = chatRenderer(facts, now, (rendered, restore) => {
    const spans = spansOf(rendered, restore)
    return begunBy(missingBos(encodeSpans(spans.slice(0, 1))[0]), spans)
  })

  return ok({
    vocabulary: buildVocabularyBytes(facts),
    encode(text, options = {}) {
      const wellFormed = text.replace(LONE_SURROGATE, '\ufffd')
      const ids: number[] = options.special ? encodeSpans(spansOf(wellFormed, (part) => part)) : []
      if (!options.special) appendPlain(ids, wellFormed, true)
      return options.bos ? withBos(ids) : ids
    },
    encodeChat(messages) {
      const spans = renderChat(messages)
      return spans.ok ? ok(encodeSpans(spans.value)) : spans
    },
    renderChat,
    renderRaw: (text) =>
      begunBy(missingBos(undefined), [{ kind: 'plain', text: text.replace(LONE_SURROGATE, '\ufffd') }]),
    encodeSpans,
  })
}
