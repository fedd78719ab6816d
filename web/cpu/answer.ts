/**
 * One answer from prompt to end, in the worker: counts positions, plays llama.cpp's pieces on as events, and goes on
 * where a token was no text. Holds nothing between answers; stop strings are the caller's.
 */
import { fail } from '../wire/result.ts'
import { type CpuCounts, NO_COUNTS, sumCounts } from './counts.ts'
import type { CompletionEnd, Llama } from './llama.ts'
import type { Prompt, Prompter } from './prompt.ts'
import { samplingOptions } from './sampling.ts'
import type { CpuChatEvent, CpuChatRequest } from './worker-api.ts'

export interface AnswerParts {
  readonly llama: Llama
  readonly prompter: Prompter
  readonly contextPositions: number
}

const REPLACEMENT = '\ufffd'

/** Sends exactly one `end`, last. */
export async function playAnswer(
  { llama, prompter, contextPositions }: AnswerParts,
  { messages, raw, begun, sampling, maxTokens }: CpuChatRequest,
  signal: AbortSignal,
  onEvent: (event: CpuChatEvent) => void,
): Promise<void> {
  let said = begun
  let before: CpuCounts | null = null
  let atStart = begun === '' && !raw && prompter.stripLeadingSpace
  const total = (counts: CpuCounts): CpuCounts => (before ? sumCounts(before, counts) : counts)
  const show = (text: string, counts: CpuCounts) => {
    const shown = atStart && text.startsWith(' ') ? text.slice(1) : text
    atStart = false
    said += shown
    if (shown !== '') onEvent({ kind: 'text', text: shown, counts: total(counts) })
  }
  const end = (ended: CompletionEnd) => {
    const failure = ended.kind === 'error' ? ended.failure : null
    const reason = ended.kind === 'not-text' ? 'length' : ended.kind
    onEvent({ kind: 'end', reason, counts: total(ended.counts), failure, gone: llama.gone })
  }
  for (;;) {
    const prompt = raw ? prompter.raw(messages, said) : prompter.prompt(messages, said)
    if (!prompt.ok) return end({ kind: 'error', counts: NO_COUNTS, failure: prompt })
    const left = Math.min(maxTokens - (before?.madeTokens ?? 0), roomFor(prompt.value, contextPositions))
    if (left <= 0 && !before) {
      const failure = fail('context-full', `The prompt has more than ${contextPositions} tokens.`)
      return end({ kind: 'error', counts: NO_COUNTS, failure })
    }
    if (left <= 0) return end({ kind: 'length', counts: NO_COUNTS })
    const ended = await llama.complete({
      prompt: prompt.value,
      maxTokens: left,
      sampling: samplingOptions(sampling),
      signal,
      onPrefill: (done, all) => onEvent({ kind: 'prefill', done, total: all }),
      onText: withoutEcho(prompt.value, said, show),
    })
    if (ended.kind !== 'not-text') return end(ended)
    // A byte that is no character: shown as one, as the other engines do, and read again as what it was shown as.
    const counts = { ...ended.counts, madeTokens: ended.counts.madeTokens + 1 }
    show(REPLACEMENT, counts)
    before = total(counts)
  }
}

/** Tokens that an answer may have; unknown where only llama.cpp knows the tokens, and ends the answer itself. */
function roomFor(prompt: Prompt, contextPositions: number): number {
  return contextPositions - (prompt.kind === 'text' ? (prompt.tokens ?? 0) : 0)
}

type OnText = (text: string, counts: CpuCounts) => void

/** llama.cpp says an answer that it goes on with again from its beginning, where it renders the messages itself. */
function withoutEcho(prompt: Prompt, begun: string, show: OnText): OnText {
  let echo = prompt.kind === 'messages' && begun !== '' ? (prompt.messages.at(-1)?.content.length ?? 0) : 0
  return (text, counts) => {
    const rest = text.slice(echo)
    echo = Math.max(0, echo - text.length)
    if (rest !== '') show(rest, counts)
  }
}
