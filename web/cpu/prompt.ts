/**
 * A chat as llama.cpp gets it. wllama takes a prompt as text only and reads control tokens in it whoever wrote them, so
 * what people wrote has its marks broken first. Where our codec knows the tokenizer, its rendering goes as a raw prompt
 * whose tokens are known before; where it does not, the messages go and llama.cpp renders them. Pure.
 */
import { refuseOversize } from '../rules/prompt-limits.ts'
import { rawText } from '../rules/raw-prompt.ts'
import type { ChatSpan, TokenCodec } from '../tokens/codec.ts'
import { breakMarks, controlMarks } from '../tokens/control-marks.ts'
import { createCodec } from '../tokens/create-codec.ts'
import type { SpecialTokens } from '../tokens/special-tokens.ts'
import type { ChatMessage } from '../wire/chat.ts'
import type { Directory } from '../wire/gguf-header.ts'
import { ok, type Result } from '../wire/result.ts'

export type Prompt =
  /** `tokens`: exactly those that llama.cpp makes of the text; null where only it knows. */
  | { readonly kind: 'text'; readonly text: string; readonly tokens: number | null }
  | { readonly kind: 'messages'; readonly messages: readonly ChatMessage[] }

export interface Prompter {
  /** The vocabulary puts a space before every text, so the first one of an answer is not part of it. */
  readonly stripLeadingSpace: boolean
  /** llama.cpp must add no begin token: the prompt has it. */
  readonly ownBegin: boolean
  /** `begun`: the answer so far. Refusals: those of `TokenCodec.encodeChat`. */
  prompt(messages: readonly ChatMessage[], begun: string): Result<Prompt>
  /** The one message as it stands, and what was written after it so far. Refusals: those of `rawText`. */
  raw(messages: readonly ChatMessage[], begun: string): Result<Prompt>
  /** A text to embed. */
  plain(text: string): string
}

const LONE_SURROGATE = /\p{Surrogate}/gu

/** Refusal: `gguf-invalid`. */
export function createPrompter(metadata: Directory['metadata']): Result<Prompter> {
  const marks = controlMarks(metadata)
  if (!marks.ok) return marks
  const codec = createCodec(metadata)
  if (codec.ok) return ok(codecPrompter(codec.value, marks.value))
  return codec.code === 'tokenizer-unsupported' ? ok(messagesPrompter(marks.value)) : codec
}

function clean(text: string, marks: SpecialTokens): string {
  return breakMarks(text.replace(LONE_SURROGATE, '\ufffd'), marks)
}

function codecPrompter(codec: TokenCodec, marks: SpecialTokens): Prompter {
  const { stripLeadingSpace } = codec.vocabulary
  const promptOf = (spans: readonly ChatSpan[]): Result<Prompt> => {
    const broken = spans.map((span) => (span.kind === 'plain' ? { ...span, text: clean(span.text, marks) } : span))
    const text = broken.map((span) => span.text).join('')
    return ok({ kind: 'text', text, tokens: codec.encodeSpans(broken).length })
  }
  return {
    stripLeadingSpace,
    ownBegin: true,
    prompt(messages, begun) {
      const rendered = codec.renderChat(messages)
      if (!rendered.ok) return rendered
      const last = rendered.value.at(-1)
      // After a mark llama.cpp puts the space by itself.
      const spaced = begun !== '' && stripLeadingSpace && last?.kind === 'plain' ? ` ${begun}` : begun
      return promptOf(joined([...rendered.value, { kind: 'plain', text: spaced }]))
    },
    raw(messages, begun) {
      const text = rawText(messages)
      return text.ok ? promptOf(codec.renderRaw(text.value + begun)) : text
    },
    plain: (text) => clean(text, marks),
  }
}

/** Plain texts that meet are one text to a tokenizer. */
function joined(spans: readonly ChatSpan[]): ChatSpan[] {
  const out: ChatSpan[] = []
  for (const span of spans) {
    const before = out.at(-1)
    if (span.kind === 'plain' && span.text === '') continue
    if (span.kind === 'plain' && before?.kind === 'plain')
      out[out.length - 1] = { kind: 'plain', text: before.text + span.text }
    else out.push(span)
  }
  return out
}

function messagesPrompter(marks: SpecialTokens): Prompter {
  return {
    stripLeadingSpace: false,
    ownBegin: false,
    prompt(messages, begun) {
      const oversize = refuseOversize(messages)
      if (oversize) return oversize
      // llama.cpp goes on with an answer that stands last.
      const all: readonly ChatMessage[] = begun === '' ? messages : [...messages, { role: 'assistant', content: begun }]
      return ok({
        kind: 'messages',
        messages: all.map(({ role, content }) => ({ role, content: clean(content, marks) })),
      })
    },
    raw(messages, begun) {
      const text = rawText(messages)
      return text.ok ? ok({ kind: 'text', text: clean(text.value + begun, marks), tokens: null }) : text
    },
    plain: (text) => clean(text, marks),
  }
}
