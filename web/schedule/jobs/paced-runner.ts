/**
 * Computes jobs for a share of the time only: after what was computed it rests as long as the share asks for, so that the GPU
 * is the person's meanwhile. An engine computes a few tokens ahead of its reader, also while that one rests; so a token
 * counts as long as one takes here by itself, not as long as it was waited for. One job at a time; knows no clock of its own.
 */
import type { ChatEvent, ChatRequest, Embeddings } from '../../wire/chat.ts'
import { DUTY_REST_MS_MIN } from '../../wire/limits/giving.ts'
import type { Result } from '../../wire/result.ts'
import type { Manners, ModelSource } from '../engine-door.ts'
import type { JobRunner } from './job-work.ts'

export interface JobPace {
  /** Of the time, 1 for all of it. */
  readonly duty: number
  /** What one token of an answer takes by itself, in ms; null where that was not measured. */
  readonly tokenMs: number | null
}

export interface PacedRunnerParts {
  readonly runner: JobRunner
  readonly nowMs: () => number
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
}

export class PacedRunner implements JobRunner {
  /** From the next token on. */
  pace: JobPace = { duty: 1, tokenMs: null }
  readonly #parts: PacedRunnerParts
  /** Rest that is due; what passes without computing is taken off it. */
  #owedMs = 0
  /** When that was last worked out. */
  #sinceMs = 0

  constructor(parts: PacedRunnerParts) {
    this.#parts = parts
  }

  async *chat(
    source: ModelSource,
    request: ChatRequest,
    signal: AbortSignal,
    manners?: Manners,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    await this.#rest(signal)
    for await (const event of this.#parts.runner.chat(source, request, signal, manners)) {
      this.#computed(event.kind === 'text' ? (event.tokens?.length ?? 1) : null)
      yield event
      if (event.kind !== 'end') await this.#rest(signal)
    }
  }

  async embed(
    source: ModelSource,
    texts: readonly string[],
    signal: AbortSignal,
    manners?: Manners,
  ): Promise<Result<Embeddings>> {
    await this.#rest(signal)
    const made = await this.#parts.runner.embed(source, texts, signal, manners)
    this.#computed(null)
    return made
  }

  /** `tokens` of an answer, or something else that took all the time since the last look. */
  #computed(tokens: number | null): void {
    const { duty, tokenMs } = this.pace
    const passedMs = this.#pass()
    const busyMs = tokens === null || tokenMs === null ? passedMs : tokens * tokenMs
    this.#owedMs = duty >= 1 ? 0 : Math.max(0, this.#owedMs + busyMs / duty - passedMs)
  }

  async #rest(signal: AbortSignal): Promise<void> {
    this.#owedMs = Math.max(0, this.#owedMs - this.#pass())
    if (this.#owedMs < DUTY_REST_MS_MIN || signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        stop()
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const stop = this.#parts.every(this.#owedMs, wake)
      signal.addEventListener('abort', wake, { once: true })
    })
    this.#owedMs = Math.max(0, this.#owedMs - this.#pass())
  }

  /** Milliseconds since this was called last. */
  #pass(): number {
    const nowMs = this.#parts.nowMs()
    const passedMs = nowMs - this.#sinceMs
    this.#sinceMs = nowMs
    return passedMs
  }
}
