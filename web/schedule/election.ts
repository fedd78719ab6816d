/**
 * Which tab of this browser owns the engine: the one that holds a Web Lock. Tabs queue for it, so that the next one has
 * it as soon as the owner is closed or has crashed. A frozen owner keeps its lock; whoever finds it silent steals it. This
 * file knows locks and nothing of engines or messages.
 */
import { OWNER_LOCK } from './tab-wire.ts'

/** Of `navigator.locks`. */
export type Locks = Pick<LockManager, 'request'>

export interface ElectionEvents {
  readonly onOwner: () => void
  /** Another tab stepped over this one. It queues again by itself. */
  readonly onLost: () => void
  /** The browser refuses locks, as it does where it refuses storage: every tab is alone. */
  readonly onRefused: () => void
}

export class Election {
  readonly #locks: Locks
  readonly #events: ElectionEvents
  readonly #closed = new AbortController()
  #queued = new AbortController()
  #release: (() => void) | null = null

  constructor(locks: Locks, events: ElectionEvents) {
    this.#locks = locks
    this.#events = events
  }

  get isOwner(): boolean {
    return this.#release !== null
  }

  /** Takes a place in the queue. */
  enter(): void {
    this.#queued = new AbortController()
    const signal = AbortSignal.any([this.#queued.signal, this.#closed.signal])
    void this.#hold({ signal })
  }

  /** Takes the lock at once, from whoever holds it. */
  steal(): void {
    if (this.isOwner || this.#closed.signal.aborted) return
    this.#queued.abort()
    void this.#hold({ steal: true })
  }

  close(): void {
    this.#closed.abort()
    this.#release?.()
  }

  async #hold(options: LockOptions): Promise<void> {
    let held = false
    try {
      await this.#locks.request(OWNER_LOCK, options, async () => {
        held = true
        const ended = new Promise<void>((resolve) => (this.#release = resolve))
        this.#events.onOwner()
        await ended
      })
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      // An abort: stolen, or given up while it was queued.
      if (error.name !== 'AbortError') {
        this.#events.onRefused()
        return
      }
    }
    if (!held) return
    this.#release = null
    if (this.#closed.signal.aborted) return
    this.#events.onLost()
    this.enter()
  }
}

/**
 * Of a frame in another site, which never holds the engines of Weft's own tabs: that site could end it at any moment. It waits until
 * nobody owns them, or until the owner is silent, and runs its own from then on.
 */
export class GuestElection implements Pick<Election, 'enter' | 'steal' | 'close'> {
  readonly #locks: Locks
  readonly #events: Pick<ElectionEvents, 'onRefused'>
  readonly #closed = new AbortController()

  constructor(locks: Locks, events: Pick<ElectionEvents, 'onRefused'>) {
    this.#locks = locks
    this.#events = events
  }

  enter(): void {
    this.#locks.request(OWNER_LOCK, { signal: this.#closed.signal }, () => this.#leave()).catch(() => this.#leave())
  }

  steal(): void {
    this.#leave()
  }

  close(): void {
    this.#closed.abort()
  }

  #leave(): void {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    this.#events.onRefused()
  }
}
