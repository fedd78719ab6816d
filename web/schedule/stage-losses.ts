/** What a stage says when its own KV is gone, or nothing more is paid of it: for the route it is dead. */
import type { Code } from '../wire/codes.ts'

const LOSSES: readonly Code[] = [
  'device-lost',
  'device-degraded',
  'session-unknown',
  'worker-lost',
  'link-failed',
  'ticket-spent',
]

export function isLoss(code: Code): boolean {
  return LOSSES.includes(code)
}
