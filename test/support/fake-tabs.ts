/**
 * The one fake of a browser with tabs: Web Locks and a BroadcastChannel whose tabs a test can freeze, thaw and close. A
 * frozen tab runs nothing; what was meant for it waits, in order of arrival, and its locks stay held. Real tabs are in
 * `test/e2e/tabs.test.ts`; here a test controls the moment.
 */
import type { Locks } from '../../web/schedule/election.ts'

interface Request {
  readonly tab: FakeTab
  readonly run: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

type Listener = (event: { readonly data: unknown }) => void

export class FakeTab {
  readonly listeners = new Set<Listener>()
  #frozen = false
  #closed = false
  #waiting: (() => void)[] = []

  /** A task of this tab. */
  post(task: () => void): void {
    if (this.#closed) return
    if (this.#frozen) this.#waiting.push(task)
    else setTimeout(() => (this.#frozen ? this.#waiting.push(task) : task()), 0)
  }

  freeze(): void {
    this.#frozen = true
  }

  thaw(): void {
    this.#frozen = false
    for (const task of this.#waiting.splice(0)) setTimeout(task, 0)
  }

  end(): void {
    this.#closed = true
  }
}

export class FakeTabs {
  readonly #tabs = new Set<FakeTab>()
  readonly #held = new Map<string, Request>()
  readonly #queued = new Map<string, Request[]>()

  open(): FakeTab {
    const tab = new FakeTab()
    this.#tabs.add(tab)
    return tab
  }

  /** Frees its locks at once, as a browser does. */
  close(tab: FakeTab): void {
    tab.end()
    this.#tabs.delete(tab)
    for (const [name, held] of this.#held) if (held.tab === tab) this.#free(name)
  }

  channel(tab: FakeTab): BroadcastChannel {
    const channel = {
      addEventListener: (_type: string, listener: Listener) => tab.listeners.add(listener),
      postMessage: (message: unknown) => {
        const data: unknown = structuredClone(message)
        for (const other of this.#tabs) {
          if (other === tab) continue
          other.post(() => {
            for (const listener of other.listeners) listener({ data })
          })
        }
      },
      close: () => tab.listeners.clear(),
    }
    return channel as unknown as BroadcastChannel
  }

  locks(tab: FakeTab): Locks {
    const request = (name: string, given: LockOptions | (() => unknown), work?: () => unknown) => {
      const options = typeof given === 'function' ? {} : given
      const run = typeof given === 'function' ? given : (work ?? (() => {}))
      return new Promise((resolve, reject) => {
        const asked: Request = { tab, run, resolve, reject }
        const queue = this.#queued.get(name) ?? []
        this.#queued.set(name, queue)
        options.signal?.addEventListener('abort', () => {
          const at = queue.indexOf(asked)
          if (at < 0) return
          queue.splice(at, 1)
          reject(new DOMException('', 'AbortError'))
        })
        if (!options.steal) queue.push(asked)
        else {
          const held = this.#held.get(name)
          this.#held.delete(name)
          held?.tab.post(() => held.reject(new DOMException('', 'AbortError')))
          queue.unshift(asked)
        }
        this.#grant(name)
      })
    }
    return { request } as unknown as Locks
  }

  #free(name: string): void {
    this.#held.delete(name)
    this.#grant(name)
  }

  #grant(name: string): void {
    if (this.#held.has(name)) return
    const next = this.#queued.get(name)?.shift()
    if (!next) return
    this.#held.set(name, next)
    next.tab.post(() => {
      Promise.resolve(next.run()).then((value) => {
        if (this.#held.get(name) === next) this.#free(name)
        next.resolve(value)
      }, next.reject)
    })
  }
}
