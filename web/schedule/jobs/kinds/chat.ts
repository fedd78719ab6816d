/**
 * A chat as a job. It goes on elsewhere from the tokens that were shown where the worker's engine takes them, else from the
 * text.
 */
import { CommittedLog } from '../../../rules/committed.ts'
import type { ChatRequest } from '../../../wire/chat.ts'
import { type JobEvent, readChatJob, writeChatJob } from '../../../wire/job-parts.ts'
import type { JobKind } from '../../../wire/jobs.ts'
import { PROMPT_CHARACTERS_MAX } from '../../../wire/limits/engine.ts'
import { JOB_TRIES_MAX } from '../../../wire/limits/jobs.ts'
import { fail, ok } from '../../../wire/result.ts'
import type { ModelSource } from '../../engine-door.ts'
import type { JobKindRules, JobRunner, JobWork } from '../job-work.ts'

/** An engine may show the end of a text without a token of its own; once for each worker. */
const TOKENS_OVER_MAX = 2 * JOB_TRIES_MAX

export class ChatWork implements JobWork {
  readonly kind: JobKind
  readonly #request: ChatRequest
  readonly #log: CommittedLog
  #spent: number
  #characters: number

  constructor(request: ChatRequest, kind: JobKind = 'chat') {
    this.kind = kind
    this.#request = request
    this.#log = new CommittedLog(request.resume)
    this.#spent = request.resume?.spent ?? 0
    this.#characters = request.resume?.text.length ?? 0
  }

  get tokens(): number {
    return Math.min(this.#spent, this.#request.maxTokens)
  }

  get tokensLeft(): number {
    return Math.max(0, this.#request.maxTokens - this.#spent)
  }

  get left(): number {
    return this.tokensLeft
  }

  get over(): 'length' | null {
    return this.tokensLeft === 0 ? 'length' : null
  }

  take(event: JobEvent): boolean {
    if (event.kind === 'vectors') return false
    if (event.kind === 'text') {
      const spent = this.#spent + (event.tokens?.length ?? 1)
      const characters = this.#characters + event.text.length
      if (spent > this.#request.maxTokens + TOKENS_OVER_MAX || characters > PROMPT_CHARACTERS_MAX) return false
      this.#spent = spent
      this.#characters = characters
    }
    this.#log.take(event)
    return true
  }

  ask(byTokens: boolean, positions: number): string {
    const { committed } = this.#log
    const spent = this.tokens
    // Who takes less than was asked for ends the answer earlier, as an engine does at the end of its context.
    const request = { ...this.#request, maxTokens: Math.min(this.#request.maxTokens, spent + positions) }
    if (!committed) return writeChatJob(request)
    const resume = byTokens ? { ...committed, spent } : { text: committed.text, tokens: [], spent, schedule: [] }
    return writeChatJob({ ...request, resume })
  }

  run(runner: JobRunner, source: ModelSource, signal: AbortSignal): AsyncIterable<JobEvent> {
    const { committed } = this.#log
    const request = committed ? { ...this.#request, resume: committed } : this.#request
    return runner.chat(source, request, signal, { courteous: true })
  }
}

export const CHAT: JobKindRules = {
  read(text) {
    const request = readChatJob(text)
    if (!request.ok) return request
    return request.value.raw ? fail('frame-invalid', 'A chat has no raw text.') : ok(new ChatWork(request.value))
  },
}
