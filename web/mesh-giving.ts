/**
 * What this tab gives, as `App.mesh` has it: a wish that lasts until it is stopped, rests that come and go as
 * `rules/giving.ts` says, and what is given: layers (the contribution) or whole answers (`mesh-giving-jobs.ts`). Starts and
 * stops these as wish and rests come to. Joins nothing itself, measures nothing.
 */
import type { Awake, ContributionView, MeshRates, MeshSettings } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import { ByteRate } from './byte-rate.ts'
import type { JoinedMesh, MeshParts } from './mesh-door.ts'
import type { GivingJobs, GivingJobsParts } from './mesh-giving-jobs.ts'
import { type GivingFacts, type Rest, type RestReason, restNow, restsOf } from './rules/giving.ts'
import type { GivingWay } from './rules/giving-way.ts'
import type { ContributionState } from './schedule/contribution.ts'
import type { LoadProgress } from './wire/chat.ts'
import { GIVING_LOOK_MS } from './wire/limits/giving.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'

export interface GivingParts
  extends Pick<
      MeshParts,
      'nowMs' | 'minute' | 'every' | 'watchVisible' | 'watchActivity' | 'watchBattery' | 'keepAwake'
    >,
    Pick<GivingJobsParts, 'runner' | 'inChat' | 'sourceOf'> {
  readonly settings: () => MeshSettings
  readonly join: () => Promise<Result<JoinedMesh>>
  /** Null where this tab is not in the mesh. */
  readonly joined: () => JoinedMesh | null
  readonly rates: () => MeshRates | null
  readonly changed: () => void
  /** The person closed what kept the tab awake. */
  readonly wokeUp: () => void
}

/** What a person allows of whole answers; each holds at once. */
const JOB_RULES = ['duty', 'promptTokensMax', 'answerTokensMax', 'jobsAtOnce'] as const

interface Wish {
  readonly entry: ModelEntry
  readonly way: GivingWay
  /** Of layers. */
  readonly layersMax: number
}

type Watched = Pick<GivingFacts, 'paused' | 'visible' | 'active' | 'battery' | 'otherModel'>
/** Who begins to watch begins with a person who is away. */
const AT_FIRST: Watched = { paused: false, visible: true, active: false, battery: null, otherModel: false }

export class MeshGiving {
  readonly #parts: GivingParts
  /** Fetched once a person gives whole answers. */
  #jobs: GivingJobs | null = null
  #watched = AT_FIRST
  /** Reasons in spite of which it goes on, as long as they last. */
  #waived: ReadonlySet<RestReason> = new Set()
  #rest: Rest | null = null
  #wish: Wish | null = null
  #given: ContributionState = { state: 'off', reason: null }
  #refusal: Failure | null = null
  #loading: { readonly progress: LoadProgress | null; readonly bytesPerSecond: number | null } | null = null
  #measuring = false
  #lookingAtModel = false
  #tokensBefore = 0
  #awake: Awake | null = null
  #unwatch: (() => void) | null = null
  #sleep: (() => void) | null = null

  constructor(parts: GivingParts) {
    this.#parts = parts
  }

  get serving(): boolean {
    return this.#given.state === 'serving' || this.#whole !== null
  }

  get view(): ContributionView {
    if (!this.#wish) return { state: 'off', refusal: this.#refusal }
    const [{ way, entry }, given, whole] = [this.#wish, this.#given, this.#whole]
    const { key } = entry
    if (this.#rest) {
      return { state: 'paused', key, stays: way === 'whole' && this.#parts.inChat(key), ...this.#rest }
    }
    if (whole) return { state: 'serving', key, ...whole, rates: this.#parts.rates(), awake: this.#awake }
    if (this.#measuring) return { state: 'measuring', key }
    const { progress = null, bytesPerSecond = null } = this.#loading ?? {}
    if (way === 'whole') {
      return this.#loading
        ? { state: 'loading', key, span: null, progress, bytesPerSecond }
        : { state: 'connecting', way, key }
    }
    if (given.state === 'serving') {
      const { span, modelId, msPerLayer } = given
      const { serving = 0, positions = 0, hiddenSlowdown = null } = this.#parts.joined()?.contribution ?? {}
      const [tokens, rates, awake] = [positions - this.#tokensBefore, this.#parts.rates(), this.#awake]
      const measured = { requests: serving, tokens, rates, hiddenSlowdown, awake }
      return { state: 'serving', way, key, span, modelId, msPerLayer, ...measured }
    }
    if (given.state === 'off' || given.span === null) return { state: 'connecting', way, key }
    return { state: 'loading', key, span: given.span, progress, bytesPerSecond }
  }

  /** `way` and `layersMax` hold until it is stopped. */
  async start(entry: ModelEntry, way: GivingWay, layersMax: number): Promise<Result<null>> {
    if (this.#wish) await this.stop()
    this.#watched = AT_FIRST
    this.#waived = new Set()
    this.#rest = null
    this.#wish = { entry, way, layersMax }
    this.#watch()
    return this.#run(true)
  }

  async pause(): Promise<void> {
    this.#hear({ paused: true })
    await this.#stopGiving()
  }

  /** In spite of all that speaks against it now. */
  async resume(): Promise<void> {
    this.#watched = { ...this.#watched, paused: false, otherModel: false }
    this.#waived = new Set(restsOf(this.#facts, this.#parts.settings()))
    this.#rest = null
    await this.#run(true)
  }

  async stop(): Promise<void> {
    this.#end(null)
    await this.#stopGiving()
  }

  /** Jobs of others came or went: their engine may have another model now. */
  hearJobs(): void {
    void this.#lookAtModel()
    this.#parts.changed()
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
      every(GIVING_LOOK_MS, () => {
        this.#hear({})
        void this.#lookAtModel()
      }),
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
    if (JOB_RULES.some((rule) => change[rule] !== undefined)) this.#jobs?.settle()
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

  /** Starts or stops what the wish and its rest come to. `pressed`: a person has asked for it just now. */
  async #run(pressed = false): Promise<Result<null>> {
    const { join, changed } = this.#parts
    const wish = this.#wish
    this.#refusal = null
    this.#loading = null
    this.#measuring = false
    this.#stayAwake()
    changed()
    if (!wish || this.#rest) {
      await this.#stopGiving()
      return ok(null)
    }
    // Stopped, paused or begun anew meanwhile.
    const isOver = () => this.#wish !== wish || this.#rest !== null
    const [mesh, jobs] = await Promise.all([join(), wish.way === 'whole' ? this.#fetchJobs() : ok(null)])
    if (isOver()) return fail('aborted', '')
    if (!mesh.ok) return this.refuse(mesh)
    if (!jobs.ok) return this.refuse(jobs)
    const started = await this.#give(mesh.value, wish, jobs.value, pressed)
    if (isOver()) return started.ok ? fail('aborted', '') : started
    this.#measuring = false
    changed()
    if (started.ok || started.code === 'aborted') return started
    if (started.code !== 'not-loaded') return this.refuse(started)
    // Nobody has pressed anything: the model that somebody uses here is not taken away.
    this.#hear({ otherModel: true })
    return ok(null)
  }

  async #stopGiving(): Promise<void> {
    await Promise.all([this.#jobs?.stop(), this.#parts.joined()?.contribution.stop()])
  }

  get #whole(): GivingJobs['view'] {
    return this.#jobs?.view ?? null
  }

  /** Refusals: `source-unreachable`. */
  async #fetchJobs(): Promise<Result<GivingJobs>> {
    if (this.#jobs) return ok(this.#jobs)
    const fetched = await import('./mesh-giving-jobs.ts').catch(() => null)
    if (!fetched) return fail('source-unreachable', '')
    this.#jobs ??= new fetched.GivingJobs({
      ...this.#parts,
      visible: () => this.#watched.visible,
      onMeasuring: () => {
        this.#measuring = true
        this.#parts.changed()
      },
    })
    return ok(this.#jobs)
  }

  /** `jobs`: null for layers. */
  async #give(
    mesh: JoinedMesh,
    { entry, layersMax }: Wish,
    jobs: GivingJobs | null,
    pressed: boolean,
  ): Promise<Result<null>> {
    const { nowMs, changed, settings } = this.#parts
    const rate = new ByteRate()
    const onProgress = (progress: LoadProgress) => {
      this.#loading = { progress, bytesPerSecond: rate.add(progress.doneBytes, nowMs()) }
      changed()
    }
    if (jobs) {
      this.#loading = { progress: null, bytesPerSecond: null }
      changed()
      return jobs.start(entry, mesh, pressed, onProgress)
    }
    const { contribution } = mesh
    this.#tokensBefore = contribution.positions
    contribution.pace(settings().duty)
    const started = await contribution.start(entry.source, entry.model, layersMax, onProgress)
    return started.ok ? ok(null) : started
  }

  /** Whole answers rest while this browser has another model loaded, and go on once it has theirs again. */
  async #lookAtModel(): Promise<void> {
    const wish = this.#wish
    const isWhole = wish?.way === 'whole' && (this.#whole !== null || this.#rest?.why === 'model')
    if (!wish || !isWhole || this.#lookingAtModel || !this.#jobs) return
    this.#lookingAtModel = true
    const there = await this.#jobs.look(wish.entry)
    this.#lookingAtModel = false
    if (this.#wish !== wish || (!there.ok && there.code === 'aborted')) return
    if (!there.ok && there.code !== 'not-loaded') this.refuse(there)
    else if (this.#watched.otherModel === there.ok) this.#hear({ otherModel: !there.ok })
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
