/**
 * Which tab writes an answer: it holds a lock of the answer's name, which the browser takes from it when it dies. Where
 * there are no locks, every other tab counts as gone: its own next word puts that right.
 */
type Locks = Pick<LockManager, 'request'>

export interface Writers {
  /** Returns how to let go. */
  hold(answerId: string): () => void
  /** Resolves when no tab writes it, at once where none does; never after an abort. */
  gone(answerId: string, signal: AbortSignal): Promise<void>
}

const nameOf = (answerId: string) => `weft-writes-${answerId}`

/** `locks`: null where the browser has none. */
export function writersOf(locks: Locks | null): Writers {
  return {
    hold(answerId) {
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      // A browser that refuses locks refuses storage too: nothing is kept that another tab could see.
      locks?.request(nameOf(answerId), { mode: 'shared' }, () => held).catch(() => {})
      return release
    },
    gone(answerId, signal) {
      if (!locks) return Promise.resolve()
      return new Promise((resolve) => {
        locks.request(nameOf(answerId), { signal }, () => resolve()).catch(() => signal.aborted || resolve())
      })
    },
  }
}
