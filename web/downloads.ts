/**
 * The queue of downloads of this tab: one at a time, in the order they were asked for, with pause, resume and waits while
 * the network is gone, which let the others through. A state machine over what it is given: no storage, no network, no clock and no lock of its own.
 */
import type { DownloadView } from './app-view.ts'
import { ByteRate } from './byte-rate.ts'
import type { Code } from './wire/codes.ts'
import { DOWNLOAD_RETRY_MS, DOWNLOAD_RETRY_MS_MAX, DOWNLOADS_MAX } from './wire/limits/models.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface DownloadStep {
  readonly phase: 'fetch' | 'check'
  readonly doneBytes: number
  readonly totalBytes: number
}

/** What a download is made of. */
export interface DownloadsParts {
  /** One try. `source-unreachable` and `worker-lost` are worth another one; anything else is an end. */
  fetch(key: string, onStep: (step: DownloadStep) => void, signal: AbortSignal): Promise<Result<unknown>>
  /** Holds the name of the model in all tabs for as long as `work` runs; waits until it is free. */
  hold(key: string, signal: AbortSignal, work: () => Promise<Result<unknown>>): Promise<Result<unknown>>
  /** Ends after so long, when the network comes back, or with the signal. */
  wait(ms: number, signal: AbortSignal): Promise<void>
  now(): number
  changed(): void
  /** It is wholly here. */
  done(key: string, value: unknown): void
  /** It has failed or was left. What was on the way is lost: `note` then says what is really here. */
  stopped(): void
}

interface Item {
  view: DownloadView
  /** Not asked for in this visit: it is here because bytes are. */
  readonly left: boolean
  abort: AbortController | null
  ended: Promise<void>
  /** Tells the queue that it waits for its source. */
  rest: () => void
  /** Lets it go on after such a wait, when it is its turn; null while nobody waits for that. */
  goOn: (() => void) | null
}

const WAITED_FOR: readonly Code[] = ['source-unreachable', 'worker-lost']

export class Downloads {
  readonly #parts: DownloadsParts
  /** In the order of the queue. */
  readonly #items = new Map<string, Item>()
  #busy = false

  constructor(parts: DownloadsParts) {
    this.#parts = parts
  }

  get views(): readonly DownloadView[] {
    return [...this.#items.values()].map(({ view }) => view)
  }

  has(key: string): boolean {
    return this.#items.has(key)
  }

  /** True while it is queued, under way or waiting. */
  isActive(key: string): boolean {
    const state = this.#items.get(key)?.view.state
    return state !== undefined && state !== 'paused' && state !== 'failed'
  }

  /** Puts a model at the end of the queue, again where it was paused or has failed. Refusal: `queue-full`. */
  start(key: string, name: string, doneBytes: number, totalBytes: number): Result<null> {
    const known = this.#items.get(key)
    if (this.isActive(key)) return ok(null)
    if (!known && this.#items.size >= DOWNLOADS_MAX) return fail('queue-full', `${DOWNLOADS_MAX} downloads wait.`)
    this.#items.delete(key)
    const counts = known ? known.view : { doneBytes, totalBytes }
    const view: DownloadView = { key, name, ...IDLE, state: 'queued', ...pick(counts), here: true }
    this.#items.set(key, itemOf(view, false))
    this.#parts.changed()
    void this.#pump()
    return ok(null)
  }

  /** What an earlier visit or a cut left in part. Of one that is under way, its own steps know better. */
  note(key: string, name: string, doneBytes: number, totalBytes: number): void {
    const known = this.#items.get(key)
    if (known && !this.isActive(key)) known.view = { ...known.view, doneBytes }
    if (known) return
    const view: DownloadView = { key, name, ...IDLE, state: 'paused', doneBytes, totalBytes, here: true }
    this.#items.set(key, itemOf(view, true))
  }

  /** Takes those off the list that were noted and whose bytes are gone, or whole, by now. */
  forgetLeft(stands: (key: string) => boolean): void {
    for (const [key, { left }] of this.#items) if (left && !stands(key)) this.#items.delete(key)
  }

  /** Resolves when nothing runs any more; what came stays. */
  async pause(key: string): Promise<void> {
    const item = this.#items.get(key)
    if (!item || !this.isActive(key)) return
    this.#set(item, { ...IDLE, state: 'paused' })
    item.abort?.abort()
    await item.ended
  }

  /** As `pause`, and takes it off the list. */
  async drop(key: string): Promise<void> {
    const item = this.#items.get(key)
    if (!item) return
    this.#items.delete(key)
    this.#parts.changed()
    item.abort?.abort()
    await item.ended
  }

  close(): void {
    for (const item of this.#items.values()) item.abort?.abort()
    this.#items.clear()
  }

  async #pump(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    for (;;) {
      const next = [...this.#items].find(([, { view }]) => view.state === 'queued')
      if (!next) break
      const [key, item] = next
      const rests = new Promise<void>((resolve) => {
        item.rest = resolve
      })
      if (item.goOn) item.goOn()
      else {
        item.abort = new AbortController()
        item.ended = this.#run(key, item, item.abort.signal)
      }
      await Promise.race([item.ended, rests])
    }
    this.#busy = false
  }

  async #run(key: string, item: Item, signal: AbortSignal): Promise<void> {
    const result = await this.#parts.hold(key, signal, () => this.#try(key, item, signal))
    item.abort = null
    // Paused, dropped, or queued anew since.
    if (signal.aborted || this.#items.get(key) !== item) return
    if (result.ok) {
      this.#items.delete(key)
      this.#parts.done(key, result.value)
      this.#parts.changed()
      return
    }
    if (result.code === 'aborted') this.#set(item, { ...IDLE, state: 'paused' })
    else this.#set(item, { ...IDLE, state: 'failed', code: result.code, detail: result.detail })
    this.#parts.stopped()
  }

  async #try(key: string, item: Item, signal: AbortSignal): Promise<Result<unknown>> {
    const rate = new ByteRate()
    let waitMs = DOWNLOAD_RETRY_MS
    for (;;) {
      if (signal.aborted) return fail('aborted', '')
      this.#set(item, { ...IDLE, state: 'fetching' })
      const before = item.view.doneBytes
      const onStep = ({ phase, doneBytes, totalBytes }: DownloadStep) => {
        if (signal.aborted) return
        const bytesPerSecond = rate.add(doneBytes, this.#parts.now())
        const secondsLeft =
          bytesPerSecond === null || bytesPerSecond <= 0 ? null : (totalBytes - doneBytes) / bytesPerSecond
        const state = phase === 'fetch' ? 'fetching' : 'checking'
        this.#set(item, { ...IDLE, state, doneBytes, totalBytes, bytesPerSecond, secondsLeft })
      }
      const result = await this.#parts.fetch(key, onStep, signal)
      if (result.ok || !WAITED_FOR.includes(result.code) || signal.aborted) return result
      this.#set(item, { ...IDLE, state: 'waiting', code: result.code, detail: result.detail })
      if (item.view.doneBytes > before) waitMs = DOWNLOAD_RETRY_MS
      item.rest()
      await this.#parts.wait(waitMs, signal)
      waitMs = Math.min(waitMs * 2, DOWNLOAD_RETRY_MS_MAX)
      if (!signal.aborted) await this.#turnOf(item, signal)
    }
  }

  /** In the queue once more, in its old place. Ends with the signal as well. */
  async #turnOf(item: Item, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    await new Promise<void>((resolve) => {
      item.goOn = resolve
      signal.addEventListener('abort', () => resolve(), { signal: over.signal })
      this.#set(item, { ...IDLE, state: 'queued' })
      void this.#pump()
    })
    over.abort()
    item.goOn = null
  }

  #set(item: Item, change: Partial<DownloadView>): void {
    const { code: _code, detail: _detail, ...rest } = item.view
    item.view = { ...rest, ...change }
    this.#parts.changed()
  }
}

function itemOf(view: DownloadView, left: boolean): Item {
  return { view, left, abort: null, ended: Promise.resolve(), rest: () => {}, goOn: null }
}

const IDLE = { bytesPerSecond: null, secondsLeft: null } as const

function pick({ doneBytes, totalBytes }: Pick<DownloadView, 'doneBytes' | 'totalBytes'>) {
  return { doneBytes, totalBytes }
}
