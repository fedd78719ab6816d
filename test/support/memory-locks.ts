/** Locks of one browser in memory, as `navigator.locks` gives them to its tabs: what a tab holds goes with it. */
import type { OutboxLocks } from '../../web/schedule/receipts/outbox-tabs.ts'

interface Wait {
  readonly begin: () => Promise<unknown>
  readonly tab: unknown
}

export class MemoryLocks {
  readonly #held = new Map<string, unknown>()
  readonly #waiting = new Map<string, Wait[]>()

  of(tab: unknown): OutboxLocks {
    const request = async (name: string, ...rest: readonly unknown[]): Promise<unknown> => {
      const work = rest.at(-1) as () => Promise<unknown>
      const { signal } = (rest.length > 1 ? rest[0] : {}) as { signal?: AbortSignal }
      return new Promise((resolve, reject) => {
        const wait: Wait = { tab, begin: () => work().then(resolve, reject) }
        this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), wait])
        signal?.addEventListener('abort', () => {
          const waiting = this.#waiting.get(name) ?? []
          if (!waiting.includes(wait)) return
          this.#waiting.set(
            name,
            waiting.filter((one) => one !== wait),
          )
          reject(new DOMException('', 'AbortError'))
        })
        this.#next(name)
      })
    }
    const query = async () => ({ held: [...this.#held.keys()].map((name) => ({ name, mode: 'exclusive' as const })) })
    return { request, query } as OutboxLocks
  }

  /** The tab is closed. */
  lose(tab: unknown): void {
    for (const [name, holder] of [...this.#held]) {
      if (holder !== tab) continue
      this.#held.delete(name)
      this.#next(name)
    }
  }

  #next(name: string): void {
    if (this.#held.has(name)) return
    const [first, ...others] = this.#waiting.get(name) ?? []
    if (!first) return
    this.#waiting.set(name, others)
    this.#held.set(name, first.tab)
    void first.begin().finally(() => {
      if (this.#held.get(name) === first.tab) this.#held.delete(name)
      this.#next(name)
    })
  }
}
