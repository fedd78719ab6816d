/**
 * All links of this tab and who hears what comes over them: requests that this tab serves, and routes of its own. A link
 * has one reader; this is it. Knows no stage and no route.
 */
import type { Link } from '../mesh/link.ts'
import type { AskerSays, MemberSays, StageSays } from '../wire/peer-control.ts'
import type { PeerFrame, RequestId } from '../wire/peer-frame.ts'
import type { Failure } from '../wire/result.ts'

/** Serves others. */
export interface Server {
  hear(from: Link, message: AskerSays): void
  take(from: Link, frame: PeerFrame): void
  gone(peer: string, reason: Failure): void
}

/** An asker's own route; hears only of its request. */
export interface Route {
  hear(from: string, message: StageSays): void
  take(from: string, frame: PeerFrame): void
  /** The link to a peer is gone. */
  gone(peer: string, reason: Failure): void
}

/** Asks who belongs to a room. */
export interface Gate {
  hear(from: Link, message: MemberSays): Promise<void>
}

export class Exchange {
  readonly #links = new Map<string, Link>()
  readonly #routes = new Map<RequestId, Route>()
  readonly #server: Server | null
  readonly #gate: Gate | null

  constructor(server: Server | null, gate: Gate | null = null) {
    this.#server = server
    this.#gate = gate
  }

  /** Takes the place of an older link to the same peer. */
  add(link: Link): void {
    this.#links.set(link.peer, link)
    link.onSays((message) => {
      if (message.says === 'member') void this.#gate?.hear(link, message)
      else if (isAsker(message)) this.#server?.hear(link, message)
      else this.#hearStage(link.peer, message)
    })
    link.onFrame((frame) => {
      const route = frame.type === 'token' ? this.#routes.get(frame.request) : undefined
      route?.take(link.peer, frame)
      // A stage of the route may be in the tab that asks.
      this.#server?.take(link, frame)
    })
    void link.closed.then((reason) => this.#lost(link, reason))
  }

  linkTo(peer: string): Link | null {
    return this.#links.get(peer) ?? null
  }

  /** Returns how to stop. */
  join(request: RequestId, route: Route): () => void {
    this.#routes.set(request, route)
    return () => this.#routes.delete(request)
  }

  #hearStage(peer: string, message: StageSays): void {
    if (message.says === 'alive' || message.says === 'draining') {
      for (const route of [...this.#routes.values()]) route.hear(peer, message)
    } else this.#routes.get(message.request)?.hear(peer, message)
  }

  #lost(link: Link, reason: Failure): void {
    if (this.#links.get(link.peer) !== link) return
    this.#links.delete(link.peer)
    this.#server?.gone(link.peer, reason)
    for (const route of [...this.#routes.values()]) route.gone(link.peer, reason)
  }
}

const ASKER: readonly string[] = ['open', 'truncate', 'feed', 'spares', 'close'] satisfies readonly AskerSays['says'][]

export function isAsker(message: AskerSays | StageSays): message is AskerSays {
  return ASKER.includes(message.says)
}
