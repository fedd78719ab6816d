/** What becomes of a job: every move of the table, and that ends hold, tokens never fall and nothing counts twice. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOpen, type JobEvent, type JobFacts, moveJob, newJob } from '../../../web/rules/job-state.ts'
import { JOB_STATES, type JobState } from '../../../web/wire/jobs.ts'
import { JOB_LEASE_MS, JOB_QUEUED_MS_MAX, JOB_TRIES_MAX } from '../../../web/wire/limits/jobs.ts'

const NOW_MS = 1_000
const LATER_MS = NOW_MS + JOB_QUEUED_MS_MAX + JOB_LEASE_MS

const lease = (number = 1, atMs = NOW_MS): JobEvent => ({ on: 'lease', lease: number, atMs })
const progress = (tokens = 1, atMs = NOW_MS): JobEvent => ({ on: 'progress', tokens, atMs })
const lapse = (atMs = LATER_MS): JobEvent => ({ on: 'lapse', atMs })
const done: JobEvent = { on: 'done', tokens: 5 }
const failed: JobEvent = { on: 'failed', tokens: 2, code: 'link-closed' }
const cancelled: JobEvent = { on: 'cancelled', tokens: 0, code: 'aborted' }
const back = (number = 1): JobEvent => ({ on: 'return', lease: number, atMs: NOW_MS })

function historyOf(...events: readonly JobEvent[]): JobFacts {
  return events.reduce(moveJob, newJob(NOW_MS))
}

/** Every lease but the last one has lapsed. */
function leasedSoOften(times: number): JobFacts {
  let facts = newJob(NOW_MS)
  for (let number = 1; number <= times; number += 1) {
    facts = moveJob(facts, lapse((facts.untilMs ?? 0) * (facts.state === 'leased' ? 1 : 0)))
    facts = moveJob(facts, lease(number))
  }
  return facts
}

describe('a job', () => {
  const lost = [lease(), lapse()] as const
  it.each<[string, readonly JobEvent[], JobState, JobFacts['code']]>([
    ['begins in line', [], 'queued', null],
    ['is leased from the line', [lease()], 'leased', null],
    ['gets other workers while it is leased', [lease(), lease(2)], 'leased', null],
    ['gets other workers while it runs', [lease(), progress(), lease(2)], 'leased', null],
    ['runs once one has begun', [lease(), progress()], 'running', null],
    ['goes on running', [lease(), progress(), progress(2)], 'running', null],
    ['goes back to the line where nobody began', [...lost], 'queued', 'job-expired'],
    ['goes back to the line where nobody went on', [lease(), progress(), lapse()], 'queued', 'job-expired'],
    ['goes back where all named have failed it', [lease(), back()], 'queued', 'no-capacity'],
    ['goes back from running too', [lease(), progress(), back()], 'queued', 'no-capacity'],
    ['runs on where it had only been quiet', [...lost, progress(3)], 'running', null],
    ['is leased again', [...lost, lease(2)], 'leased', null],
    ['does not begin before it was given to anyone', [progress()], 'queued', null],
    ['is not done before it was given to anyone', [done], 'queued', null],
    ['is done', [lease(), progress(), done], 'done', null],
    ['is done before it was heard to begin', [lease(), done], 'done', null],
    ['is done though it was thought lost', [...lost, done], 'done', null],
    ['fails in line', [failed], 'failed', 'link-closed'],
    ['fails when leased', [lease(), failed], 'failed', 'link-closed'],
    ['fails when running', [lease(), progress(), failed], 'failed', 'link-closed'],
    ['is cancelled in line', [cancelled], 'cancelled', 'aborted'],
    ['is cancelled when leased', [lease(), cancelled], 'cancelled', 'aborted'],
    ['is cancelled when running', [lease(), progress(), cancelled], 'cancelled', 'aborted'],
    ['ends where it waited for too long', [lapse()], 'expired', 'job-expired'],
    ['does not lapse before its time', [lease(), lapse(NOW_MS + JOB_LEASE_MS - 1)], 'leased', null],
    ['is not given back twice', [lease(), back(), lease(2), back(1)], 'leased', null],
  ])('%s', (_, events, state, code) => {
    expect(historyOf(...events)).toMatchObject({ state, code })
  })

  it('lapses at its very time, and each progress moves that on', () => {
    const running = historyOf(lease(), progress(1, NOW_MS + 9_000))
    expect(moveJob(running, lapse(NOW_MS + 9_000 + JOB_LEASE_MS - 1))).toBe(running)
    expect(moveJob(running, lapse(NOW_MS + 9_000 + JOB_LEASE_MS)).state).toBe('queued')
  })

  it('ends after so many leases, however the last one is lost', () => {
    const last = leasedSoOften(JOB_TRIES_MAX)
    expect(last).toMatchObject({ state: 'leased', leases: JOB_TRIES_MAX })
    const expired = { state: 'expired', code: 'job-expired', leases: JOB_TRIES_MAX, untilMs: null }
    expect(moveJob(last, lapse())).toMatchObject(expired)
    expect(moveJob(last, back(JOB_TRIES_MAX))).toMatchObject(expired)
    expect(moveJob(last, lease(JOB_TRIES_MAX + 1))).toMatchObject(expired)
    expect(moveJob(leasedSoOften(JOB_TRIES_MAX - 1), lapse()).state).toBe('queued')
  })
})

describe('any run of events', () => {
  const atMs = fc.integer({ min: NOW_MS, max: LATER_MS * 2 })
  const tokens = fc.nat(50)
  const event: fc.Arbitrary<JobEvent> = fc.oneof(
    fc.record({ on: fc.constant('lease' as const), lease: fc.integer({ min: 1, max: JOB_TRIES_MAX + 2 }), atMs }),
    fc.record({ on: fc.constant('progress' as const), tokens, atMs }),
    fc.record({ on: fc.constant('lapse' as const), atMs }),
    fc.record({ on: fc.constant('return' as const), lease: fc.integer({ min: 1, max: JOB_TRIES_MAX }), atMs }),
    fc.record({ on: fc.constant('done' as const), tokens }),
    fc.record({
      on: fc.constantFrom('failed' as const, 'cancelled' as const),
      tokens,
      code: fc.constant('aborted' as const),
    }),
  )
  // Ends come rarely, or few runs would see more than one.
  const events = fc.array(fc.oneof({ weight: 8, arbitrary: event.filter(({ on }) => on !== 'done') }, event), {
    maxLength: 60,
  })

  it('leaves no end, takes no token back, and counts no event twice', () => {
    const reached = new Set<JobState>()
    fc.assert(
      fc.property(events, (all) => {
        let facts = newJob(NOW_MS)
        for (const one of all) {
          // A lease follows the last one, as the desk counts them; now and then it is an old one.
          const said = one.on === 'lease' && one.lease % 3 > 0 ? { ...one, lease: facts.leases + 1 } : one
          const next = moveJob(facts, said)
          expect(moveJob(next, said)).toBe(next)
          if (!isOpen(facts.state)) expect(next).toBe(facts)
          expect(next.tokens).toBeGreaterThanOrEqual(facts.tokens)
          expect(next.leases).toBeGreaterThanOrEqual(facts.leases)
          expect(next.leases).toBeLessThanOrEqual(JOB_TRIES_MAX)
          // Whoever has a place has had a lease and has an end to it; whoever is over waits for nothing.
          if (next.state === 'leased' || next.state === 'running') expect(next.leases).toBeGreaterThan(0)
          expect(next.untilMs === null).toBe(!isOpen(next.state))
          reached.add(next.state)
          facts = next
        }
      }),
      { numRuns: 1_000 },
    )
    expect([...reached].sort()).toEqual([...JOB_STATES].sort())
  })
})
