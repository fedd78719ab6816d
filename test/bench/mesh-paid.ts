/**
 * What being paid for costs a route: the same question by an asker that has credits and by one that has none, in turns over
 * the same stages, so that other work falls on both. Refuses a run in which nobody was paid.
 */
import type { MeshTabPage } from '../support/mesh-app.ts'
import { type Answer, intervals, same } from './mesh-answers.ts'
import { median, round } from './report.ts'

const ROUNDS = 3

export interface PaidResult {
  readonly rounds: number
  readonly paidTokensPerSecond: number
  readonly unpaidTokensPerSecond: number
  /** A token's time where nobody pays, over that of a paid one. */
  readonly paidShareOfUnpaid: number
}

export interface PaidRun {
  readonly asker: MeshTabPage
  /** Has credits. */
  readonly payer: MeshTabPage
  readonly workers: readonly MeshTabPage[]
  readonly ask: (asker: MeshTabPage) => Promise<Answer>
}

export async function comparePaid({ asker, payer, workers, ask }: PaidRun): Promise<PaidResult> {
  const [first] = [await ask(asker), await ask(payer)]
  const [free, paid]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [tab, steps] of [[asker, free] as const, [payer, paid] as const]) {
      const answer = await ask(tab)
      if (!same(answer, first)) throw new Error(`An answer was not the same: ${answer.end?.code ?? answer.text}`)
      steps.push(...intervals(answer))
    }
  }
  await earned(workers)
  const [freeMs, paidMs] = [median(free), median(paid)]
  return {
    rounds: ROUNDS,
    paidTokensPerSecond: round(1000 / paidMs),
    unpaidTokensPerSecond: round(1000 / freeMs),
    paidShareOfUnpaid: round(freeMs / paidMs),
  }
}

/** Its receipts are settled a moment after its answers. */
async function earned(workers: readonly MeshTabPage[]): Promise<void> {
  for (const worker of workers) await worker.until('BigInt((await mesh.credits())?.escrow ?? 0) > 0n')
}
