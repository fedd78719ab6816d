/**
 * The network as the browser sees it: whether it is there, and waiting for it. Asks no server, and knows nothing of what
 * it is waited for.
 */

/** `online` false is certain; true only says that there is some network. */
export const browserNetwork = {
  get online(): boolean {
    return navigator.onLine
  },
  /** Returns how to stop. */
  subscribe(listener: () => void): () => void {
    const ended = new AbortController()
    for (const type of ['online', 'offline']) addEventListener(type, listener, { signal: ended.signal })
    return () => ended.abort()
  },
}

/** Ends after so long, with the `online` event, or with the signal; offline, only with one of the last two. */
export function waitOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const ended = new AbortController()
    const end = () => {
      ended.abort()
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(() => {
      if (navigator.onLine) end()
    }, ms)
    addEventListener('online', end, { signal: ended.signal })
    signal.addEventListener('abort', end, { signal: ended.signal })
    if (signal.aborted) end()
  })
}
