/** What the jobs bench reads from answers. */
import { describe, expect, it } from 'vitest'
import { added, countWrong, jain, queueMs } from '../bench/job-figures.ts'
import type { JobRun } from '../support/job-page.ts'

const HELD = { state: 'held', peer: 'w', ahead: 1, waitMs: null, owner: false } as const
const QUEUED = { state: 'queued', ahead: 0, waitMs: 5 } as const
const RUNNING = { state: 'running', peer: 'w' } as const

function run(stands: JobRun['stands'], atMs: readonly number[]): JobRun {
  return { askedMs: 1_000, tokens: atMs.map((_, at) => at), atMs, text: '', stands, movedMs: [], end: null }
}

describe('what was said', () => {
  it('is compared with what should have been, token by token', () => {
    expect(countWrong([0, 1, 2], [0, 1, 2])).toEqual({ lost: 0, doubled: 0 })
    expect(countWrong([0, 2, 2, 2], [0, 1, 2])).toEqual({ lost: 1, doubled: 2 })
    expect(countWrong([0, 1, 2, 9], [0, 1, 2, 2])).toEqual({ lost: 1, doubled: 1 })
    expect(countWrong([], [7, 7])).toEqual({ lost: 2, doubled: 0 })
  })
})

describe('waiting for others', () => {
  it('is from each word that a job waits to the next word, until its first token', () => {
    expect(queueMs(run([], [1_100]))).toBe(0)
    expect(queueMs(run([{ atMs: 1_010, stand: RUNNING }], [1_100]))).toBe(0)
    const waited = [
      { atMs: 1_010, stand: QUEUED },
      { atMs: 1_040, stand: HELD },
      { atMs: 1_070, stand: RUNNING },
      { atMs: 1_300, stand: HELD },
      { atMs: 1_400, stand: RUNNING },
    ]
    expect(queueMs(run(waited, [1_100, 1_500]))).toBe(60)
  })

  it('and what one tab alone takes are no part of what a job adds', () => {
    const stands = [
      { atMs: 1_020, stand: HELD },
      { atMs: 1_070, stand: RUNNING },
    ]
    const figures = added([run(stands, [1_120, 1_131, 1_142])], { firstTokenMs: 50, perTokenMs: 10 })
    const one = (value: number) => ({ p50: value, p95: value })
    expect(figures).toEqual({ addedFirstTokenMs: one(20), queueMs: one(50), addedPerTokenMs: one(1) })
  })
})

describe('the index of Jain', () => {
  it('is one where all got the same, and the share of one where one got all', () => {
    expect(jain([5, 5, 5, 5])).toBe(1)
    expect(jain([8, 0, 0, 0])).toBe(0.25)
    expect(jain([])).toBe(0)
  })
})
