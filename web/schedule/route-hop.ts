/**
 * A route of stages on other peers as one hop: what the session sends goes to the first stage, what the tail draws comes
 * back. When a stage dies its standby takes its place, or another route is asked for where it has none; who is new is brought
 * to where the others are, and the frames that were on their way go out again: the session waits a little longer and
 * notices nothing. No token that came back is ever taken back.
 *
 * The asker counts takeovers (`epoch`); a stage refuses what belongs to an older one. Source: docs/MESH.md, "Failover".
 */
import type { Frame, FrameOutput, OpenRequest, SamplerSpec } from '../engine/stage.ts'
import type { Link } from '../mesh/link.ts'
import { explain } from '../wire/codes.ts'
import { DECODE_ROWS_MAX } from '../wire/limits/engine.ts'
import { ALIVE_MS, ALIVE_MS_MAX, TAKEOVERS_MAX } from '../wire/limits/mesh.ts'
import type { StageSays } from '../wire/peer-control.ts'
import type { RequestId, StageFrame } from '../wire/peer-frame.ts'
import { peerOfSeat } from '../wire/peers.ts'
import type { KeptStage } from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { Route } from './exchange.ts'
import { FramesInFlight } from './frames-in-flight.ts'
import type { Hop } from './hop.ts'
import type { RouteReceipts } from './receipts/route-receipts.ts'
import { RouteAnswers } from './route-answers.ts'
import { RouteJournal } from './route-journal.ts'
import { RouteLine } from './route-line.ts'
import type { RenewedRoute, RouteParts } from './route-parts.ts'
import { RouteSearch } from './route-search.ts'
import { RouteStages } from './route-stages.ts'
import { type Awaited, RouteWatch } from './route-watch.ts'
import { isLoss } from './stage-losses.ts'

export class RouteHop implements Hop, Route {
  readonly #parts: RouteParts
  readonly #journal = new RouteJournal()
  readonly #answers = new RouteAnswers()
  readonly #line: RouteLine
  readonly #watch: RouteWatch
  readonly #search: RouteSearch
  readonly #stages: RouteStages
  #request: RequestId
  #receipts: RouteReceipts | null
  #leave: () => void = () => {}
  #open: { readonly positions: number; sampler: SamplerSpec } | null = null
  /** Why nothing comes back any more. */
  #broken: Failure | null = null
  readonly #inFlight = new FramesInFlight()
  #recovering: Promise<void> | null = null
  /** Two stages have lost their link: what was between them goes out again. */
  #torn = false
  #takeovers = 0
  #unwanted = false
  /** Between answers, each of which has tickets of its own. */
  #resting = false

  constructor(parts: RouteParts) {
    const { stages, tickets, plannedMs = 0, clock, chance = Math.random } = parts
    this.#parts = parts
    this.#line = new RouteLine({ stages, tickets }, (peer) => this.#link(peer) !== null)
    this.#watch = new RouteWatch(plannedMs)
    this.#search = new RouteSearch({ every: clock.every, chance })
    this.#request = parts.request
    this.#receipts = parts.receipts ?? null
    this.#stages = new RouteStages({
      request: parts.request,
      line: this.#line,
      journal: this.#journal,
      answers: this.#answers,
      linkTo: (peer) => this.#link(peer),
      wish: () => this.#open,
      onEpoch: () => this.#watch.begin(),
      onOpen: (peer) => this.#watch.heard(peer, clock.nowMs()),
      gone: (peer, reason) => this.gone(peer, reason),
      receipts: this.#receipts,
    })
  }

  /** The peers that stand in the route now, first to tail. */
  get peers(): readonly string[] {
    return this.#line.peers
  }

  /** The same as tabs, whatever seats they have. */
  get stages(): readonly KeptStage[] {
    return this.peers.map((peer) => ({ peer: peerOfSeat(peer), span: this.#line.spanOf(peer) }))
  }

  async open({ positions, sampler }: OpenRequest): Promise<Result<null>> {
    this.#open = { positions, sampler }
    this.#broken = null
    this.#unwanted = false
    this.#join()
    this.#journal.cut(0)
    this.#inFlight.forget()
    const opened = await this.#until(() => this.#stages.open())
    if (opened.ok) this.#stages.tellSpares(this.peers.keys())
    return opened
  }

  /** Takes its place in the order of calls before it returns. */
  run(frame: Frame): Promise<Result<FrameOutput>> {
    if (frame.input.kind === 'hidden') return Promise.resolve(fail('frame-invalid', 'A route begins with tokens.'))
    if (this.#broken) return Promise.resolve(this.#broken)
    return new Promise((settle) => {
      this.#journal.sent(frame)
      this.#inFlight.add(frame, this.#recovering !== null ? null : this.#parts.clock.nowMs(), settle)
      if (!this.#recovering) this.#send(frame)
    })
  }

  async truncate(_session: number, _epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    if (!this.#open) return fail('session-unknown', 'The route is not open.')
    if (this.#broken) return this.#broken
    if (sampler) this.#open.sampler = sampler
    this.#unwanted = false
    this.#receipts?.newAnswer()
    this.#journal.cut(position)
    this.#inFlight.forget()
    return this.#until(() => this.#stages.truncate(position))
  }

  /** The answer is over: its receipts are asked for, and what the stages hold is kept for a next one. Idempotent. */
  async rest(): Promise<void> {
    await this.#recovering
    if (!this.#going || this.#resting) return
    this.#resting = true
    await this.#settle()
    this.#receipts = null
    await this.#stages.rest()
  }

  /** Goes on as another request, under tickets for the stages that stand. What is refused here is to be closed. */
  async renew({ request, receipts, ...plan }: RenewedRoute): Promise<Result<null>> {
    await this.rest()
    const fresh = new Set<number>()
    if (this.#going) this.#line.lay(plan, [], fresh)
    if (!this.#going || fresh.size > 0) return this.#broken ?? fail('route-broken', '')
    this.#request = request
    this.#receipts = receipts
    this.#resting = false
    this.#takeovers = 0
    // Where a stage is lost that nobody stands by for, the answer begins anew over another route.
    this.#unwanted = true
    this.#join()
    const renewed = await this.#until(() => this.#stages.renew(request, receipts))
    if (renewed.ok) this.#stages.tellSpares(this.peers.keys())
    return renewed
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = null
    this.#leave()
    this.#search.stop()
    await this.#settle()
    await this.#stages.dismiss()
    this.#failAll(fail('aborted', ''))
  }

  /** Another route is not wanted any more, until the next turn begins. A takeover by a standby is waited for. */
  giveUp(): void {
    this.#unwanted = true
    this.#search.stop()
  }

  hear(from: string, message: StageSays): void {
    this.#watch.heard(from, this.#parts.clock.nowMs())
    if (!this.peers.includes(from)) return
    if (message.says === 'alive') {
      const own = message.at?.find(({ request, epoch }) => request === this.#request && epoch === this.#stages.epoch)
      if (own) this.#watch.stands(from, own, this.#journal.end)
    } else if (message.says === 'draining') this.gone(from, fail('link-closed', 'The peer is leaving.'))
    else if (message.epoch < this.#stages.epoch) this.#blamedLate(message)
    else if (message.epoch !== this.#stages.epoch) return
    else if (message.says === 'refused') this.#refused(from, message.by, fail(message.code, message.detail))
    else this.#acknowledged(from, message)
  }

  #acknowledged(from: string, message: Extract<StageSays, { readonly epoch: number }>): void {
    if (this.#answers.heard(from, message)) this.#watch.moved()
    if (message.says === 'held' && from === this.#line.tail) this.#arrived(message.position, { kind: 'none' })
  }

  take(from: string, frame: StageFrame): void {
    this.#watch.heard(from, this.#parts.clock.nowMs())
    if (frame.type !== 'token' || frame.epoch !== this.#stages.epoch || from !== this.#line.tail) return
    this.#receipts?.took(frame)
    const { position, id } = frame
    if (id >= (this.#parts.vocabulary ?? Number.POSITIVE_INFINITY)) {
      this.#link(from)?.close(fail('frame-invalid', 'It drew a token that the model has not.'))
    } else if (this.#arrived(position, { kind: 'token', id })) this.#journal.drawn(position, id)
  }

  gone(peer: string, reason: Failure): void {
    if (!this.#going || !this.#line.die(peer, reason)) return
    this.#receipts?.left(peer)
    this.#parts.onEvent({ kind: 'lost', peer: peerOfSeat(peer), span: this.#line.spanOf(peer), reason })
    // Whoever heard it may have closed the route: there is nothing to save then.
    if (!this.#going) return
    this.#answers.endAll(reason)
    // Nobody waits for an answer.
    if (this.#resting) this.#break(reason)
    else void this.#recover()
  }

  #look(): void {
    const now = this.#parts.clock.nowMs()
    for (const peer of this.#watch.silent(this.peers, now)) {
      this.gone(peer, fail('link-closed', `It has said nothing for ${ALIVE_MS_MAX} ms.`))
    }
    const mute = this.#watch.mute(this.peers, this.#awaited, now)
    const blamed = this.#replaceable(mute) ?? mute[0]
    if (blamed === undefined) return
    void this.#stages.dismiss([blamed])
    this.gone(blamed, fail('stage-mute', ''))
  }

  /** Null where nobody has to do anything now. */
  get #awaited(): Awaited | null {
    const { first, rows } = this.#inFlight
    const [asked] = this.#answers.asked
    if (asked) {
      // What was on its way is computed first. A journal comes in frames, and each of them is heard of.
      const fed = Math.min(asked.end ?? 0, DECODE_ROWS_MAX)
      return { end: asked.end, rows: rows + fed, mode: 'decode', from: [...asked.from] }
    }
    if (!first || this.#recovering !== null) return null
    return { end: first.position + first.count, rows, mode: first.mode, from: null }
  }

  /**
   * A torn link between stages is made anew. Losses of a stage, steps that it will not take and what it says that a neighbour
   * did are answered by a standby; anything else ends the request. Who is right is not known here: the neighbour goes where
   * somebody can take its place, else who said it.
   */
  #refused(from: string, by: string | null, failure: Failure): void {
    const blamed = by !== null && this.peers.includes(by)
    const replaceable = this.#replaceable(blamed ? [by, from] : [from])
    if (failure.code === 'link-closed') {
      if (!this.#going) return
      this.#torn = true
      this.#answers.endAll(failure)
      void this.#recover()
    } else if (blamed || isLoss(failure.code)) this.gone(replaceable ?? (blamed ? by : from), failure)
    // Who steps in may have no room by now.
    else if (this.#answers.isAsked(from) && (replaceable !== undefined || this.#mayLookElsewhere)) {
      this.gone(replaceable ?? from, failure)
    } else if (!this.#answers.refuse(failure)) this.#failAll(failure)
  }

  /** Who does wrong may say first that its link is torn, which is a new epoch. It goes all the same where it can be replaced. */
  #blamedLate(message: Extract<StageSays, { readonly epoch: number }>): void {
    if (message.says !== 'refused' || message.by === null || this.#line.standbyOf(message.by) === null) return
    this.gone(message.by, fail(message.code, message.detail))
  }

  /** The frame that ends there is done, and so is everything before it. */
  #arrived(position: number, output: FrameOutput): boolean {
    const entry = this.#inFlight.take(position, output.kind)
    if (!entry) return false
    if (output.kind === 'token') this.#receipts?.came()
    this.#watch.arrived(entry.frame.mode, entry.frame.count, entry.sentMs, this.#parts.clock.nowMs())
    entry.settle(ok(output))
    return true
  }

  #send({ input, sample, ...rows }: Frame): void {
    this.#stages.send(rows, input.kind === 'tokens' ? { ids: input.ids, sample } : { sample })
  }

  #recover(): Promise<void> {
    this.#recovering ??= this.#takeOver().finally(() => {
      this.#recovering = null
    })
    return this.#recovering
  }

  /** Again and again until all stages of the route are alive and hold the same, or no route can be had. */
  async #takeOver(): Promise<void> {
    // Whoever stepped in and was not brought up before the next death still has to be.
    const fresh = new Set<number>()
    for (;;) {
      this.#takeovers += 1
      this.#torn = false
      if (this.#takeovers > TAKEOVERS_MAX) return this.#break()
      if (!this.#line.promote(fresh)) {
        const found = await this.#lookElsewhere(fresh)
        if (!found.ok) return this.#break(found)
        // Somebody in the new one has died in the meantime.
        if (this.#line.dead.length > 0) continue
      }
      const held = this.#inFlight.first?.position ?? this.#journal.end
      const rebuilt = await this.#stages.rebuild(fresh, held)
      if (!this.#open) return
      if (this.#line.dead.length > 0 || this.#torn) continue
      if (!rebuilt.ok) return this.#break(rebuilt)
      if (fresh.size > 0) this.#watch.changed()
      this.#tellReplaced(fresh, rebuilt.value === 'fed')
      this.#parts.onEvent({ kind: 'recovered', position: held })
      this.#stages.tellSpares(fresh)
      this.#sendAgain()
      return
    }
  }

  /** Refusals: `aborted`; `route-broken` with what the last refusal says. */
  async #lookElsewhere(fresh: Set<number>): Promise<Result<null>> {
    const { replan, onEvent } = this.#parts
    if (!replan) return fail('route-broken', '')
    if (this.#unwanted) return fail('aborted', '')
    onEvent({ kind: 'searching' })
    let known: readonly string[] = []
    const ask = () => {
      known = this.#line.dead
      return replan()
    }
    const found = this.#going ? await this.#search.find(ask) : fail('aborted', '')
    if (!this.#going) return fail('aborted', '')
    if (!found.ok) return found.code === 'aborted' ? found : fail('route-broken', explain(found.code, found.detail))
    const placeless = this.#line.lay(found.value, known, fresh)
    for (const peer of placeless) this.#receipts?.left(peer)
    void this.#stages.dismiss(placeless)
    this.#watch.changed(found.value.plannedMs)
    const stages = found.value.stages.map((stage) => ({ ...stage, peer: peerOfSeat(stage.peer) }))
    onEvent({ kind: 'rerouted', stages })
    return ok(null)
  }

  /** What was on its way. The first frame's token came back before the loss, so it goes by its id. */
  #sendAgain(): void {
    for (const [index, frame] of this.#inFlight.again().entries()) {
      const id = index === 0 && frame.input.kind === 'chained' ? this.#journal.idAt(frame.position) : undefined
      this.#send(id === undefined ? frame : { ...frame, input: { kind: 'tokens', ids: Uint32Array.of(id) } })
    }
  }

  #join(): void {
    this.#leave()
    const leave = this.#parts.exchange.join(this.#request, this)
    const rest = this.#parts.clock.every(ALIVE_MS, () => this.#look())
    this.#leave = () => {
      leave()
      rest()
    }
  }

  /** All is acknowledged, and no more comes. */
  async #settle(): Promise<void> {
    const whole = this.#broken === null && this.#recovering === null && !this.#inFlight.first
    await this.#receipts?.close(whole ? this.peers : null)
  }

  #link(peer: string): Link | null {
    return this.#parts.exchange.linkTo(peer)
  }

  /** Open, and not broken. */
  get #going(): boolean {
    return this.#open !== null && this.#broken === null
  }

  get #mayLookElsewhere(): boolean {
    return this.#recovering !== null && this.#parts.replan !== undefined
  }

  /** The first of these whose place somebody can take. */
  #replaceable(peers: readonly string[]): string | undefined {
    return peers.find((peer) => this.#line.standbyOf(peer) !== null)
  }

  /** A step that a death in its middle does not end: the takeover does what the step was about to do. */
  async #until(step: () => Promise<Result<null>>): Promise<Result<null>> {
    const result = await step()
    if (result.ok) return result
    const recovered = this.#recovering !== null
    await this.#recovering
    if (!this.#going) return this.#broken ?? fail('route-broken', '')
    return recovered ? ok(null) : result
  }

  #tellReplaced(fresh: ReadonlySet<number>, fed: boolean): void {
    for (const index of fresh) {
      const peer = this.#line.peerAt(index)
      this.#parts.onEvent({ kind: 'replaced', peer, span: this.#line.spanOf(peer), fed })
    }
  }

  #break(reason: Failure = fail('route-broken', '')): void {
    this.#broken = reason
    this.#failAll(reason)
  }

  #failAll(failure: Failure): void {
    this.#inFlight.fail(failure)
    this.#answers.endAll(failure)
  }
}
