/**
 * The first and the last layers of a model on this tab's own GPU, for answers whose tokens nobody else is to see. Two
 * workers: one holds one range. They stay loaded for the next answer. Plans nothing, asks nobody for an answer.
 */

import type { Link } from '../mesh/link.ts'
import type { PricedModel } from '../wire/active-parameters.ts'
import type { StageFrame } from '../wire/peer-frame.ts'
import type { PeerId } from '../wire/peers.ts'
import { type Assigned, type AssignWish, middleOf, type PrivateEnds } from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { TicketClaims } from '../wire/tickets.ts'
import type { ModelSource } from './engine-door.ts'
import { OwnSeats, type OwnSeatsParts } from './own-seats.ts'
import type { StageUse } from './provider.ts'
import type { LoadedStage, WorkerStage } from './worker-stage.ts'

type EndWorker = Pick<WorkerStage, 'adapter' | 'load' | 'unload' | 'ping' | 'end'>

export interface OwnEndsParts extends Pick<OwnSeatsParts, 'self' | 'exchange' | 'connect' | 'every'> {
  readonly makeStage: (onLost: () => void) => EndWorker
  /** Tells in what others with such a GPU compute; nothing is promised by it. */
  readonly assign: (wish: Omit<AssignWish, 'room'>) => Promise<Result<Assigned>>
  readonly admit: (asker: string, use: StageUse, model: PricedModel) => Promise<Result<TicketClaims>>
}

export class OwnEnds {
  readonly #parts: OwnEndsParts
  readonly #first: EndWorker
  readonly #last: EndWorker
  #seats: OwnSeats | null = null
  /** Which model and which of its layers. */
  #holds: string | null = null

  constructor(parts: OwnEndsParts) {
    this.#parts = parts
    const onLost = () => {
      this.#holds = null
    }
    this.#first = parts.makeStage(onLost)
    this.#last = parts.makeStage(onLost)
  }

  /** Value: whether they had to be loaded, which takes its time. One call at a time. Refusals: those of the worker. */
  async load(
    source: ModelSource,
    model: PricedModel,
    ends: PrivateEnds,
    signal: AbortSignal,
  ): Promise<Result<boolean>> {
    const wanted = `${model.id} ${ends.first} ${ends.last}`
    if (this.#holds === wanted) return ok(false)
    await this.unload()
    const numericClass = await this.#classOf(model)
    if (!numericClass.ok) return numericClass
    const { first, last } = middleOf(ends, model.layers)
    const load = (worker: EndWorker, from: number, to: number) =>
      worker.load(source, { first: from, last: to }, numericClass.value, () => {}, signal)
    // One after the other: both at once would measure each other.
    const head = await load(this.#first, 0, first)
    if (!head.ok) return head
    const tail = await load(this.#last, last, model.layers)
    if (!tail.ok) return tail
    if (signal.aborted) return fail('aborted', '')
    const { self, exchange, connect, every, admit } = this.#parts
    const seat = (worker: EndWorker, { stage }: LoadedStage) => ({
      stage,
      ping: () => worker.ping(),
      onSilent: () => worker.end(),
    })
    this.#seats = new OwnSeats({
      self,
      exchange,
      connect,
      every,
      first: seat(this.#first, head.value),
      last: seat(this.#last, tail.value),
      admit: (asker, use) => admit(asker, use, model),
    })
    this.#holds = wanted
    return ok(true)
  }

  take(from: Link, frame: StageFrame): void {
    this.#seats?.take(from, frame)
  }

  /** The link to another peer is gone. */
  gone(peer: PeerId, reason: Failure): void {
    this.#seats?.gone(peer, reason)
  }

  async unload(): Promise<void> {
    const seats = this.#seats
    this.#seats = null
    this.#holds = null
    await seats?.close()
    await Promise.all([this.#first.unload(), this.#last.unload()])
  }

  /** Of the others, so that the text is that of one tab. */
  async #classOf({ id, layers }: { readonly id: string; readonly layers: number }): Promise<Result<string | null>> {
    const adapter = await this.#first.adapter()
    if (!adapter.ok) return adapter
    const assigned = await this.#parts.assign({ modelId: id, layers, layersMax: 1, adapter: adapter.value })
    return assigned.ok ? ok(assigned.value.numericClass) : assigned
  }
}
