/** The server's credits with a played clock, over any ledger; and devices with real keys that hold, work and sign. */

import { createHash } from 'node:crypto'
import { Credits } from '../../signal/credits/credits.ts'
import { TicketDesk } from '../../signal/credits/ticket-desk.ts'
import type { LedgerDatabase } from '../../signal/ledger/database.ts'
import type { DeviceKey } from '../../web/account/device-key.ts'
import { CREDIT_POLICIES, CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { type CreditWish, parsePuzzle, parseWallet, type Wallet } from '../../web/wire/credit-events.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import { keyOfPeer, type PeerId, peerIdOf } from '../../web/wire/peers.ts'
import {
  type Acknowledgement,
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedAcknowledgement,
  type SignedReceipt,
} from '../../web/wire/receipt-bytes.ts'
import { ok, type Result } from '../../web/wire/result.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import { readTicket, type TicketClaims } from '../../web/wire/tickets.ts'
import { madeReceipt } from './made-receipts.ts'
import { quietWatch } from './quiet-watch.ts'
import { newKey, randomBytes } from './room-tabs.ts'

export const MODEL = { modelId: 'a'.repeat(64), layers: 24, activeParameters: 1_000_000_000 }

export class Device {
  readonly key: DeviceKey
  readonly peer: PeerId
  address = '203.0.113.7'

  constructor(key: DeviceKey) {
    this.key = key
    this.peer = peerIdOf(key.name, toBase64Url(randomBytes(16)))
  }

  async sign(receipt: Receipt): Promise<string> {
    return toBase64Url(await this.key.sign('receipt', receiptFields(receipt)))
  }

  async acknowledge(acknowledgement: Acknowledgement): Promise<SignedAcknowledgement> {
    const signature = toBase64Url(await this.key.sign('acknowledge', acknowledgementFields(acknowledgement)))
    return { acknowledgement, signature }
  }
}

/** What is wished of a request, besides who asks. */
export interface TownWish {
  readonly request?: string
  readonly room?: RoomId | null
  readonly promptTokens?: number
  readonly outputTokens?: number
  /** Of the prompt, as `TicketWish`. */
  readonly reusedTokens?: number
  readonly reusedAtFirst?: number
  readonly activeParameters?: number | null
  /** Of the site whose visitor asks. */
  readonly partner?: PartnerKey
}

type Policies = typeof CREDIT_POLICIES

export class Town {
  readonly credits: Credits
  readonly #desk: TicketDesk
  /** Parameters of the models that the server has itself. */
  readonly known = new Map<string, number>()
  /** Devices of one account. */
  readonly #owners = new Map<string, string>()
  #visiting: PartnerKey | null = null
  nowMs = CREDIT_POLICY.epochZeroMs + 1_000

  constructor(database: LedgerDatabase, policies: Policies = CREDIT_POLICIES) {
    // Who opened it closes it.
    const open = async () => ({ kysely: database.kysely, close: async () => {} })
    this.credits = new Credits({
      parametersOf: async (modelId) => this.known.get(modelId) ?? null,
      open,
      policies,
      ownersOf: (key) => {
        const owner = this.#owners.get(key) ?? key
        return owner === key ? [key] : [owner, key]
      },
      nowMs: () => this.nowMs,
      watch: quietWatch(),
    })
    const mint = { sign: async (claims: TicketClaims) => unsigned(claims) }
    this.#desk = new TicketDesk(mint, this.credits.terms, () => this.#visiting)
  }

  async device(): Promise<Device> {
    return new Device(await newKey())
  }

  /** From now on both are of the account of the first. */
  join(first: Device, second: Device): void {
    this.#owners.set(second.key.name, first.key.name)
  }

  wish(device: Device, wish: CreditWish): Promise<Result<unknown>> {
    return this.credits.wish({ key: device.key.name, address: device.address }, wish)
  }

  async wallet(device: Device): Promise<Wallet> {
    const wallet = await this.wish(device, { kind: 'wallet' })
    const read = wallet.ok ? parseWallet(wallet.value) : wallet
    if (!read.ok) throw new Error(`${read.code} ${read.detail}`)
    return read.value
  }

  /** The claims of a ticket for each worker, as both sides read them. */
  async hire(asker: Device, workers: readonly Device[], wish: TownWish = {}): Promise<readonly TicketClaims[]> {
    const hired = await this.tryToHire(asker, workers, wish)
    if (!hired.ok) throw new Error(hired.code)
    return hired.value
  }

  async tryToHire(
    asker: Device,
    workers: readonly Device[],
    wish: TownWish = {},
  ): Promise<Result<readonly TicketClaims[]>> {
    const { promptTokens = 100, outputTokens = 400, room = null, activeParameters = MODEL.activeParameters } = wish
    const { reusedTokens = 0, reusedAtFirst = 0 } = wish
    const { modelId, layers } = MODEL
    const request = wish.request ?? Buffer.from(randomBytes(16)).toString('hex')
    const share = layers / workers.length
    const isJob = workers.length === 1
    this.#visiting = wish.partner ?? null
    const tickets = await this.#desk.issue(
      {
        request,
        asker: asker.peer,
        modelId,
        layers,
        room,
        job: isJob ? 'chat' : null,
        tokens: promptTokens + outputTokens,
        outputTokens,
        reusedTokens,
        reusedAtFirst,
        activeParameters,
      },
      workers.map(({ peer }, index) => ({
        worker: peer,
        span: { first: index * share, last: (index + 1) * share },
        positions: promptTokens + outputTokens,
      })),
    )
    if (!tickets.ok) return tickets
    const claims = tickets.value.map(({ ticket }) => {
      const read = readTicket(ticket)
      if (!read.ok) throw new Error(read.detail)
      return read.value
    })
    return ok(claims)
  }

  /** Ended now. */
  receipt(claims: TicketClaims, work: Partial<Receipt> = {}): Receipt {
    return madeReceipt(claims, this.nowMs, work)
  }

  /** Its first credits, for which it has done the work. */
  async gift(device: Device): Promise<Result<unknown>> {
    const puzzle = await this.wish(device, { kind: 'puzzle' })
    const read = puzzle.ok ? parsePuzzle(puzzle.value) : puzzle
    if (!read.ok) throw new Error(`${read.code} ${read.detail}`)
    return this.wish(device, { kind: 'grant', proof: solved(read.value.challenge, read.value.bits) })
  }

  /** By its asker that it has so many tokens. */
  acknowledged(claims: TicketClaims, asker: Device, outputTokens: number): Promise<SignedAcknowledgement> {
    const { id: ticket, request, part, worker } = claims
    const chain = toBase64Url(new Uint8Array(32).fill(2))
    return asker.acknowledge({
      request,
      part,
      ticket,
      asker: asker.key.name,
      worker: keyOfPeer(worker) ?? '',
      outputTokens,
      chain,
    })
  }

  settle(
    by: Device,
    receipt: SignedReceipt,
    acknowledged: SignedAcknowledgement | null = null,
  ): Promise<Result<unknown>> {
    return this.wish(by, { kind: 'settle', receipt, acknowledged })
  }
}

export async function signedBy(worker: Device, asker: Device | null, receipt: Receipt): Promise<SignedReceipt> {
  const askerSignature = asker ? await asker.sign(receipt) : null
  return { receipt, workerSignature: await worker.sign(receipt), askerSignature }
}

/** As a JWT carries it; nobody verifies it here. */
function unsigned(claims: TicketClaims): string {
  const { id, asker, worker, modelId, outputTokens, ...rest } = claims
  const payload = { ...rest, jti: id, sub: asker, aud: worker, model: modelId, output: outputTokens }
  return `.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.`
}

function solved(challenge: string, bits: number): string {
  for (let proof = 0; ; proof += 1) {
    const hash = createHash('sha256').update(`${challenge}.${proof}`).digest()
    if (hash.readUInt32BE() >>> (32 - bits) === 0) return String(proof)
  }
}
