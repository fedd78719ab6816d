/**
 * `TokenCodec`: text to token ids and back for one model. `encodeChat` renders the model's own chat template. Decoding
 * goes through `VocabularyBytes`, a flat table that can be transferred between threads: token id -> raw bytes. A token
 * may hold half a UTF-8 character; only `detokenizer.ts` turns bytes into text.
 */
import { rawText } from '../rules/raw-prompt.ts'
import type { ChatMessage } from '../wire/chat.ts'
import { ok, type Result } from '../wire/result.ts'

export interface VocabularyBytes {
  /** Bytes of token i: `bytes.subarray(offsets[i], offsets[i + 1])`. Control tokens are empty. */
  readonly bytes: Uint8Array
  readonly offsets: Uint32Array
  /** Tokens that end an answer: eos, eot and what the model file names. */
  readonly endTokens: readonly number[]
  /** The vocabulary puts a space before every text, so the first one of an answer is not part of it. */
  readonly stripLeadingSpace: boolean
}

/** A rendered chat in parts. `mark`: a special token that the template wrote. `plain`: all else, whatever it looks like. */
export type ChatSpan =
  | { readonly kind: 'mark'; readonly id: number; readonly text: string }
  | { readonly kind: 'plain'; readonly text: string }

export interface TokenCodec {
  readonly vocabulary: VocabularyBytes
  /**
   * Plain text; a lone surrogate counts as U+FFFD. `special`: control tokens written in the text become their ids (a
   * template's output, never a person's). `bos`: the begin token comes first where the model file asks for one.
   */
  encode(text: string, options?: { special?: boolean; bos?: boolean }): readonly number[]
  /**
   * The chat template with the generation prompt appended. Only control tokens that the template itself writes are
   * special; the same marks inside a message stay text. Refusals: `template-invalid`, `context-full`.
   */
  encodeChat(messages: readonly ChatMessage[]): Result<readonly number[]>
  /** What `encodeChat` gives ids of, begin token included, for an engine that tokenises by itself. Same refusals. */
  renderChat(messages: readonly ChatMessage[]): Result<readonly ChatSpan[]>
  /** A text to write on after: the begin token where the model file asks for one, then the text and nothing but text. */
  renderRaw(text: string): readonly ChatSpan[]
  /** The ids of `renderChat`'s spans: those of `encodeChat`. Also of `renderRaw`'s. */
  encodeSpans(spans: readonly ChatSpan[]): readonly number[]
}

/**
 * A chat whose answer has begun: its text, tokenised again, stands after the generation prompt. Where the vocabulary puts
 * a space before every text, an answer has that space too, so plain encoding gives it back.
 */
export function encodeBegun(
  codec: TokenCodec,
  messages: readonly ChatMessage[],
  begun: string,
): Result<readonly number[]> {
  const chat = codec.encodeChat(messages)
  if (!chat.ok || begun === '') return chat
  return ok([...chat.value, ...codec.encode(begun, { special: false, bos: false })])
}

/** A raw prompt; what was written after it so far is one text with it. Refusals: those of `rawText`. */
export function encodeRaw(
  codec: TokenCodec,
  messages: readonly ChatMessage[],
  begun: string,
): Result<readonly number[]> {
  const text = rawText(messages)
  return text.ok ? ok(codec.encodeSpans(codec.renderRaw(text.value + begun))) : text
}
