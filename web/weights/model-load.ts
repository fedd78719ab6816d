/**
 * A model file on its way into an engine, as every worker that runs GGUF files does it: one load at a time, which a word
 * stops. Opens the file and closes it again where the engine does not take it. Computes nothing and holds no model.
 */
import type { LoadProgress } from '../wire/chat.ts'
import { CONTEXT_POSITIONS_DEFAULT } from '../wire/limits/engine.ts'
import type { ModelSummary } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'
import type { FetchProgress } from './cached-source.ts'
import { type ModelSpec, type OpenedModel, openModel } from './open-model.ts'

export type OnProgress = (progress: LoadProgress) => void

/** The part of a worker's API that no engine does differently. Over Comlink. */
export interface ModelWorkerApi<Model> {
  cached(): Promise<readonly ModelSummary[]>
  /** Replaces what is loaded. Refused with `aborted` after `cancelLoad`. */
  load(spec: ModelSpec, onProgress: OnProgress): Promise<Result<Model>>
  cancelLoad(): Promise<void>
  unload(): Promise<void>
}

export class ModelLoad {
  #running: AbortController | null = null

  get running(): boolean {
    return this.#running !== null
  }

  stop(): void {
    this.#running?.abort()
  }

  /** `take` makes the engine's own of the file, and keeps it open. Refusals: those of `openModel` and of `take`. */
  async run<Model>(
    spec: ModelSpec,
    onProgress: OnProgress,
    take: (opened: OpenedModel, signal: AbortSignal) => Promise<Result<Model>>,
  ): Promise<Result<Model>> {
    const running = new AbortController()
    const { signal } = running
    this.#running = running
    try {
      const opened = await openModel(spec, { signal, onProgress: inPhase('read', onProgress) })
      if (!opened.ok) return opened
      const taken = await take(opened.value, signal)
      if (!taken.ok) opened.value.close()
      return taken
    } finally {
      if (this.#running === running) this.#running = null
    }
  }
}

/** What is said of bytes, as a phase of a load. */
export function inPhase(phase: LoadProgress['phase'], onProgress: OnProgress): (progress: FetchProgress) => void {
  return ({ doneBytes, totalBytes }) => onProgress({ phase, doneBytes, totalBytes })
}

/** Positions that a session of this model gets. */
export function contextOf(contextLength: number): number {
  return Math.min(contextLength, CONTEXT_POSITIONS_DEFAULT)
}
