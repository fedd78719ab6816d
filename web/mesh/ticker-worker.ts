/** Ticks for a page whose own timers the browser slows down while it is hidden. Says the id of a timer when it is due. */
export interface TickerWish {
  readonly id: number
  /** Null stops it. */
  readonly ms: number | null
}

const timers = new Map<number, ReturnType<typeof setInterval>>()

addEventListener('message', ({ data }: MessageEvent<TickerWish>) => {
  const { id, ms } = data
  clearInterval(timers.get(id))
  timers.delete(id)
  if (ms !== null) timers.set(id, setInterval(postMessage, ms, id))
})
