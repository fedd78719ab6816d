/**
 * What a whole model here answers and how fast: short runs for nobody before it is offered, and again where a hidden tab may
 * have become slower. Courteous as jobs are: the person at this device goes first, and a run that gave way begins again.
 * Nothing of it is kept.
 */
import type { ChatEvent, ChatRequest } from '../../wire/chat.ts'
import type { JobKind } from '../../wire/jobs.ts'
import { JOB_MEASURE_TOKENS, JOB_MEASURE_WORDS } from '../../wire/limits/jobs.ts'
import { fail, ok, type Result } from '../../wire/result.ts'
import type { ModelSource } from '../engine-door.ts'
import type { JobRunner } from './job-work.ts'

export interface WholeMeasure {
  readonly kinds: readonly JobKind[]
  /** Null where the run was too short to tell, and of a model that only makes vectors. */
  readonly tokensPerSecond: number | null
  readonly prefillTokensPerSecond: number | null
}

type End = Extract<ChatEvent, { readonly kind: 'end' }>

const COURTEOUS = { courteous: true }
const CHATS: readonly JobKind[] = ['chat', 'completion']

/** Refusals: those of the engine; `aborted`. */
export async function measureWhole(
  runner: JobRunner,
  source: ModelSource,
  signal: AbortSignal,
): Promise<Result<WholeMeasure>> {
  // The first run compiles what is not compiled yet. Its words are others, so that the second has all of its own to read.
  const first = await runFor(runner, source, askFor('Hello.', 1), signal)
  const embeds = await runner.embed(source, ['Hello.'], signal, COURTEOUS)
  const kinds: readonly JobKind[] = [...(first.ok ? CHATS : []), ...(embeds.ok ? (['embedding'] as const) : [])]
  if (!first.ok) {
    return kinds.length > 0 ? ok({ kinds, tokensPerSecond: null, prefillTokensPerSecond: null }) : first
  }
  const second = await runFor(runner, source, askFor('thread '.repeat(JOB_MEASURE_WORDS), JOB_MEASURE_TOKENS), signal)
  if (!second.ok) return second
  const { tokensPerSecond, prefillTokens, firstTokenMs } = second.value.usage
  const prefill = firstTokenMs && prefillTokens > 0 ? (1_000 * prefillTokens) / firstTokenMs : null
  return ok({ kinds, tokensPerSecond, prefillTokensPerSecond: prefill })
}

/** Of single tokens, one after the other, in ms. Empty where the model writes none. Refusals: as `measureWhole`. */
export async function measureTokens(
  runner: JobRunner,
  source: ModelSource,
  nowMs: () => number,
  signal: AbortSignal,
): Promise<Result<readonly number[]>> {
  const times: number[] = []
  let sinceMs: number | null = null
  const onText = (tokens: number) => {
    const now = nowMs()
    if (sinceMs !== null) times.push((now - sinceMs) / tokens)
    sinceMs = now
  }
  const run = await runFor(runner, source, askFor('Hello.', JOB_MEASURE_TOKENS), signal, onText)
  return run.ok ? ok(times) : run
}

async function runFor(
  runner: JobRunner,
  source: ModelSource,
  request: ChatRequest,
  signal: AbortSignal,
  onText: (tokens: number) => void = () => {},
): Promise<Result<End>> {
  for (;;) {
    let end: End | null = null
    for await (const event of runner.chat(source, request, signal, COURTEOUS)) {
      if (event.kind === 'text') onText(event.tokens?.length ?? 1)
      if (event.kind === 'end') end = event
    }
    if (!end || signal.aborted) return fail('aborted', '')
    if (end.reason === 'stop' || end.reason === 'length') return ok(end)
    if (end.code !== 'owner-first') return fail(end.code ?? 'engine-failed', end.detail ?? '')
  }
}

function askFor(content: string, maxTokens: number): ChatRequest {
  const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0n }
  return { messages: [{ role: 'user', content }], sampling, maxTokens, stop: [] }
}
