/**
 * This tab's GPU for others: takes the layers that the server needs served, loads them, tells everybody, serves until it is
 * stopped. One range at a time. Decides nothing about who may ask; tickets do.
 */

import type { Link } from '../mesh/link.ts'
import { median } from '../rules/quantiles.ts'
import type { OnProgress } from '../weights/model-load.ts'
import type { PricedModel } from '../wire/active-parameters.ts'
import { OWN_MEASURE_MS } from '../wire/limits/giving.ts'
import { FRAME_TIMES_KEPT_MAX } from '../wire/limits/mesh.ts'
import type { AskerSays } from '../wire/peer-control.ts'
import type { StageFrame } from '../wire/peer-frame.ts'
import type { LayerSpan } from '../wire/peers.ts'
import type { Assigned, AssignWish } from '../wire/plan-events.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { Holding } from '../wire/signal-events.ts'
import type { TicketClaims } from '../wire/tickets.ts'
import type { ModelSource } from './engine-door.ts'
import type { Server } from './exchange.ts'
import type { ServedStage } from './hop.ts'
import { measureStage } from './measure-stage.ts'
import { OwnSpeed, timedStage } from './own-speed.ts'
import { pacedStage } from './paced-stage.ts'
import { Provider, type ProviderParts, type StageUse } from './provider.ts'
import { soon } from './soon.ts'
import type { LoadedStage, WorkerStage } from './worker-stage.ts'

export interface ContributionParts {
  readonly worker: Pick<WorkerStage, 'adapter' | 'load' | 'unload' | 'ping' | 'end'>
  /** Whom it serves is said by who joins the parts. */
  readonly assign: (wish: Omit<AssignWish, 'room'>) => Promise<Result<Assigned>>
  readonly say: (holding: Omit<Holding, 'room'>) => void
  readonly linkTo: ProviderParts['linkTo']
  readonly connect: ProviderParts['connect']
  readonly every: ProviderParts['every']
  readonly admit: (asker: string, use: StageUse, model: PricedModel) => Promise<Result<TicketClaims>>
  readonly pay?: ProviderParts['pay']
  readonly visible: () => boolean
  readonly nowMs: () => number
  readonly onChange: (state: ContributionState) => void
}

export type ContributionState =
  | { readonly state: 'off'; readonly reason: Failure | null }
  | { readonly state: 'loading'; readonly span: LayerSpan | null }
  | { readonly state: 'serving'; readonly span: LayerSpan; readonly modelId: string; readonly msPerLayer: number }

export class Contribution implements Server {
  readonly #parts: ContributionParts
  #provider: Provider | null = null
  #state: ContributionState = { state: 'off', reason: null }
  #abort: AbortController | null = null
  #positions = 0
  #numericClass = ''
  #duty = 1
  #speed = new OwnSpeed()
  #restMeasuring: () => void = () => {}

  constructor(parts: ContributionParts) {
    this.#parts = parts
  }

  get state(): ContributionState {
    return this.#state
  }

  /** Requests of others that are open here. */
  get serving(): number {
    return this.#provider?.serving ?? 0
  }

  /** Empty while nothing is served. */
  get numericClass(): string {
    return this.#numericClass
  }

  /** How many times longer a token takes while the tab is hidden; null until both were measured. */
  get hiddenSlowdown(): number | null {
    return this.#speed.hiddenSlowdown
  }

  /** The share of the time that it computes, from the next frame on. */
  pace(duty: number): void {
    if (this.#duty === duty) return
    this.#duty = duty
    this.tell()
  }

  /** Positions computed for others so far: tokens of prompts and of answers. */
  get positions(): number {
    return this.#positions
  }

  /** Resolves when it serves, or with what is in the way. */
  async start(
    source: ModelSource,
    model: { readonly id: string; readonly layers: number },
    layersMax: number,
    onProgress: OnProgress,
  ): Promise<Result<LayerSpan>> {
    await this.stop()
    const abort = new AbortController()
    this.#abort = abort
    this.#become({ state: 'loading', span: null })
    const adapter = await this.#parts.worker.adapter()
    if (!adapter.ok) return this.#end(abort, adapter)
    const wish = { modelId: model.id, layers: model.layers, layersMax, adapter: adapter.value }
    const assigned = await this.#parts.assign(wish)
    if (!assigned.ok) return this.#end(abort, assigned)
    const { span, numericClass } = assigned.value
    if (span.last > model.layers || span.last - span.first > layersMax) {
      return this.#end(abort, fail('event-invalid', 'The server asked for other layers than there are, or for more.'))
    }
    if (abort.signal.aborted) return fail('aborted', '')
    this.#become({ state: 'loading', span })
    const loaded = await this.#parts.worker.load(source, span, numericClass, onProgress, abort.signal)
    if (!loaded.ok) return this.#end(abort, loaded)
    if (abort.signal.aborted) return fail('aborted', '')
    this.#serve(loaded.value, span)
    return ok(span)
  }

  /** At once: what is under way is told that this tab leaves. */
  async stop(): Promise<void> {
    this.#abort?.abort()
    this.#abort = null
    if (this.#state.state === 'off') return
    this.#numericClass = ''
    this.#restMeasuring()
    this.#become({ state: 'off', reason: null })
    this.#parts.say({ numericClass: '', visible: this.#parts.visible(), held: [], offers: [] })
    const provider = this.#provider
    this.#provider = null
    await provider?.close()
    await this.#parts.worker.unload()
  }

  /** What is served, as it is now. */
  tell(): void {
    const provider = this.#provider
    if (!provider || this.#state.state !== 'serving') return
    const { span, modelId, msPerLayer } = this.#state
    // Who rests between its frames is slower for everybody who waits for them.
    const pacedMs = msPerLayer / this.#duty
    const held = { modelId, span, msPerLayer: pacedMs, freePositions: provider.freePositions, queued: provider.serving }
    this.#parts.say({ numericClass: this.#numericClass, visible: this.#parts.visible(), held: [held], offers: [] })
  }

  /** The page is being left. */
  drain(): void {
    this.#provider?.drain()
  }

  hear(from: Link, message: AskerSays): void {
    if (this.#provider) this.#provider.hear(from, message)
    else if (message.says !== 'close') {
      const { request, epoch } = message
      const code = 'session-unknown'
      void from.say({ says: 'refused', request, epoch, by: null, code, detail: 'Nothing is served here.' })
    }
  }

  take(from: Link, frame: StageFrame): void {
    this.#provider?.take(from, frame)
  }

  gone(peer: string, reason: Failure): void {
    this.#provider?.gone(peer, reason)
  }

  #serve({ stage, model, msPerLayer }: LoadedStage, span: LayerSpan): void {
    const { worker, linkTo, connect, every, admit, pay, visible, nowMs } = this.#parts
    const { id, activeParameters } = model
    const priced = { id, activeParameters, layers: stage.facts.layers }
    const speed = new OwnSpeed()
    this.#speed = speed
    const timed = timedStage(stage, { nowMs, visible, speed })
    const rest = (ms: number) =>
      new Promise<void>((resolve) => {
        const stop = every(ms, () => {
          stop()
          resolve()
        })
      })
    const { counted, takeFrameMs } = this.#count(pacedStage(timed, { duty: () => this.#duty, nowMs, rest }))
    const provider = new Provider({
      stage: counted,
      linkTo,
      connect,
      every,
      ping: () => worker.ping(),
      onSilent: () => worker.end(),
      takeFrameMs,
      admit: (asker, use) => admit(asker, use, priced),
      ...(pay ? { pay } : {}),
      onChange: soon(every, () => this.tell()),
    })
    this.#provider = provider
    this.#restMeasuring = every(OWN_MEASURE_MS, () => {
      if (provider.serving === 0 && speed.wants(visible())) void measureStage(timed, nowMs)
    })
    const { numericClass } = stage.facts
    this.#numericClass = numericClass
    this.#become({ state: 'serving', span, modelId: model.id, msPerLayer })
    this.tell()
  }

  /** Counts positions, and how long each token was here, waiting and resting included. */
  #count(stage: ServedStage): { readonly counted: ServedStage; readonly takeFrameMs: () => number | null } {
    const { nowMs } = this.#parts
    let times: number[] = []
    const counted: ServedStage = {
      ...stage,
      run: async (frame) => {
        const beganMs = nowMs()
        const done = await stage.run(frame)
        if (done.ok) this.#positions += frame.count
        if (done.ok && frame.mode === 'decode' && frame.count === 1) times.push(nowMs() - beganMs)
        if (times.length > FRAME_TIMES_KEPT_MAX) times.shift()
        return done
      },
    }
    const takeFrameMs = () => {
      const taken = times
      times = []
      return median(taken)
    }
    return { counted, takeFrameMs }
  }

  #end(abort: AbortController, reason: Failure): Failure {
    if (this.#abort === abort) this.#become({ state: 'off', reason })
    return reason
  }

  #become(state: ContributionState): void {
    this.#state = state
    this.#parts.onChange(state)
  }
}
