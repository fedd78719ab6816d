/**
 * Whole messages over one data channel: cut into slices, urgent ones first, never more in the browser's buffer than the
 * wire takes, joined again at the other end. Works in a page and in a worker, on whatever keeps the promises of
 * `DataChannel`. Knows nothing of peers, frames and signalling.
 *
 * Why slices: at 50 ms there and back, one message of 16 KiB takes 266 ms and the same bytes in four of 4 KiB take 55 ms.
 * Why own backpressure: Chromium closes a channel whose buffer reaches 16 MiB.
 */
import {
  BULK_SLICE_BYTES,
  PEER_FRAME_BYTES_MAX,
  PIPE_BUFFER_HIGH_BYTES,
  PIPE_BUFFER_LOW_BYTES,
  PIPE_QUEUE_BYTES_MAX,
  URGENT_SLICE_BYTES,
} from '../wire/limits/links.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { cutIntoSlices, SliceJoiner } from '../wire/slices.ts'

/** `now`: somebody waits for it. `bulk`: weights, long prefills. */
export type Urgency = 'now' | 'bulk'

/** The part of `RTCDataChannel` that is used: ordered and reliable. */
export interface DataChannel {
  readonly readyState: 'connecting' | 'open' | 'closing' | 'closed'
  readonly bufferedAmount: number
  bufferedAmountLowThreshold: number
  binaryType: string
  send(bytes: Uint8Array<ArrayBuffer>): void
  close(): void
  addEventListener(type: 'open' | 'bufferedamountlow' | 'close' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
}

export interface PipeStats {
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Taken by `send` and not yet by the channel. */
  readonly queuedBytes: number
}

export interface Pipe {
  /**
   * Resolves when the last of the message was handed to the channel, which is when there is room for the next: a caller that
   * waits never fills memory. Refusals: `link-closed`, `link-congested` (nothing was sent), `message-too-large`.
   */
  send(message: Uint8Array, urgency: Urgency): Promise<Result<null>>
  /** One listener; messages that came before wait for it. It owns the bytes. */
  onMessage(listener: (message: Uint8Array) => void): void
  /** Idempotent, the only exit. */
  close(reason: Failure): void
  /** Why it ended; resolves once. */
  readonly closed: Promise<Failure>
  readonly stats: PipeStats
}

/** How messages are cut, and how much of them the browser's buffer takes: full at the first, filled again from the second. */
export interface PipeSizes {
  readonly sliceBytes: Readonly<Record<Urgency, number>>
  readonly bufferHighBytes: number
  readonly bufferLowBytes: number
}

const SIZES: PipeSizes = {
  sliceBytes: { now: URGENT_SLICE_BYTES, bulk: BULK_SLICE_BYTES },
  bufferHighBytes: PIPE_BUFFER_HIGH_BYTES,
  bufferLowBytes: PIPE_BUFFER_LOW_BYTES,
}

interface Outgoing {
  readonly slices: Iterator<Uint8Array>
  next: Uint8Array
  readonly settle: (result: Result<null>) => void
}

export class ChannelPipe implements Pipe {
  readonly closed: Promise<Failure>
  readonly #channel: DataChannel
  readonly #messageBytesMax: number
  readonly #sizes: PipeSizes
  readonly #joiner: SliceJoiner
  readonly #queues: Readonly<Record<Urgency, Outgoing[]>> = { now: [], bulk: [] }
  readonly #early: Uint8Array[] = []
  #listener: ((message: Uint8Array) => void) | null = null
  #end: Failure | null = null
  #resolveClosed: (reason: Failure) => void = () => {}
  #messages = 0
  #sent = 0
  #received = 0
  #queued = 0
  #earlyBytes = 0

  constructor(channel: DataChannel, messageBytesMax = PEER_FRAME_BYTES_MAX, sizes = SIZES) {
    this.#channel = channel
    this.#messageBytesMax = messageBytesMax
    this.#sizes = sizes
    const { now, bulk } = sizes.sliceBytes
    this.#joiner = new SliceJoiner(messageBytesMax, Math.min(now, bulk))
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = sizes.bufferLowBytes
    channel.addEventListener('open', () => this.#pump())
    channel.addEventListener('bufferedamountlow', () => this.#pump())
    channel.addEventListener('close', () => this.close(fail('link-closed', 'The other side is gone.')))
    channel.addEventListener('error', () => this.close(fail('link-closed', 'The connection broke.')))
    channel.addEventListener('message', ({ data }) => this.#take(data))
    if (channel.readyState === 'closing' || channel.readyState === 'closed') {
      this.close(fail('link-closed', 'It was closed before it was used.'))
    }
  }

  get stats(): PipeStats {
    return { sentBytes: this.#sent, receivedBytes: this.#received, queuedBytes: this.#queued }
  }

  send(message: Uint8Array, urgency: Urgency): Promise<Result<null>> {
    if (this.#end) return Promise.resolve(this.#end)
    if (message.length > this.#messageBytesMax) {
      return Promise.resolve(fail('message-too-large', `It has ${message.length} bytes.`))
    }
    if (this.#queued + message.length > PIPE_QUEUE_BYTES_MAX) {
      return Promise.resolve(fail('link-congested', `${this.#queued} bytes are waiting.`))
    }
    this.#queued += message.length
    const slices = cutIntoSlices(this.#number(), message, this.#sizes.sliceBytes[urgency])
    return new Promise((settle) => {
      const first = slices.next()
      if (first.done) {
        settle(ok(null))
        return
      }
      const taken = (result: Result<null>) => {
        this.#queued -= message.length
        settle(result)
      }
      this.#queues[urgency].push({ slices, next: first.value, settle: taken })
      this.#pump()
    })
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#listener = listener
    this.#earlyBytes = 0
    for (const message of this.#early.splice(0)) listener(message)
  }

  close(reason: Failure): void {
    if (this.#end) return
    this.#end = reason
    for (const queue of [this.#queues.now, this.#queues.bulk]) {
      for (const { settle } of queue.splice(0)) settle(reason)
    }
    this.#early.length = 0
    this.#channel.close()
    this.#resolveClosed(reason)
  }

  #number(): number {
    this.#messages = (this.#messages + 1) >>> 0
    return this.#messages
  }

  /** Slices of urgent messages go before those of bulk, also in the middle of one. */
  #pump(): void {
    const { now, bulk } = this.#queues
    while (!this.#end && this.#channel.readyState === 'open') {
      const queue = now.length > 0 ? now : bulk
      const outgoing = queue[0]
      if (!outgoing || this.#channel.bufferedAmount >= this.#sizes.bufferHighBytes) return
      try {
        this.#channel.send(outgoing.next as Uint8Array<ArrayBuffer>)
      } catch (error) {
        this.close(fail('link-closed', String(error)))
        return
      }
      this.#sent += outgoing.next.length
      const following = outgoing.slices.next()
      if (following.done) {
        queue.shift()
        outgoing.settle(ok(null))
      } else outgoing.next = following.value
    }
  }

  #take(data: unknown): void {
    if (this.#end) return
    const message = this.#join(data)
    if (!message.ok) this.close(message)
    else if (message.value) this.#hand(message.value)
  }

  #join(data: unknown): Result<Uint8Array | null> {
    if (!(data instanceof ArrayBuffer)) return fail('frame-invalid', 'A peer sent text where bytes were due.')
    this.#received += data.byteLength
    return this.#joiner.take(new Uint8Array(data))
  }

  #hand(message: Uint8Array): void {
    if (this.#listener) {
      this.#listener(message)
      return
    }
    this.#earlyBytes += message.length
    if (this.#earlyBytes <= this.#messageBytesMax) this.#early.push(message)
    else this.close(fail('frame-invalid', 'A peer sent before it was asked.'))
  }
}
