/** What the server says of jobs later, to whoever waits for that job. What nobody waits for is of no use. */
import type { JobId, JobWord } from '../../wire/jobs.ts'

export class JobWords {
  readonly #listeners = new Map<JobId, (word: JobWord) => void>()

  /** Returns how to stop. */
  listen(job: JobId, listener: (word: JobWord) => void): () => void {
    this.#listeners.set(job, listener)
    return () => this.#listeners.delete(job)
  }

  hear(word: JobWord): void {
    this.#listeners.get(word.job)?.(word)
  }
}
