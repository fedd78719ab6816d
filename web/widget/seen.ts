/**
 * Whether the line that says what runs is in the visitor's sight: what others are given rests while it is not. A frame that is not
 * drawn at all hears of no change, so that the beat of its drawing is listened to as well. Measures; decides nothing.
 */
const BEAT_MS = 1_000
/** A page that is busy draws late; one that is not drawn does not draw at all. */
const BEATS_MISSED_MAX = 4

export class Seen {
  #inSight = false
  #shown = true
  #drawnMs = performance.now()
  #last = false
  readonly #listeners = new Set<(seen: boolean) => void>()
  #beat: ReturnType<typeof setInterval> | undefined

  /** By the observer of that line. */
  set inSight(inSight: boolean) {
    this.#inSight = inSight
    this.#tell()
  }

  /** By the page's word that its panel is open. */
  set shown(shown: boolean) {
    this.#shown = shown
    this.#tell()
  }

  /** Calls back at once and after every change. Returns how to stop. */
  readonly watch = (onChange: (seen: boolean) => void): (() => void) => {
    this.#tell()
    this.#listeners.add(onChange)
    this.#beat ??= setInterval(() => this.#listen(), BEAT_MS)
    document.addEventListener('visibilitychange', this.#tell)
    this.#draw()
    onChange(this.#last)
    return () => {
      this.#listeners.delete(onChange)
      if (this.#listeners.size > 0) return
      clearInterval(this.#beat)
      this.#beat = undefined
      document.removeEventListener('visibilitychange', this.#tell)
    }
  }

  /** Whether it is so within this time, in a frame that is drawn. */
  readonly soon = (msMax: number): Promise<boolean> =>
    new Promise((resolve) => {
      const ended = new AbortController()
      const timer = setTimeout(() => end(false), msMax)
      const end = (seen: boolean) => {
        clearTimeout(timer)
        ended.abort()
        resolve(seen)
      }
      requestAnimationFrame(() => {
        if (ended.signal.aborted) return
        this.#drawnMs = performance.now()
        const stop = this.watch((seen) => seen && end(true))
        if (ended.signal.aborted) stop()
        else ended.signal.addEventListener('abort', stop)
      })
    })

  get #now(): boolean {
    const drawn = performance.now() - this.#drawnMs < BEAT_MS * BEATS_MISSED_MAX
    return this.#inSight && this.#shown && drawn && document.visibilityState === 'visible'
  }

  #draw(): void {
    requestAnimationFrame(() => {
      this.#drawnMs = performance.now()
      this.#tell()
    })
  }

  #listen(): void {
    this.#draw()
    this.#tell()
  }

  readonly #tell = (): void => {
    if (this.#now === this.#last) return
    this.#last = this.#now
    for (const listener of [...this.#listeners]) listener(this.#last)
  }
}
