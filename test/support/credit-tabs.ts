/**
 * Tabs that ask, work and are paid over a real server, by the product's own client and real keys: without links, since what is said
 * between tabs is not the server's matter. Receipts go through the product's outbox.
 */
import { createHash } from 'node:crypto'
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { memoryOutboxStore } from '../../web/account/outbox-store.ts'
import { SignalClient } from '../../web/mesh/signal-client.ts'
import { ReceiptOutbox } from '../../web/schedule/receipts/outbox.ts'
import { OutboxTabs } from '../../web/schedule/receipts/outbox-tabs.ts'
import type { Code } from '../../web/wire/codes.ts'
import { type CreditWish, parsePuzzle, parseSettled, type Settled } from '../../web/wire/credit-events.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { ACKNOWLEDGE_TOKENS, RECEIPT_ALONE_MS } from '../../web/wire/limits/credits.ts'
import type { PeerId } from '../../web/wire/peers.ts'
import {
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
} from '../../web/wire/receipt-bytes.ts'
import type { Result } from '../../web/wire/result.ts'
import { readTicket, type TicketClaims } from '../../web/wire/tickets.ts'
import { jobOffer, jobWish } from './job-tabs.ts'
import { madeReceipt } from './made-receipts.ts'

/** Not answers: the same is said again. */
const AGAIN: ReadonlySet<Code> = new Set(['signal-away', 'ledger-away', 'not-proven', 'receipt-early'])
/** Under what one socket may say in a second. */
const PACE_MS = 120
const ACTIVE_PARAMETERS = 100_000_000
const OUTPUT_TOKENS = 30
/** One of so many receipts is signed by its worker alone. */
const ALONE_EACH = 4

const pause = (ms = PACE_MS) => new Promise((resolve) => setTimeout(resolve, ms))
const random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes))

export class CreditTab {
  readonly key: DeviceKey
  readonly client: SignalClient
  readonly store = memoryOutboxStore().receipts
  readonly outbox: ReceiptOutbox
  onSettled: (signed: SignedReceipt, result: Result<Settled>) => void = () => {}
  #state = 'away'

  private constructor(key: DeviceKey, url: string) {
    this.key = key
    this.client = new SignalClient({
      url,
      key,
      run: toBase64Url(random(16)),
      nowMs: Date.now,
      onState: ({ state }) => {
        this.#state = state
        if (state === 'here') this.outbox.flush()
      },
      onRelayed: () => {},
      onCensus: () => {},
      onJob: () => {},
    })
    this.outbox = new ReceiptOutbox({
      ...{ store: this.store, nowMs: Date.now, chance: Math.random },
      tabs: new OutboxTabs({ locks: null, tab: 'one', nowMs: Date.now }),
      every(ms, run) {
        const timer = setInterval(run, ms)
        return () => clearInterval(timer)
      },
      settle: async (wish) => {
        const answer = await this.client.credit(wish)
        return answer.ok ? parseSettled(answer.value) : answer
      },
      onSettled: (signed, result) => this.onSettled(signed, result),
    })
  }

  static async of(url: string): Promise<CreditTab> {
    return new CreditTab(await DeviceKey.of(await makeKey()), url)
  }

  get isHere(): boolean {
    return this.#state === 'here'
  }

  /** Until there is an answer for good, however often the server goes away; null once nobody wants it any more. */
  async say(wish: CreditWish, isWanted = () => true): Promise<Result<unknown> | null> {
    while (isWanted()) {
      const answer = this.isHere ? await this.client.credit(wish) : null
      if (answer && (answer.ok || !AGAIN.has(answer.code))) return answer
      await pause()
    }
    return null
  }

  async gift(): Promise<void> {
    for (;;) {
      const asked = await this.say({ kind: 'puzzle' })
      const puzzle = asked?.ok ? parsePuzzle(asked.value) : null
      if (!puzzle?.ok) throw new Error('there is a puzzle')
      const { challenge, bits } = puzzle.value
      let proof = 0
      while (createHash('sha256').update(`${challenge}.${proof}`).digest().readUInt32BE() >>> (32 - bits) !== 0)
        proof += 1
      const given = await this.say({ kind: 'grant', proof: String(proof) })
      if (given?.ok) return
      // A puzzle is forgotten by a server that was killed.
      if (given?.code !== 'grant-proof') throw new Error(`no gift: ${given?.code}`)
    }
  }

  async sign(receipt: Receipt): Promise<string> {
    return toBase64Url(await this.key.sign('receipt', receiptFields(receipt)))
  }

  /** That it has so many tokens. */
  async acknowledge(receipt: Receipt, outputTokens: number): Promise<SignedAcknowledgement> {
    const { request, part, ticket, asker, worker, chainOut: chain } = receipt
    const acknowledgement = { request, part, ticket, asker, worker, outputTokens, chain }
    const signature = toBase64Url(await this.key.sign('acknowledge', acknowledgementFields(acknowledgement)))
    return { acknowledgement, signature }
  }
}

/** What has become of all receipts so far. */
export class CreditMarket {
  /** Which the server has said that it has, by `settle/<request>/<part>`. */
  readonly acknowledged = new Set<string>()
  readonly refused: string[] = []
  made = 0
  again = 0
  #isOpen = true
  readonly #askers: readonly CreditTab[]
  readonly #workers: ReadonlyMap<PeerId, CreditTab>
  readonly #words = new Map<string, SignedAcknowledgement | null>()
  #asking: Promise<unknown> = Promise.resolve()

  private constructor(askers: readonly CreditTab[], workers: readonly CreditTab[]) {
    this.#askers = askers
    this.#workers = new Map(workers.map((worker) => [worker.client.peer, worker]))
    for (const worker of workers) worker.onSettled = (...what) => this.#settled(worker, ...what)
  }

  static async open(url: string, askers: number, workers: number): Promise<CreditMarket> {
    const tabs = await Promise.all(Array.from({ length: askers + workers }, () => CreditTab.of(url)))
    const market = new CreditMarket(tabs.slice(0, askers), tabs.slice(askers))
    for (const { client } of market.#workers.values())
      client.say({ numericClass: '', visible: true, held: [], offers: [jobOffer({ parallel: 8 })], room: null })
    await Promise.all(market.#askers.map((asker) => asker.gift()))
    market.#asking = Promise.all(market.#askers.map((asker, index) => market.#ask(asker, index)))
    return market
  }

  async waiting(): Promise<number> {
    const kept = await Promise.all([...this.#workers.values()].map(({ store }) => store.all()))
    return kept.flat().length
  }

  /** No new request; resolves when each outbox is empty. */
  async drained(): Promise<void> {
    this.#isOpen = false
    await this.#asking
    while ((await this.waiting()) > 0) await pause()
  }

  close(): void {
    this.#isOpen = false
    for (const { client, outbox } of [...this.#askers, ...this.#workers.values()]) {
      outbox.close()
      client.close()
    }
  }

  async #ask(asker: CreditTab, index: number): Promise<void> {
    for (let number = 0; this.#isOpen; number += 1) {
      await pause()
      if (!asker.isHere) continue
      const wish = jobWish(index * 1_000_000 + number, {
        maxTokens: OUTPUT_TOKENS,
        activeParameters: ACTIVE_PARAMETERS,
      })
      const word = await asker.client.job(wish)
      if (!word.ok || word.value.state !== 'leased') continue
      const claims = readTicket(word.value.workers[0]?.ticket ?? '')
      if (claims.ok && claims.value.pay.kind === 'paid') await this.#work(asker, claims.value)
    }
  }

  async #work(asker: CreditTab, claims: TicketClaims): Promise<void> {
    const { id, request, worker: peer } = claims
    const worker = this.#workers.get(peer)
    if (!worker) throw new Error('a worker of this market')
    if (!(await worker.say({ kind: 'began', ticket: id }))) return
    this.made += 1
    // Ended a minute ago, so that a receipt with one signature need not wait.
    const endedMs = Date.now() - RECEIPT_ALONE_MS - 1_000
    const receipt = madeReceipt(claims, endedMs, { promptTokens: 20, outputTokens: OUTPUT_TOKENS })
    const isAlone = this.made % ALONE_EACH === 0
    const workerSignature = await worker.sign(receipt)
    const askerSignature = isAlone ? null : await asker.sign(receipt)
    const acknowledged = isAlone ? await asker.acknowledge(receipt, ACKNOWLEDGE_TOKENS) : null
    const signed = { receipt, workerSignature, askerSignature }
    this.#words.set(`settle/${request}/${receipt.part}`, acknowledged)
    await worker.outbox.keep({ signed, acknowledged, draft: false })
    await asker.client.jobNews({ job: request, state: 'done', worker: peer, tokens: OUTPUT_TOKENS, code: null })
    await asker.say({ kind: 'over', request, parts: [claims.part] })
  }

  /** Each third is kept once more after it was taken, as by an outbox that has not heard the answer. */
  #settled(worker: CreditTab, signed: SignedReceipt, result: Result<Settled>): void {
    const { request, part } = signed.receipt
    const id = `settle/${request}/${part}`
    if (!result.ok) this.refused.push(`${id}: ${result.code}`)
    else if (result.value.again) this.again += 1
    const isNew = !this.acknowledged.has(id)
    if (result.ok) this.acknowledged.add(id)
    const acknowledged = this.#words.get(id) ?? null
    if (isNew && this.acknowledged.size % 3 === 0) void worker.outbox.keep({ signed, acknowledged, draft: false })
  }
}
