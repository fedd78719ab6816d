/**
 * What follows from an owner's list of removed devices: whose statement holds, which of two lists is the newer one, and what
 * stands in the next. Pure; signing and verifying is `web/account/removals.ts`.
 */
import type { PublicKeyText } from '../wire/device-keys.ts'
import { MEMBERSHIP_MS, ROOM_REMOVED_MAX } from '../wire/limits/rooms.ts'
import type { Removals, Removed } from '../wire/removals.ts'
import type { Membership } from '../wire/rooms.ts'

type Content = Pick<Removals, 'number' | 'removed'>

/** Whether this list takes out who has this statement. The owner stays. */
export function isRemoved({ key, owner, listNumber }: Membership, list: Pick<Removals, 'removed'> | null): boolean {
  if (key === owner) return false
  return list?.removed.some((one) => one.key === key && listNumber < one.number) ?? false
}

/** Of two lists of one owner. One number was given twice only by two tabs of the owner at once: all take the same of these. */
export function newerList(a: Removals | null, b: Removals): Removals {
  if (a === null || b.number > a.number) return b
  return b.number === a.number && b.signature > a.signature ? b : a
}

/** Two lists with one number that are not the same: the owner has to sign what both say. */
export function areAtOdds(a: Removals | null, b: Removals): boolean {
  return a !== null && a.number === b.number && a.signature !== b.signature
}

/** The list after `known`, with this device. Null where there is no place. */
export function listWith(known: Content | null, key: PublicKeyText, nowMs: number): Content | null {
  const number = (known?.number ?? 0) + 1
  const others = (known?.removed ?? []).filter((one) => one.key !== key && one.untilMs > nowMs)
  if (others.length >= ROOM_REMOVED_MAX) return null
  return { number, removed: [...others, { key, number, untilMs: Math.round(nowMs) + MEMBERSHIP_MS }] }
}

/** The list after two with one number: whoever stands in either. Those removed last where there is no place for all. */
export function listOfBoth(a: Content, b: Content): Content {
  const number = Math.max(a.number, b.number) + 1
  const removed = new Map<PublicKeyText, Removed>()
  for (const one of [...a.removed, ...b.removed]) {
    const known = removed.get(one.key)
    if (!known || known.number < one.number) removed.set(one.key, one)
  }
  return { number, removed: [...removed.values()].sort((x, y) => x.number - y.number).slice(-ROOM_REMOVED_MAX) }
}
