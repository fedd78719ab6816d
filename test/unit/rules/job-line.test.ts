/** The line of jobs that wait: fair by tokens, interactive first without starving batch, and everybody's place as it will be. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { JobLine, type LineCapacity, type LineJob } from '../../../web/rules/job-line.ts'
import { JOB_CLASSES } from '../../../web/wire/jobs.ts'
import { JOB_BATCH_TURNS } from '../../../web/wire/limits/jobs.ts'

let made = 0
function jobOf(asker: string, tokens = 10, more: Partial<LineJob> = {}): LineJob {
  made += 1
  return { key: `${asker}-${made}`, asker, class: 'interactive', tokens, ...more }
}
const anyone = () => true
const capacity =
  (more: Partial<LineCapacity> = {}) =>
  () => ({ tokensPerSecond: 10, held: 0, heldTokens: 0, ...more })

/** All that wait, in the order in which they go. */
function drained(line: JobLine): readonly LineJob[] {
  const went: LineJob[] = []
  for (let next = line.take(anyone); next; next = line.take(anyone)) went.push(next)
  return went
}

const anyJob = fc.record({
  asker: fc.constantFrom('a', 'b', 'c', 'd'),
  tokens: fc.nat(2_000),
  class: fc.constantFrom(...JOB_CLASSES),
  unpaid: fc.boolean(),
})
/** Jobs that come, and now and then one that goes, in line or out of it. */
const anyStory = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: anyJob },
    { weight: 1, arbitrary: fc.constant('take' as const) },
    { weight: 1, arbitrary: fc.nat(20) },
  ),
  { maxLength: 60 },
)

function told(story: readonly (Omit<LineJob, 'key'> | 'take' | number)[]): { line: JobLine; jobs: Set<LineJob> } {
  const line = new JobLine()
  const jobs = new Set<LineJob>()
  for (const one of story) {
    if (one === 'take') {
      const next = line.take(anyone)
      if (next) jobs.delete(next)
    } else if (typeof one === 'number') {
      const left = [...jobs][one]
      if (!left) continue
      line.remove(left.key)
      jobs.delete(left)
    } else {
      const job = jobOf(one.asker, one.tokens, { class: one.class, unpaid: one.unpaid ?? false })
      line.add(job)
      jobs.add(job)
    }
  }
  return { line, jobs }
}

describe('a line', () => {
  it('has everybody who waits once, and goes in the order that it says', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const { line, jobs } = told(story)
        const order = line.order()
        expect(new Set(order)).toEqual(jobs)
        expect(order.length).toBe(jobs.size)
        expect(line.places(capacity()).map(({ job, ahead }) => [job, ahead])).toEqual(order.map((job, at) => [job, at]))
        expect(drained(line)).toEqual(order)
        expect(line.size).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  it('keeps the order of one asker, and gives nobody a longer wait for coming again', () => {
    fc.assert(
      fc.property(anyStory, (story) => {
        const { line, jobs } = told(story)
        const before = line.order()
        for (const job of jobs) line.add({ ...job, tokens: 1 })
        expect(line.order()).toEqual(before)
        for (const asker of ['a', 'b', 'c', 'd'])
          for (const name of JOB_CLASSES)
            for (const unpaid of [false, true]) {
              const isOwn = (job: LineJob) => job.asker === asker && job.class === name && job.unpaid === unpaid
              const own = (all: Iterable<LineJob>) => [...all].filter(isOwn)
              expect(own(before)).toEqual(own(jobs))
            }
      }),
      { numRuns: 200 },
    )
  })

  it('never makes one who waits pay for who comes later with the same wish', () => {
    const line = new JobLine()
    const [first, second, third] = [jobOf('a'), jobOf('b'), jobOf('c')]
    for (const job of [first, second, third]) line.add(job)
    expect(drained(line)).toEqual([first, second, third])
  })

  it('counts tokens, not jobs', () => {
    const line = new JobLine()
    const [long, longAgain] = [jobOf('a', 1_000), jobOf('a', 1_000)]
    const short = Array.from({ length: 11 }, () => jobOf('b', 100))
    for (const job of [long, longAgain, ...short]) line.add(job)
    expect(drained(line)).toEqual([long, ...short.slice(0, 10), longAgain, ...short.slice(10)])
  })

  it('gives who comes later no credit for its absence', () => {
    const line = new JobLine()
    for (let at = 0; at < 20; at += 1) line.add(jobOf('a'))
    for (let at = 0; at < 10; at += 1) line.take(anyone)
    const late = Array.from({ length: 10 }, () => jobOf('b'))
    for (const job of late) line.add(job)
    const next = [line.take(anyone), line.take(anyone), line.take(anyone), line.take(anyone)]
    expect(next.filter((job) => job?.asker === 'b')).toHaveLength(2)
  })

  it('passes over whom nothing fits, who stays where it is', () => {
    const line = new JobLine()
    const [picky, other] = [jobOf('a'), jobOf('b')]
    line.add(picky)
    line.add(other)
    expect(line.take((job) => job !== picky)).toBe(other)
    expect(line.take(() => false)).toBeNull()
    expect(line.order()).toEqual([picky])
  })

  it('has forgotten everything once nobody waits', () => {
    const line = new JobLine()
    line.add(jobOf('a', 1_000))
    line.take(anyone)
    const [again, other] = [jobOf('a'), jobOf('b')]
    line.add(again)
    line.add(other)
    expect(drained(line)).toEqual([again, other])
  })
})

describe('a batch job', () => {
  it('lets interactive ones go first', () => {
    const line = new JobLine()
    const batch = jobOf('a', 10, { class: 'batch' })
    const interactive = jobOf('b')
    line.add(batch)
    line.add(interactive)
    expect(drained(line)).toEqual([interactive, batch])
  })

  it('waits no longer than its turns, however many interactive ones keep coming', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 5 }), (batches, gone) => {
        const line = new JobLine()
        const more = () => line.add(jobOf(`i${made % 3}`))
        for (let at = 0; at < 10; at += 1) more()
        for (let at = 0; at < gone; at += 1) line.take(anyone)
        const waiting = Array.from({ length: batches }, () => jobOf('b', 10, { class: 'batch' }))
        for (const job of waiting) line.add(job)
        for (const [ahead, job] of waiting.entries()) {
          let turns = 0
          for (let next = line.take(anyone); next !== job; next = line.take(anyone)) {
            turns += 1
            more()
          }
          expect(turns + 1, `behind ${ahead}`).toBeLessThanOrEqual(JOB_BATCH_TURNS)
        }
      }),
    )
  })
})

describe('a job that nobody pays for', () => {
  it('lets all others go first, and among its own who is waited for', () => {
    const line = new JobLine()
    const unpaid = { batch: jobOf('a', 10, { class: 'batch', unpaid: true }), waited: jobOf('b', 10, { unpaid: true }) }
    const paid = { batch: jobOf('c', 10, { class: 'batch' }), waited: jobOf('d') }
    for (const job of [unpaid.batch, unpaid.waited, paid.batch, paid.waited]) line.add(job)
    expect(drained(line)).toEqual([paid.waited, paid.batch, unpaid.waited, unpaid.batch])
  })

  it('waits no longer than its turns', () => {
    const line = new JobLine()
    const unpaid = jobOf('a', 10, { unpaid: true })
    line.add(unpaid)
    for (let at = 0; at < 20; at += 1) line.add(jobOf(`p${at}`))
    expect(line.order().indexOf(unpaid)).toBe(JOB_BATCH_TURNS - 1)
    expect(drained(line).indexOf(unpaid)).toBe(JOB_BATCH_TURNS - 1)
  })
})

describe('a wait', () => {
  it('is the rest of a job that is answered, then all tokens before', () => {
    const line = new JobLine()
    for (const tokens of [30, 50, 10]) line.add(jobOf('a', tokens))
    const waits = (of: () => LineCapacity | null) => line.places(of).map(({ waitMs }) => waitMs)
    expect(waits(capacity({ held: 4, heldTokens: 80 }))).toEqual([2_000, 5_000, 10_000])
    expect(waits(capacity())).toEqual([0, 3_000, 8_000])
    expect(waits(() => null)).toEqual([null, null, null])
    expect(waits(capacity({ tokensPerSecond: 0, held: 1, heldTokens: 1 })).every(Number.isFinite)).toBe(true)
  })
})

describe('askers of very different appetites', () => {
  /** Who asks for how many tokens at once, and how many of its jobs it keeps in line. */
  const APPETITES = [
    { asker: 'crumbs', tokens: () => 8, waiting: 1 },
    { asker: 'flood', tokens: () => 16, waiting: 200 },
    { asker: 'plain', tokens: () => 300, waiting: 2 },
    { asker: 'mixed', tokens: () => ((made * 7_919) % 2_000) + 1, waiting: 5 },
    { asker: 'whale', tokens: () => 4_000, waiting: 30 },
  ] as const
  const TURNS = 20_000

  it("get the same of a saturated line: Jain's index is at least 0.95", () => {
    const line = new JobLine()
    const served = new Map<string, number>()
    for (const { asker, tokens, waiting } of APPETITES)
      for (let at = 0; at < waiting; at += 1) line.add(jobOf(asker, tokens()))
    for (let turn = 0; turn < TURNS; turn += 1) {
      const next = line.take(anyone)
      if (!next) throw new Error('a saturated line is never empty')
      served.set(next.asker, (served.get(next.asker) ?? 0) + next.tokens)
      const { tokens } = APPETITES.find(({ asker }) => asker === next.asker) ?? APPETITES[0]
      line.add(jobOf(next.asker, tokens()))
    }
    const shares = APPETITES.map(({ asker }) => served.get(asker) ?? 0)
    const sum = shares.reduce((total, share) => total + share, 0)
    const jain = sum ** 2 / (shares.length * shares.reduce((total, share) => total + share ** 2, 0))
    expect(jain).toBeGreaterThanOrEqual(0.95)
    // One that counted jobs would give a whale five hundred times what crumbs get.
    expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.5)
  })
})
