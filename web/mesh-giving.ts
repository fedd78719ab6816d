/**
 * What this tab gives, as `App.mesh` has it: a wish that lasts until it is stopped, rests that come and go as
 * `rules/giving.ts` says, and what the contribution says. Starts and stops the contribution as both come to. Joins nothing
 * itself, measures nothing.
 */
import type { Awake, ContributionView, MeshRates, MeshSettings } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import { ByteRate } from './byte-rate.ts'
import type { JoinedMesh, MeshParts } from './mesh-door.ts'
import { type GivingFacts, type Rest, type RestReason, restNow, restsOf } from './rules/giving.ts'
import type { ContributionState } from './schedule/contribution.ts'
import type { LoadProgress } from './wire/chat.ts'
import { GIVING_LOOK_MS } from './wire/limits.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'

export interface GivingParts
  extends Pick<
    MeshParts,
    'nowMs' | 'minute' | 'every' | 'watchVisible' | 'watchActivity' | 'watchBattery' | 'keepAwake'
  > {
  readonly settings: () => MeshSettings
  readonly join: () => Promise<Result<JoinedMesh>>
  /** Null where this tab is not in the mesh. */
  readonly joined: () => JoinedMesh | null
  readonly rates: () => MeshRates | null
  readonly changed: () => void
  /** The person closed what kept the tab awake. */
  readonly wokeUp: () => void
}

interface Wish {
  readonly entry: ModelEntry
  readonly layersMax: number
}

type Watched = Pick<GivingFacts, 'paused' | 'visible' | 'active' | 'battery'>
/** Who begins to watch begins with a person who is away. */
const AT_FIRST: Watched = { paused: false, visible: true, active: false, battery: null }

export class MeshGiving {
  readonly #parts: GivingParts
  #watched = AT_FIRST
  /** Reasons in spite of which it goes on, as long as they last. */
  #waived: ReadonlySet<RestReason> = new Set()
  #rest: Rest | null = null
  #wish: Wish | null = null
  #given: ContributionState = { state: 'off', reason: null }
  #refusal: Failure | null = null
  #loading: { readonly progress: LoadProgress; readonly bytesPerSecond: number | null } | null = null
  #tokensBefore = 0
  #awake: Awake | null = null
  #unwatch: (() => void) | null = null
  #sleep: (() => void) | null = null

  constructor(parts: GivingParts) {
    this.#parts = parts
  }

  get serving(): boolean {
    return this.#given.state === 'serving'
  }

  get view(): ContributionView {
    if (!this.#wish) return { state: 'off', refusal: this.#refusal }
    const { key } = this.#wish.entry
    if (this.#rest) return { state: 'paused', key, ...this.#rest }
    const given = this.#given
    if (given.state === 'serving') {
      const { span, modelId, msPerLayer } = given
      const { serving = 0, positions = 0, hiddenSlowdown = null } = this.#parts.joined()?.contribution ?? {}
      const [tokens, rates, awake] = [positions - this.#tokensBefore, this.#parts.rates(), this.#awake]
      const measured = { requests: serving, tokens, rates, hiddenSlowdown, awake }
      return { state: 'serving', key, span, modelId, msPerLayer, ...measured }
    }
    if (given.state === 'off' || given.span === null) return { state: 'connecting', key }
    const { progress = null, bytesPerSecond = null } = this.#loading ?? {}
    return { state: 'loading', key, span: given.span, progress, bytesPerSecond }
  }

  async start(entry: ModelEntry, layersMax: number): Promise<Result<null>> {
    if (this.#wish) await this.stop()
    this.#watched = AT_FIRST
    this.#waived = new Set()
    this.#rest = null
    this.#wish = { entry, layersMax }
    this.#watch()
    return this.#run()
  }

  async pause(): Promise<void> {
    this.#hear({ paused: true })
    await this.#parts.joined()?.contribution.stop()
  }

  /** In spite of all that speaks against it now. */
  async resume(): Promise<void> {
    this.#watched = { ...this.#watched, paused: false }
    this.#waived = new Set(restsOf(this.#facts, this.#parts.settings()))
    this.#rest = null
    await this.#run()
  }

  async stop(): Promise<void> {
    this.#end(null)
    await this.#parts.joined()?.contribution.stop()
  }

  refuse(refusal: Failure): Failure {
    this.#end(refusal)
    return refusal
  }

  hear(state: ContributionState): void {
    const was = this.#given.state
    this.#given = state
    // Nobody here stopped it: its worker or its GPU is gone.
    if (state.state === 'off' && was === 'serving' && this.#wish && !this.#rest) {
      this.#end(state.reason ?? fail('worker-lost', ''))
    }
    this.#parts.changed()
  }

  /** Listens to what pauses, only while something is given. */
  #watch(): void {
    this.#unwatch?.()
    this.#unwatch = null
    if (!this.#wish) return
    const { every, watchVisible, watchActivity, watchBattery, settings } = this.#parts
    const { pauseWhileActive, watchDevice } = settings()
    this.#watched = { ...this.#watched, active: false }
    const ends = [
      watchVisible((visible) => this.#hear({ visible })),
      watchBattery((battery) => this.#hear({ battery })),
      pauseWhileActive ? watchActivity(watchDevice, (active) => this.#hear({ active })) : null,
      every(GIVING_LOOK_MS, () => this.#hear({})),
    ]
    this.#unwatch = () => {
      for (const end of ends) end?.()
    }
    this.#hear({})
  }

  /** What a person has just changed holds at once. */
  settle(change: Partial<MeshSettings>): void {
    if (!this.#wish) return
    if (change.duty !== undefined) this.#parts.joined()?.contribution.pace(change.duty)
    if (change.keepAwake !== undefined || change.screenOn !== undefined) this.#stayAwake(true)
    if (change.pauseWhileActive !== undefined || change.watchDevice !== undefined) this.#watch()
    else this.#hear({})
  }

  get #facts(): GivingFacts {
    return { ...this.#watched, minute: this.#parts.minute() }
  }

  /** Looks anew at whether it rests. */
  #hear(change: Partial<Watched>): void {
    this.#watched = { ...this.#watched, ...change }
    if (!this.#wish) return
    const [facts, limits, before] = [this.#facts, this.#parts.settings(), this.#rest]
    const rests = restsOf(facts, limits)
    this.#waived = new Set([...this.#waived].filter((why) => rests.includes(why)))
    this.#rest = restNow(facts, limits, this.#waived)
    if ((before === null) !== (this.#rest === null)) void this.#run()
    else if (before?.why !== this.#rest?.why) this.#parts.changed()
  }

  /** Starts or stops what the wish and its rest come to. */
  async #run(): Promise<Result<null>> {
    const { join, joined, nowMs, changed, settings } = this.#parts
    const wish = this.#wish
    this.#refusal = null
    this.#loading = null
    this.#stayAwake()
    changed()
    if (!wish || this.#rest) {
      await joined()?.contribution.stop()
      return ok(null)
    }
    // Stopped, paused or begun anew meanwhile.
    const isOver = () => this.#wish !== wish || this.#rest !== null
    const mesh = await join()
    if (isOver()) return fail('aborted', '')
    if (!mesh.ok) return this.refuse(mesh)
    const { contribution } = mesh.value
    this.#tokensBefore = contribution.positions
    contribution.pace(settings().duty)
    const rate = new ByteRate()
    const onProgress = (progress: LoadProgress) => {
      this.#loading = { progress, bytesPerSecond: rate.add(progress.doneBytes, nowMs()) }
      changed()
    }
    const { source, model } = wish.entry
    const started = await contribution.start(source, model, wish.layersMax, onProgress)
    if (started.ok) return ok(null)
    return isOver() || started.code === 'aborted' ? started : this.refuse(started)
  }

  /** As long as it gives and the person wants it. `anew`: they may want something else now. */
  #stayAwake(anew = false): void {
    const { keepAwake, settings, changed, wokeUp } = this.#parts
    const { keepAwake: tab, screenOn: screen } = settings()
    const wanted = this.#wish !== null && this.#rest === null && (tab || screen)
    if (anew || !wanted) {
      this.#sleep?.()
      this.#sleep = null
      this.#awake = null
    }
    if (!wanted) return
    const onChange = (awake: Awake) => {
      this.#awake = awake
      changed()
    }
    this.#sleep ??= keepAwake({ tab, screen, onChange, onClosed: wokeUp })
  }

  #end(refusal: Failure | null): void {
    this.#wish = null
    this.#refusal = refusal
    this.#rest = null
    this.#watch()
    this.#stayAwake()
    this.#parts.changed()
  }
}
