/**
 * The state of the Credits screen: the wallet as `App` says it, how much of the history is drawn, files out. Its code and that of the
 * wallet are fetched with the screen. Talks to `App` only; wording is in `credit-words.ts`.
 */
import type { App } from '../../app.ts'
import type { EarningsView, PriceView, ReceiptCheck, WalletView } from '../../app-wallet-view.ts'
import type { WalletEntry } from '../../wire/credit-events.ts'
import { WALLET_PAGE_MAX } from '../../wire/limits/credits.ts'
import type { Receipt } from '../../wire/receipt-bytes.ts'
import type { Failure, Result } from '../../wire/result.ts'
import type { MeshScreen } from '../mesh/mesh-screen.svelte.ts'
import { saveText } from '../save-file.ts'

type Wallet = Extract<Awaited<ReturnType<App['mesh']['credits']['open']>>, { ok: true }>['value']

export class CreditsScreen {
  readonly mesh: MeshScreen
  #wallet = $state.raw<Wallet | null>(null)
  #view = $state.raw<WalletView | null>(null)
  #missing = $state.raw<Failure | null>(null)
  #shown = $state(WALLET_PAGE_MAX)
  #spoken = $state('')

  constructor(mesh: MeshScreen) {
    this.mesh = mesh
  }

  /** Null until the code of the wallet is here. */
  get view(): WalletView | null {
    return this.#view
  }

  get trouble(): Failure | null {
    return this.#missing ?? this.#view?.trouble ?? null
  }

  /** Why what the person wanted last was not done. */
  get refusal(): Failure | null {
    return this.#view?.refusal ?? null
  }

  /** What a screen reader hears. */
  get spoken(): string {
    return this.#spoken
  }

  get entries(): readonly WalletEntry[] {
    return this.#view?.entries.slice(0, this.#shown) ?? []
  }

  /** There is more than is drawn. */
  get more(): boolean {
    return this.#view !== null && (this.#view.more || this.#view.entries.length > this.#shown)
  }

  get earnings(): EarningsView | null {
    // Read for its changes: what is given, and how fast.
    void this.mesh.mesh
    return this.#wallet?.earnings() ?? null
  }

  /** Of a thousand tokens by the model that is given, else used. */
  get prices() {
    const key = this.mesh.entry?.key ?? this.mesh.view.selectedKey
    return key === null ? null : (this.#wallet?.prices(key) ?? null)
  }

  /** Called where the screen appears; returns what to call when it goes. */
  look(): () => void {
    const stops: (() => void)[] = []
    let gone = false
    void this.mesh.credits.open().then((opened) => {
      if (gone) return
      this.#missing = opened.ok ? null : opened
      if (!opened.ok) return
      this.#wallet = opened.value
      stops.push(opened.value.subscribe((view) => this.#hear(view)))
      if (this.mesh.mesh.settings.consent) stops.push(opened.value.look())
    })
    return () => {
      gone = true
      for (const stop of stops) stop()
    }
  }

  connect(): void {
    // The gift comes by itself where this tab joins.
    this.mesh.agreed(() => void this.#wallet?.refresh())
  }

  claim(): void {
    this.mesh.agreed(() => void this.#wallet?.claim())
  }

  async showOlder(): Promise<void> {
    const wanted = this.#shown + WALLET_PAGE_MAX
    if ((this.#view?.entries.length ?? 0) < wanted) await this.#wallet?.older()
    this.#shown = wanted
  }

  nameOf(modelId: string): string | null {
    return this.mesh.view.entries.find(({ model }) => model.id === modelId)?.model.name ?? null
  }

  async check(entry: WalletEntry): Promise<ReceiptCheck | null> {
    return (await this.#wallet?.check(entry)) ?? null
  }

  price(receipt: Receipt): PriceView | null {
    return this.#wallet?.price(receipt) ?? null
  }

  async save(format: 'json' | 'csv'): Promise<void> {
    const file: Result<string> | undefined = await this.#wallet?.exported(format)
    if (!file?.ok) return
    const type = format === 'json' ? 'application/json' : 'text/csv'
    saveText(`weft-credits-${new Date().toISOString().slice(0, 10)}.${format}`, type, file.value)
    this.#spoken = 'Your credits were saved as a file.'
  }

  #hear(view: WalletView): void {
    const before = this.#view
    if (before?.busy === 'gift' && view.busy === null && view.refusal === null) this.#spoken = 'The gift is here.'
    this.#view = view
  }
}
