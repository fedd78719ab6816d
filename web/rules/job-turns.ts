/**
 * Whose turn it is at a worker: of the jobs that wait there, the one of the asker who was served least, in tokens; those
 * that a person waits for first, and after so many of them one that nobody waits for. What nobody pays for counts as waited for by
 * nobody while anything else waits. Pure: told who has had what.
 */
import type { JobClass } from '../wire/jobs.ts'
import { JOB_TURNS_BEFORE_BATCH } from '../wire/limits/jobs.ts'

export interface TurnWish {
  readonly asker: string
  readonly class: JobClass
  /** Answer tokens that it may take: what its asker will have had after it. */
  readonly tokens: number
  /** The lesser came first. */
  readonly order: number
  /** Nobody pays for it, though somebody could. */
  readonly unpaid?: boolean
}

export interface TurnsHad {
  /** Tokens by asker, as `tokensAtStart` counts them. */
  readonly served: ReadonlyMap<string, number>
  /** Interactive jobs in a row, while others waited. */
  readonly inARow: number
}

/** All of them in the order of their turns, if nobody else comes. */
export function turnOrder<T extends TurnWish>(wishes: readonly T[], { served, inARow }: TurnsHad): readonly T[] {
  const had = new Map(served)
  const of = (asker: string) => had.get(asker) ?? 0
  const left = [...wishes]
  const order: T[] = []
  let row = inARow
  while (left.length > 0) {
    const wanted: JobClass = row >= JOB_TURNS_BEFORE_BATCH ? 'batch' : 'interactive'
    const classOf = (wish: T) => classAmong(wish, left)
    const able = left.some((wish) => classOf(wish) === wanted) ? left.filter((wish) => classOf(wish) === wanted) : left
    const next = able.reduce((a, b) => {
      const fewer = of(a.asker) - of(b.asker)
      return fewer < 0 || (fewer === 0 && a.order < b.order) ? a : b
    })
    left.splice(left.indexOf(next), 1)
    order.push(next)
    had.set(next.asker, of(next.asker) + next.tokens)
    row = turnTaken(row, next, left)
  }
  return order
}

/**
 * What an asker counts as having had when it comes with a first job: what it had, and no less than whoever was served last
 * had then. So nobody saves up turns by staying away, and nobody who comes new takes all of them.
 */
export function tokensAtStart(had: number | undefined, newestHad: number): number {
  return Math.max(had ?? 0, newestHad)
}

/** `inARow` after a turn; `left`: who still waits. */
export function turnTaken(inARow: number, taken: TurnWish, left: readonly TurnWish[]): number {
  const all = [taken, ...left]
  const waits = left.some((wish) => classAmong(wish, all) === 'batch')
  return classAmong(taken, all) === 'interactive' && waits ? inARow + 1 : 0
}

function classAmong(wish: TurnWish, all: readonly TurnWish[]): JobClass {
  return wish.unpaid && all.some(({ unpaid = false }) => !unpaid) ? 'batch' : wish.class
}
