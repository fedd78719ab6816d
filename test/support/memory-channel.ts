/**
 * Two ends of a data channel in memory: ordered and reliable like the real one, with a delay, a buffer that drains at a
 * rate, and a cut, all under the test's clock. The one fake channel.
 */
import type { DataChannel } from '../../web/mesh/pipe.ts'

/** Calls back later; the test decides when that is. */
export type Later = (delayMs: number, run: () => void) => void

export interface MemoryLine {
  readonly later: Later
  /** One way. */
  readonly delayMs: number
  /** How fast a buffer drains. */
  readonly bytesPerMs: number
  /** Nothing passes any more, and nobody is told: one end is frozen, or the network drops all. */
  readonly silent?: () => boolean
}

type Type = 'open' | 'bufferedamountlow' | 'close' | 'error' | 'message'

export class MemoryChannel implements DataChannel {
  readyState: DataChannel['readyState'] = 'open'
  bufferedAmount = 0
  bufferedAmountLowThreshold = 0
  binaryType = 'arraybuffer'
  /** The most that ever lay in the buffer. */
  peakBufferedBytes = 0
  /** Sizes of all that was sent, in order. */
  readonly sizes: number[] = []
  readonly #line: MemoryLine
  readonly #listeners = new Map<Type, ((event: { readonly data: unknown }) => void)[]>()
  #other: MemoryChannel | null = null
  #draining = false
  readonly #buffer: Uint8Array[] = []

  constructor(line: MemoryLine) {
    this.#line = line
  }

  static pair(line: MemoryLine): readonly [MemoryChannel, MemoryChannel] {
    const [a, b] = [new MemoryChannel(line), new MemoryChannel(line)]
    a.#other = b
    b.#other = a
    return [a, b]
  }

  addEventListener(type: Type, listener: (event: { readonly data: unknown }) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  send(bytes: Uint8Array): void {
    if (this.readyState !== 'open') throw new DOMException('', 'InvalidStateError')
    this.sizes.push(bytes.length)
    this.#buffer.push(bytes)
    this.bufferedAmount += bytes.length
    this.peakBufferedBytes = Math.max(this.peakBufferedBytes, this.bufferedAmount)
    this.#drain()
  }

  /** Hands anything to the other end, as a peer that does not keep to the format would. */
  inject(data: unknown): void {
    this.#other?.fire('message', data)
  }

  close(): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.#buffer.length = 0
    const other = this.#other
    this.#line.later(this.#line.delayMs, () => {
      if (!other || other.readyState === 'closed' || this.#line.silent?.()) return
      other.readyState = 'closed'
      other.fire('close', null)
    })
  }

  #drain(): void {
    const bytes = this.#buffer[0]
    if (this.#draining || !bytes) return
    this.#draining = true
    this.#line.later(bytes.length / this.#line.bytesPerMs, () => {
      this.#draining = false
      if (this.readyState !== 'open') return
      this.#buffer.shift()
      const before = this.bufferedAmount
      this.bufferedAmount -= bytes.length
      const low = this.bufferedAmountLowThreshold
      this.#line.later(this.#line.delayMs, () => {
        const other = this.#other
        if (other && other.readyState === 'open' && !this.#line.silent?.()) other.fire('message', bytes.buffer)
      })
      if (before > low && this.bufferedAmount <= low) this.fire('bufferedamountlow', null)
      this.#drain()
    })
  }

  /** Tells the listeners of this end. */
  fire(type: Type, data: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ data })
  }
}
