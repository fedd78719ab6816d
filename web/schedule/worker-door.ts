/**
 * A worker that can be called, can die and can be replaced: every call ends, with `worker-lost` where the worker did. The
 * worker is started by the first call, and again by the first call after its death. Knows nothing of what it computes.
 */
import * as Comlink from 'comlink'
import { type Failure, fail, type Result } from '../wire/result.ts'

interface Running<Api> {
  readonly worker: Worker
  readonly api: Comlink.Remote<Api>
  /** Resolves when the worker has died; never rejects. */
  readonly lost: Promise<Failure>
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

  /** A call into the worker that also ends when the worker does, or when the call itself throws. */
  async call<T>(ask: (api: Comlink.Remote<Api>) => Promise<Result<T>>): Promise<Result<T>> {
    this.#running ??= this.#start()
    const { api, lost } = this.#running
    return Promise.race([ask(api), lost])
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
    let end: (detail: string) => void = () => {}
    const lost = new Promise<Failure>((resolve) => {
      end = (detail) => {
        worker.terminate()
        if (this.#running?.worker === worker) {
          this.#running = null
          this.#onLost()
        }
        resolve(fail('worker-lost', detail))
      }
    })
    worker.addEventListener('error', (event) => end(event.message ?? ''))
    worker.addEventListener('messageerror', () => end('A message could not be read.'))
    return { worker, api: Comlink.wrap<Api>(worker), lost, end }
  }
}
