/** Words and figures of the operator's page: times, amounts, names of states. Pure; no state, no markup. */
import { MICRO_PER_CREDIT, type MicroCredits } from '../wire/ledger-events.ts'
import type { AskFailure } from './operator-session.svelte.ts'

const moment = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
})
const second = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const HOUR_MS = 3_600_000
const AMOUNT = /^(\d{1,9})(?:\.(\d{1,6}))?$/

/** How long a ruling may last. */
export const SPANS = {
  hour: ['1 hour', HOUR_MS],
  'six-hours': ['6 hours', 6 * HOUR_MS],
  day: ['1 day', 24 * HOUR_MS],
  week: ['7 days', 7 * 24 * HOUR_MS],
  month: ['30 days', 30 * 24 * HOUR_MS],
} as const satisfies Readonly<Record<string, readonly [words: string, ms: number]>>
export type Span = keyof typeof SPANS

export function isSpan(text: string): text is Span {
  return Object.hasOwn(SPANS, text)
}

export function formatMoment(ms: number): string {
  return moment.format(ms)
}

export function formatSecond(ms: number): string {
  return second.format(ms)
}

/** `2026-11-22`, as a day of UTC. */
export function formatDay(text: string): string {
  return day.format(new Date(`${text}T00:00:00Z`))
}

/** `42 s`, `12 min`, `3 h`, `5 days`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}

/** Enough of a key to know it by; the whole stands where it is copied. */
export function shortKey(key: string): string {
  return `${key.slice(key.indexOf(':') + 1, key.indexOf(':') + 9)}…`
}

export function formatMicro(micro: MicroCredits): string {
  const fraction = (micro % MICRO_PER_CREDIT).toString().padStart(6, '0').replace(/0+$/, '')
  return `${micro / MICRO_PER_CREDIT}${fraction === '' ? '' : `.${fraction}`}`
}

/** Null of what is no amount of credits. */
export function readMicro(text: string): MicroCredits | null {
  const [, whole, fraction = ''] = AMOUNT.exec(text.trim()) ?? []
  return whole === undefined ? null : BigInt(whole) * MICRO_PER_CREDIT + BigInt(fraction.padEnd(6, '0'))
}

export function sayFailure(failure: AskFailure): string {
  switch (failure.state) {
    case 'wrong-token':
      return 'This is not the operator’s token of this server.'
    case 'no-token':
      return 'This server has no operator’s token.'
    case 'wait':
      return `Too many requests came from this address. Try again in ${failure.seconds} ${failure.seconds === 1 ? 'second' : 'seconds'}.`
    case 'away':
      return 'The server does not answer. What you see is the last that it said.'
    case 'refused':
      return failure.message
    default:
      return failure satisfies never
  }
}

/** `server-started` as a person reads it. */
export function sayName(name: string): string {
  const words = name.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
