/** An asker and a worker of paid parts, linked in memory, with real keys and a server that is played: a test says what each of them does. */
import { AnswerChain } from '../../web/schedule/receipts/answer-chain.ts'
import type { AskerPart } from '../../web/schedule/receipts/asker-part.ts'
import type { WorkDone, WorkerPart } from '../../web/schedule/receipts/worker-part.ts'
import type { ReceiptAskerSays, ReceiptWorkerSays } from '../../web/wire/receipt-words.ts'
import { fail, ok } from '../../web/wire/result.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'
import { MemoryMesh } from './memory-mesh.ts'
import { EPOCH_MS, type PaidTab, paidClaims, paidTab, ticketOf } from './paid-tab.ts'
import { PlayedCredits } from './played-credits.ts'

export interface PaidRun {
  readonly claims: TicketClaims
  readonly theirs: WorkerPart
  readonly ours: AskerPart
  /** So many more tokens are made, and come. */
  readonly write: (tokens: number) => Promise<void>
  /** They are made, and do not come. */
  readonly lose: (tokens: number) => void
  readonly doneAt: (outputTokens: number) => WorkDone
}

export class PaidPair {
  readonly mesh: MemoryMesh
  readonly server: PlayedCredits
  readonly asker: PaidTab
  readonly worker: PaidTab

  private constructor(mesh: MemoryMesh, server: PlayedCredits, asker: PaidTab, worker: PaidTab) {
    this.mesh = mesh
    this.server = server
    this.asker = asker
    this.worker = worker
  }

  static async of(): Promise<PaidPair> {
    const mesh = new MemoryMesh()
    const server = new PlayedCredits(() => EPOCH_MS + mesh.clock.nowMs)
    const [asker, worker] = [await paidTab(mesh.clock, server), await paidTab(mesh.clock, server)]
    for (const { peer, desk } of [asker, worker]) mesh.join(peer, null, null, null, desk)
    return new PaidPair(mesh, server, asker, worker)
  }

  quiet() {
    return this.mesh.clock.until(() => false, this.mesh.clock.nowMs + 100)
  }

  linkTo(from: PaidTab, to: PaidTab) {
    const link = this.mesh.peer(from.peer).exchange.linkTo(to.peer)
    if (!link) throw new Error('They are not linked.')
    return link
  }

  /** What this one has said of credits, the newest last. */
  words(from: PaidTab) {
    return this.mesh.sent.flatMap(({ from: name, what }) =>
      name === from.peer && 'says' in what && (what.says === 'acknowledge' || what.says.startsWith('receipt'))
        ? [what as ReceiptAskerSays | ReceiptWorkerSays]
        : [],
    )
  }

  last(from: PaidTab) {
    return this.words(from).at(-1)
  }

  /** What lies in the worker's outbox. */
  async kept() {
    return (await this.worker.store.receipts.all())[0]
  }

  begin(more: Partial<TicketClaims> = {}): PaidRun {
    const { asker, worker, server, mesh } = this
    const claims = paidClaims(asker.peer, worker.peer, more)
    server.know(claims)
    const theirs = worker.desk.work(claims, this.linkTo(worker, asker))
    const ours = asker.desk.ask(ticketOf(claims), this.linkTo(asker, worker))
    if (!theirs || !ours) throw new Error('It is not paid.')
    const salt = asker.desk.newSalt()
    const [made, came] = [new AnswerChain(salt), new AnswerChain(salt)]
    const event = (token: number) => ({ kind: 'text', text: 'x', tokens: [token] }) as const
    const doneAt = (outputTokens: number): WorkDone => {
      const head = made.headAt(outputTokens) ?? ''
      const times = { beganMs: EPOCH_MS, endedMs: Math.round(EPOCH_MS + mesh.clock.nowMs) }
      return { promptTokens: 40, reusedTokens: 10, outputTokens, chainIn: head, chainOut: head, ...times }
    }
    theirs.follow({
      get outputTokens() {
        return made.outputTokens
      },
      chainAt: (outputTokens) => made.headAt(outputTokens),
      doneAt,
    })
    ours.judge = ({ outputTokens, chainOut }) =>
      came.headAt(outputTokens) === chainOut ? ok(null) : fail('receipt-chain', '')
    const lose = (tokens: number) => {
      for (let one = 0; one < tokens; one += 1) made.take(event(made.outputTokens), new Uint8Array())
    }
    return {
      ...{ claims, theirs, ours, lose, doneAt },
      write: async (tokens) => {
        for (let one = 0; one < tokens; one += 1) {
          lose(1)
          came.take(event(came.outputTokens), new Uint8Array())
          ours.have(came.outputTokens, came.headAt(came.outputTokens) ?? '')
        }
        await this.quiet()
      },
    }
  }
}
