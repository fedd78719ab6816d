/**
 * Whole answers for others, in the engine that this browser's own chat uses: loads the model there, measures it, offers it
 * with what the person allows, and takes the offer back. The model is never there twice. When it gives is `mesh-giving.ts`.
 */

import type { MeshSettings, WholeServing } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import type { JoinedMesh, MeshParts } from './mesh-door.ts'
import type { ModelRunner, ModelSource } from './schedule/engine-door.ts'
import type { ServedModel } from './schedule/jobs/held-job.ts'
import { measureTokens, measureWhole, type WholeMeasure } from './schedule/jobs/measure-whole.ts'
import { OwnSpeed } from './schedule/own-speed.ts'
import { activeParametersOf } from './wire/active-parameters.ts'
import type { LoadProgress } from './wire/chat.ts'
import { CONTEXT_POSITIONS_MAX, OUTPUT_TOKENS_MAX } from './wire/limits/engine.ts'
import { OWN_MEASURE_MS } from './wire/limits/giving.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface GivingJobsParts extends Pick<MeshParts, 'nowMs' | 'every'> {
  /** The engines of this browser; those that the person's own chat uses. */
  readonly runner: Pick<ModelRunner, 'load' | 'chat' | 'embed' | 'count' | 'release'>
  readonly settings: () => MeshSettings
  readonly visible: () => boolean
  /** The person's own chat has this model loaded: it stays when giving ends. */
  readonly inChat: (key: string) => boolean
  /** With the engine that the person has picked, if any. */
  readonly sourceOf: (entry: ModelEntry) => ModelSource
  /** It is loaded and runs for nobody. */
  readonly onMeasuring: () => void
}

interface Offered {
  readonly mesh: JoinedMesh
  readonly entry: ModelEntry
  readonly loaded: Pick<ServedModel, 'engine' | 'positions'>
  readonly measured: WholeMeasure
  readonly speed: OwnSpeed
  /** What this tab had given before. */
  readonly before: { readonly jobs: number; readonly tokens: number }
}

const NEVER = new AbortController().signal

export class GivingJobs {
  readonly #parts: GivingJobsParts
  #abort = new AbortController()
  #offered: Offered | null = null
  /** What was loaded here for others, and is let go at the end. */
  #loadedHere: ModelEntry | null = null
  #restMeasuring: () => void = () => {}

  constructor(parts: GivingJobsParts) {
    this.#parts = parts
  }

  get view():
    | (WholeServing & { modelId: string; requests: number; tokens: number; hiddenSlowdown: number | null })
    | null {
    if (!this.#offered) return null
    const { mesh, entry, loaded, speed, before } = this.#offered
    const { counts, held } = mesh.jobs
    return {
      way: 'whole',
      modelId: entry.model.id,
      ...loaded,
      ...this.#speeds(this.#offered),
      requests: held,
      jobs: counts.jobs - before.jobs,
      tokens: counts.tokens - before.tokens,
      hiddenSlowdown: speed.hiddenSlowdown,
    }
  }

  /**
   * Resolves once it is offered. `pressed`: by a person just now, so that another model of theirs gives way. Refusals: those
   * of the load and of the engine; `aborted` after `stop`; `not-loaded` where another model is loaded and nobody pressed.
   */
  async start(
    entry: ModelEntry,
    mesh: JoinedMesh,
    pressed: boolean,
    onProgress: (progress: LoadProgress) => void,
  ): Promise<Result<null>> {
    await this.stop()
    const abort = new AbortController()
    this.#abort = abort
    const { runner, onMeasuring, sourceOf } = this.#parts
    const { signal } = abort
    const known = await this.#isLoaded(entry)
    const loaded = await runner.load(sourceOf(entry), onProgress, signal, !pressed)
    if (signal.aborted) return fail('aborted', '')
    if (!loaded.ok) return loaded.code === 'aborted' ? fail('not-loaded', '') : loaded
    if (!known) this.#loadedHere = entry
    onMeasuring()
    const measured = await measureWhole(runner, entry.source, signal)
    if (signal.aborted) return fail('aborted', '')
    if (!measured.ok) {
      await this.stop()
      return measured
    }
    const positions = Math.min(loaded.value.contextPositions, CONTEXT_POSITIONS_MAX)
    const about = { engine: loaded.value.engine, positions }
    const speed = new OwnSpeed()
    this.#offered = { mesh, entry, loaded: about, measured: measured.value, speed, before: mesh.jobs.counts }
    this.settle()
    this.#restMeasuring = this.#parts.every(OWN_MEASURE_MS, () => void this.#measure())
    return ok(null)
  }

  /** What the person allows holds from now on. */
  settle(): void {
    if (!this.#offered) return
    const { mesh, entry, loaded, measured } = this.#offered
    const { duty, promptTokensMax, answerTokensMax, jobsAtOnce } = this.#parts.settings()
    const { tokensPerSecond } = measured
    mesh.jobs.pace({ duty, tokenMs: tokensPerSecond ? 1_000 / tokensPerSecond : null })
    mesh.jobs.serve([
      {
        modelId: entry.model.id,
        layers: entry.model.layers,
        activeParameters: activeParametersOf(entry.model),
        source: entry.source,
        kinds: measured.kinds,
        parallel: jobsAtOnce,
        promptTokensMax: promptTokensMax ?? loaded.positions,
        answerTokensMax: answerTokensMax ?? OUTPUT_TOKENS_MAX,
        ...loaded,
        ...this.#speeds(this.#offered),
      },
    ])
  }

  /**
   * Whether the model is what is loaded; what is offered is loaded again where nothing else is. Refusals: `not-loaded` where
   * another one is, those of the load; `aborted` after `stop`.
   */
  async look(entry: ModelEntry): Promise<Result<null>> {
    const { runner, sourceOf } = this.#parts
    const [offered, { signal }] = [this.#offered, this.#abort]
    if (await this.#isLoaded(entry)) return ok(null)
    if (!offered) return fail('not-loaded', '')
    const again = await runner.load(sourceOf(entry), () => {}, signal, true)
    if (again.ok) return ok(null)
    return again.code === 'aborted' && !signal.aborted ? fail('not-loaded', '') : again
  }

  /** At once: askers are told, and the model is let go of unless the person's own chat uses it. */
  async stop(): Promise<void> {
    this.#abort.abort()
    this.#restMeasuring()
    const [offered, loadedHere] = [this.#offered, this.#loadedHere]
    this.#offered = null
    this.#loadedHere = null
    offered?.mesh.jobs.stop()
    if (!loadedHere || this.#parts.inChat(loadedHere.key)) return
    await this.#parts.runner.release(loadedHere.source, NEVER)
  }

  async #isLoaded({ source }: ModelEntry): Promise<boolean> {
    const counted = await this.#parts.runner.count(source, [{ role: 'user', content: '' }], NEVER)
    return counted.ok || counted.code !== 'not-loaded'
  }

  #speeds({ measured }: Offered): Pick<WholeServing, 'tokensPerSecond' | 'prefillTokensPerSecond'> {
    const { duty } = this.#parts.settings()
    const { tokensPerSecond, prefillTokensPerSecond } = measured
    const paced = (speed: number | null) => (speed === null ? null : speed * duty)
    return { tokensPerSecond: paced(tokensPerSecond), prefillTokensPerSecond: paced(prefillTokensPerSecond) }
  }

  /** While nobody asks, until it is known how fast this tab is as it is now: visible or hidden. */
  async #measure(): Promise<void> {
    const { runner, nowMs, visible } = this.#parts
    const offered = this.#offered
    const shown = visible()
    if (!offered || offered.mesh.jobs.held > 0 || !offered.measured.kinds.includes('chat')) return
    if (!offered.speed.wants(shown)) return
    const times = await measureTokens(runner, offered.entry.source, nowMs, this.#abort.signal)
    if (times.ok && visible() === shown) for (const ms of times.value) offered.speed.add(ms, shown)
  }
}
