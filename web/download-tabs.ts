/**
 * Downloads across the tabs of one browser: a lock a model, so that no two tabs fetch the same bytes, and news of what the
 * others do. Knows nothing of bytes. What is heard is of this origin and version (the names carry it), and is only shown.
 */
import type { DownloadView } from './app-view.ts'
import { fail, type Result } from './wire/result.ts'

/** Of `navigator.locks`. */
export type Locks = Pick<LockManager, 'request'>

/** History: 1, first version. */
const VERSION = 1
export const DOWNLOADS_CHANNEL = `weft-downloads/${VERSION}`
const lockOf = (key: string) => `weft-download/${VERSION}/${key}`

type Message =
  | { readonly kind: 'downloads'; readonly views: readonly DownloadView[] }
  | { readonly kind: 'kept' }
  | { readonly kind: 'removed'; readonly key: string }
  | { readonly kind: 'ask'; readonly what: 'pause' | 'cancel'; readonly key: string }

export interface DownloadTabsEvents {
  readonly changed: () => void
  /** Another tab has brought a model here, or part of one, or is gone in the middle of it. */
  readonly keptChanged: () => void
  readonly removed: (key: string) => void
  readonly asked: (what: 'pause' | 'cancel', key: string) => void
}

export class DownloadTabs {
  readonly #locks: Locks | null
  readonly #channel: BroadcastChannel | null
  readonly #events: DownloadTabsEvents
  readonly #closed = new AbortController()
  /** What other tabs are at, by key. Each lives as long as the lock is held. */
  readonly #elsewhere = new Map<string, DownloadView>()
  readonly #held = new Set<string>()

  constructor(locks: Locks | null, channel: BroadcastChannel | null, events: DownloadTabsEvents) {
    this.#locks = locks
    this.#channel = channel
    this.#events = events
    channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => this.#hear(data))
  }

  get views(): readonly DownloadView[] {
    return [...this.#elsewhere.values()]
  }

  isElsewhere(key: string): boolean {
    return this.#elsewhere.has(key)
  }

  /** Waits until no tab holds the model. Where locks are refused, storage is too, and there is nobody to wait for. */
  async hold(key: string, signal: AbortSignal, work: () => Promise<Result<unknown>>): Promise<Result<unknown>> {
    if (!this.#locks) return work()
    let begun = false
    try {
      return await this.#locks.request(lockOf(key), { signal }, async () => {
        begun = true
        this.#held.add(key)
        try {
          return await work()
        } finally {
          this.#held.delete(key)
        }
      })
    } catch (error) {
      if (begun || !(error instanceof DOMException)) throw error
      return error.name === 'AbortError' ? fail('aborted', '') : work()
    }
  }

  /** What this tab is at, for the others to show. */
  tell(views: readonly DownloadView[]): void {
    const mine = views.filter(({ key }) => this.#held.has(key))
    if (mine.length > 0) this.#say({ kind: 'downloads', views: mine })
  }

  ask(what: 'pause' | 'cancel', key: string): void {
    this.#say({ kind: 'ask', what, key })
  }

  sayKeptChanged(): void {
    this.#say({ kind: 'kept' })
  }

  sayRemoved(key: string): void {
    this.#say({ kind: 'removed', key })
  }

  close(): void {
    this.#closed.abort()
    this.#channel?.close()
  }

  #say(message: Message): void {
    if (!this.#closed.signal.aborted) this.#channel?.postMessage(message)
  }

  #hear(message: Message): void {
    switch (message.kind) {
      case 'downloads':
        for (const view of message.views) this.#note({ ...view, here: false })
        this.#events.changed()
        break
      case 'kept':
        this.#events.keptChanged()
        break
      case 'removed':
        this.#events.removed(message.key)
        this.#events.keptChanged()
        break
      case 'ask':
        if (this.#held.has(message.key)) this.#events.asked(message.what, message.key)
        break
      default:
        message satisfies never
    }
  }

  #note(view: DownloadView): void {
    const isNew = !this.#elsewhere.has(view.key)
    this.#elsewhere.set(view.key, view)
    if (isNew) void this.#watch(view.key)
  }

  /** The lock is free when the download has ended, or its tab has. */
  async #watch(key: string): Promise<void> {
    try {
      await this.#locks?.request(lockOf(key), { mode: 'shared', signal: this.#closed.signal }, () => {})
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
    }
    this.#elsewhere.delete(key)
    if (!this.#closed.signal.aborted) this.#events.keptChanged()
  }
}
