/**
 * The models a person can pick: those of the mirror, those kept in this browser and files opened from disk, each with
 * whether it fits the GPU. Watches the mirror's list while the mirror is fetching, and only then. Loads nothing.
 */
import type { Fit, MirrorView, ModelEntry, ModelOrigin, SpeedView } from './app-view.ts'
import type { ModelRunner, ModelSource, RunnerInspection } from './schedule/engine-door.ts'
import type { ModelStore } from './schedule/model-store.ts'
import type { HubGguf } from './weights/hub-gguf.ts'
import type { KeptModel } from './weights/shelf.ts'
import type { EngineName } from './wire/chat.ts'
import { MIRROR_POLL_FAILURES_MAX, MIRROR_POLL_MS, SERVER_LOOK_MS } from './wire/limits/page.ts'
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
  /** Null in a page that keeps nothing by itself: then the engines say what is kept. */
  readonly #store: Pick<ModelStore, 'kept'> | null
  readonly #changed: () => void
  readonly #closed = new AbortController()
  #watching = false
  #awaiting = false
  #listed: readonly ModelSummary[] = []
  #kept: readonly KeptModel[] = []
  #prebuilt: readonly PrebuiltEntry[] = []
  /** Files of a hub that a person has named in this visit, by the key of their entry. */
  readonly #named = new Map<string, { readonly model: ModelSummary; readonly file: HubGguf }>()
  #inspecting = false
  #files = 0
  /** Looks at what is kept, in the order of asking; and the newest that was answered. */
  #looks = 0
  #seen = 0

  constructor(
    runner: ModelRunner,
    catalogue: Catalogue,
    changed: () => void,
    store: Pick<ModelStore, 'kept'> | null = null,
  ) {
    this.#runner = runner
    this.#catalogue = catalogue
    this.#changed = changed
    this.#store = store
  }

  /** What this browser keeps, whole or in part, as it was last looked at. */
  get kept(): readonly KeptModel[] {
    return this.#kept
  }

  /** Of an entry that is a file of a hub, not wholly here. */
  hubFile(key: string): HubGguf | null {
    return this.#named.get(key)?.file ?? this.#kept.find(({ model }) => model.id === key)?.unproved ?? null
  }

  /** A file of a hub, under the key that it is kept by while it is fetched. */
  addHubFile(model: ModelSummary, file: HubGguf): void {
    this.#named.set(model.id, { model, file })
    this.#merge()
  }

  forgetHubFile(key: string): void {
    if (this.#named.delete(key)) this.#merge()
  }

  entry(key: string | null): ModelEntry | undefined {
    return this.entries.find((entry) => entry.key === key)
  }

  /** Resolves after one look; goes on looking by itself while the mirror is fetching. Tries refused models again. */
  async look(): Promise<void> {
    const again = (entry: ModelEntry): ModelEntry =>
      entry.fit.state === 'refused' ? { ...entry, fit: { state: 'checking' } } : entry
    this.entries = this.entries.map(again)
    await this.#lookOnce()
    void this.#watch()
    void this.#await()
  }

  /** Adds a file that was opened from disk. The file itself is checked: `gguf-not-gguf`, `architecture-unsupported`, ... */
  async addFile(file: File): Promise<Result<ModelEntry>> {
    const source: ModelSource = { kind: 'file', file }
    const seen = await this.#runner.inspect(source, this.#closed.signal)
    if (!seen.ok) return seen
    const { model, ...fit } = seen.value
    this.#files += 1
    const key = `file:${this.#files}`
    const known = { state: 'known', ...fit } as const
    const entry = entryOf({ key, source, model, origin: { kind: 'device' }, fit: known })
    this.entries = [...this.entries, entry]
    this.#changed()
    return { ok: true, value: entry }
  }

  /** What the list says of them is known without asking anybody. */
  addPrebuilt(listed: readonly PrebuiltEntry[]): void {
    this.#prebuilt = listed
    this.#merge()
  }

  /** Another engine may need more, or run what the last one did not. */
  checkAgain(): void {
    const again = (entry: ModelEntry): ModelEntry => ({ ...entry, fit: { state: 'checking' } })
    const fixed = ({ key, pending }: ModelEntry) => pending || this.#prebuilt.some(({ name }) => `mlc:${name}` === key)
    this.entries = this.entries.map((entry) => (fixed(entry) ? entry : again(entry)))
    this.#changed()
    void this.#inspect()
  }

  /** It has answered here: what was measured goes before what was expected of it. Looks once a model. */
  async measured(key: string): Promise<void> {
    const entry = this.entry(key)
    if (!entry?.speed || entry.speed.basis === 'measured') return
    const fit = toFit(await this.#runner.inspect(this.sourceOf(entry), this.#closed.signal))
    if (fit.state !== 'known' || this.#closed.signal.aborted) return
    const now = (one: ModelEntry) =>
      one.key === key && one.fit.state === 'known' ? { ...one, fit, speed: speedOf(fit) } : one
    this.entries = this.entries.map(now)
    this.#changed()
  }

  /** With the wish of the person. */
  sourceOf(entry: ModelEntry): ModelSource {
    return this.engineWish === null ? entry.source : { ...entry.source, engine: this.engineWish }
  }

  /** After a load: what this browser keeps may have grown. */
  async keptChanged(): Promise<void> {
    if (await this.#lookAtKept()) this.#merge()
  }

  close(): void {
    this.#closed.abort()
  }

  async #lookOnce(): Promise<boolean> {
    const [index] = await Promise.all([this.#catalogue.index(this.#closed.signal), this.#lookAtKept()])
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

  /** A server that is gone is looked for until it is back. */
  async #await(): Promise<void> {
    if (this.#awaiting) return
    this.#awaiting = true
    while (this.mirror.state === 'unreachable' && !this.#closed.signal.aborted) {
      await pause(SERVER_LOOK_MS, this.#closed.signal)
      if (this.mirror.state === 'unreachable' && !this.#closed.signal.aborted) await this.#lookOnce()
    }
    this.#awaiting = false
    void this.#watch()
  }

  /** False where a later look was faster: what this one saw is older. */
  async #lookAtKept(): Promise<boolean> {
    this.#looks += 1
    const look = this.#looks
    const kept = await this.#lookKept()
    if (look < this.#seen) return false
    this.#seen = look
    this.#kept = kept
    return true
  }

  async #lookKept(): Promise<readonly KeptModel[]> {
    if (this.#store) return this.#store.kept()
    const whole = await this.#runner.cached()
    return whole.map((model) => ({ model, keptBytes: model.fileBytes, unproved: null, prebuilt: null, url: null }))
  }

  /** The mirror's order first, then what only this browser has, then files and WebLLM's list. What is known stays. */
  #merge(): void {
    const known = new Map(this.entries.map((entry) => [entry.key, entry.fit]))
    const fitOf = (key: string): Fit => known.get(key) ?? { state: 'checking' }
    const kept = new Map(this.#kept.map((one) => [one.model.id, one]))
    const here = this.#kept.filter(({ unproved, prebuilt }) => !unproved && prebuilt === null)
    const models = new Map([...this.#listed, ...here.map(({ model }) => model)].map((model) => [model.id, model]))
    const listed = new Set(this.#listed.map(({ id }) => id))
    const fromMirror = [...models.values()].map((model) =>
      entryOf({
        key: model.id,
        source: { kind: 'mirror', id: model.id, format: model.format },
        model,
        keptBytes: kept.get(model.id)?.keptBytes ?? 0,
        origin: originOf(kept.get(model.id)?.url ?? null) ?? { kind: listed.has(model.id) ? 'mirror' : 'device' },
        fit: fitOf(model.id),
      }),
    )
    const files = this.entries.filter(({ source }) => source.kind === 'file')
    this.entries = [...fromMirror, ...this.#pending(), ...files, ...this.#fromList(fitOf)]
    this.#changed()
    void this.#inspect()
  }

  #pending(): ModelEntry[] {
    const begun = this.#kept.flatMap(({ model, unproved }) => (unproved ? [{ model, file: unproved }] : []))
    const all = new Map([...this.#named.values(), ...begun].map((one) => [one.model.id, one]))
    return [...all.values()].map(({ model, file }) => {
      const keptBytes = this.#kept.find((one) => one.model.id === model.id)?.keptBytes ?? 0
      const origin = originOf(file.url) ?? { kind: 'device' as const }
      const fit = { state: 'refused', code: 'model-incomplete', detail: '' } as const
      const source = { kind: 'mirror', id: model.id, format: model.format } as const
      return entryOf({ key: model.id, source, model, keptBytes, origin, pending: true, fit })
    })
  }

  /** WebLLM's list, and what is kept of it where a GPU is missing that could use it. */
  #fromList(fitOf: (key: string) => Fit): ModelEntry[] {
    const kept = new Map(this.#kept.flatMap((one) => (one.prebuilt === null ? [] : [[one.prebuilt, one] as const])))
    const listed = this.#prebuilt.map(({ name, family, model, gpuBytes, fits, reason }) => {
      const options = [{ engine: 'webllm' as const, refusal: null }]
      const fit = { engine: 'webllm' as const, gpuBytes, gpuBytesMax: null, fits, reason, choice: null, options }
      return { name, family, model, fit: { state: 'known', ...fit } as const }
    })
    const names = new Set(listed.map(({ name }) => name))
    const others = [...kept.values()].flatMap(({ model, prebuilt: name }) =>
      name === null || names.has(name) ? [] : [{ name, family: null, model, fit: fitOf(`mlc:${name}`) }],
    )
    return [...listed, ...others].map(({ name, family, model, fit }) => {
      const mine = kept.get(name)
      const whole = mine !== undefined && mine.keptBytes === mine.model.fileBytes
      // The list knows sizes only roughly; what is kept knows its own.
      const sized = mine ? { ...model, fileBytes: mine.model.fileBytes } : model
      const origin = { kind: 'hub', host: HUB, repo: null } as const
      const keptBytes = mine?.keptBytes ?? 0
      const source = { kind: 'prebuilt', name } as const
      return entryOf({ key: `mlc:${name}`, source, model: sized, keptBytes, origin, family, fit, kept: whole })
    })
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
      this.entries = this.entries.map((entry) =>
        entry.key === next.key ? { ...entry, fit, speed: speedOf(fit) } : entry,
      )
      this.#changed()
    }
    this.#inspecting = false
  }
}

/** Where WebLLM's list is served from. */
const HUB = 'huggingface.co'

type EntryFacts = Pick<ModelEntry, 'key' | 'source' | 'model' | 'origin' | 'fit'> &
  Partial<Pick<ModelEntry, 'keptBytes' | 'family' | 'pending' | 'kept'>>

function entryOf(facts: EntryFacts): ModelEntry {
  const keptBytes = facts.keptBytes ?? 0
  const pending = facts.pending ?? false
  const kept = facts.kept ?? (!pending && keptBytes > 0 && keptBytes === facts.model.fileBytes)
  return { family: null, ...facts, keptBytes, pending, kept, speed: speedOf(facts.fit) }
}

function speedOf(fit: Fit): SpeedView | null {
  if (fit.state !== 'known' || !fit.choice) return null
  const { tokensPerSecond, basis } = fit.choice
  return { tokensPerSecond, basis }
}

/** Null for what has no address of its own. */
function originOf(url: string | null): ModelOrigin | null {
  if (url === null || !URL.canParse(url)) return null
  const { host, pathname } = new URL(url)
  const [, owner, repo] = pathname.split('/')
  return { kind: 'hub', host, repo: owner && repo ? `${owner}/${repo}` : null }
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
