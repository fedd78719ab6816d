/**
 * Rooms as `App.mesh.rooms`: joins the mesh for whoever wants one, and hands on what they wish. Every call is refused with
 * `consent-missing` before the person has agreed to what peers see. Keeps nothing; what there is stands in the view.
 */
import type { JoinedMesh } from './mesh-door.ts'
import type { PublicKeyText } from './wire/device-keys.ts'
import type { PeerId } from './wire/peers.ts'
import { fail, ok, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

export interface MeshRoomsParts {
  readonly consent: () => boolean
  readonly join: () => Promise<Result<JoinedMesh>>
  /** Before a room is left. */
  readonly left: (id: RoomId) => Promise<void>
}

type Rooms = JoinedMesh['rooms']

export class MeshRooms {
  readonly #parts: MeshRoomsParts

  constructor(parts: MeshRoomsParts) {
    this.#parts = parts
  }

  /** Refusals of all: `consent-missing`, and those of `MyRooms`. */
  make(name: string, alone: boolean): Promise<Result<RoomId>> {
    return this.#with((rooms) => rooms.make(name, alone))
  }

  join(invite: string): Promise<Result<RoomId>> {
    return this.#with((rooms) => rooms.join(invite))
  }

  renewInvite(id: RoomId, alone: boolean): Promise<Result<null>> {
    return this.#with(async (rooms) => {
      await rooms.renewInvite(id, alone)
      return ok(null)
    })
  }

  answer(id: RoomId, peer: PeerId, yes: boolean): Promise<Result<null>> {
    return this.#with((rooms) => rooms.answer(id, peer, yes))
  }

  remove(id: RoomId, key: PublicKeyText): Promise<Result<null>> {
    return this.#with((rooms) => rooms.remove(id, key))
  }

  leave(id: RoomId): Promise<Result<null>> {
    return this.#with(async (rooms) => {
      await this.#parts.left(id)
      await rooms.leave(id)
      return ok(null)
    })
  }

  async #with<T>(work: (rooms: Rooms) => Promise<Result<T>>): Promise<Result<T>> {
    const joined = this.#parts.consent() ? await this.#parts.join() : fail('consent-missing', '')
    return joined.ok ? work(joined.value.rooms) : joined
  }
}
