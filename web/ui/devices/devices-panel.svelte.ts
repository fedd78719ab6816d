/**
 * The state of the Devices part of the settings: the account as `App` says it, a device that asks to be added, words that are
 * on show, and what went wrong last. Talks to `App` only.
 */
import type { App } from '../../app.ts'
import type { AccountView } from '../../app-mesh-view.ts'
import { type EnrolRequest, parseEnrolRequest } from '../../wire/accounts.ts'
import type { PublicKeyText } from '../../wire/device-keys.ts'
import type { Failure, Result } from '../../wire/result.ts'
import type { MeshScreen } from '../mesh/mesh-screen.svelte.ts'
import type { Router } from '../route.svelte.ts'

export class DevicesPanel {
  readonly mesh: MeshScreen
  readonly #app: App
  readonly #router: Router
  #trouble = $state.raw<Failure | null>(null)
  #busy = $state(false)
  #words = $state('')

  constructor(app: App, mesh: MeshScreen, router: Router) {
    this.mesh = mesh
    this.#app = app
    this.#router = router
  }

  /** Null until the server was reached. */
  get account(): AccountView | null {
    return this.mesh.mesh.account
  }

  get trouble(): Failure | null {
    return this.#trouble
  }

  get busy(): boolean {
    return this.#busy
  }

  /** Recovery words, until they are put away; empty else. */
  get words(): string {
    return this.#words
  }

  /** What the address brought; null where there is nothing. */
  get asking(): Result<EnrolRequest> | null {
    const text = this.#router.device
    return text === null ? null : parseEnrolRequest(text)
  }

  get address(): string {
    return `${location.origin}${location.pathname}#${this.account?.request ?? ''}`
  }

  connect(): void {
    this.mesh.agreed(() => void this.#run(() => this.#app.mesh.devices.look()))
  }

  show(): void {
    this.mesh.agreed(() => void this.#run(() => this.#app.mesh.devices.show()))
  }

  hide(): void {
    void this.#run(() => this.#app.mesh.devices.hide())
  }

  accept(): void {
    const link = this.#router.device
    if (link === null) return
    this.mesh.agreed(() => {
      this.#router.dropDevice()
      void this.#run(() => this.#app.mesh.devices.add(link))
    })
  }

  dismiss(): void {
    this.#router.dropDevice()
  }

  remove(key: PublicKeyText): void {
    void this.#run(() => this.#app.mesh.devices.remove(key))
  }

  async makeWords(): Promise<void> {
    await this.#run(async () => {
      const made = await this.#app.mesh.devices.newWords()
      if (made.ok) this.#words = made.value
      return made
    })
  }

  putWordsAway(): void {
    this.#words = ''
  }

  recover(words: string): void {
    this.mesh.agreed(() => void this.#run(() => this.#app.mesh.devices.recover(words)))
  }

  async #run(work: () => Promise<Result<unknown>>): Promise<void> {
    this.#busy = true
    const done = await work()
    this.#busy = false
    this.#trouble = done.ok ? null : done
  }
}
