/**
 * The credits of this account: asks the server for them, parses what it says, keeps what is shown. Looks again on one timer while
 * somebody looks, and after each answer by others. Words nothing and draws nothing.
 */

import { checkSignatures, type ReceiptCheck } from './account/receipt-check.ts'
import type { MeshView } from './app-mesh-view.ts'
import type { ModelEntry } from './app-view.ts'
import type { CostView, EarningsView, PriceView, WalletView } from './app-wallet-view.ts'
import type { JoinedMesh, MeshParts } from './mesh-door.ts'
import { findProof } from './mesh-wallet-gift.ts'
import { answerRoom } from './rules/context-window.ts'
import { CREDIT_POLICIES, CREDIT_POLICY, priceOf } from './rules/credit-policy.ts'
import { estimateTokens } from './rules/prompt-limits.ts'
import { priceOfReceipt } from './rules/receipts.ts'
import { costOf, daysOf, earningsAnHour } from './rules/wallet.ts'
import { walletCsv, walletJson } from './rules/wallet-export.ts'
import { Shown } from './shown.ts'
import { activeParametersOf } from './wire/active-parameters.ts'
import type { ChatMessage } from './wire/chat.ts'
import type { Scope } from './wire/conversation.ts'
import {
  type CreditWish,
  parsePuzzle,
  parseWallet,
  parseWalletPage,
  type Wallet,
  type WalletEntry,
  type WalletPage,
} from './wire/credit-events.ts'
import {
  UNPAID_OUTPUT_TOKENS_MAX,
  WALLET_CHART_PAGES_MAX,
  WALLET_DAYS,
  WALLET_EXPORT_PAGES_MAX,
  WALLET_LOOK_MS,
  WALLET_PAGE_MAX,
} from './wire/limits/credits.ts'
import { CONTEXT_POSITIONS_DEFAULT } from './wire/limits/engine.ts'
import type { Receipt } from './wire/receipt-bytes.ts'
import { fail, ok, type Result } from './wire/result.ts'

export interface MeshWalletParts {
  readonly entryOf: (key: string) => ModelEntry | undefined
  /** Refusals: `consent-missing`, those of the server. */
  readonly join: () => Promise<Result<JoinedMesh>>
  readonly every: MeshParts['every']
  readonly mesh: { readonly view: MeshView; subscribe(listener: (view: MeshView) => void): () => void }
}

/** A request as it would be sent now. */
export interface CostQuestion {
  /** Of the model that would answer. */
  readonly key: string
  readonly scope: Scope
  /** Null where nobody here can count. */
  readonly promptTokens: number | null
  readonly messages: () => readonly ChatMessage[]
  readonly answerTokensMax: number
}

interface History {
  /** Newest first. */
  readonly entries: readonly WalletEntry[]
  readonly more: boolean
}

const NO_HISTORY: History = { entries: [], more: false }

export class MeshWallet {
  readonly #parts: MeshWalletParts
  #wallet: Wallet | null = null
  #trouble: WalletView['trouble'] = null
  #refusal: WalletView['refusal'] = null
  #history: History | null = null
  #busy: WalletView['busy'] = null
  /** Who looks at all of it. */
  #looking = 0
  #rest: (() => void) | null = null
  #refreshing: Promise<void> | null = null
  readonly #shown: Shown<WalletView>

  constructor(parts: MeshWalletParts) {
    this.#parts = parts
    this.#shown = new Shown(this.#compose())
    let asked = parts.mesh.view.asking
    parts.mesh.subscribe(({ asking }) => {
      const ended = asked && !asking
      asked = asking
      if (ended) void this.refresh()
    })
  }

  get view(): WalletView {
    return this.#shown.view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: WalletView) => void): () => void {
    return this.#shown.subscribe(listener)
  }

  /** Keeps balance and history as they are at the server until it is stopped. Returns how to stop. */
  look(): () => void {
    this.#looking += 1
    this.#rest ??= this.#parts.every(WALLET_LOOK_MS, () => void this.refresh())
    void this.refresh()
    let looks = true
    return () => {
      if (looks) this.#looking -= 1
      looks = false
      if (this.#looking > 0) return
      this.#rest?.()
      this.#rest = null
    }
  }

  /** Once at a time. The history is asked for where somebody looks. What was known stays where the server is away. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null
    })
    return this.#refreshing
  }

  /** More of the history. */
  async older(): Promise<void> {
    if (this.#busy !== null || !this.#history?.more) return
    await this.#while('older', async () => {
      const page = await this.#page(this.#history?.entries.at(-1)?.seq ?? null)
      if (page.ok) this.#append(page.value)
      return page
    })
  }

  /** This tab has joined the mesh: the gift is fetched where this device had none. */
  async arrive(): Promise<void> {
    await this.refresh()
    if (this.#wallet && this.#wallet.grant === null && this.#busy === null) await this.claim()
  }

  /** The gift to this device. Refusals: those of the server, `grant-proof`. */
  claim(): Promise<Result<unknown>> {
    return this.#while('gift', async () => {
      const told = await this.#ask({ kind: 'puzzle' })
      const puzzle = told.ok ? parsePuzzle(told.value) : told
      const proof = puzzle.ok ? await findProof(puzzle.value) : puzzle
      const given = proof.ok ? await this.#ask({ kind: 'grant', proof: proof.value }) : proof
      if (given.ok) await this.refresh()
      return given
    })
  }

  check({ receipt, acknowledged }: WalletEntry): Promise<ReceiptCheck> {
    return receipt
      ? checkSignatures(receipt, acknowledged)
      : Promise.resolve({ worker: 'none', asker: 'none', acknowledged: 'none' })
  }

  /** By the policy that the receipt names, and what is known here of its model. */
  price(receipt: Receipt): PriceView {
    const model = this.#parts.entryOf(receipt.modelId)?.model
    const active = model ? activeParametersOf(model) : null
    const policy = CREDIT_POLICIES.find(({ version }) => version === receipt.policy) ?? null
    const pay = { kind: 'paid', policy: receipt.policy, activeParameters: active ?? 0 } as const
    return {
      policy,
      model: model?.name ?? null,
      activeParameters: active,
      layersAll: model?.layers ?? null,
      micro: policy && model ? priceOfReceipt(policy, receipt, { ...pay, layers: model.layers }) : null,
    }
  }

  /** Of a thousand tokens by this model: written, and read. Null where it is not known. */
  prices(key: string): { readonly model: string; readonly writeMicro: bigint; readonly readMicro: bigint } | null {
    const model = this.#parts.entryOf(key)?.model
    if (!model) return null
    const work = {
      promptTokens: 0,
      outputTokens: 0,
      activeParameters: activeParametersOf(model),
      layers: 1,
      layersAll: 1,
    }
    return {
      model: model.name,
      writeMicro: priceOf(CREDIT_POLICY, { ...work, outputTokens: 1_000 }),
      readMicro: priceOf(CREDIT_POLICY, { ...work, promptTokens: 1_000 }),
    }
  }

  /** Null where the model is not known, or nobody else is asked. */
  cost({ key, scope, promptTokens, messages, answerTokensMax }: CostQuestion): CostView | null {
    const model = this.#parts.entryOf(key)?.model
    if (!model || scope === 'device') return null
    if (scope === 'room') return { kind: 'room' }
    const positions = Math.min(model.contextLength || CONTEXT_POSITIONS_DEFAULT, CONTEXT_POSITIONS_DEFAULT)
    const outputTokensMax = answerRoom(positions, answerTokensMax)
    const cost = costOf(CREDIT_POLICY, {
      promptTokens: promptTokens ?? estimateTokens(messages().map(({ content }) => content)),
      outputTokensMax,
      activeParameters: activeParametersOf(model),
    })
    const haveMicro = this.#wallet?.userMicro ?? null
    if (haveMicro === null || haveMicro >= cost.heldMicro) return { kind: 'paid', ...cost, haveMicro }
    const shorter = Math.min(outputTokensMax, UNPAID_OUTPUT_TOKENS_MAX)
    return { kind: 'short', ...cost, haveMicro, outputTokensMax: shorter }
  }

  /** By what this tab gives now, at the speed that was measured. Null where it gives nothing, or gives it for nothing. */
  earnings(): EarningsView | null {
    const { contribution, settings } = this.#parts.mesh.view
    if (contribution.state !== 'serving' || settings.donor || settings.room !== null) return null
    const model = this.#parts.entryOf(contribution.key)?.model
    const layers = contribution.way === 'layers' ? contribution.span.last - contribution.span.first : null
    const tokensPerSecond =
      contribution.way === 'whole' ? contribution.tokensPerSecond : 1_000 / (contribution.msPerLayer * (layers ?? 1))
    if (!model || tokensPerSecond === null || !Number.isFinite(tokensPerSecond)) return null
    const share = layers === null ? null : { layers, layersAll: model.layers }
    const given = { tokensPerSecond, activeParameters: activeParametersOf(model), share }
    return { model: model.name, tokensPerSecond, layers, microAnHour: earningsAnHour(CREDIT_POLICY, given) }
  }

  /** Everything, with all of the history. Refusals: those of the server. */
  async exported(format: 'json' | 'csv'): Promise<Result<string>> {
    if (this.#busy !== null) return fail('queue-full', '')
    return this.#while('export', async () => {
      await this.refresh()
      const wallet = this.#wallet
      if (!wallet) return this.#trouble ?? fail('signal-away', '')
      let history = NO_HISTORY
      for (let page = 0; page === 0 || (history.more && page < WALLET_EXPORT_PAGES_MAX); page += 1) {
        const next = await this.#page(history.entries.at(-1)?.seq ?? null)
        if (!next.ok) return next
        history = joined(history, next.value)
      }
      const { entries, more } = history
      const nameOf = (modelId: string) => this.#parts.entryOf(modelId)?.model.name ?? null
      if (format === 'csv') return ok(walletCsv({ entries, nameOf }))
      const days = daysOf(entries, dayStarts())
      return ok(walletJson({ exportedMs: Date.now(), wallet, days, entries, whole: !more, nameOf }))
    })
  }

  async #refresh(): Promise<void> {
    const told = await this.#ask({ kind: 'wallet' })
    const wallet = told.ok ? parseWallet(told.value) : told
    if (wallet.ok) this.#wallet = wallet.value
    this.#trouble = wallet.ok ? null : wallet
    this.#changed()
    if (!wallet.ok || this.#looking === 0) return
    const history = await this.#newest()
    if (!history.ok) this.#trouble = history
    this.#changed()
    if (history.ok) await this.#fillDays()
  }

  /** What is new, down to what is known already; where that is too far down, what was known is let go. */
  async #newest(): Promise<Result<null>> {
    const known = this.#history?.entries[0]?.seq ?? null
    let fresh = NO_HISTORY
    for (let page = 0; page < WALLET_CHART_PAGES_MAX; page += 1) {
      const next = await this.#page(fresh.entries.at(-1)?.seq ?? null)
      if (!next.ok) return next
      fresh = joined(fresh, next.value)
      if (known === null || !fresh.more || fresh.entries.some(({ seq }) => seq <= known)) break
    }
    const before = this.#history ?? NO_HISTORY
    const met = known !== null && fresh.entries.some(({ seq }) => seq <= known)
    const news = fresh.entries.filter(({ seq }) => known === null || seq > known)
    this.#history = met ? { entries: [...news, ...before.entries], more: before.more } : fresh
    return ok(null)
  }

  /** The figures of a day are those of all its entries. */
  async #fillDays(): Promise<void> {
    const entriesMax = WALLET_CHART_PAGES_MAX * WALLET_PAGE_MAX
    while (this.#looking > 0 && this.#busy === null) {
      if (this.#daysAreWhole || (this.#history?.entries.length ?? 0) >= entriesMax) return
      const next = await this.#page(this.#history?.entries.at(-1)?.seq ?? null)
      if (!next.ok || this.#busy !== null) return
      this.#append(next.value)
      this.#changed()
    }
  }

  get #daysAreWhole(): boolean {
    const { entries, more } = this.#history ?? NO_HISTORY
    return this.#history !== null && (!more || (entries.at(-1)?.atMs ?? 0) < (dayStarts()[0] ?? 0))
  }

  #append(page: WalletPage): void {
    this.#history = joined(this.#history ?? NO_HISTORY, page)
  }

  async #page(before: number | null): Promise<Result<WalletPage>> {
    const told = await this.#ask({ kind: 'history', before })
    const page = told.ok ? parseWalletPage(told.value) : told
    // A page that goes nowhere would be asked for again and again.
    const goesOn = !page.ok || !page.value.more || page.value.entries.length > 0
    return goesOn ? page : fail('event-invalid', 'The history has an empty page.')
  }

  async #ask(wish: CreditWish): Promise<Result<unknown>> {
    const joined = await this.#parts.join()
    return joined.ok ? joined.value.node.server.credit(wish) : joined
  }

  async #while<T>(busy: WalletView['busy'], work: () => Promise<Result<T>>): Promise<Result<T>> {
    this.#busy = busy
    this.#changed()
    const done = await work()
    this.#busy = null
    this.#refusal = done.ok ? null : done
    this.#changed()
    return done
  }

  #compose(): WalletView {
    const { entries, more } = this.#history ?? NO_HISTORY
    return {
      wallet: this.#wallet,
      trouble: this.#trouble,
      refusal: this.#refusal,
      entries,
      more,
      days: daysOf(entries, dayStarts()),
      daysAreWhole: this.#daysAreWhole,
      policy: CREDIT_POLICY,
      busy: this.#busy,
    }
  }

  #changed(): void {
    this.#shown.show(this.#compose())
  }
}

/** Older ones after newer ones, each once. */
function joined({ entries }: History, page: WalletPage): History {
  const last = entries.at(-1)?.seq ?? Number.POSITIVE_INFINITY
  return { entries: [...entries, ...page.entries.filter(({ seq }) => seq < last)], more: page.more }
}

/** By the clock and the calendar of this device. */
function dayStarts(): readonly number[] {
  return Array.from({ length: WALLET_DAYS }, (_, index) => {
    const day = new Date()
    day.setHours(0, 0, 0, 0)
    day.setDate(day.getDate() - (WALLET_DAYS - 1 - index))
    return day.getTime()
  })
}
