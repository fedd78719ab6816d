/**
 * Tabs with keys of their own that ask and work for credits, on a clock that a test moves: signing takes none of its time.
 * Tickets are as the server writes them, without a signature that anybody here looks at.
 */

import { DeviceKey, makeKey, verifySigned } from '../../web/account/device-key.ts'
import { memoryOutboxStore, type OutboxStore } from '../../web/account/outbox-store.ts'
import type { Signer } from '../../web/mesh/signal-client.ts'
import { CREDIT_POLICIES, CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { ReceiptOutbox } from '../../web/schedule/receipts/outbox.ts'
import { type OutboxLocks, OutboxTabs } from '../../web/schedule/receipts/outbox-tabs.ts'
import { ReceiptDesk } from '../../web/schedule/receipts/receipt-desk.ts'
import type { CreditWish, Settled } from '../../web/wire/credit-events.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { type PeerId, peerIdOf } from '../../web/wire/peers.ts'
import type { SignedReceipt } from '../../web/wire/receipt-bytes.ts'
import type { Result } from '../../web/wire/result.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import type { PlayedCredits } from './played-credits.ts'
import type { SimClock } from './sim-clock.ts'

export interface PaidTab {
  readonly peer: PeerId
  readonly key: DeviceKey
  readonly desk: ReceiptDesk
  readonly outbox: ReceiptOutbox
  readonly store: OutboxStore
  readonly told: CreditWish[]
  /** What is told once it is gone. */
  readonly left: CreditWish[]
  readonly settled: { readonly signed: SignedReceipt; readonly result: Result<Settled> }[]
}

export interface PaidTabWish {
  readonly key?: DeviceKey
  readonly store?: OutboxStore
  readonly locks?: OutboxLocks | null
  readonly donor?: boolean
}

let runs = 0
const nonce = () => toBase64Url(crypto.getRandomValues(new Uint8Array(16)))

/** The start of the server's time here: a receipt has a date. */
export const EPOCH_MS = 1_700_000_000_000

export async function paidTab(clock: SimClock, server: PlayedCredits, wish: PaidTabWish = {}): Promise<PaidTab> {
  const key = wish.key ?? (await DeviceKey.of(await makeKey()))
  const store = wish.store ?? memoryOutboxStore()
  const signer: Signer = { name: key.name, sign: (...what) => clock.hold(key.sign(...what)) }
  runs += 1
  const [told, left]: [CreditWish[], CreditWish[]] = [[], []]
  const settled: PaidTab['settled'] = []
  const nowMs = () => EPOCH_MS + clock.nowMs
  const tabs = new OutboxTabs({ locks: wish.locks ?? null, tab: `tab ${runs}`, nowMs })
  const outbox = new ReceiptOutbox({
    ...{ store: store.receipts, tabs, nowMs, every: clock.every, chance: () => 0.5 },
    settle: (one) => clock.hold(server.settle(one)),
    onSettled: (signed, result) => settled.push({ signed, result }),
  })
  const desk = new ReceiptDesk({
    isDonor: () => wish.donor ?? false,
    ...{ key: signer, nowMs, outbox, policies: CREDIT_POLICIES, randomNonce: nonce },
    verify: (...what) => clock.hold(verifySigned(...what)),
    tell: (one) => told.push(one),
    leave: (one) => left.push(one),
  })
  const peer = peerIdOf(key.name, nonce())
  return { peer, key, desk, outbox, store, told, left, settled }
}

let tickets = 0

/** A paid job of up to 100 tokens read and 200 written, by a model of a billion parameters. */
export function paidClaims(asker: PeerId, worker: PeerId, more: Partial<TicketClaims> = {}): TicketClaims {
  tickets += 1
  return {
    ...{ id: hex(tickets), request: hex(1_000_000 + tickets), part: 0, asker, worker, modelId: 'a'.repeat(64) },
    ...{ span: { first: 0, last: 4 }, job: 'chat', positions: 300, outputTokens: 200, room: null },
    pay: { kind: 'paid', policy: CREDIT_POLICY.version, activeParameters: 1_000_000_000, layers: 4 },
    ...more,
  }
}

export function ticketOf(claims: TicketClaims): string {
  const { id, asker, worker, modelId, outputTokens, ...same } = claims
  const payload = { ...same, jti: id, sub: asker, aud: worker, model: modelId, output: outputTokens }
  return `e30.${toBase64Url(new TextEncoder().encode(JSON.stringify(payload)))}.AA`
}

const hex = (value: number) => value.toString(16).padStart(32, '0')
