/**
 * The way between processes, in one process: what is told arrives as text, later and in order. It can be cut, as when Redis is
 * away; what was said meanwhile is lost.
 */
import type { ClusterWay, HubServer } from '../../signal/cluster/cluster.ts'

interface End {
  readonly io: HubServer
  readonly listeners: ((word: unknown) => void)[]
}

export class MemoryWay {
  isCut = false
  readonly #ends = new Map<ClusterWay, End>()

  end(): ClusterWay {
    const others = (give: (other: End) => void) => {
      if (this.isCut || !this.#ends.has(way)) return
      setImmediate(() => {
        for (const [to, other] of this.#ends) if (to !== way) give(other)
      })
    }
    const way: ClusterWay = {
      adapter: null,
      bus: (io) => {
        const own: End = { io, listeners: [] }
        this.#ends.set(way, own)
        return {
          tell: (word) => {
            const text = JSON.stringify(word)
            others(({ listeners }) => {
              for (const listen of listeners) listen(JSON.parse(text))
            })
          },
          hear: (listener) => void own.listeners.push(listener),
          relay: (to, relayed) => others((other) => void other.io.local.to(to).emit('relayed', relayed)),
          pairWord: (to, word) => others((other) => void other.io.local.to(to).emit('pair', word)),
          count: async () => this.#ends.size,
        }
      },
      isUp: async () => !this.isCut,
      close: async () => void this.#ends.delete(way),
    }
    return way
  }

  /** As one more process, which may say anything. */
  say(word: unknown): void {
    for (const { listeners } of this.#ends.values()) for (const listen of listeners) listen(word)
  }

  /** As a process that is killed: it says and hears nothing from now on. */
  kill(way: ClusterWay): void {
    this.#ends.delete(way)
  }
}
