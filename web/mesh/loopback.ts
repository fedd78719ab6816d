/**
 * A link between a tab and itself, for whoever is asker and stage at once: two ends in one page that keep the promises of
 * `Link`. What goes over it is written and read as on any other, so that both ends own what they have and nothing that is
 * refused elsewhere passes here. Nothing leaves the page.
 */
import { PEER_FRAME_BYTES_MAX, PIPE_QUEUE_BYTES_MAX } from '../wire/limits/links.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { type Link, PipeLink } from './link.ts'
import type { Pipe, PipeStats, Urgency } from './pipe.ts'

/** Each end with the name of the other. */
export function loopback(a: string, b: string): readonly [toB: Link, toA: Link] {
  const [controlA, controlB] = pipes()
  const [tensorsA, tensorsB] = pipes()
  return [new PipeLink(b, controlA, tensorsA), new PipeLink(a, controlB, tensorsB)]
}

function pipes(): readonly [LoopbackPipe, LoopbackPipe] {
  const [a, b] = [new LoopbackPipe(), new LoopbackPipe()]
  a.other = b
  b.other = a
  return [a, b]
}

interface Outgoing {
  readonly message: Uint8Array
  readonly settle: (result: Result<null>) => void
}

class LoopbackPipe implements Pipe {
  other: LoopbackPipe | null = null
  readonly closed: Promise<Failure>
  readonly #queues: Readonly<Record<Urgency, Outgoing[]>> = { now: [], bulk: [] }
  readonly #early: Uint8Array[] = []
  #listener: ((message: Uint8Array) => void) | null = null
  #end: Failure | null = null
  #resolveClosed: (reason: Failure) => void = () => {}
  #pumping = false
  #sent = 0
  #received = 0
  #queued = 0
  #earlyBytes = 0

  constructor() {
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
  }

  get stats(): PipeStats {
    return { sentBytes: this.#sent, receivedBytes: this.#received, queuedBytes: this.#queued }
  }

  send(message: Uint8Array, urgency: Urgency): Promise<Result<null>> {
    if (this.#end) return Promise.resolve(this.#end)
    if (message.length > PEER_FRAME_BYTES_MAX) {
      return Promise.resolve(fail('message-too-large', `It has ${message.length} bytes.`))
    }
    if (this.#queued + message.length > PIPE_QUEUE_BYTES_MAX) {
      return Promise.resolve(fail('link-congested', `${this.#queued} bytes are waiting.`))
    }
    this.#queued += message.length
    return new Promise((settle) => {
      this.#queues[urgency].push({ message, settle })
      // Never while the caller still runs: nobody hears an answer before it has asked.
      if (!this.#pumping) queueMicrotask(() => this.#pump())
      this.#pumping = true
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
    this.#queued = 0
    this.#early.length = 0
    this.#resolveClosed(reason)
    queueMicrotask(() => this.other?.close(fail('link-closed', 'The other side is gone.')))
  }

  #pump(): void {
    const { now, bulk } = this.#queues
    for (let out = now.shift() ?? bulk.shift(); out; out = now.shift() ?? bulk.shift()) {
      this.#queued -= out.message.length
      this.#sent += out.message.length
      this.other?.take(out.message)
      out.settle(ok(null))
    }
    this.#pumping = false
  }

  take(message: Uint8Array): void {
    if (this.#end) return
    this.#received += message.length
    if (this.#listener) this.#listener(message)
    else if (this.#earlyBytes + message.length <= PIPE_QUEUE_BYTES_MAX) {
      this.#earlyBytes += message.length
      this.#early.push(message)
    } else this.close(fail('link-congested', 'Nobody listens.'))
  }
}
