/**
 * What becomes of a job: which event moves which state where, as one table, with the reason where the way is not the usual
 * one. Pure; the time comes in with the event. Ends are final, tokens never fall, and the same event again changes nothing.
 * Who works on a job and who is told is not decided here.
 */
import type { Code } from '../wire/codes.ts'
import type { JobState } from '../wire/jobs.ts'
import { JOB_LEASE_MS, JOB_QUEUED_MS_MAX, JOB_TRIES_MAX } from '../wire/limits/jobs.ts'

export interface JobFacts {
  readonly state: JobState
  /** How often workers were named for it. */
  readonly leases: number
  /** By when something has to happen; null once it is over. */
  readonly untilMs: number | null
  /** Answer tokens, as its asker told. */
  readonly tokens: number
  /** Why it is in this state; null where that is the usual way. */
  readonly code: Code | null
}

export type JobEvent =
  /** Workers are named. `lease` counts them from 1, so that the same lease is given once. */
  | { readonly on: 'lease'; readonly lease: number; readonly atMs: number }
  | { readonly on: 'progress'; readonly tokens: number; readonly atMs: number }
  /** Nothing was heard of it until now. */
  | { readonly on: 'lapse'; readonly atMs: number }
  /** Those of this lease failed it, and nobody else is free. */
  | { readonly on: 'return'; readonly lease: number; readonly atMs: number }
  | { readonly on: 'done'; readonly tokens: number }
  | { readonly on: 'failed' | 'cancelled'; readonly tokens: number; readonly code: Code }

export type OpenState = Extract<JobState, 'queued' | 'leased' | 'running'>

/** A job that went back to the line may still be worked on: its asker says so, and it goes on as if it had never lapsed. */
const MOVES: Readonly<Record<OpenState, Readonly<Record<JobEvent['on'], JobState>>>> = {
  queued: {
    lease: 'leased',
    progress: 'running',
    lapse: 'expired',
    return: 'queued',
    done: 'done',
    failed: 'failed',
    cancelled: 'cancelled',
  },
  leased: {
    lease: 'leased',
    progress: 'running',
    lapse: 'queued',
    return: 'queued',
    done: 'done',
    failed: 'failed',
    cancelled: 'cancelled',
  },
  running: {
    lease: 'leased',
    progress: 'running',
    lapse: 'queued',
    return: 'queued',
    done: 'done',
    failed: 'failed',
    cancelled: 'cancelled',
  },
}

export function newJob(atMs: number): JobFacts {
  return { state: 'queued', leases: 0, untilMs: atMs + JOB_QUEUED_MS_MAX, tokens: 0, code: null }
}

export function isOpen(state: JobState): state is OpenState {
  return Object.hasOwn(MOVES, state)
}

/** The very same facts where the event changes nothing. */
export function moveJob(facts: JobFacts, event: JobEvent): JobFacts {
  const { state, leases } = facts
  if (!isOpen(state)) return facts
  const to = MOVES[state][event.on]
  switch (event.on) {
    case 'lease':
      if (event.lease !== leases + 1) return facts
      if (leases >= JOB_TRIES_MAX) return ended(facts, 'expired', 'job-expired')
      return { ...facts, state: to, leases: event.lease, untilMs: event.atMs + JOB_LEASE_MS, code: null }
    case 'progress': {
      // Nobody can have begun what was given to nobody.
      if (leases === 0) return facts
      const tokens = Math.max(facts.tokens, event.tokens)
      const leasedMs = state === 'queued' ? 0 : (facts.untilMs ?? 0)
      const untilMs = Math.max(leasedMs, event.atMs + JOB_LEASE_MS)
      const same = state === to && tokens === facts.tokens && untilMs === facts.untilMs
      return same ? facts : { ...facts, state: to, tokens, untilMs, code: null }
    }
    case 'lapse':
      if (event.atMs < (facts.untilMs ?? 0)) return facts
      return to === 'expired' ? ended(facts, to, 'job-expired') : requeued(facts, event.atMs, 'job-expired')
    case 'return':
      return state === 'queued' || event.lease !== leases ? facts : requeued(facts, event.atMs, 'no-capacity')
    case 'done':
      return leases === 0 ? facts : ended({ ...facts, tokens: Math.max(facts.tokens, event.tokens) }, to, null)
    case 'failed':
    case 'cancelled':
      return ended({ ...facts, tokens: Math.max(facts.tokens, event.tokens) }, to, event.code)
    default:
      return event satisfies never
  }
}

function requeued(facts: JobFacts, atMs: number, code: Code): JobFacts {
  if (facts.leases >= JOB_TRIES_MAX) return ended(facts, 'expired', 'job-expired')
  return { ...facts, state: 'queued', untilMs: atMs + JOB_QUEUED_MS_MAX, code }
}

function ended(facts: JobFacts, state: JobState, code: Code | null): JobFacts {
  return { ...facts, state, untilMs: null, code }
}
