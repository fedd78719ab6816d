/**
 * Who may answer the open conversation and who will: its scope, the choice that follows from it, and the two questions that
 * come before anything is sent to others (what peers see, and that a split would be slower). Talks to `App` only.
 */
import type { App } from '../app.ts'
import type { ContributionView, MeshView } from '../app-mesh-view.ts'
import type { AppView } from '../app-view.ts'
import type { Scope } from '../wire/conversation.ts'
import type { Failure } from '../wire/result.ts'
import { nameOfChosenRoom } from './rooms/room-words.ts'

type Question = 'consent' | 'slower'

export class ChatWays {
  readonly #app: App
  readonly #ends: readonly (() => void)[]
  #view: AppView
  #mesh: MeshView
  #scope: Scope
  #asked = $state<Question | null>(null)
  #refusal = $state.raw<Failure | null>(null)
  #settle: (yes: boolean) => void = () => {}
  /** Who was warned of a slower split once has made up their mind for this conversation. */
  #warned: string | null = null
  readonly #choice = $derived.by(() => {
    // Read, so that it is chosen anew when any of them changes.
    void [this.#view, this.#mesh]
    return this.#app.ways.choose(this.#scope)
  })

  constructor(app: App) {
    this.#app = app
    this.#view = $state.raw(app.view)
    this.#mesh = $state.raw(app.mesh.view)
    this.#scope = $state(app.conversations.view.open.conversation.scope)
    this.#ends = [
      app.subscribe((view) => {
        this.#view = view
      }),
      app.mesh.subscribe((view) => {
        this.#mesh = view
      }),
      app.conversations.subscribe(({ open }) => this.#follow(open.conversation.scope)),
    ]
  }

  /** Hears of nothing any more; what was asked is answered no. */
  close(): void {
    for (const end of this.#ends) end()
    this.decline()
  }

  get scope(): Scope {
    return this.#scope
  }

  /** Who would answer now, with why; or why nobody can. */
  get choice() {
    return this.#choice
  }

  /** Others would answer now. */
  get over(): boolean {
    return this.#choice.ok && this.#choice.value.mode !== 'local'
  }

  /** One other tab would answer all of it, as soon as it is free. */
  get whole(): boolean {
    return this.#choice.ok && (this.#choice.value.mode === 'job' || this.#choice.value.mode === 'queue')
  }

  /** Why the last scope was not taken. */
  get refusal(): Failure | null {
    return this.#refusal
  }

  /** A person wants other tabs, whatever this device can. */
  get wished(): boolean {
    return this.#scope !== 'device' && this.#view.modeWish === 'layers'
  }

  get asked(): Question | null {
    return this.#asked
  }

  get credits(): App['mesh']['credits'] {
    return this.#app.mesh.credits
  }

  /** Nothing connects before. */
  get consented(): boolean {
    return this.#mesh.settings.consent
  }

  get relayOnly(): boolean {
    return this.#mesh.settings.relayOnly
  }

  get contribution(): ContributionView {
    return this.#mesh.contribution
  }

  get announcements(): MeshView['announcements'] {
    return this.#mesh.announcements
  }

  /** The room that this browser works in; null where there is none. */
  get roomName(): string | null {
    return nameOfChosenRoom(this.#mesh)
  }

  /** Others are answering this tab right now. */
  get asking(): boolean {
    return this.#mesh.asking
  }

  async setScope(scope: Scope): Promise<void> {
    const permitted = this.#app.ways.permits(scope)
    this.#refusal = permitted.ok ? null : permitted
    if (!permitted.ok || (scope !== 'device' && !(await this.#consented()))) return
    await this.#app.conversations.setScope(scope)
  }

  wishOthers(on: boolean): void {
    this.#app.pickMode(on ? 'layers' : null)
  }

  /** Before anything is asked: true where nothing speaks against it, or the person has said yes. */
  async cleared(): Promise<boolean> {
    if (!this.over) return true
    if (!(await this.#consented())) return false
    const { id } = this.#app.conversations.view.open.conversation
    const choice = this.#app.ways.choose(this.#scope)
    if (!choice.ok || !choice.value.slowerThanHere || this.#warned === id) return true
    const goes = await this.#ask('slower')
    if (goes) this.#warned = id
    return goes
  }

  /** The answer to what peers see. */
  agree(relayOnly: boolean): void {
    this.#app.mesh.set({ consent: true, relayOnly })
    this.#answer(true)
  }

  /** The answer to a split that would be slower. */
  goOver(): void {
    this.#answer(true)
  }

  stayHere(): void {
    this.wishOthers(false)
    this.#answer(true)
  }

  decline(): void {
    this.#answer(false)
  }

  async #consented(): Promise<boolean> {
    return this.#mesh.settings.consent || this.#ask('consent')
  }

  #ask(question: Question): Promise<boolean> {
    this.decline()
    this.#asked = question
    return new Promise((settle) => {
      this.#settle = settle
    })
  }

  #answer(yes: boolean): void {
    this.#asked = null
    this.#settle(yes)
  }

  #follow(scope: Scope): void {
    if (scope === this.#scope) return
    this.#scope = scope
    this.#refusal = null
    // The room is the one that this browser works with, whichever that is by then.
    this.#app.mesh.look(scope !== 'device', 'chat', scope === 'room' ? undefined : null)
  }
}
