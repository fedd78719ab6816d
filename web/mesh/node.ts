/**
 * This tab in the mesh: at the signalling server, and the links it has to other peers. Makes one link to a peer however
 * many ask for it, and takes one from whoever has signed an offer. What goes over links is not its business.
 *
 * Both may call at once: the one with the lesser id stays the caller, the other gives way and answers.
 */

import { Breaker } from '../rules/breaker.ts'
import type { Census } from '../wire/census.ts'
import type { JobWord } from '../wire/jobs.ts'
import { BREAKERS_MAX, LINKS_MAX, NEIGHBOURS_TOLD_MAX } from '../wire/limits/mesh.ts'
import { HEARTBEAT_MS } from '../wire/limits/signalling.ts'
import type { PartnerKey, PartnerRefusal } from '../wire/partner-keys.ts'
import type { PeerId } from '../wire/peers.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { RoomWord } from '../wire/room-events.ts'
import type { Announcement } from '../wire/rulings.ts'
import type { Neighbour, Relayed } from '../wire/signal-events.ts'
import { connectWebRtc, type WebRtcLink } from './link-webrtc.ts'
import { type SealedParts, SealedSignalling } from './sealed-signalling.ts'
import { SignalClient, type SignalState, type Signer } from './signal-client.ts'

export interface MeshNodeParts {
  readonly url: string
  readonly key: Signer
  readonly verify: SealedParts['verify']
  /** 22 characters of base64url. */
  readonly randomId: () => string
  readonly nowMs: () => number
  /** Hides this device's address from peers. */
  readonly relayOnly: () => boolean
  readonly onState: (state: SignalState) => void
  readonly onCensus?: (census: Census) => void
  /** Also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
  readonly onRoom?: (word: RoomWord) => void
  readonly onAnnouncements?: (announcements: readonly Announcement[]) => void
  readonly onJob?: (word: JobWord) => void
  /** Of a tab that stands in a partner's page. */
  readonly visitor?: Visitor | null
  /** Open, whoever called. */
  readonly onLink: (link: WebRtcLink) => void
}

export interface Visitor {
  readonly key: PartnerKey
  /** The site lets nothing more be done for its visitors. */
  readonly onRefused: (code: PartnerRefusal) => void
}

interface Call {
  readonly id: string
  readonly calling: boolean
  readonly signalling: SealedSignalling
  readonly abort: AbortController
  readonly result: Promise<Result<WebRtcLink>>
  /** The other side's call, which this one gave way to. */
  replacedBy: Call | null
}

export class MeshNode {
  readonly server: SignalClient
  readonly #parts: MeshNodeParts
  readonly #links = new Map<PeerId, WebRtcLink>()
  /** Also of links that are open: their last candidates come late. */
  readonly #calls = new Map<PeerId, Call>()
  readonly #rest: () => void
  readonly #breakers = new Map<PeerId, Breaker>()

  constructor(parts: MeshNodeParts) {
    this.#parts = parts
    const { url, key, randomId, nowMs, onState, onCensus, onRoom, onAnnouncements, onJob, visitor, relayOnly, every } =
      parts
    this.server = new SignalClient({
      url,
      key,
      run: randomId(),
      nowMs,
      onState,
      ...(onCensus ? { onCensus } : {}),
      ...(onRoom ? { onRoom } : {}),
      ...(onAnnouncements ? { onAnnouncements } : {}),
      ...(onJob ? { onJob } : {}),
      ...(visitor ? { partner: visitor.key, onPartner: ({ refused }) => visitor.onRefused(refused) } : {}),
      onRelayed: (relayed) => this.#hear(relayed),
      about: () => ({ relayOnly: relayOnly(), near: this.#near() }),
      every,
    })
    this.#rest = every(HEARTBEAT_MS, () => {
      for (const link of this.links) link.ping()
    })
  }

  get peer(): PeerId {
    return this.server.peer
  }

  get links(): readonly WebRtcLink[] {
    return [...this.#links.values()]
  }

  /** Refusals: `link-failed`, `link-congested` where this tab has as many as it may. */
  async connect(peer: PeerId): Promise<Result<WebRtcLink>> {
    const link = this.#links.get(peer)
    if (link) return ok(link)
    const known = this.#calls.get(peer)
    if (!known && this.#breakers.get(peer)?.closed(this.#parts.nowMs()) === false) {
      return fail('link-failed', 'It could not be reached a moment ago.')
    }
    if (!known && this.#calls.size >= LINKS_MAX) return fail('link-congested', `${LINKS_MAX} links are open.`)
    return (known ?? this.#call(peer, this.#parts.randomId(), true)).result
  }

  /** Says goodbye to everybody. */
  async leave(): Promise<void> {
    this.#end()
    await this.server.leave()
  }

  close(): void {
    this.#end()
    this.server.close()
  }

  #near(): readonly Neighbour[] {
    const told = this.links.flatMap(({ peer, roundTripMs }) => (roundTripMs === null ? [] : [{ peer, roundTripMs }]))
    return told.slice(-NEIGHBOURS_TOLD_MAX)
  }

  #end(): void {
    this.#rest()
    for (const { abort } of this.#calls.values()) abort.abort()
    for (const link of this.links) link.close(fail('link-closed', 'The tab left.'))
  }

  #hear(relayed: Relayed): void {
    const { from, sealed } = relayed
    const known = this.#calls.get(from)
    if (known?.id === sealed.call) {
      // Also another offer: the same link by another way.
      void known.signalling.hear(relayed)
      return
    }
    if (sealed.kind !== 'offer') return
    if (known?.calling && !this.#links.has(from) && this.peer < from) return
    if (!known && this.#calls.size >= LINKS_MAX) return
    const answer = this.#call(from, sealed.call, false)
    if (known) known.replacedBy = answer
    known?.abort.abort()
    void answer.signalling.hear(relayed)
  }

  #call(peer: PeerId, id: string, calling: boolean): Call {
    const { key, verify, relayOnly } = this.#parts
    const abort = new AbortController()
    const signalling = new SealedSignalling({
      self: this.peer,
      other: peer,
      call: id,
      sign: (purpose, fields) => key.sign(purpose, fields),
      verify,
      relay: (to, sealed) => this.server.relay(to, sealed),
      onForged: () => abort.abort(),
    })
    const { iceServers } = this.server
    const wish = { peer, initiator: calling, signalling, iceServers, relayOnly: relayOnly() }
    const result = connectWebRtc(wish, abort.signal).then((made) => this.#made(peer, call, made))
    const call: Call = { id, calling, signalling, abort, result, replacedBy: null }
    this.#calls.set(peer, call)
    return call
  }

  #failed(peer: PeerId): void {
    const breaker = this.#breakers.get(peer) ?? new Breaker()
    const [oldest] = this.#breakers.keys()
    if (oldest !== undefined && this.#breakers.size >= BREAKERS_MAX) this.#breakers.delete(oldest)
    breaker.failed(this.#parts.nowMs(), Math.random())
    this.#breakers.set(peer, breaker)
  }

  #made(peer: PeerId, call: Call, made: Result<WebRtcLink>): Promise<Result<WebRtcLink>> | Result<WebRtcLink> {
    const current = this.#calls.get(peer) === call
    if (!made.ok) {
      if (current) this.#calls.delete(peer)
      if (current && made.code === 'link-failed') this.#failed(peer)
      return call.replacedBy?.result ?? made
    }
    const link = made.value
    if (!current) {
      link.close(fail('link-closed', 'Another one took its place.'))
      return call.replacedBy?.result ?? fail('link-failed', 'Another one took its place.')
    }
    this.#links.get(peer)?.close(fail('link-closed', 'Another one took its place.'))
    this.#links.set(peer, link)
    this.#breakers.delete(peer)
    void link.closed.then(() => {
      if (this.#links.get(peer) === link) this.#links.delete(peer)
      if (this.#calls.get(peer) === call) this.#calls.delete(peer)
    })
    this.#parts.onLink(link)
    link.ping()
    return made
  }
}
