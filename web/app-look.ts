/**
 * What this device and its models are found to be: the first look when the page opens, and every look after it. Looks and
 * says; loads nothing.
 */
import type { PrebuiltEntry, Shelf } from './app-shelf.ts'
import type { GpuView } from './app-view.ts'
import type { ModelRunner } from './schedule/engine-door.ts'

export interface FirstLookParts {
  readonly runner: Pick<ModelRunner, 'probe'>
  readonly shelf: Shelf
  /** WebLLM's own list for this GPU. */
  readonly prebuilt: () => Promise<readonly PrebuiltEntry[]>
  /** Once, when the GPU and the models of the mirror are known. */
  readonly seen: () => void
  /** The model that a person used last. */
  readonly wanted: () => string | null
  /** Once, after that and when the wanted model is known, with the keys of what was wholly here when the page opened. */
  readonly looked: (keptBefore: ReadonlySet<string>) => void
  readonly changed: () => void
}

export class FirstLook {
  readonly #parts: FirstLookParts
  #gpu: GpuView = { state: 'checking' }
  #started: Promise<void> | null = null
  #listed: Promise<void> = Promise.resolve()

  constructor(parts: FirstLookParts) {
    this.#parts = parts
  }

  get gpu(): GpuView {
    return this.#gpu
  }

  /** Idempotent. */
  start(): Promise<void> {
    this.#started ??= this.#begin()
    return this.#started
  }

  /** WebLLM's list is long in coming: only who wants a model that is on no other list waits for it. */
  async startFor(key: string | null): Promise<void> {
    await this.start()
    if (key !== null && !this.#parts.shelf.entry(key)) await this.#listed
  }

  /** After a person changed something. */
  async again(): Promise<void> {
    await Promise.all([this.#gpu.state === 'ready' ? null : this.#probe(), this.#parts.shelf.look()])
  }

  async #begin(): Promise<void> {
    const { shelf, seen, wanted, looked } = this.#parts
    const [keptBefore] = await Promise.all([this.#lookFirst(), this.#probe()])
    seen()
    const key = wanted()
    if (key !== null && !shelf.entry(key)) await this.#listed
    looked(keptBefore)
  }

  async #lookFirst(): Promise<ReadonlySet<string>> {
    const { shelf } = this.#parts
    await shelf.look()
    return new Set(shelf.entries.filter(({ kept }) => kept).map(({ key }) => key))
  }

  async #probe(): Promise<void> {
    const { runner, changed } = this.#parts
    const found = await runner.probe()
    this.#gpu = found.ok
      ? { state: 'ready', ...found.value }
      : { state: 'none', code: found.code, detail: found.detail }
    changed()
    this.#listed = this.#list(found.ok)
  }

  async #list(hasGpu: boolean): Promise<void> {
    const { shelf, prebuilt } = this.#parts
    // It is a file of its own: where it does not come, its models are missing and nothing else.
    shelf.addPrebuilt(hasGpu ? await prebuilt().catch(() => []) : [])
  }
}
