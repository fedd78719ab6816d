/**
 * Tickets for the workers of one plan or job: what is paid for each is agreed before any is signed, so that no work begins that
 * nothing was set aside for. Chooses no worker.
 */
import { randomBytes } from 'node:crypto'
import type { JobKind } from '../../web/wire/jobs.ts'
import type { RequestId } from '../../web/wire/peer-frame.ts'
import type { LayerSpan, PeerId } from '../../web/wire/peers.ts'
import type { RoomId } from '../../web/wire/rooms.ts'
import type { TicketClaims, TicketPay } from '../../web/wire/tickets.ts'
import type { TicketMint } from '../sockets/tickets.ts'

/** What one asker wants done. */
export interface TicketWish {
  readonly request: RequestId
  readonly asker: PeerId
  readonly modelId: string
  /** Of the whole model. */
  readonly layers: number
  readonly room: RoomId | null
  readonly job: JobKind | null
  /** Prompt and answer that are paid at most, and the answer of it. */
  readonly tokens: number
  readonly outputTokens: number
  /** Null where the asker offers nothing for it. */
  readonly activeParameters: number | null
}

export interface TicketWorker {
  readonly worker: PeerId
  readonly span: LayerSpan
  /** KV positions. */
  readonly positions: number
}

export interface TicketTerms {
  readonly part: number
  readonly pay: TicketPay
}

/** Says what is paid for each of these tickets, in their order, and remembers it. */
export interface Terms {
  agree(
    wish: TicketWish,
    tickets: readonly (TicketWorker & Pick<TicketClaims, 'id'>)[],
  ): Promise<readonly TicketTerms[]>
}

export class TicketDesk {
  readonly #mint: Pick<TicketMint, 'sign'>
  readonly #terms: Terms

  constructor(mint: Pick<TicketMint, 'sign'>, terms: Terms) {
    this.#mint = mint
    this.#terms = terms
  }

  /** In the order of the workers. */
  async issue(wish: TicketWish, workers: readonly TicketWorker[]): Promise<readonly string[]> {
    const { request, asker, modelId, room, job, outputTokens } = wish
    const named = workers.map((worker) => ({ ...worker, id: randomBytes(16).toString('hex') }))
    const terms = await this.#terms.agree(wish, named)
    return Promise.all(
      named.map((ticket, index) => {
        const { part, pay } = terms[index] ?? UNPAID
        return this.#mint.sign({ ...ticket, request, asker, modelId, room, job, part, outputTokens, pay })
      }),
    )
  }
}

const UNPAID: TicketTerms = { part: 0, pay: { kind: 'unpaid' } }

/** Of a server without a ledger. */
export const NOTHING_PAID: Terms = {
  async agree({ room }, tickets) {
    return tickets.map((_, part) => ({ part, pay: { kind: room === null ? 'unpaid' : 'room' } }))
  },
}
