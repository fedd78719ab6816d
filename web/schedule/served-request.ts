/**
 * One request at one stage of a route: takes frames from the peer before, computes them in order, sends what comes out to
 * the peer after. It believes a frame only from whom the place in the route says, only of this epoch, and only where the
 * stage's KV is exactly what the frame continues. What is wrong is refused to the asker by code, with the neighbour whose
 * fault it was; nobody else is harmed. An asker that sends wrong frames itself loses its link. A neighbour does not: what it
 * sends is the asker's to steer, who could so part two stages that serve others.
 */
import type { Frame, FrameOutput, SamplerSpec } from '../engine/stage.ts'
import type { Link } from '../mesh/link.ts'
import type { Code } from '../wire/codes.ts'
import { TOKENS_IN_FLIGHT_MAX } from '../wire/limits/engine.ts'
import type { AskerSays, StagePlace, StagePosition } from '../wire/peer-control.ts'
import { allFinite, type RequestId, type StageFrame } from '../wire/peer-frame.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { inputOf, type RowsInput } from './frame-input.ts'
import { type FrameRights, isKnown, whyNotSent } from './frame-rights.ts'
import type { ServedStage } from './hop.ts'
import type { PaidStage } from './receipts/paid-stage.ts'
import { samplerOf } from './sampler-wire.ts'
import { StageJournal } from './stage-journal.ts'
import { type RowsFrame, WaitingFrames } from './waiting-frames.ts'

type Open = Extract<AskerSays, { readonly says: 'open' }>

export interface ServedParts {
  readonly stage: ServedStage
  readonly asker: Link
  /** Null where there is no link to that peer now. */
  readonly linkTo: (peer: string) => Link | null
  /** Makes a link where there is none. */
  readonly connect: (peer: string) => Promise<Result<unknown>>
  /** Of the stage; no other request has it. */
  readonly session: number
  /** Null where it is free. It outlives this where the request is opened anew. */
  readonly paid?: PaidStage | null
}

export class ServedRequest {
  #parts: ServedParts
  #request: RequestId
  readonly #positions: number
  readonly #journal: StageJournal
  #paid: PaidStage | null
  #unfollow: () => void
  /** What was paid is settled, and nothing more is. */
  #resting = false
  #sampler: SamplerSpec
  #place: StagePlace
  #epoch: number
  readonly #waiting = new WaitingFrames()
  /** Frames that the stage has. Few, so that those of other requests have their turn between them. */
  #running = 0
  /** Ids by position: what the tail has drawn, and what the asker told it of a prompt. */
  readonly #ids = new Map<number, number>()
  /** The KV. Whatever is said of it waits until it is there. */
  #reserved: Promise<Result<null>> = Promise.resolve(ok(null))
  /** Something was refused in this epoch: what follows it in the pipe would be wrong as well, and nobody's fault. */
  #refused = false
  /** Where the next rows begin. */
  #due = 0
  /** Up to where what came out has gone on. */
  #passed = 0
  /** Sends what came out in the order in which it went in. */
  #sending: Promise<void> = Promise.resolve()

  constructor(parts: ServedParts, open: Open) {
    this.#parts = parts
    this.#request = open.request
    this.#positions = open.positions
    this.#place = open.place
    this.#epoch = open.epoch
    this.#sampler = samplerOf(open.sampler)
    this.#journal = new StageJournal(parts.stage.facts.width)
    this.#paid = parts.paid ?? null
    this.#paid?.cut(0)
    this.#unfollow = this.#follow()
  }

  /** Reserves the KV. Refusals: those of `StageEngine.open`; `frame-invalid` where this stage is not what was asked for. */
  async open(): Promise<Result<null>> {
    const { range } = this.#parts.stage.facts
    const { span } = this.#place
    if (range.first !== span.first || range.last !== span.last) {
      return fail('frame-invalid', `This stage has layers ${range.first} to ${range.last}.`)
    }
    const epoch = this.#epoch
    this.#reserved = this.#parts.stage.open({
      session: this.#parts.session,
      epoch,
      positions: this.#positions,
      sampler: this.#sampler,
    })
    const reserved = await this.#reserved
    if (!reserved.ok) return reserved
    const linked = await this.#reach()
    // While it reached for somebody dead a takeover gave it another neighbour, and had its own answer.
    if (epoch !== this.#epoch) return ok(null)
    if (!linked.ok) return linked
    await this.opened()
    return ok(null)
  }

  opened(): Promise<void> {
    return this.#tell({ says: 'opened', ...this.#about })
  }

  /** Nothing more is computed until it is renewed. */
  rest(): void {
    this.#resting = true
    this.#unfollow()
  }

  /** Goes on as another request, with what it holds. */
  renew({ request, epoch }: Pick<Open, 'request' | 'epoch'>, parts: Pick<ServedParts, 'stage' | 'paid'>): void {
    this.#unfollow()
    this.#request = request
    this.#epoch = epoch
    this.#refused = false
    this.#resting = false
    this.#waiting.clear()
    this.#parts = { ...this.#parts, ...parts }
    this.#paid = parts.paid ?? null
    this.#unfollow = this.#follow()
  }

  async hear(message: Extract<AskerSays, { readonly says: 'truncate' | 'feed' | 'spares' }>): Promise<void> {
    if (message.epoch < this.#epoch) return
    if (this.#resting) await this.#refuse(SPENT)
    else if (message.says === 'truncate') await this.#truncate(message)
    else if (message.says === 'spares') this.#reachSpares(message.peers)
    else if (message.epoch === this.#epoch) await this.#feed(message.position)
  }

  take(from: string, frame: StageFrame): void {
    if (frame.epoch < this.#epoch || this.#refused || !isKnown(from, this.#rights)) return
    // The asker's copy, where asker and stage are one tab.
    if (frame.type === 'token' && !this.#first) return
    if (this.#resting) {
      void this.#refuse(SPENT)
      return
    }
    const why = this.#whyNot(from, frame)
    const wrong = why === null ? this.#misplaced(frame) : fail('frame-invalid', why)
    if (wrong !== null) {
      void this.#refuse(wrong, from)
      return
    }
    if ('count' in frame) {
      this.#due = frame.position + frame.count
      this.#paid?.received(frame)
    }
    if (frame.type === 'ids') for (const [index, id] of frame.ids.entries()) this.#ids.set(frame.position + index, id)
    else if (frame.type === 'token') this.#ids.set(frame.position, frame.id)
    else this.#waiting.add(frame)
    this.#pump()
  }

  /**
   * The link to a peer is gone. What was on its way is lost where this stage sends, and only the asker can have it sent again;
   * where the peer broke the rules, only the asker can take another.
   */
  parted(peer: string, reason: Failure): void {
    if (this.#refused) return
    const { before, after, head, tail } = this.#place
    const near = [before, after, this.#tail ? head : null, this.#first ? tail : null]
    if (reason.code !== 'link-closed' && near.includes(peer)) void this.#refuse(reason, peer)
    else if (this.#targets().includes(peer))
      void this.#refuse(fail('link-closed', 'The link to the stage after is gone.'))
  }

  /** What its asker is told with every `alive`. */
  get at(): StagePosition {
    return { ...this.#about, got: this.#due, passed: this.#passed }
  }

  /** Nothing of it is computed or waits. */
  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0
  }

  /** It waits for its asker to say what it has of the answer. */
  get unacknowledged(): boolean {
    return !this.#resting && (this.#paid?.waits ?? false)
  }

  /** Its place is needed, or its asker does not keep to the rules: who asked may open it anew elsewhere. */
  dismiss(reason = fail('session-unknown', 'Another request needed its place.')): Promise<void> {
    return this.#refuse(reason)
  }

  close(): Promise<void> {
    this.#unfollow()
    this.#waiting.clear()
    return this.#parts.stage.close(this.#parts.session)
  }

  #follow(): () => void {
    return this.#paid?.onMore(() => this.#pump()) ?? (() => {})
  }

  get #about() {
    return { request: this.#request, epoch: this.#epoch }
  }

  get #first(): boolean {
    return this.#place.before === null
  }

  get #tail(): boolean {
    return this.#place.after === null
  }

  get #rights(): FrameRights {
    const { asker, stage } = this.#parts
    return { asker: asker.peer, place: this.#place, facts: stage.facts }
  }

  #whyNot(from: string, frame: StageFrame): string | null {
    if (frame.epoch !== this.#epoch) return `epoch ${frame.epoch} was never announced`
    return this.#waiting.whyNot(frame) ?? whyNotSent(from, frame, this.#rights)
  }

  #misplaced(frame: StageFrame): Failure | null {
    if (!('count' in frame) || frame.position === this.#due) return null
    return fail('position-mismatch', `Rows for ${frame.position} came where ${this.#due} was due.`)
  }

  #pump(): void {
    for (let { first } = this.#waiting; first && this.#running < TOKENS_IN_FLIGHT_MAX; { first } = this.#waiting) {
      const frame = first
      const input = inputOf(frame, this.#tail, this.#ids)
      if (!input) return
      const spent = this.#paid?.whyNot(frame)
      if (spent) {
        this.#waiting.clear()
        void this.#refuse(spent)
        return
      }
      if (this.#paid?.mayRun(frame) === false) return
      this.#waiting.shift()
      this.#run(frame, input)
    }
  }

  #run(frame: RowsFrame, input: RowsInput): void {
    const { position, count, mode } = frame
    const [epoch, paid] = [this.#epoch, this.#paid]
    const work: Frame = {
      session: this.#parts.session,
      epoch,
      position,
      count,
      mode,
      sample: this.#tail && frame.sample,
      ...input,
    }
    this.#running += 1
    paid?.ran(frame)
    const output = this.#parts.stage.run(work).then((made) => {
      this.#running -= 1
      if (!made.ok) paid?.failed(frame)
      this.#pump()
      return made
    })
    this.#sending = this.#sending.then(async () => {
      const made = await output
      // The asker has moved on: what came out belongs to nobody.
      if (epoch !== this.#epoch || this.#refused) return
      if (made.ok) {
        await this.#pass(frame, made.value)
        if (epoch === this.#epoch) this.#passed = frame.position + frame.count
      } else await this.#refuse(made, SENDERS_FAULT.includes(made.code) ? this.#senderOf(frame) : null)
    })
  }

  async #pass(frame: RowsFrame, made: FrameOutput): Promise<void> {
    const { position, count, mode, sample, rebuild } = frame
    const end = position + count
    if (made.kind === 'token') {
      this.#ids.set(end, made.id)
      const token = { type: 'token', ...this.#about, position: end, id: made.id } as const
      this.#paid?.sent(token)
      if (!this.#first) await this.#to(this.#place.head)?.send(token, 'now')
      await this.#parts.asker.send(token, 'now')
      return
    }
    if (made.kind === 'hidden') {
      // Sent on, it would cost this stage its link: numbers that no layer can take are the fault of who sent the rows.
      if (!allFinite(made.rows)) {
        await this.#refuse(fail('frame-invalid', 'what came of it are no numbers'), this.#senderOf(frame))
        return
      }
      this.#journal.add({ position, count, mode, rows: made.rows })
      if (!rebuild) {
        const { width } = this.#parts.stage.facts
        const hidden = { type: 'hidden', ...this.#about, position, count, mode, sample, rebuild, width } as const
        const after = this.#place.after === null ? null : this.#to(this.#place.after)
        const passed = { ...hidden, rows: made.rows }
        this.#paid?.sent(passed)
        await after?.send(passed, count > 1 ? 'bulk' : 'now')
        return
      }
    }
    await this.#tell({ says: 'held', ...this.#about, position: end })
  }

  async #truncate({ epoch, position, sampler, place }: Extract<AskerSays, { says: 'truncate' }>): Promise<void> {
    this.#epoch = epoch
    this.#refused = false
    this.#due = position
    this.#passed = position
    this.#waiting.clear()
    this.#paid?.cut(position)
    if (sampler) this.#sampler = samplerOf(sampler)
    if (place) {
      const moved = place.span.first !== this.#place.span.first || place.span.last !== this.#place.span.last
      if (moved) return this.#refuse(fail('frame-invalid', 'A stage cannot change its layers.'))
      this.#place = place
      const linked = await this.#reach()
      if (epoch !== this.#epoch) return
      if (!linked.ok) return this.#refuse(linked)
    }
    this.#journal.cut(position)
    // The token that stands at `position` is known still: the next frame begins with it.
    for (const at of [...this.#ids.keys()]) if (at > position) this.#ids.delete(at)
    await this.#reserved
    const cut = await this.#parts.stage.truncate(this.#parts.session, epoch, position, this.#sampler)
    if (epoch !== this.#epoch) return
    if (cut.ok) await this.#tell({ says: 'truncated', ...this.#about })
    else await this.#refuse(cut)
  }

  async #feed(position: number): Promise<void> {
    const { epoch } = this.#about
    const frames = this.#journal.upTo(position)
    if (!frames.ok) return this.#refuse(frames)
    const after = this.#place.after === null ? null : this.#to(this.#place.after)
    const { width } = this.#parts.stage.facts
    for (const { position: at, count, mode, rows } of frames.value) {
      if (epoch !== this.#epoch) return
      const hidden = {
        type: 'hidden',
        ...this.#about,
        position: at,
        count,
        mode,
        sample: false,
        rebuild: true,
      } as const
      // The journal keeps its rows: encoding copies them.
      const fed = { ...hidden, width, rows }
      this.#paid?.sent(fed)
      const sent = await after?.send(fed, 'bulk')
      if (!sent?.ok) return
    }
  }

  /** Links to whom this stage sends, before the first frame. Refusals: those of `connect`. */
  async #reach(): Promise<Result<unknown>> {
    const results = await Promise.all(
      this.#targets().map((peer) => (this.#to(peer) ? ok(null) : this.#parts.connect(peer))),
    )
    return results.find(({ ok: good }) => !good) ?? ok(null)
  }

  /** To whom this stage sends: the one after, or from the tail the first. */
  #targets(): readonly string[] {
    return this.#place.after !== null ? [this.#place.after] : this.#first ? [] : [this.#place.head]
  }

  /** So that a takeover needs no server. Who cannot be reached now is reached for again when it steps in. */
  #reachSpares(peers: readonly string[]): void {
    for (const peer of peers) if (!this.#to(peer)) void this.#parts.connect(peer)
  }

  #to(peer: string): Link | null {
    return this.#parts.linkTo(peer)
  }

  #senderOf({ type }: RowsFrame): string {
    return (type === 'hidden' ? this.#place.before : null) ?? this.#parts.asker.peer
  }

  /** `by`: whose fault it was; null where it is this stage's own. */
  async #refuse(failure: Failure, by: string | null = null): Promise<void> {
    const { asker } = this.#parts
    this.#refused = true
    const { code, detail } = failure
    await this.#tell({ says: 'refused', ...this.#about, by, code, detail })
    if (by === asker.peer) asker.close(failure)
  }

  async #tell(message: Parameters<Link['say']>[0]): Promise<void> {
    await this.#parts.asker.say(message)
  }
}

const SPENT = fail('ticket-spent', 'The answer that it was for is over.')

const SENDERS_FAULT: readonly string[] = ['frame-invalid', 'position-mismatch'] satisfies readonly Code[]
