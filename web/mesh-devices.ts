/**
 * The devices of this person's account as `App.mesh.devices`: joins the mesh for whoever wants them, and hands on what they
 * wish. While this device waits to be added it looks again and again, on one timer. Keeps nothing.
 */
import type { JoinedMesh, MeshParts } from './mesh-door.ts'
import type { PublicKeyText } from './wire/device-keys.ts'
import { ACCOUNT_LOOK_MS } from './wire/limits/rooms.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface MeshDevicesParts {
  readonly consent: () => boolean
  readonly join: () => Promise<Result<JoinedMesh>>
  readonly every: MeshParts['every']
  /** Whether this device still shows its code. */
  readonly waits: () => boolean
}

type Account = JoinedMesh['account']

export class MeshDevices {
  readonly #parts: MeshDevicesParts
  #rest: (() => void) | null = null

  constructor(parts: MeshDevicesParts) {
    this.#parts = parts
  }

  /** Refusals of all: `consent-missing`, and those of `MyAccount`. */
  look(): Promise<Result<null>> {
    return this.#with(async (account) => {
      await account.look()
      return ok(null)
    })
  }

  /** Shows a code until this device was added or it is hidden. */
  show(): Promise<Result<null>> {
    return this.#with(async (account) => {
      account.showRequest()
      this.#rest ??= this.#parts.every(ACCOUNT_LOOK_MS, () => {
        if (this.#parts.waits()) void account.look()
        else this.#stop()
      })
      return ok(null)
    })
  }

  hide(): Promise<Result<null>> {
    this.#stop()
    return this.#with(async (account) => {
      account.hideRequest()
      return ok(null)
    })
  }

  add(link: string): Promise<Result<null>> {
    return this.#with((account) => account.add(link))
  }

  remove(key: PublicKeyText): Promise<Result<null>> {
    return this.#with((account) => account.remove(key))
  }

  newWords(): Promise<Result<string>> {
    return this.#with((account) => account.newWords())
  }

  recover(words: string): Promise<Result<null>> {
    return this.#with((account) => account.recover(words))
  }

  #stop(): void {
    this.#rest?.()
    this.#rest = null
  }

  async #with<T>(work: (account: Account) => Promise<Result<T>>): Promise<Result<T>> {
    const joined = this.#parts.consent() ? await this.#parts.join() : fail('consent-missing', '')
    return joined.ok ? work(joined.value.account) : joined
  }
}
