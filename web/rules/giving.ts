/**
 * Whether a tab gives now, and if not, why and until when: from what the person allows and what is true of the device. Pure;
 * looks at no clock and at no browser. Hours are of the wall clock, so that a change of the clocks moves them with it.
 */
import { DAY_MINUTES } from '../wire/limits/giving.ts'

/** Minutes since local midnight. Where `to` is before `from` it is about the next day; equal ones leave no hour. */
export interface Hours {
  readonly from: number
  readonly to: number
}

export interface GivingLimits {
  /** Null: at any hour. */
  readonly hours: Hours | null
  readonly chargingOnly: boolean
  /** Of a full battery, on battery; null for all of it. */
  readonly batteryMin: number | null
  readonly onlyWhileVisible: boolean
  readonly pauseWhileActive: boolean
}

export interface Battery {
  readonly charging: boolean
  /** 0 to 1. */
  readonly level: number
}

export interface GivingFacts {
  /** The person pressed Pause. */
  readonly paused: boolean
  readonly visible: boolean
  readonly active: boolean
  readonly minute: number
  /** Null where the browser does not say; then no limit of it holds. */
  readonly battery: Battery | null
  /** Whole answers: another model is loaded in this browser, which its person uses. */
  readonly otherModel: boolean
}

/** Why it rests. The order is that of what a person can do most about. */
export const REST_REASONS = ['person', 'hidden', 'hours', 'power', 'battery', 'active', 'model'] as const
export type RestReason = (typeof REST_REASONS)[number]

/** `untilMinute`: of the wall clock; null where it ends with what somebody does. */
export interface Rest {
  readonly why: RestReason
  readonly untilMinute: number | null
}

/** Everything that speaks against giving now. */
export function restsOf(facts: GivingFacts, limits: GivingLimits): readonly RestReason[] {
  const { battery } = facts
  const onBattery = battery !== null && !battery.charging
  const holds: Readonly<Record<RestReason, boolean>> = {
    person: facts.paused,
    hidden: limits.onlyWhileVisible && !facts.visible,
    hours: limits.hours !== null && !within(facts.minute, limits.hours),
    power: limits.chargingOnly && onBattery,
    battery: limits.batteryMin !== null && onBattery && battery.level < limits.batteryMin,
    active: limits.pauseWhileActive && facts.active,
    model: facts.otherModel,
  }
  return REST_REASONS.filter((why) => holds[why])
}

/** Null where it gives. `waived`: what the person has said it should go on in spite of. */
export function restNow(facts: GivingFacts, limits: GivingLimits, waived: ReadonlySet<RestReason>): Rest | null {
  const why = restsOf(facts, limits).find((reason) => !waived.has(reason))
  if (why === undefined) return null
  const begins = limits.hours && limits.hours.from !== limits.hours.to ? limits.hours.from : null
  return { why, untilMinute: why === 'hours' ? begins : null }
}

export function within(minute: number, { from, to }: Hours): boolean {
  const since = (minute - from + DAY_MINUTES) % DAY_MINUTES
  return since < (to - from + DAY_MINUTES) % DAY_MINUTES
}
