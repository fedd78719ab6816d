/**
 * Tickets for the workers of one plan or job: what is paid for each is agreed before any is signed, so that no work begins that
 * nothing was set aside for. Chooses no worker.
 */
import { randomBytes } from 'node:crypto'
import type { JobKind } from '../../web/wire/jobs.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import type { RequestId } from '../../web/wire/peer-frame.ts'
import type { LayerSpan, PeerId } from '../../web/wire/peers.ts'
import { assert, ok, type Result } from '../../web/wire/result.ts'
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
  /** As its asker says, what those held who were named first: of what was set aside then so much of the prompt was no part. */
  readonly reusedAtFirst?: number
  /** Null where the asker offers nothing for it. */
  readonly activeParameters: number | null
  /** Of the site whose visitor asks. */
  readonly partner?: PartnerKey | null
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
  /** Whether it is to be paid, or need not be: else it waits behind all that is. Refusals: as `agree`, as far as it is known. */
  affords(wish: TicketWish): Promise<Result<boolean>>
  /**
   * Says what is paid for each of these tickets, in their order, and remembers it. For a request that comes again nothing is paid that
   * would cost more than what was set aside. Refuses visitors of partners only:
   * `partner-unknown`, `partner-revoked`, `partner-budget`, `ledger-away`, and what a hold refuses.
   */
  agree(
    wish: TicketWish,
    tickets: readonly (TicketWorker & Pick<TicketClaims, 'id'>)[],
  ): Promise<Result<readonly TicketTerms[]>>
}

export class TicketDesk {
  readonly #mint: Pick<TicketMint, 'sign'>
  readonly #terms: Terms
  readonly #partnerOf: (asker: PeerId) => PartnerKey | null

  constructor(
    mint: Pick<TicketMint, 'sign'>,
    terms: Terms,
    partnerOf: (asker: PeerId) => PartnerKey | null = () => null,
  ) {
    this.#mint = mint
    this.#terms = terms
    this.#partnerOf = partnerOf
  }

  affords(wish: TicketWish): Promise<Result<boolean>> {
    return this.#terms.affords({ ...wish, partner: this.#partnerOf(wish.asker) })
  }

  /** In the order of the workers. Refusals: those of the terms. */
  async issue(wish: TicketWish, workers: readonly TicketWorker[]): Promise<Result<readonly IssuedTicket[]>> {
    const { request, asker, modelId, room, job } = wish
    const named = workers.map((worker) => ({ ...worker, id: randomBytes(16).toString('hex') }))
    const agreed = await this.#terms.agree({ ...wish, partner: this.#partnerOf(wish.asker) }, named)
    if (!agreed.ok) return agreed
    const terms = agreed.value
    assert(terms.length === named.length, 'every ticket has its terms')
    const issued = terms.map(async ({ part, pay, outputTokens }, index) => {
      const { id = '', worker = '', span = { first: 0, last: 0 }, positions: most = 0 } = named[index] ?? {}
      // A stage has room for more than it is asked for; a job is its prompt and its answer.
      const positions = job === null ? most : Math.min(most, wish.tokens - wish.outputTokens + outputTokens)
      const claims = { id, worker, span, positions, request, asker, modelId, room, job, part, outputTokens, pay }
      return { ticket: await this.#mint.sign(claims), positions }
    })
    return ok(await Promise.all(issued))
  }
}
