/**
 * Counts and times of one answer, for the line under it. The clock is passed in; nothing here knows an engine.
 */
import type { ChatEvent, Usage } from '../wire/chat.ts'
import type { Failure } from '../wire/result.ts'

export class UsageClock {
  private readonly now: () => number
  private readonly began: number
  private promptTokens = 0
  private reusedTokens = 0
  private begunTokens = 0
  private completionTokens = 0
  private firstAt: number | null = null
  private lastAt = 0

  constructor(now: () => number) {
    this.now = now
    this.began = now()
  }

  prompt(tokens: number): void {
    this.promptTokens = tokens
  }

  reused(tokens: number): void {
    this.reusedTokens = tokens
  }

  /** Tokens of the answer that an earlier engine committed: counted, not timed. */
  begun(tokens: number): void {
    this.begunTokens = tokens
  }

  token(): void {
    this.completionTokens += 1
    this.lastAt = this.now()
    this.firstAt ??= this.lastAt
  }

  /** From engines that count for themselves: a piece of text may hold several tokens, or the last one none. */
  completed(tokens: number): void {
    this.completionTokens = tokens
  }

  end(reason: 'stop' | 'length' | 'abort' | 'error', failure?: Failure): ChatEvent {
    const { firstAt, lastAt, began, promptTokens, reusedTokens, begunTokens, completionTokens } = this
    const decoded = completionTokens - 1
    const usage: Usage = {
      promptTokens,
      reusedTokens,
      prefillTokens: promptTokens - reusedTokens,
      completionTokens: begunTokens + completionTokens,
      firstTokenMs: firstAt === null ? null : firstAt - began,
      tokensPerSecond:
        firstAt === null || decoded < 1 || lastAt <= firstAt ? null : (decoded * 1000) / (lastAt - firstAt),
    }
    return failure
      ? { kind: 'end', reason, usage, code: failure.code, detail: failure.detail }
      : { kind: 'end', reason, usage }
  }
}
