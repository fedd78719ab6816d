/**
 * The state of the Contribute and Network screens: what `App` says of the mesh, the model that is given or looked at, and
 * the consent that waits for an answer. Talks to `App` only; wording is in `mesh-words.ts`.
 */
import type { App } from '../../app.ts'
import type { GivingMeans, GivingPlan, MeshSettings, MeshView } from '../../app-mesh-view.ts'
import type { AppView, ModelEntry } from '../../app-view.ts'
import type { CensusModel } from '../../wire/census.ts'
import { followFocus } from '../parts/follow-focus.ts'
import { nameOfChosenRoom } from '../rooms/room-words.ts'
import { saySpoken } from './mesh-words.ts'

/** What is done once a person has agreed to what peers see. */
export type Asked = 'contribute' | 'look' | 'room'

export class MeshScreen {
  readonly #app: App
  #view: AppView
  #mesh: MeshView
  #pickedKey = $state<string | null>(null)
  #shownId = $state<string | null>(null)
  #asked = $state<Asked | null>(null)
  #spoken = $state('')
  readonly #focus = followFocus()
  #agreed: () => void = () => {}
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)')

  constructor(app: App) {
    this.#app = app
    this.#view = $state.raw(app.view)
    this.#mesh = $state.raw(app.mesh.view)
    app.subscribe((view) => {
      this.#view = view
    })
    // Read here, what is shown would be drawn anew by its own change.
    let before = app.mesh.view
    app.mesh.subscribe((view) => {
      const spoken = saySpoken(before, view)
      if (spoken !== null) this.#spoken = spoken
      before = view
      this.#mesh = view
    })
  }

  get view(): AppView {
    return this.#view
  }

  get mesh(): MeshView {
    return this.#mesh
  }

  /** The room that this browser works in; null for anyone. */
  get roomName(): string | null {
    return nameOfChosenRoom(this.#mesh)
  }

  /** What a screen reader hears of what has changed. */
  get spoken(): string {
    return this.#spoken
  }

  /** Nothing moves. */
  get still(): boolean {
    return this.#still.matches
  }

  /** Models that can be given: those that everybody gets from the same server, and of layers those that can be cut. */
  get givable(): readonly ModelEntry[] {
    const { way } = this.#mesh.settings
    return this.#view.entries.filter(
      ({ source, model, pending, fit }) =>
        source.kind === 'mirror' &&
        (way !== 'layers' || model.format === 'gguf') &&
        model.layers > 0 &&
        !pending &&
        fit.state !== 'refused',
    )
  }

  /** What is given, else what would be: picked here, else used in the chat, else the first. */
  get entry(): ModelEntry | null {
    const { contribution } = this.#mesh
    const given = contribution.state === 'off' ? this.#pickedKey : contribution.key
    const find = (key: string | null) => this.givable.find((entry) => entry.key === key)
    return find(given) ?? find(this.#view.selectedKey) ?? this.givable[0] ?? null
  }

  /** How it would be given, as things stand; null while it is not known what it needs. */
  get plan(): GivingPlan | null {
    // Read for its changes: what is known of the mesh, and what the person allows.
    void this.#mesh
    return this.entry?.fit.state === 'known' ? this.#app.mesh.givingPlan(this.entry) : null
  }

  /** Without a GPU something can be given still, slowly: whole answers of a model that fits the CPU engine. */
  get hasCpuModel(): boolean {
    return this.givable.some(({ fit }) => fit.state === 'known' && fit.engine === 'cpu' && fit.fits)
  }

  /** The name of another model, which the person's own chat has loaded: it would make room. */
  get displaced(): string | null {
    const { load, entries } = this.#view
    if (load.state !== 'ready' || load.key === this.entry?.key) return null
    return entries.find(({ key }) => key === load.key)?.model.name ?? null
  }

  pick(key: string): void {
    this.#pickedKey = key
  }

  set(change: Partial<MeshSettings>): void {
    this.#app.mesh.set(change)
  }

  get credits(): App['mesh']['credits'] {
    return this.#app.mesh.credits
  }

  /** What this browser tells of its device. */
  get means(): GivingMeans {
    return this.#app.mesh.means
  }

  /** On only with the browser's leave, for which it asks. */
  watchDevice(on: boolean): void {
    if (on) void this.#app.mesh.watchDevice()
    else this.set({ watchDevice: false })
  }

  /** Of what takes the place of what was pressed. */
  get takeFocus(): (element: HTMLElement) => void {
    return this.#focus.follow
  }

  get asked(): Asked | null {
    return this.#asked
  }

  contribute(): void {
    if (!this.#mesh.settings.consent) this.#asked = 'contribute'
    else if (this.entry) {
      this.#focus.pressed()
      void this.#app.mesh.contribute(this.entry.key)
    }
  }

  connect(): void {
    if (!this.#mesh.settings.consent) this.#asked = 'look'
  }

  /** Does it once the person has agreed to what peers see: at once where they have. */
  agreed(run: () => void): void {
    this.#agreed = run
    if (this.#mesh.settings.consent) run()
    else this.#asked = 'room'
  }

  /** The answer to what peers see. */
  agree(relayOnly: boolean): void {
    const asked = this.#asked
    this.#asked = null
    this.set({ consent: true, relayOnly })
    if (asked === 'contribute') this.contribute()
    else if (asked === 'room') this.#agreed()
  }

  decline(): void {
    this.#asked = null
  }

  pause(): void {
    void this.#app.mesh.pause()
  }

  resume(): void {
    void this.#app.mesh.resume()
  }

  stop(): void {
    this.#focus.pressed()
    void this.#app.mesh.stop()
  }

  leave(): void {
    this.set({ consent: false })
  }

  /** Called where a screen that shows who is here appears; returns what to call when it goes. */
  look(who: 'network' | 'contribute' = 'network'): () => void {
    this.#app.mesh.look(true, who)
    return () => this.#app.mesh.look(false, who)
  }

  lookAgain(): void {
    void this.#app.lookAgain()
  }

  get models(): readonly CensusModel[] {
    return this.#mesh.census?.models ?? []
  }

  /** The model on show: picked, else of an own route, else the one that most hold. */
  get shown(): CensusModel | null {
    const find = (id: string | null | undefined) => this.models.find(({ modelId }) => modelId === id)
    return find(this.#shownId) ?? find(this.#mesh.routes[0]?.modelId) ?? this.models[0] ?? null
  }

  show(modelId: string): void {
    this.#shownId = modelId
  }

  nameOf(modelId: string): string {
    return this.#view.entries.find(({ model }) => model.id === modelId)?.model.name ?? `Model ${modelId.slice(0, 8)}`
  }

  layersOf({ modelId, ranges }: CensusModel): number {
    const known = this.#view.entries.find(({ model }) => model.id === modelId)?.model.layers
    return known ?? Math.max(0, ...ranges.map(({ span }) => span.last))
  }
}
