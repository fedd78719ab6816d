/**
 * How a prompt is answered: by this device, or by layers on other tabs. Pure: facts in, decision with its reason out. The
 * rule: a device that is fast enough answers itself; else the mode with the lowest predicted time for 128 tokens of those
 * that the scope allows. Whole jobs at one worker come between the two once they exist. Source: docs/MESH.md, "Who answers".
 */
import type { ModeReason } from '../wire/chat.ts'
import type { Scope } from '../wire/conversation.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { TOKENS_PER_SECOND_ENOUGH } from './engine-choice.ts'

const TOKENS_COMPARED = 128

export type Mode = 'local' | 'layers'

export interface ModeFacts {
  /** Why it cannot answer this model; null where it can, or where nobody knows yet. */
  readonly refusal: Failure | null
  /** Predicted; null while nobody knows. */
  readonly tokensPerSecond: number | null
}

export interface ModeQuestion {
  readonly scope: Scope
  readonly inRoom: boolean
  readonly local: ModeFacts
  /** `stages` of the route that is expected; null while nobody knows. */
  readonly layers: ModeFacts & { readonly stages: number | null }
  /** A person's own choice; null lets the rule decide. */
  readonly wish: Mode | null
}

export interface ModeChoice {
  readonly mode: Mode
  readonly reason: ModeReason
  /** Predicted time for 128 tokens; null while nobody knows. */
  readonly expectedMs: number | null
  /** The other tabs would be slower than this device, which holds the whole model: a person is warned before. */
  readonly slowerThanHere: boolean
}

/**
 * Refusals: that of the device where the scope allows nothing else; `room-missing` where a room's tabs are needed and no room
 * is joined; that of the layers where this device cannot answer either.
 */
export function chooseMode(question: ModeQuestion): Result<ModeChoice> {
  const { scope, wish, local } = question
  const layers = scope === 'room' && !question.inRoom ? { ...question.layers, refusal: NO_ROOM } : question.layers
  if (scope === 'device') return local.refusal ?? chosen('local', 'only', local)
  const slower = local.refusal === null && (timeOf(local) ?? NEVER) < (timeOf(layers) ?? 0)
  if (wish === 'layers') return layers.refusal ?? chosen('layers', 'picked', layers, slower)
  if (wish === 'local') return local.refusal ?? chosen('local', 'picked', local)
  if (local.refusal) return layers.refusal ?? chosen('layers', 'only', layers)
  if ((local.tokensPerSecond ?? Number.POSITIVE_INFINITY) >= TOKENS_PER_SECOND_ENOUGH)
    return chosen('local', 'fast-enough', local)
  if (layers.refusal) return chosen('local', 'only', local)
  // Layers of which nothing is known are no better than what is slow and sure.
  return (timeOf(layers) ?? NEVER) < (timeOf(local) ?? NEVER)
    ? chosen('layers', 'fastest', layers)
    : chosen('local', 'fastest', local)
}

const NEVER = Number.POSITIVE_INFINITY
const NO_ROOM = fail('room-missing', '')

function timeOf({ tokensPerSecond }: ModeFacts): number | null {
  return tokensPerSecond === null ? null : (TOKENS_COMPARED * 1_000) / tokensPerSecond
}

function chosen(mode: Mode, reason: ModeReason, facts: ModeFacts, slowerThanHere = false): Result<ModeChoice> {
  return ok({ mode, reason, expectedMs: timeOf(facts), slowerThanHere })
}
