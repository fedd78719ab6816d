/**
 * A route of stages on other peers as one hop: what the session sends goes to the first stage, what the tail draws comes
 * back. When a stage dies its standby takes its place, is brought to where the others are, and the frames that were on their
 * way go out again: the session waits a little longer and notices nothing. No token that came back is ever taken back.
 *
 * The asker counts takeovers (`epoch`); a stage refuses what belongs to an older one. Source: docs/MESH.md, "Failover".
 */
import type { Frame, FrameOutput, OpenRequest, SamplerSpec } from '../engine/stage.ts'
import type { Link } from '../mesh/link.ts'
import { ALIVE_MS, ALIVE_MS_MAX, TAKEOVERS_MAX } from '../wire/limits.ts'
import type { StageSays } from '../wire/peer-control.ts'
import type { PeerFrame, RequestId } from '../wire/peer-frame.ts'
import { type LayerSpan, peerOfSeat } from '../wire/peers.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { Exchange, Route } from './exchange.ts'
import type { Hop } from './hop.ts'
import { RouteAnswers } from './route-answers.ts'
import { RouteJournal, type TokensFrame } from './route-journal.ts'
import { placeOf, sparesOf } from './route-places.ts'
import { samplerToWire } from './served-request.ts'

export interface RouteStage {
  readonly span: LayerSpan
  /** Or a seat of this tab. */
  readonly peer: string
  readonly standby: string | null
}

export type RouteEvent =
  | { readonly kind: 'lost'; readonly peer: string; readonly span: LayerSpan; readonly reason: Failure }
  /** `fed`: from its neighbour's journal; else the whole route began anew from the tokens. */
  | { readonly kind: 'replaced'; readonly peer: string; readonly span: LayerSpan; readonly fed: boolean }
  /** The answer goes on; `position` is what was committed. */
  | { readonly kind: 'recovered'; readonly position: number }

export interface RouteParts {
  readonly request: RequestId
  readonly stages: readonly RouteStage[]
  /** By peer, standbys too. */
  readonly tickets: ReadonlyMap<string, string>
  readonly exchange: Pick<Exchange, 'linkTo' | 'join'>
  readonly onEvent: (event: RouteEvent) => void
  readonly clock: RouteClock
  /** Ids of tokens are less; a tail that draws others is closed. */
  readonly vocabulary?: number
}

export interface RouteClock {
  readonly nowMs: () => number
  /** Calls again and again until told to stop; also while the tab is hidden. */
  readonly every: (ms: number, run: () => void) => () => void
}

interface InFlight {
  readonly frame: Frame
  readonly settle: (result: Result<FrameOutput>) => void
}

export class RouteHop implements Hop, Route {
  readonly #parts: RouteParts
  readonly #journal = new RouteJournal()
  readonly #answers = new RouteAnswers()
  #leave: () => void = () => {}
  /** When each stage of the route was last heard of. */
  readonly #heardMs = new Map<string, number>()
  readonly #dead = new Map<string, Failure>()
  #peers: string[]
  #epoch = 0
  #open: { readonly positions: number; sampler: SamplerSpec } | null = null
  #inFlight: InFlight[] = []
  #recovering: Promise<void> | null = null
  /** Two stages have lost their link: what was between them goes out again. */
  #torn = false
  #takeovers = 0

  constructor(parts: RouteParts) {
    this.#parts = parts
    this.#peers = parts.stages.map(({ peer }) => peer)
  }

  /** The peers that stand in the route now, first to tail. */
  get peers(): readonly string[] {
    return this.#peers
  }

  async open({ positions, sampler }: OpenRequest): Promise<Result<null>> {
    this.#open = { positions, sampler }
    this.#leave()
    const leave = this.#parts.exchange.join(this.#parts.request, this)
    const rest = this.#parts.clock.every(ALIVE_MS, () => this.#look())
    this.#leave = () => {
      leave()
      rest()
    }
    this.#journal.cut(0)
    this.#inFlight = []
    const opened = await this.#until(() => this.#openAll())
    if (opened.ok) this.#tellSpares(this.#peers.keys())
    return opened
  }

  /** Takes its place in the order of calls before it returns. */
  run(frame: Frame): Promise<Result<FrameOutput>> {
    if (frame.input.kind === 'hidden') return Promise.resolve(fail('frame-invalid', 'A route begins with tokens.'))
    return new Promise((settle) => {
      this.#journal.sent(frame)
      const entry = { frame, settle }
      this.#inFlight.push(entry)
      if (!this.#recovering) this.#send(frame)
    })
  }

  async truncate(_session: number, _epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    if (!this.#open) return fail('session-unknown', 'The route is not open.')
    if (sampler) this.#open.sampler = sampler
    this.#journal.cut(position)
    this.#inFlight = []
    return this.#until(() => this.#truncateAll(position))
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = null
    this.#leave()
    const { request, stages } = this.#parts
    const all = new Set([
      ...this.#peers,
      ...stages.flatMap(({ peer, standby }) => [peer, ...(standby ? [standby] : [])]),
    ])
    await Promise.all([...all].map((peer) => this.#link(peer)?.say({ says: 'close', request })))
    this.#failAll(fail('aborted', ''))
  }

  hear(from: string, message: StageSays): void {
    this.#heardMs.set(from, this.#parts.clock.nowMs())
    if (!this.#peers.includes(from) || message.says === 'alive') return
    if (message.says === 'draining') this.gone(from, fail('link-closed', 'The peer is leaving.'))
    else if (message.epoch < this.#epoch) this.#blamedLate(message)
    else if (message.epoch !== this.#epoch) return
    else if (message.says === 'refused') this.#refused(from, message.by, fail(message.code, message.detail))
    else this.#acknowledged(from, message)
  }

  #acknowledged(from: string, message: Extract<StageSays, { readonly epoch: number }>): void {
    this.#answers.heard(from, message)
    if (message.says === 'held' && from === this.#peers.at(-1)) this.#arrived(message.position, { kind: 'none' })
  }

  take(from: string, frame: PeerFrame): void {
    this.#heardMs.set(from, this.#parts.clock.nowMs())
    if (frame.type !== 'token' || frame.epoch !== this.#epoch || from !== this.#peers.at(-1)) return
    const { position, id } = frame
    if (id >= (this.#parts.vocabulary ?? Number.POSITIVE_INFINITY)) {
      this.#link(from)?.close(fail('frame-invalid', 'It drew a token that the model has not.'))
    } else if (this.#arrived(position, { kind: 'token', id })) this.#journal.drawn(position, id)
  }

  gone(peer: string, reason: Failure): void {
    if (!this.#peers.includes(peer) || this.#dead.has(peer) || !this.#open) return
    this.#dead.set(peer, reason)
    this.#parts.onEvent({ kind: 'lost', peer: peerOfSeat(peer), span: this.#spanOf(peer), reason })
    // Whoever heard it may have closed the route: there is nothing to save then.
    if (!this.#open) return
    this.#answers.endAll(reason)
    void this.#recover()
  }

  /** A stage that has said nothing for too long is dead: a frozen tab keeps its links. */
  #look(): void {
    const now = this.#parts.clock.nowMs()
    for (const peer of [...this.#peers]) {
      if (now - (this.#heardMs.get(peer) ?? now) > ALIVE_MS_MAX) {
        this.gone(peer, fail('link-closed', `It has said nothing for ${ALIVE_MS_MAX} ms.`))
      }
    }
  }

  /**
   * A torn link between stages is made anew. Losses of a stage, steps that it will not take and what it says that a neighbour
   * did are answered by a standby; anything else ends the request. Who is right is not known here: the neighbour goes where
   * somebody can take its place, else who said it.
   */
  #refused(from: string, by: string | null, failure: Failure): void {
    const blamed = by !== null && this.#peers.includes(by)
    const replaceable = (blamed ? [by, from] : [from]).find((peer) => this.#standbyOf(peer) !== null)
    if (failure.code === 'link-closed') {
      if (!this.#open) return
      this.#torn = true
      this.#answers.endAll(failure)
      void this.#recover()
    } else if (blamed || LOSSES.includes(failure.code)) this.gone(replaceable ?? (blamed ? by : from), failure)
    else if (replaceable !== undefined && this.#answers.isAsked(from)) this.gone(replaceable, failure)
    else if (!this.#answers.refuse(failure)) this.#failAll(failure)
  }

  /** Who does wrong may say first that its link is torn, which is a new epoch. It goes all the same where it can be replaced. */
  #blamedLate(message: Extract<StageSays, { readonly epoch: number }>): void {
    if (message.says !== 'refused' || message.by === null || this.#standbyOf(message.by) === null) return
    this.gone(message.by, fail(message.code, message.detail))
  }

  /** The frame that ends there is done, and so is everything before it. */
  #arrived(position: number, output: FrameOutput): boolean {
    const entry = this.#inFlight[0]
    if (!entry || entry.frame.position + entry.frame.count !== position) return false
    if (entry.frame.sample !== (output.kind === 'token')) return false
    this.#inFlight.shift()
    entry.settle(ok(output))
    return true
  }

  #send(frame: Frame): void {
    const { position, count, mode, sample, input } = frame
    const rows = { ...this.#about, position, count, mode, sample, rebuild: false } as const
    if (input.kind === 'chained') this.#to(0, { type: 'chained', ...rows })
    else if (input.kind === 'tokens') {
      this.#tellTail(position, input.ids)
      this.#to(0, { type: 'tokens', ...rows, ids: input.ids })
    }
  }

  /** The tail needs to know which tokens its rows are; the stages in the middle do not. */
  #tellTail(position: number, ids: Uint32Array): void {
    if (this.#peers.length > 1) this.#to(this.#peers.length - 1, { type: 'ids', ...this.#about, position, ids })
  }

  #to(index: number, frame: PeerFrame): void {
    // Ids are short: all as urgent, so that none overtakes another.
    void this.#link(this.#peers[index] ?? '')?.send(frame, 'now')
  }

  #recover(): Promise<void> {
    this.#recovering ??= this.#takeOver().finally(() => {
      this.#recovering = null
    })
    return this.#recovering
  }

  /** Again and again until all stages of the route are alive and hold the same, or somebody cannot be replaced. */
  async #takeOver(): Promise<void> {
    // Whoever stepped in and was not brought up before the next death still has to be.
    const fresh = new Set<number>()
    for (;;) {
      this.#takeovers += 1
      this.#torn = false
      if (!this.#promote(fresh) || this.#takeovers > TAKEOVERS_MAX) return this.#break()
      const held = this.#inFlight[0]?.frame.position ?? this.#journal.end
      const rebuilt = await this.#rebuild(fresh, held)
      if (this.#dead.size > 0 || this.#torn) continue
      if (!rebuilt.ok) return this.#break(rebuilt)
      this.#parts.onEvent({ kind: 'recovered', position: held })
      this.#tellSpares(fresh)
      this.#sendAgain()
      return
    }
  }

  /** Standbys step into the places of the dead, which are added to `fresh`. False where somebody has no standby. */
  #promote(fresh: Set<number>): boolean {
    for (const peer of [...this.#dead.keys()]) {
      const index = this.#peers.indexOf(peer)
      const standby = this.#standbyOf(peer)
      if (standby === null) return false
      this.#peers[index] = standby
      fresh.add(index)
    }
    this.#dead.clear()
    return true
  }

  /** Brings every stage to hold exactly `[0, held)` in a new epoch. */
  async #rebuild(fresh: ReadonlySet<number>, held: number): Promise<Result<null>> {
    this.#epoch += 1
    const opened = await this.#all(
      (index) => (fresh.has(index) ? this.#openAt(index) : this.#truncateAt(index, held)),
      (message) => message.says === 'opened' || message.says === 'truncated',
    )
    if (!opened.ok) return opened
    const fed = held === 0 ? opened : await this.#feed(fresh, held)
    if (fed.ok || fed.code !== 'journal-short') {
      if (fed.ok) this.#tellReplaced(fresh, true)
      return fed
    }
    const anew = await this.#beginAnew(held)
    if (anew.ok) this.#tellReplaced(fresh, false)
    return anew
  }

  /** Each new stage is fed by the one before it, the first by the asker, from first to tail. */
  async #feed(fresh: ReadonlySet<number>, held: number): Promise<Result<null>> {
    for (const index of [...fresh].sort((a, b) => a - b)) {
      // A neighbour that is new itself has nothing to give.
      if (index > 0 && fresh.has(index - 1)) return fail('journal-short', 'Two neighbours were replaced at once.')
      const peer = this.#peers[index] ?? ''
      const reached = this.#isHeld(peer, held)
      const frames = this.#journal.upTo(held)
      if (index === this.#peers.length - 1) for (const { position, ids } of frames) this.#tellTail(position, ids)
      if (index === 0) for (const frame of frames) this.#to(0, { type: 'tokens', ...this.#about, ...frame, ...QUIET })
      else await this.#link(this.#peers[index - 1] ?? '')?.say({ says: 'feed', ...this.#about, position: held })
      const result = await reached
      if (!result.ok) return result
    }
    return ok(null)
  }

  /** All stages forget everything and compute it again from the tokens, in the recorded frames. */
  async #beginAnew(held: number): Promise<Result<null>> {
    this.#epoch += 1
    const cut = await this.#truncateAll(0, false)
    if (!cut.ok) return cut
    for (const frame of this.#journal.upTo(held)) {
      const done = await this.#runAgain(frame)
      if (!done.ok) return done
    }
    return ok(null)
  }

  #runAgain({ position, count, mode, ids }: TokensFrame): Promise<Result<null>> {
    const done = this.#isHeld(this.#peers.at(-1) ?? '', position + count)
    this.#tellTail(position, ids)
    this.#to(0, { type: 'tokens', ...this.#about, position, count, mode, ids, sample: false, rebuild: false })
    return done
  }

  #isHeld(peer: string, position: number): Promise<Result<null>> {
    return this.#answers.wait(new Set([peer]), (message) => message.says === 'held' && message.position === position)
  }

  /** What was on its way. The first frame's token came back before the loss, so it goes by its id. */
  #sendAgain(): void {
    for (const [index, { frame }] of this.#inFlight.entries()) {
      const id = index === 0 && frame.input.kind === 'chained' ? this.#journal.idAt(frame.position) : undefined
      this.#send(id === undefined ? frame : { ...frame, input: { kind: 'tokens', ids: Uint32Array.of(id) } })
    }
  }

  get #about() {
    return { request: this.#parts.request, epoch: this.#epoch }
  }

  #link(peer: string): Link | null {
    return this.#parts.exchange.linkTo(peer)
  }

  /** Null where nobody can take its place. */
  #standbyOf(peer: string): string | null {
    const standby = this.#parts.stages[this.#peers.indexOf(peer)]?.standby ?? null
    return standby !== null && standby !== peer && this.#link(standby) ? standby : null
  }

  #spanOf(peer: string): LayerSpan {
    return this.#parts.stages[this.#peers.indexOf(peer)]?.span ?? { first: 0, last: 0 }
  }

  async #openAll(): Promise<Result<null>> {
    this.#epoch += 1
    return this.#all(
      (index) => this.#openAt(index),
      (message) => message.says === 'opened',
    )
  }

  async #truncateAll(position: number, next = true): Promise<Result<null>> {
    if (next) this.#epoch += 1
    return this.#all(
      (index) => this.#truncateAt(index, position),
      (message) => message.says === 'truncated',
    )
  }

  /** Tells stages who may take their neighbours' places; a takeover then finds the links that it needs. */
  #tellSpares(indices: Iterable<number>): void {
    for (const index of indices) {
      const peers = sparesOf(this.#parts.stages, this.#peers, index)
      if (peers.length > 0) void this.#link(this.#peers[index] ?? '')?.say({ says: 'spares', ...this.#about, peers })
    }
  }

  async #openAt(index: number): Promise<Result<null> | undefined> {
    const peer = this.#peers[index] ?? ''
    const { positions, sampler } = this.#open ?? { positions: 0, sampler: null }
    if (!sampler) return fail('session-unknown', 'The route is not open.')
    const ticket = this.#parts.tickets.get(peer) ?? ''
    // From now on silence means death; connecting to its neighbours takes a moment of it.
    this.#heardMs.set(peer, this.#parts.clock.nowMs())
    const place = placeOf(this.#parts.stages, this.#peers, index)
    return this.#link(peer)?.say({
      says: 'open',
      ...this.#about,
      ticket,
      place,
      positions,
      sampler: samplerToWire(sampler),
    })
  }

  async #truncateAt(index: number, position: number): Promise<Result<null> | undefined> {
    const sampler = this.#open ? samplerToWire(this.#open.sampler) : null
    const place = placeOf(this.#parts.stages, this.#peers, index)
    return this.#link(this.#peers[index] ?? '')?.say({ says: 'truncate', ...this.#about, position, sampler, place })
  }

  /** Says something to every stage and waits until all have answered. */
  async #all(
    say: (index: number) => Promise<Result<null> | undefined>,
    matches: (message: StageSays) => boolean,
  ): Promise<Result<null>> {
    const answered = this.#answers.wait(new Set(this.#peers), matches)
    for (const index of this.#peers.keys()) {
      const said = await say(index)
      if (!said) this.gone(this.#peers[index] ?? '', fail('link-closed', 'There is no link to it.'))
    }
    return answered
  }

  /** A step that a death in its middle does not end: the takeover does what the step was about to do. */
  async #until(step: () => Promise<Result<null>>): Promise<Result<null>> {
    const result = await step()
    if (result.ok) return result
    const recovered = this.#recovering !== null
    await this.#recovering
    if (!this.#open) return fail('route-broken', '')
    return recovered ? ok(null) : result
  }

  #tellReplaced(fresh: ReadonlySet<number>, fed: boolean): void {
    for (const index of fresh) {
      const peer = this.#peers[index] ?? ''
      this.#parts.onEvent({ kind: 'replaced', peer, span: this.#spanOf(peer), fed })
    }
  }

  #break(reason: Failure = fail('route-broken', '')): void {
    this.#open = null
    this.#failAll(reason)
  }

  #failAll(failure: Failure): void {
    for (const { settle } of this.#inFlight.splice(0)) settle(failure)
    this.#answers.endAll(failure)
  }
}

const QUIET = { sample: false, rebuild: true } as const
/** What a stage says when its own KV is gone: for the route it is dead. */
const LOSSES: readonly string[] = ['device-lost', 'device-degraded', 'session-unknown', 'worker-lost', 'link-failed']
