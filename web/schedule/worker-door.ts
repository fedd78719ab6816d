/**
 * A worker that can be called, can die and can be replaced: every call ends, with `worker-lost` where the worker did. The
 * worker is started by the first call, and again by the first call after its death. Knows nothing of what it computes.
 */
import * as Comlink from 'comlink'
import { type Failure, fail, type Result } from '../wire/result.ts'

interface Running<Api> {
  readonly worker: Worker
  readonly api: Comlink.Remote<Api>
  /** One for each open call: what to say to it when the worker dies. A promise of the end would keep every call alive. */
  readonly waiting: Set<(failure: Failure) => void>
  readonly end: (detail: string) => void
}

export class WorkerDoor<Api> {
  readonly #make: () => Worker
  readonly #onLost: () => void
  #running: Running<Api> | null = null

  /** `onLost`: what the worker held is gone. */
  constructor(make: () => Worker, onLost: () => void) {
    this.#make = make
    this.#onLost = onLost
  }

  /** `call` for whoever may lose interest: `aborted`, before it is asked and instead of what it answers. */
  async callUntil<T>(signal: AbortSignal, ask: (api: Comlink.Remote<Api>) => Promise<Result<T>>): Promise<Result<T>> {
    const answer = signal.aborted ? null : await this.call(ask)
    return answer === null || signal.aborted ? fail('aborted', '') : answer
  }

  /** A call into the worker that also ends when the worker does (`worker-lost`), or throws (`engine-failed`: a bug). */
  call<T>(ask: (api: Comlink.Remote<Api>) => Promise<Result<T>>): Promise<Result<T>> {
    this.#running ??= this.#start()
    const { api, waiting } = this.#running
    return new Promise((resolve) => {
      const end = (result: Result<T>) => {
        waiting.delete(resolve)
        resolve(result)
      }
      waiting.add(resolve)
      ask(api).then(end, (error: unknown) => end(fail('engine-failed', String(error))))
    })
  }

  /** A word to a running worker that nobody waits for. */
  tell(say: (api: Comlink.Remote<Api>) => Promise<unknown>): void {
    if (this.#running) void say(this.#running.api)
  }

  /** Ends the worker, for one that no longer answers. Calls under way end with `worker-lost`. */
  end(detail: string): void {
    this.#running?.end(detail)
  }

  #start(): Running<Api> {
    const worker = this.#make()
    const waiting = new Set<(failure: Failure) => void>()
    const end = (detail: string) => {
      worker.terminate()
      if (this.#running?.worker === worker) {
        this.#running = null
        this.#onLost()
      }
      for (const tell of waiting) tell(fail('worker-lost', detail))
      waiting.clear()
    }
    worker.addEventListener('error', (event) => end(event.message ?? ''))
    worker.addEventListener('messageerror', () => end('A message could not be read.'))
    return { worker, api: Comlink.wrap<Api>(worker), waiting, end }
  }
}
