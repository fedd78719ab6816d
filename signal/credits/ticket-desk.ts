/**
 * Tickets for the workers of one plan or job: what is paid for each is agreed before any is signed, so that no work begins that
 * nothing was set aside for. Chooses no worker.
 */
import { randomBytes } from 'node:crypto'
import type { JobKind } from '../../web/wire/jobs.ts'
import type { RequestId } from '../../web/wire/peer-frame.ts'
import type { LayerSpan, PeerId } from '../../web/wire/peers.ts'
import { assert } from '../../web/wire/result.ts'
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
  /** Of the prompt, what its workers hold already. */
  readonly reusedTokens?: number
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
  /** Of the answer: as wished, or less where nothing is paid. */
  readonly outputTokens: number
}

export interface IssuedTicket {
  readonly ticket: string
  readonly positions: number
}

export interface Terms {
  /** Whether it is to be paid, or need not be: else it waits behind all that is. */
  affords(wish: TicketWish): Promise<boolean>
  /** Says what is paid for each of these tickets, in their order, and remembers it. */
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

  affords(wish: TicketWish): Promise<boolean> {
    return this.#terms.affords(wish)
  }

  /** In the order of the workers. */
  async issue(wish: TicketWish, workers: readonly TicketWorker[]): Promise<readonly IssuedTicket[]> {
    const { request, asker, modelId, room, job } = wish
    const named = workers.map((worker) => ({ ...worker, id: randomBytes(16).toString('hex') }))
    const terms = await this.#terms.agree(wish, named)
    assert(terms.length === named.length, 'every ticket has its terms')
    return Promise.all(
      terms.map(async ({ part, pay, outputTokens }, index) => {
        const { id = '', worker = '', span = { first: 0, last: 0 }, positions: most = 0 } = named[index] ?? {}
        // A stage has room for more than it is asked for; a job is its prompt and its answer.
        const positions = job === null ? most : Math.min(most, wish.tokens - wish.outputTokens + outputTokens)
        const claims = { id, worker, span, positions, request, asker, modelId, room, job, part, outputTokens, pay }
        return { ticket: await this.#mint.sign(claims), positions }
      }),
    )
  }
}
