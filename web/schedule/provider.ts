/**
 * Serves one stage to other peers: lets in requests that have a valid ticket and room, and hands each what belongs to it.
 * Several askers at once; the stage computes their frames in the order in which they come.
 */
import type { StageEngine } from '../engine/stage.ts'
import type { Link } from '../mesh/link.ts'
import { SERVED_REQUESTS_MAX } from '../wire/limits.ts'
import type { AskerSays } from '../wire/peer-control.ts'
import type { PeerFrame, RequestId } from '../wire/peer-frame.ts'
import type { fail, Result } from '../wire/result.ts'
import type { Server } from './exchange.ts'
import { ServedRequest } from './served-request.ts'

type Open = Extract<AskerSays, { readonly says: 'open' }>

export interface ProviderParts {
  readonly stage: StageEngine
  readonly linkTo: (peer: string) => Link | null
  /** Whether the ticket allows this asker exactly this. */
  readonly admit: (asker: string, open: Open) => Promise<Result<null>>
}

interface Served {
  readonly asker: string
  readonly work: ServedRequest
}

export class Provider implements Server {
  readonly #parts: ProviderParts
  readonly #served = new Map<RequestId, Served>()
  #sessions = 0

  constructor(parts: ProviderParts) {
    this.#parts = parts
  }

  /** Requests that are open. */
  get serving(): number {
    return this.#served.size
  }

  hear(from: Link, message: AskerSays): void {
    if (message.says === 'open') {
      void this.#open(from, message)
      return
    }
    const served = this.#served.get(message.request)
    if (served?.asker !== from.peer) {
      if (message.says !== 'close') void refuse(from, message, 'session-unknown', 'This request is not open here.')
    } else if (message.says === 'close') void this.#end(message.request)
    else void served.work.hear(message)
  }

  take(from: Link, frame: PeerFrame): void {
    this.#served.get(frame.request)?.work.take(from.peer, frame)
  }

  /** What an asker leaves open is closed with it. */
  gone(peer: string): void {
    for (const [request, { asker }] of [...this.#served]) if (asker === peer) void this.#end(request)
  }

  async #open(from: Link, open: Open): Promise<void> {
    const known = this.#served.get(open.request)
    if (known && known.asker !== from.peer)
      return refuse(from, open, 'session-exists', 'Somebody else has this request.')
    if (known) await this.#end(open.request)
    if (this.#served.size >= SERVED_REQUESTS_MAX)
      return refuse(from, open, 'kv-full', `${SERVED_REQUESTS_MAX} are served.`)
    const admitted = await this.#parts.admit(from.peer, open)
    if (!admitted.ok) return refuse(from, open, admitted.code, admitted.detail)
    this.#sessions += 1
    const { stage, linkTo } = this.#parts
    const work = new ServedRequest({ stage, asker: from, linkTo, session: this.#sessions }, open)
    this.#served.set(open.request, { asker: from.peer, work })
    const opened = await work.open()
    if (opened.ok) return
    this.#served.delete(open.request)
    await refuse(from, open, opened.code, opened.detail)
  }

  async #end(request: RequestId): Promise<void> {
    const served = this.#served.get(request)
    this.#served.delete(request)
    await served?.work.close()
  }
}

async function refuse(
  to: Link,
  { request, epoch }: { readonly request: RequestId; readonly epoch: number },
  code: Parameters<typeof fail>[0],
  detail: string,
): Promise<void> {
  await to.say({ says: 'refused', request, epoch, code, detail })
}
