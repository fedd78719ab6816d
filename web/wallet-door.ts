/**
 * Credits as `App.mesh.credits`: fetches the code of the wallet once somebody wants it, and the first gift where a tab has joined the
 * mesh. Keeps nothing else and decides nothing.
 */
import type { MeshWallet, MeshWalletParts } from './mesh-wallet.ts'
import { fail, ok, type Result } from './wire/result.ts'

export class WalletDoor {
  readonly #parts: MeshWalletParts
  #opening: Promise<Result<MeshWallet>> | null = null

  constructor(parts: MeshWalletParts) {
    this.#parts = parts
  }

  /** Refusals: `source-unreachable` where its code cannot be fetched. */
  open(): Promise<Result<MeshWallet>> {
    this.#opening ??= import('./mesh-wallet.ts').then(
      ({ MeshWallet }) => ok(new MeshWallet(this.#parts)),
      () => {
        this.#opening = null
        return fail('source-unreachable', '')
      },
    )
    return this.#opening
  }

  /** This tab has joined: a device without a gift gets it. */
  async arrive(): Promise<void> {
    const wallet = await this.open()
    if (wallet.ok) await wallet.value.arrive()
  }
}
