/**
 * What an asker wants of all stages of its route, step by step: that they open, forget, hold the same again. Says it and
 * waits until they have done so. Owns the epoch, which each step that makes older frames worthless counts on. Decides
 * nothing about who stands in the route.
 */
import type { SamplerSpec } from '../engine/stage.ts'
import type { Link } from '../mesh/link.ts'
import type { StageSays } from '../wire/peer-control.ts'
import type { RequestId, StageFrame } from '../wire/peer-frame.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { RouteReceipts } from './receipts/route-receipts.ts'
import type { RouteAnswers } from './route-answers.ts'
import type { RouteJournal, TokensFrame } from './route-journal.ts'
import type { RouteLine } from './route-line.ts'
import { samplerToWire } from './sampler-wire.ts'

export interface RouteStagesParts {
  readonly request: RequestId
  readonly line: RouteLine
  readonly journal: RouteJournal
  readonly answers: RouteAnswers
  readonly linkTo: (peer: string) => Link | null
  /** Null while the route is not open. */
  readonly wish: () => { readonly positions: number; readonly sampler: SamplerSpec } | null
  /** Nobody has said yet where it stands. */
  readonly onEpoch: () => void
  /** From now on its silence means death. */
  readonly onOpen: (peer: string) => void
  readonly gone: (peer: string, reason: Failure) => void
  /** Null where nothing is paid. */
  readonly receipts: RouteReceipts | null
}

export class RouteStages {
  readonly #parts: RouteStagesParts
  /** Who was told of the request, and not that it is over. */
  readonly #told = new Set<string>()
  #epoch = 0
  #request: RequestId
  #receipts: RouteReceipts | null

  constructor(parts: RouteStagesParts) {
    this.#parts = parts
    this.#request = parts.request
    this.#receipts = parts.receipts
  }

  get epoch(): number {
    return this.#epoch
  }

  get #about() {
    return { request: this.#request, epoch: this.#epoch }
  }

  get #peers(): readonly string[] {
    return this.#parts.line.peers
  }

  open(): Promise<Result<null>> {
    this.#nextEpoch()
    return this.#all(
      (index) => this.#openAt(index),
      (message) => message.says === 'opened',
    )
  }

  truncate(position: number): Promise<Result<null>> {
    this.#nextEpoch()
    return this.#all(
      (index) => this.#truncateAt(index, position),
      (message) => message.says === 'truncated',
    )
  }

  /** Nothing more is paid, and computed, until all of them go on. */
  async rest(): Promise<void> {
    this.#receipts = null
    await Promise.all(this.#peers.map((peer) => this.#parts.linkTo(peer)?.say({ says: 'rest', ...this.#about })))
  }

  /** All go on as another request, with what they hold. */
  renew(request: RequestId, receipts: RouteReceipts | null): Promise<Result<null>> {
    const kept = this.#request
    this.#request = request
    this.#receipts = receipts
    this.#nextEpoch()
    return this.#all(
      (index) => this.#renewAt(index, kept),
      (message) => message.says === 'opened',
    )
  }

  /** Everybody, or these: they need not keep anything of the request. */
  async dismiss(peers: readonly string[] = [...this.#told]): Promise<void> {
    const [request, { linkTo }] = [this.#request, this.#parts]
    for (const peer of peers) this.#told.delete(peer)
    await Promise.all(peers.map((peer) => linkTo(peer)?.say({ says: 'close', request })))
  }

  /** Rows of tokens, or one that the route knows, to the first stage; what the tail has to know of them to the tail. */
  send(given: { readonly position: number; readonly count: number } & Pick<TokensFrame, 'mode'>, what: Sent): void {
    const { position, count, mode } = given
    const { sample, rebuild = false } = what
    const rows = { ...this.#about, position, count, mode, sample, rebuild } as const
    if (what.ids && !rebuild) this.#tellTail(position, what.ids)
    const frame = what.ids
      ? ({ type: 'tokens', ...rows, ids: what.ids } as const)
      : ({ type: 'chained', ...rows } as const)
    this.#receipts?.sent(frame)
    this.#to(0, frame)
  }

  /** Tells stages who may take their neighbours' places; a takeover then finds the links that it needs. */
  tellSpares(indices: Iterable<number>): void {
    for (const index of indices) {
      const peers = this.#parts.line.sparesAt(index)
      if (peers.length > 0) void this.#linkAt(index)?.say({ says: 'spares', ...this.#about, peers })
    }
  }

  /** Brings every stage to hold exactly `[0, held)` in a new epoch. Value: whether from journals, or anew from the tokens. */
  async rebuild(fresh: ReadonlySet<number>, held: number): Promise<Result<'fed' | 'anew'>> {
    this.#nextEpoch()
    const opened = await this.#all(
      (index) => (fresh.has(index) ? this.#openAt(index) : this.#truncateAt(index, held)),
      (message) => message.says === 'opened' || message.says === 'truncated',
    )
    if (!opened.ok) return opened
    const fed = held === 0 ? opened : await this.#feed(fresh, held)
    if (fed.ok) return ok('fed')
    if (fed.code !== 'journal-short') return fed
    const anew = await this.#beginAnew(held)
    return anew.ok ? ok('anew') : anew
  }

  /** Each new stage is fed by the one before it, the first by the asker, from first to tail. */
  async #feed(fresh: ReadonlySet<number>, held: number): Promise<Result<null>> {
    for (const index of [...fresh].sort((a, b) => a - b)) {
      // A neighbour that is new itself has nothing to give.
      if (index > 0 && fresh.has(index - 1)) return fail('journal-short', 'Two neighbours were replaced at once.')
      const reached = this.#isHeld(this.#parts.line.peerAt(index), held)
      const frames = this.#parts.journal.upTo(held)
      this.#receipts?.fed(this.#parts.line.peerAt(index), held)
      if (index === this.#peers.length - 1) for (const { position, ids } of frames) this.#tellTail(position, ids)
      if (index === 0) for (const frame of frames) this.send(frame, { ids: frame.ids, sample: false, rebuild: true })
      else await this.#linkAt(index - 1)?.say({ says: 'feed', ...this.#about, position: held })
      const result = await reached
      if (!result.ok) return result
    }
    return ok(null)
  }

  /** All stages forget everything and compute it again from the tokens, in the recorded frames. */
  async #beginAnew(held: number): Promise<Result<null>> {
    const cut = await this.truncate(0)
    if (!cut.ok) return cut
    for (const frame of this.#parts.journal.upTo(held)) {
      const done = this.#isHeld(this.#parts.line.tail, frame.position + frame.count)
      this.send(frame, { ids: frame.ids, sample: false })
      const result = await done
      if (!result.ok) return result
    }
    return ok(null)
  }

  #isHeld(peer: string, position: number): Promise<Result<null>> {
    const holds = (message: StageSays) => message.says === 'held' && message.position === position
    return this.#parts.answers.wait(new Set([peer]), holds, position)
  }

  /** The tail needs to know which tokens its rows are; the stages in the middle do not. */
  #tellTail(position: number, ids: Uint32Array): void {
    if (this.#peers.length > 1) this.#to(this.#peers.length - 1, { type: 'ids', ...this.#about, position, ids })
  }

  #to(index: number, frame: StageFrame): void {
    // Ids are short: all as urgent, so that none overtakes another.
    void this.#linkAt(index)?.send(frame, 'now')
  }

  #linkAt(index: number): Link | null {
    return this.#parts.linkTo(this.#parts.line.peerAt(index))
  }

  #nextEpoch(): void {
    this.#epoch += 1
    this.#receipts?.newEpoch()
    this.#parts.onEpoch()
  }

  async #openAt(index: number): Promise<Result<null> | undefined> {
    const { line, wish, onOpen } = this.#parts
    const wanted = wish()
    if (!wanted) return fail('session-unknown', 'The route is not open.')
    const peer = line.peerAt(index)
    // Connecting to its neighbours takes a moment of its silence.
    onOpen(peer)
    this.#told.add(peer)
    const { positions, sampler } = wanted
    const ticket = line.ticketOf(peer)
    const about = {
      ...this.#about,
      ticket,
      place: line.placeAt(index),
      positions,
      ...this.#receipts?.opens(peer, ticket),
    }
    return this.#linkAt(index)?.say({ says: 'open', ...about, sampler: samplerToWire(sampler) })
  }

  async #renewAt(index: number, kept: RequestId): Promise<Result<null> | undefined> {
    const peer = this.#parts.line.peerAt(index)
    const ticket = this.#parts.line.ticketOf(peer)
    const about = { ...this.#about, kept, ticket, ...this.#receipts?.opens(peer, ticket) }
    return this.#linkAt(index)?.say({ says: 'renew', ...about })
  }

  async #truncateAt(index: number, position: number): Promise<Result<null> | undefined> {
    const wanted = this.#parts.wish()
    const sampler = wanted && samplerToWire(wanted.sampler)
    const place = this.#parts.line.placeAt(index)
    return this.#linkAt(index)?.say({ says: 'truncate', ...this.#about, position, sampler, place })
  }

  /** Says something to every stage and waits until all have answered. */
  async #all(
    say: (index: number) => Promise<Result<null> | undefined>,
    matches: (message: StageSays) => boolean,
  ): Promise<Result<null>> {
    const answered = this.#parts.answers.wait(new Set(this.#peers), matches)
    for (const index of this.#peers.keys()) {
      const said = await say(index)
      if (!said) this.#parts.gone(this.#parts.line.peerAt(index), fail('link-closed', 'There is no link to it.'))
    }
    return answered
  }
}

interface Sent {
  /** None: the token that the route has drawn itself. */
  readonly ids?: Uint32Array
  readonly sample: boolean
  /** The stage alone is fed; what comes out goes no further. */
  readonly rebuild?: boolean
}
