/**
 * Waiting in order: `Turns` lets a few in at a time, `inLanes` works through a list with a few workers and stops at the
 * first failure, `untilAborted` lets one caller leave a wait that others share. No I/O and no timers.
 */
import { type Failure, fail } from '../wire/result.ts'

export function abortedFailure(): Failure {
  return fail('aborted', '')
}

export class Turns {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(max: number) {
    this.#free = max
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}

/** Null when every item went well, else the first failure; work under way is waited for, the rest is not begun. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<Failure | null>,
): Promise<Failure | null> {
  let next = 0
  let failure: Failure | null = null
  const lane = async () => {
    while (failure === null && next < items.length) {
      const item = items[next] as T
      next += 1
      failure = (await work(item)) ?? failure
    }
  }
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
  return failure
}

/** What `shared` gives, or the `aborted` failure as soon as the signal fires. `shared` itself goes on. */
export async function untilAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T | Failure> {
  if (!signal) return shared
  if (signal.aborted) return abortedFailure()
  const left = new AbortController()
  const aborted = new Promise<Failure>((resolve) => {
    signal.addEventListener('abort', () => resolve(abortedFailure()), { once: true, signal: left.signal })
  })
  try {
    return await Promise.race([shared, aborted])
  } finally {
    left.abort()
  }
}
