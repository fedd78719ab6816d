/** Remembers the workers that an engine starts, so that a test can end the newest one as a crash would. */
export class WorkerLog {
  #newest: Worker | null = null

  add(worker: Worker): Worker {
    this.#newest = worker
    return worker
  }

  /** `terminate` alone is silent; a browser that loses a worker says `error`. */
  crash(): void {
    this.#newest?.terminate()
    this.#newest?.dispatchEvent(new ErrorEvent('error', { message: 'The test ended the worker.' }))
  }
}
