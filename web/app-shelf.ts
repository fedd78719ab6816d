/**
 * The models a person can pick: those of the mirror, those kept in this browser and files opened from disk, each with
 * whether it fits the GPU. Watches the mirror's list while the mirror is fetching, and only then. Loads nothing.
 */
import type { Fit, MirrorView, ModelEntry } from './app-view.ts'
import type { ModelRunner, ModelSource, RunnerInspection } from './schedule/engine-door.ts'
import type { EngineName } from './wire/chat.ts'
import { MIRROR_POLL_FAILURES_MAX, MIRROR_POLL_MS } from './wire/limits.ts'
import type { PageConfig } from './wire/mirror.ts'
import type { MirrorIndex, ModelSummary } from './wire/model.ts'
import type { Result } from './wire/result.ts'

/** What the page reads from its server. Refusals: `source-unreachable`, `source-error-page`, `manifest-invalid`. */
export interface Catalogue {
  index(signal: AbortSignal): Promise<Result<MirrorIndex>>
  config(signal: AbortSignal): Promise<Result<PageConfig>>
}

/** A model of WebLLM's own list, which the hub serves. */
export interface PrebuiltEntry {
  readonly name: string
  readonly family: string
  readonly model: ModelSummary
  readonly gpuBytes: number
  readonly fits: boolean
  readonly reason: string
}

export class Shelf {
  entries: readonly ModelEntry[] = []
  mirror: MirrorView = { state: 'asking', adding: [], failed: [], defaultKey: null }
  /** The engine that a person has picked, if any. */
  engineWish: EngineName | null = null
  readonly #runner: ModelRunner
  readonly #catalogue: Catalogue
  readonly #changed: () => void
  readonly #closed = new AbortController()
  #watching = false
  #listed: readonly ModelSummary[] = []
  #kept: readonly ModelSummary[] = []
  #inspecting = false
  #files = 0

  constructor(runner: ModelRunner, catalogue: Catalogue, changed: () => void) {
    this.#runner = runner
    this.#catalogue = catalogue
    this.#changed = changed
  }

  /** Resolves after one look; goes on looking by itself while the mirror is fetching. Tries refused models again. */
  async look(): Promise<void> {
    const again = (entry: ModelEntry): ModelEntry =>
      entry.fit.state === 'refused' ? { ...entry, fit: { state: 'checking' } } : entry
    this.entries = this.entries.map(again)
    await this.#lookOnce()
    void this.#watch()
  }

  /** Adds a file that was opened from disk. The file itself is checked: `gguf-not-gguf`, `architecture-unsupported`, ... */
  async addFile(file: File): Promise<Result<ModelEntry>> {
    const source: ModelSource = { kind: 'file', file }
    const seen = await this.#runner.inspect(source, this.#closed.signal)
    if (!seen.ok) return seen
    const { model, ...fit } = seen.value
    this.#files += 1
    const key = `file:${this.#files}`
    const entry: ModelEntry = { key, source, model, kept: false, family: null, fit: { state: 'known', ...fit } }
    this.entries = [...this.entries, entry]
    this.#changed()
    return { ok: true, value: entry }
  }

  /** What the list says of them is known without asking anybody. */
  addPrebuilt(listed: readonly PrebuiltEntry[]): void {
    const entries = listed.map(({ name, family, model, gpuBytes, fits, reason }): ModelEntry => {
      const options = [{ engine: 'webllm' as const, refusal: null }]
      const fit = { engine: 'webllm' as const, gpuBytes, gpuBytesMax: null, fits, reason, choice: null, options }
      return {
        key: `mlc:${name}`,
        source: { kind: 'prebuilt', name },
        model,
        kept: false,
        family,
        fit: { state: 'known', ...fit },
      }
    })
    this.entries = [...this.entries.filter(({ source }) => source.kind !== 'prebuilt'), ...entries]
    this.#changed()
  }

  /** Another engine may need more, or run what the last one did not. */
  checkAgain(): void {
    const again = (entry: ModelEntry): ModelEntry => ({ ...entry, fit: { state: 'checking' } })
    this.entries = this.entries.map((entry) => (entry.source.kind === 'prebuilt' ? entry : again(entry)))
    this.#changed()
    void this.#inspect()
  }

  /** With the wish of the person. */
  sourceOf(entry: ModelEntry): ModelSource {
    return this.engineWish === null ? entry.source : { ...entry.source, engine: this.engineWish }
  }

  /** After a load: what this browser keeps may have grown. */
  async keptChanged(): Promise<void> {
    this.#kept = await this.#runner.cached()
    this.#merge()
  }

  close(): void {
    this.#closed.abort()
  }

  async #lookOnce(): Promise<boolean> {
    const [index, kept] = await Promise.all([this.#catalogue.index(this.#closed.signal), this.#runner.cached()])
    this.#kept = kept
    if (index.ok) {
      const { models, adding, failed, defaultId } = index.value
      this.#listed = models
      this.mirror = { state: 'ready', adding, failed, defaultKey: defaultId }
    } else {
      const { code, detail } = index
      this.mirror = { ...this.mirror, state: 'unreachable', code, detail }
    }
    this.#merge()
    return index.ok
  }

  async #watch(): Promise<void> {
    if (this.#watching) return
    this.#watching = true
    let failures = 0
    while (this.mirror.adding.length > 0 && failures < MIRROR_POLL_FAILURES_MAX) {
      await pause(MIRROR_POLL_MS, this.#closed.signal)
      if (this.#closed.signal.aborted) break
      failures = (await this.#lookOnce()) ? 0 : failures + 1
    }
    this.#watching = false
  }

  /** The mirror's order first, then what only this browser has, then files. What is known of an entry stays. */
  #merge(): void {
    const known = new Map(this.entries.map((entry) => [entry.key, entry.fit]))
    const keptIds = new Set(this.#kept.map((model) => model.id))
    const models = new Map([...this.#listed, ...this.#kept].map((model) => [model.id, model]))
    const fromMirror = [...models.values()].map((model): ModelEntry => {
      const fit = known.get(model.id) ?? { state: 'checking' }
      return {
        key: model.id,
        source: { kind: 'mirror', id: model.id, format: model.format },
        model,
        kept: keptIds.has(model.id),
        family: null,
        fit,
      }
    })
    this.entries = [...fromMirror, ...this.entries.filter(({ source }) => source.kind !== 'mirror')]
    this.#changed()
    void this.#inspect()
  }

  /** One after the other, so that a long list does not become a burst of requests. */
  async #inspect(): Promise<void> {
    if (this.#inspecting) return
    this.#inspecting = true
    for (;;) {
      const next = this.entries.find((entry) => entry.fit.state === 'checking')
      if (!next || this.#closed.signal.aborted) break
      const wish = this.engineWish
      const fit = toFit(await this.#runner.inspect(this.sourceOf(next), this.#closed.signal))
      if (wish !== this.engineWish) continue
      this.entries = this.entries.map((entry) => (entry.key === next.key ? { ...entry, fit } : entry))
      this.#changed()
    }
    this.#inspecting = false
  }
}

function toFit(seen: Result<RunnerInspection>): Fit {
  if (!seen.ok) return { state: 'refused', code: seen.code, detail: seen.detail }
  const { model: _, ...fit } = seen.value
  return { state: 'known', ...fit }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}
