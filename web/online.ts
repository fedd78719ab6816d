/** Waiting for the network: a time, cut short when the browser says that it is back. Knows nothing of what is waited for. */

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
