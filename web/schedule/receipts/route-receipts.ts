/**
 * What an asker signs for a route: a book for each stage that it pays, acknowledgements as tokens are committed, and at the end
 * each stage's receipt, if it says no more than that stage was asked for and its chains meet those of its neighbours. Sends no frame
 * and chooses no stage. What this tab computes itself, and what is free, has no book.
 */
import { fromBase64Url } from '../../wire/device-keys.ts'
import { RECEIPT_NEIGHBOUR_MS } from '../../wire/limits/credits.ts'
import type { StageFrame } from '../../wire/peer-frame.ts'
import type { Receipt } from '../../wire/receipt-bytes.ts'
import { assert, fail, ok, type Result } from '../../wire/result.ts'
import { FrameChain, type Hashes } from './frame-chain.ts'
import { StageBook, type StageBookParts } from './stage-book.ts'
import { isStep, type MeteredRows } from './work-meter.ts'

export interface RouteReceiptsParts {
  /** Of the request's chains. */
  readonly salt: string
  readonly hashes: Hashes
  /** Null where nothing is paid for this ticket, or nobody is there. */
  readonly ask: (ticket: string, peer: string) => StageBookParts['part'] | null
  /** The request has ended. */
  readonly over: () => void
  /** Calls again and again until told to stop. */
  readonly every: (ms: number, run: () => void) => () => void
}

export class RouteReceipts {
  readonly #parts: RouteReceiptsParts
  readonly #salt: Uint8Array
  readonly #standing = new Map<string, StageBook>()
  readonly #books: StageBook[] = []
  /** What went to the first stage and what came from the tail, in this epoch. */
  readonly #into: FrameChain
  readonly #outOf: FrameChain
  /** Tokens of the request. Those that came and are not committed yet may be forgotten. */
  #come = 0
  #committed = 0
  /** The stages that stood at the end, first to tail; null until then, and where they have not all got the same. */
  #meeting: readonly string[] | null = null

  constructor(parts: RouteReceiptsParts) {
    const salt = fromBase64Url(parts.salt)
    assert(salt !== null, 'a salt is base64url')
    this.#parts = parts
    this.#salt = salt
    this.#into = new FrameChain(salt, parts.hashes)
    this.#outOf = new FrameChain(salt, parts.hashes)
  }

  /** This stage is about to be told of the request. Value: what it is told of its chains; nothing where it is not paid. */
  opens(peer: string, ticket: string): { readonly salt?: string } {
    const { salt, hashes, ask } = this.#parts
    const known = this.#standing.get(peer)
    if (known && known.ticket !== ticket) this.left(peer)
    if (known?.ticket === ticket) return { salt }
    const part = ask(ticket, peer)
    if (!part) return {}
    const about = { peer, ticket, part, salt: this.#salt, sha256: hashes.sha256, since: this.#come }
    const book = new StageBook(about)
    part.judge = (receipt) => this.#judge(book, receipt)
    this.#standing.set(peer, book)
    this.#books.push(book)
    return { salt }
  }

  /** It is dead, or has no place any more. */
  left(peer: string): void {
    this.#standing.get(peer)?.left(this.#come, this.#committed)
    this.#standing.delete(peer)
  }

  newEpoch(): void {
    this.#into.restart()
    this.#outOf.restart()
  }

  /** A next answer begins: what came of the last one and was not committed is forgotten. */
  newAnswer(): void {
    this.#come = this.#committed
  }

  /** To the first stage, for all of them; what is sent to rebuild it is `fed`. */
  sent(frame: StageFrame & MeteredRows): void {
    this.#into.add(frame)
    if (frame.rebuild || isStep(frame)) return
    for (const book of this.#standing.values()) book.promptRows += frame.count
  }

  /** So many rows are computed again at this stage, which has stepped in. */
  fed(peer: string, rows: number): void {
    const book = this.#standing.get(peer)
    if (book) book.promptRows += rows
  }

  /** From the tail. */
  took(token: StageFrame): void {
    this.#outOf.add(token)
  }

  /** A token that was waited for. */
  came(): void {
    this.#come += 1
  }

  committed(id: number): void {
    this.#committed += 1
    this.#come = Math.max(this.#come, this.#committed)
    for (const book of this.#books) book.committed(id, this.#committed)
  }

  /** A stage of it is, or was. */
  get isPaid(): boolean {
    return this.#books.length > 0
  }

  /**
   * Resolves when all is acknowledged; then stages may be told that it is over. `peers`: who stands, first to tail, where each of
   * them has had everything that was sent; else null.
   */
  async close(peers: readonly string[] | null): Promise<void> {
    await Promise.all(this.#books.map(({ part }) => part.done()))
    await Promise.all([this.#into.settled(), this.#outOf.settled()])
    this.#meeting = peers
    this.#parts.over()
  }

  /** What its ticket allows is looked at elsewhere. */
  async #judge(book: StageBook, receipt: Receipt): Promise<Result<null>> {
    const { promptTokens, outputTokens } = receipt
    if (promptTokens > book.promptRows || outputTokens > book.tokens) {
      const had = `it was asked for ${book.promptRows}, and ${book.tokens} came`
      return fail('receipt-inflated', `It counts ${promptTokens} and ${outputTokens} tokens; ${had}.`)
    }
    book.tellReceipt(receipt)
    const index = this.#meeting?.indexOf(book.peer) ?? -1
    if (index < 0 || this.#standing.get(book.peer) !== book) return ok(null)
    const [before, after] = await Promise.all([this.#headAt(index - 1, 'out'), this.#headAt(index + 1, 'in')])
    const meets = (before ?? receipt.chainIn) === receipt.chainIn && (after ?? receipt.chainOut) === receipt.chainOut
    return meets ? ok(null) : fail('receipt-chain', '')
  }

  /** What the neighbour there says of the frames between the two; null where nobody says anything. */
  async #headAt(index: number, side: 'in' | 'out'): Promise<string | null> {
    if (index < 0) return this.#into.head
    const peer = this.#meeting?.[index]
    if (peer === undefined) return this.#outOf.head
    const book = this.#standing.get(peer)
    const receipt = book ? await this.#inTime(book.receipt) : null
    if (!receipt) return null
    return side === 'out' ? receipt.chainOut : receipt.chainIn
  }

  #inTime<T>(awaited: Promise<T>): Promise<T | null> {
    let rest = () => {}
    const late = new Promise<null>((resolve) => {
      rest = this.#parts.every(RECEIPT_NEIGHBOUR_MS, () => resolve(null))
    })
    return Promise.race([awaited, late]).finally(rest)
  }
}

/** The same answer, whose tokens are committed as they are read. */
export async function* committing<Event extends { readonly kind: string }>(
  events: AsyncIterable<Event | { readonly kind: 'token'; readonly id: number }>,
  receipts: Pick<RouteReceipts, 'committed'> | null,
): AsyncGenerator<Event | { readonly kind: 'token'; readonly id: number }, void, undefined> {
  for await (const event of events) {
    if (event.kind === 'token' && 'id' in event) receipts?.committed(event.id)
    yield event
  }
}
