/**
 * The state of the Rooms screen: the rooms of this browser, the invite that the address brought, and what went wrong last.
 * Talks to `App` only; wording is in `room-words.ts`.
 */
import type { App } from '../../app.ts'
import type { RoomView } from '../../app-mesh-view.ts'
import type { PublicKeyText } from '../../wire/device-keys.ts'
import type { PeerId } from '../../wire/peers.ts'
import type { Failure, Result } from '../../wire/result.ts'
import { type Invite, parseInvite, type RoomId } from '../../wire/rooms.ts'
import type { MeshScreen } from '../mesh/mesh-screen.svelte.ts'
import type { Router } from '../route.svelte.ts'
import { sayRooms } from './room-words.ts'

export class RoomsScreen {
  readonly mesh: MeshScreen
  readonly #app: App
  readonly #router: Router
  #trouble = $state.raw<Failure | null>(null)
  #busy = $state(false)
  #spoken = $state('')

  constructor(app: App, mesh: MeshScreen, router: Router) {
    this.#app = app
    this.mesh = mesh
    this.#router = router
    let before = app.mesh.view.rooms
    app.mesh.subscribe(({ rooms }) => {
      this.#spoken = sayRooms(before, rooms) ?? this.#spoken
      before = rooms
    })
  }

  get rooms(): readonly RoomView[] {
    return this.mesh.mesh.rooms
  }

  /** What a screen reader hears of what has changed. */
  get spoken(): string {
    return this.#spoken
  }

  get trouble(): Failure | null {
    return this.#trouble
  }

  get busy(): boolean {
    return this.#busy
  }

  /** With whom this browser works; null for anyone. */
  get within(): RoomId | null {
    return this.mesh.mesh.settings.room
  }

  set within(room: RoomId | null) {
    this.mesh.set({ room })
  }

  /** Rooms that can be worked in, and the one that is chosen, also where it is not here right now. */
  get choices(): readonly RoomView[] {
    return this.rooms.filter(({ state, id }) => state === 'in' || id === this.within)
  }

  /** From the address; null where there is none, or it is read wrongly. */
  get invite(): Invite | null {
    const invite = this.#read()
    return invite?.ok ? invite.value : null
  }

  get badInvite(): Failure | null {
    const invite = this.#read()
    return invite && !invite.ok ? invite : null
  }

  addressOf({ invite }: RoomView): string {
    return `${location.origin}${location.pathname}#${invite?.hash ?? ''}`
  }

  make(name: string, alone: boolean): void {
    this.mesh.agreed(() => void this.#run(() => this.#app.mesh.rooms.make(name, alone)))
  }

  accept(): void {
    const invite = this.#router.invite
    if (invite === null) return
    this.mesh.agreed(() => {
      this.#router.dropInvite()
      void this.#run(() => this.#app.mesh.rooms.join(invite))
    })
  }

  dismiss(): void {
    this.#router.dropInvite()
  }

  renewInvite(id: RoomId, alone: boolean): void {
    void this.#run(() => this.#app.mesh.rooms.renewInvite(id, alone))
  }

  answer(id: RoomId, peer: PeerId, yes: boolean): void {
    void this.#run(() => this.#app.mesh.rooms.answer(id, peer, yes))
  }

  remove(id: RoomId, key: PublicKeyText): void {
    void this.#run(() => this.#app.mesh.rooms.remove(id, key))
  }

  leave(id: RoomId): void {
    void this.#run(() => this.#app.mesh.rooms.leave(id))
  }

  /** Called where the screen appears; returns what to call when it goes. */
  look(): () => void {
    return this.mesh.look()
  }

  #read(): Result<Invite> | null {
    const text = this.#router.invite
    return text === null ? null : parseInvite(text)
  }

  async #run(work: () => Promise<Result<unknown>>): Promise<void> {
    this.#busy = true
    const done = await work()
    this.#busy = false
    this.#trouble = done.ok ? null : done
  }
}
