/** Vectors of texts as a job. It goes on elsewhere with the texts that have no vector yet. */
import type { Usage } from '../../../wire/chat.ts'
import { NO_USAGE } from '../../../wire/chat.ts'
import { type JobEvent, readTextsJob, writeTextsJob } from '../../../wire/job-parts.ts'
import { JOB_PART_BYTES_MAX, JOB_TEXTS_AT_ONCE } from '../../../wire/limits/jobs.ts'
import { type Failure, ok } from '../../../wire/result.ts'
import type { ModelSource } from '../../engine-door.ts'
import type { JobKindRules, JobRunner, JobWork } from '../job-work.ts'

export class EmbeddingWork implements JobWork {
  readonly kind = 'embedding'
  readonly tokens = 0
  readonly tokensLeft = 0
  readonly #texts: readonly string[]
  #done = 0
  #width: number | null = null
  #promptTokens = 0

  constructor(texts: readonly string[]) {
    this.#texts = texts
  }

  get left(): number {
    return this.#texts.length - this.#done
  }

  get over(): 'stop' | null {
    return this.left === 0 ? 'stop' : null
  }

  /** All vectors of a model are of one length. */
  take(event: JobEvent): boolean {
    if (event.kind === 'end') return event.reason !== 'stop' || this.#done === this.#texts.length
    if (event.kind !== 'vectors') return event.kind === 'notice' || event.kind === 'answerer'
    const width = this.#width ?? event.vectors[0]?.length ?? 0
    const done = this.#done + event.vectors.length
    if (done > this.#texts.length || event.vectors.some(({ length }) => length !== width)) return false
    this.#width = width
    this.#done = done
    return true
  }

  ask(): string {
    return writeTextsJob(this.#texts.slice(this.#done))
  }

  async *run(runner: JobRunner, source: ModelSource, signal: AbortSignal): AsyncGenerator<JobEvent, void, undefined> {
    for (let at = this.#done; at < this.#texts.length; at += JOB_TEXTS_AT_ONCE) {
      const texts = this.#texts.slice(at, at + JOB_TEXTS_AT_ONCE)
      const made = await runner.embed(source, texts, signal, { courteous: true })
      if (!made.ok) return yield endOf(made, this.#usage)
      this.#promptTokens += made.value.promptTokens
      for (const vectors of inParts(made.value.vectors)) yield { kind: 'vectors', vectors }
    }
    yield { kind: 'end', reason: 'stop', usage: this.#usage }
  }

  get #usage(): Usage {
    return { ...NO_USAGE, promptTokens: this.#promptTokens, prefillTokens: this.#promptTokens }
  }
}

export const EMBEDDING: JobKindRules = {
  read(text) {
    const texts = readTextsJob(text)
    return texts.ok ? ok(new EmbeddingWork(texts.value)) : texts
  },
}

function endOf({ code, detail }: Failure, usage: Usage): JobEvent {
  const reason = code === 'aborted' || code === 'owner-first' ? 'abort' : 'error'
  return { kind: 'end', reason, usage, code, detail }
}

/** As many as fit one part: six bytes a value are more than they take as text. */
function* inParts(vectors: readonly Float32Array[]): Generator<readonly Float32Array[]> {
  const many = Math.max(1, Math.floor(JOB_PART_BYTES_MAX / (6 * (vectors[0]?.length ?? 1) + 64)))
  for (let at = 0; at < vectors.length; at += many) yield vectors.slice(at, at + many)
}
