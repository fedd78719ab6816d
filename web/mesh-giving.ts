/**
 * What this tab gives, as `App.mesh` has it: a wish that lasts until it is stopped, pauses that come and go, and what the
 * contribution says. Starts and stops the contribution as both come to. Joins nothing itself, measures nothing.
 */
import type { ContributionView, MeshRates, MeshSettings, RestReason } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import { ByteRate } from './byte-rate.ts'
import type { JoinedMesh, MeshParts } from './mesh-door.ts'
import type { ContributionState } from './schedule/contribution.ts'
import type { LoadProgress } from './wire/chat.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'

export interface GivingParts extends Pick<MeshParts, 'nowMs' | 'watchVisible' | 'watchActivity'> {
  readonly settings: () => MeshSettings
  readonly join: () => Promise<Result<JoinedMesh>>
  /** Null where this tab is not in the mesh. */
  readonly joined: () => JoinedMesh | null
  readonly rates: () => MeshRates | null
  readonly changed: () => void
}

interface Wish {
  readonly entry: ModelEntry
  readonly layersMax: number
}

export class MeshGiving {
  readonly #parts: GivingParts
  readonly #rests = new Set<RestReason>()
  #wish: Wish | null = null
  #given: ContributionState = { state: 'off', reason: null }
  #refusal: Failure | null = null
  #loading: { readonly progress: LoadProgress; readonly bytesPerSecond: number | null } | null = null
  #tokensBefore = 0
  #unwatch: (() => void) | null = null

  constructor(parts: GivingParts) {
    this.#parts = parts
  }

  get serving(): boolean {
    return this.#given.state === 'serving'
  }

  get view(): ContributionView {
    if (!this.#wish) return { state: 'off', refusal: this.#refusal }
    const { key } = this.#wish.entry
    const why = ORDER.find((reason) => this.#rests.has(reason))
    if (why) return { state: 'paused', key, why }
    const given = this.#given
    if (given.state === 'serving') {
      const { span, modelId, msPerLayer } = given
      const { serving = 0, positions = 0 } = this.#parts.joined()?.contribution ?? {}
      const [tokens, rates] = [positions - this.#tokensBefore, this.#parts.rates()]
      return { state: 'serving', key, span, modelId, msPerLayer, requests: serving, tokens, rates }
    }
    if (given.state === 'off' || given.span === null) return { state: 'connecting', key }
    const { progress = null, bytesPerSecond = null } = this.#loading ?? {}
    return { state: 'loading', key, span: given.span, progress, bytesPerSecond }
  }

  async start(entry: ModelEntry, layersMax: number): Promise<Result<null>> {
    if (this.#wish) await this.stop()
    this.#wish = { entry, layersMax }
    this.watch()
    return this.#run()
  }

  pause(): Promise<void> {
    return this.#setRest('person', true)
  }

  async resume(): Promise<void> {
    this.#rests.clear()
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
    if (state.state === 'off' && was === 'serving' && this.#wish && this.#rests.size === 0) {
      this.#end(state.reason ?? fail('worker-lost', ''))
    }
    this.#parts.changed()
  }

  /** Listens to what pauses, only while something is given; called again where the settings of that are others. */
  watch(): void {
    this.#unwatch?.()
    this.#unwatch = null
    if (!this.#wish) return
    const { watchVisible, watchActivity, settings } = this.#parts
    const { onlyWhileVisible, pauseWhileActive } = settings()
    // Who begins to watch begins with a person who is away.
    void this.#setRest('active', false)
    if (!onlyWhileVisible) void this.#setRest('hidden', false)
    const ends = [
      onlyWhileVisible ? watchVisible((visible) => void this.#setRest('hidden', !visible)) : null,
      pauseWhileActive ? watchActivity((active) => void this.#setRest('active', active)) : null,
    ]
    this.#unwatch = () => {
      for (const end of ends) end?.()
    }
  }

  /** Starts or stops what the wish and its rests come to. */
  async #run(): Promise<Result<null>> {
    const { join, joined, nowMs, changed } = this.#parts
    const wish = this.#wish
    this.#refusal = null
    this.#loading = null
    changed()
    if (!wish || this.#rests.size > 0) {
      await joined()?.contribution.stop()
      return ok(null)
    }
    // Stopped, paused or begun anew meanwhile.
    const isOver = () => this.#wish !== wish || this.#rests.size > 0
    const mesh = await join()
    if (isOver()) return fail('aborted', '')
    if (!mesh.ok) return this.refuse(mesh)
    const { contribution } = mesh.value
    this.#tokensBefore = contribution.positions
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

  async #setRest(why: RestReason, rests: boolean): Promise<void> {
    if (!this.#wish || this.#rests.has(why) === rests) return
    const before = this.#rests.size > 0
    if (rests) this.#rests.add(why)
    else this.#rests.delete(why)
    if (before === this.#rests.size > 0) this.#parts.changed()
    else await this.#run()
  }

  #end(refusal: Failure | null): void {
    this.#wish = null
    this.#refusal = refusal
    this.#rests.clear()
    this.watch()
    this.#parts.changed()
  }
}

/** Of several the one that the person can do most about. */
const ORDER: readonly RestReason[] = ['person', 'hidden', 'active']
