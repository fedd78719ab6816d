/**
 * The paid parts of requests that this tab works on or has asked for: makes them from their tickets, and gives each the words
 * of its other side. What a part may do and signs is its own; what is paid is the server's.
 */
import type { Link } from '../../mesh/link.ts'
import type { CreditPolicy } from '../../rules/credit-policy.ts'
import type { CreditWord, OverWish } from '../../wire/credit-events.ts'
import { fromBase64Url } from '../../wire/device-keys.ts'
import { OVER_PARTS_MAX, RECEIPT_PARTS_MAX } from '../../wire/limits/credits.ts'
import type { RequestId } from '../../wire/peer-frame.ts'
import { keyOfPeer } from '../../wire/peers.ts'
import { CHAIN_SALT_BYTES } from '../../wire/receipt-bytes.ts'
import type { ReceiptAskerSays, ReceiptWorkerSays } from '../../wire/receipt-words.ts'
import { assert } from '../../wire/result.ts'
import { readTicket, type TicketClaims } from '../../wire/tickets.ts'
import type { ReceiptDoor } from '../exchange.ts'
import { AskerPart } from './asker-part.ts'
import type { Signing } from './signing.ts'
import { type OwedPart, type PaidClaims, WorkerPart } from './worker-part.ts'

export interface ReceiptDeskParts extends Signing {
  /** The server's clock. */
  readonly nowMs: () => number
  readonly outbox: { keep(owed: OwedPart): Promise<void> }
  /** Those that this tab knows: a ticket by another one is not signed for. */
  readonly policies: readonly CreditPolicy[]
  /** To the server, also later where it is away. */
  readonly tell: (word: CreditWord) => void
  /** The same once this tab is gone, unless it is told before. */
  readonly leave: (word: CreditWord) => void
  /** The person at this device wants to earn nothing. */
  readonly isDonor: () => boolean
  /** 16 random bytes in base64url. */
  readonly randomNonce: () => string
}

export class ReceiptDesk implements ReceiptDoor {
  readonly #parts: ReceiptDeskParts
  /** By the other side's peer, request and part; the oldest first. */
  readonly #workers = new Map<string, WorkerPart>()
  readonly #askers = new Map<string, AskerPart>()
  /** By request of this tab, the parts of which something came. */
  readonly #used = new Map<RequestId, Set<number>>()

  constructor(parts: ReceiptDeskParts) {
    this.#parts = parts
  }

  /** Of the chains of one request, or of one job at one worker: the asker draws it. */
  newSalt(): string {
    const salt = this.#parts.randomNonce()
    assert(fromBase64Url(salt)?.length === CHAIN_SALT_BYTES, 'a salt has its length')
    return salt
  }

  /** A ticket was let in. Null where nothing is paid for it or wanted, or by a policy that this tab does not know. */
  work(claims: TicketClaims, link: Link): WorkerPart | null {
    const { key, verify, nowMs, policies, outbox, tell, isDonor, randomNonce } = this.#parts
    const sides = sidesOf(claims)
    const paid = isDonor() ? null : paidOf(claims)
    const policy = policies.find(({ version }) => version === paid?.pay.policy)
    if (!paid || !policy || sides?.worker !== key.name || link.peer !== claims.asker) return null
    const name = nameOf(link.peer, claims)
    const part: WorkerPart = new WorkerPart({
      ...{ key, verify, nowMs, policy, link, sides, claims: paid, nonce: randomNonce() },
      keep: (owed) => outbox.keep(owed),
      onOver: () => forget(this.#workers, name, part),
    })
    remember(this.#workers, name, part)
    tell({ kind: 'began', ticket: claims.id })
    return part
  }

  /** This ticket is about to be used with the worker at the other end. Null where nothing is paid for it. */
  ask(ticket: string, link: Link): AskerPart | null {
    const { key, verify, policies } = this.#parts
    const read = readTicket(ticket)
    if (!read.ok) return null
    const sides = sidesOf(read.value)
    const paid = paidOf(read.value)
    if (!paid || sides?.asker !== key.name || link.peer !== paid.worker) return null
    const name = nameOf(link.peer, paid)
    const { request } = paid
    const use = (parts: readonly number[]) => {
      remember(this.#used, request, new Set([...(this.#used.get(request) ?? []), ...parts]))
      this.#parts.leave(this.#overOf(request))
    }
    const onBegun = () => {
      if (this.#used.has(request)) use([paid.part])
    }
    const part = new AskerPart({ key, verify, policies, link, sides, claims: paid, onBegun })
    // Also once it has signed: said again, a receipt gets the same answer.
    remember(this.#askers, name, part)
    use([])
    return part
  }

  /** A request of this tab that was to be paid has ended: what is not owed comes back. */
  over(request: RequestId): void {
    this.#parts.tell(this.#overOf(request))
    this.#used.delete(request)
  }

  hear(from: Link, message: ReceiptAskerSays | ReceiptWorkerSays): void {
    const name = nameOf(from.peer, message)
    if (message.says === 'receipt') this.#askers.get(name)?.hear(from, message)
    else this.#workers.get(name)?.hear(from, message)
  }

  #overOf(request: RequestId): OverWish {
    return { kind: 'over', request, parts: [...(this.#used.get(request) ?? [])].slice(-OVER_PARTS_MAX) }
  }
}

function paidOf(claims: TicketClaims): PaidClaims | null {
  const { pay } = claims
  return pay.kind === 'paid' ? { ...claims, pay } : null
}

function sidesOf(claims: TicketClaims) {
  const [asker, worker] = [keyOfPeer(claims.asker), keyOfPeer(claims.worker)]
  return asker === null || worker === null ? null : { asker, worker }
}

const nameOf = (peer: string, { request, part }: Pick<TicketClaims, 'request' | 'part'>) => `${peer} ${request} ${part}`

function remember<T>(parts: Map<string, T>, name: string, part: T): void {
  parts.delete(name)
  parts.set(name, part)
  const [oldest] = parts.keys()
  if (oldest !== undefined && parts.size > RECEIPT_PARTS_MAX) parts.delete(oldest)
}

function forget<T>(parts: Map<string, T>, name: string, part: T): void {
  if (parts.get(name) === part) parts.delete(name)
}
