/**
 * How a prompt is answered: by this device, as a whole job by one other tab, or by layers on several. Pure: facts in,
 * decision with its reason out. Below all of these: a smaller model, then the queue; each step down has a reason.
 * Source: docs/MESH.md, "Who answers".
 */
import type { ModeReason } from '../wire/chat.ts'
import type { Scope } from '../wire/conversation.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import { TOKENS_PER_SECOND_ENOUGH } from './engine-choice.ts'

const TOKENS_COMPARED = 128

/** In order of preference where nothing else decides. */
export const MODES = ['local', 'job', 'layers'] as const
export type Mode = (typeof MODES)[number]

export interface ModeFacts {
  /** Why it cannot answer this model; null where it can, or where nobody knows yet. */
  readonly refusal: Failure | null
  /** Predicted; null while nobody knows. */
  readonly tokensPerSecond: number | null
}

/** What is known of one model. */
export interface ModelFacts {
  readonly local: ModeFacts
  /**
   * Of the best worker that holds it whole. `firstMs`: until it would begin, all waiting included; null while nobody knows.
   * `busy`: all who hold it have as many as they take, so that it would wait in the server's line.
   */
  readonly job: ModeFacts & { readonly firstMs: number | null; readonly busy: boolean }
  /** `stages` of the route that is expected; null while nobody knows. */
  readonly layers: ModeFacts & { readonly stages: number | null }
}

export interface NamedModel {
  readonly key: string
  readonly name: string
}

export interface ModeQuestion extends ModelFacts {
  readonly scope: Scope
  readonly inRoom: boolean
  /** A person's own choice; null lets the rule decide. */
  readonly wish: Mode | null
  /** Models that may stand in for it, the best first. */
  readonly smaller: readonly (NamedModel & ModelFacts)[]
}

/** What a person is shown of each way that the scope allows. */
export interface ModeCandidate {
  readonly mode: Mode
  /** Predicted time for 128 tokens; null while nobody knows, and where it is refused. */
  readonly expectedMs: number | null
  readonly refusal: Failure | null
}

export interface ModeChoice {
  readonly mode: Mode | 'queue'
  readonly reason: ModeReason
  /** The smaller model that answers; null where the one that was asked for does. */
  readonly instead: NamedModel | null
  /** Predicted time for 128 tokens, of `queue` until somebody is free; null while nobody knows. */
  readonly expectedMs: number | null
  /** The other tabs would be slower than this device, which holds the whole model: a person is warned before. */
  readonly slowerThanHere: boolean
  /** Of the model that was asked for. */
  readonly candidates: readonly ModeCandidate[]
}

/**
 * Refusals: that of the device where the scope allows nothing else, of the wish where there is one; `room-missing` where a
 * room's tabs are needed and no room is joined; that of the layers where nobody can answer, with no model and no queue.
 */
export function chooseMode(question: ModeQuestion): Result<ModeChoice> {
  const { scope, wish, smaller } = question
  const outside = scope === 'room' && !question.inRoom ? NO_ROOM : null
  const facts = within(question, outside)
  const allowed: readonly Mode[] = scope === 'device' ? ['local'] : MODES
  const candidates = allowed.map((mode) => candidateOf(mode, facts))
  const chosen = (step: Step, more: Partial<ModeChoice> = {}): Result<ModeChoice> =>
    ok({ instead: null, slowerThanHere: false, candidates, ...step, ...more })

  if (wish !== null && scope !== 'device') {
    const refused = facts[wish].refusal
    if (refused) return refused
    const here = facts.local.refusal === null && wish !== 'local'
    const slowerThanHere = here && orNever(timeOf('local', facts)) < (timeOf(wish, facts) ?? 0)
    return chosen(stepTo(wish, 'picked', facts), { slowerThanHere })
  }
  const step = stepOf(facts, allowed)
  if (step) return chosen(step)
  for (const { key, name, ...other } of smaller) {
    const below = stepOf(within(other, outside), allowed)
    if (below) return chosen({ ...below, reason: 'smaller' }, { instead: { key, name } })
  }
  if (allowed.includes('job') && facts.job.refusal === null) return chosen(inLine(facts))
  return (scope === 'device' ? facts.local : facts.layers).refusal ?? fail('no-holder', '')
}

type Step = Pick<ModeChoice, 'mode' | 'reason' | 'expectedMs'>

const NO_ROOM = fail('room-missing', '')

/** Where others are out of reach, they refuse. */
function within({ local, job, layers }: ModelFacts, outside: Failure | null): ModelFacts {
  if (outside === null) return { local, job, layers }
  return { local, job: { ...job, refusal: outside }, layers: { ...layers, refusal: outside } }
}

/** Null where none of the allowed can, or all that could is to wait in line: a smaller model goes before that. */
function stepOf(facts: ModelFacts, allowed: readonly Mode[]): Step | null {
  const able = allowed.filter((mode) => facts[mode].refusal === null)
  const fast = (facts.local.tokensPerSecond ?? NEVER) >= TOKENS_PER_SECOND_ENOUGH
  if (able.includes('local') && fast) return stepTo('local', 'fast-enough', facts)
  if (able.includes('job') && facts.job.busy) return besideWaiting(facts, able)
  // Layers are for what nobody holds whole: a tab that does needs no trip per token.
  const [first, other] = able.includes('job') ? able.filter((mode) => mode !== 'layers') : able
  if (first === undefined) return null
  if (first !== 'local') return stepTo(first, first === 'layers' ? 'no-whole-holder' : 'only', facts)
  if (other === undefined) return stepTo('local', 'only', facts)
  // Others of whom nothing is known are no better than what is slow and sure.
  return stepTo(isQuicker(other, 'local', facts) ? other : 'local', 'fastest', facts)
}

/** Who holds it whole is busy: to wait for them is compared with what could begin now. */
function besideWaiting(facts: ModelFacts, able: readonly Mode[]): Step | null {
  const [first, other] = able.filter((mode) => mode !== 'job')
  if (first === undefined) return null
  const best = other !== undefined && isQuicker(other, first, facts) ? other : first
  // A split has to be quicker than a whole holder, and this device only not slower.
  if (best === 'layers') return isQuicker('layers', 'job', facts) ? stepTo(best, 'holders-busy', facts) : inLine(facts)
  return isQuicker('job', 'local', facts) ? inLine(facts) : stepTo('local', 'fastest', facts)
}

/** What nothing is known of is quicker than nothing else. */
function isQuicker(mode: Mode, other: Mode, facts: ModelFacts): boolean {
  return orNever(timeOf(mode, facts)) < orNever(timeOf(other, facts))
}

function inLine(facts: ModelFacts): Step {
  return { mode: 'queue', reason: 'queued', expectedMs: facts.job.firstMs }
}

function stepTo(mode: Mode, reason: ModeReason, facts: ModelFacts): Step {
  return { mode, reason, expectedMs: timeOf(mode, facts) }
}

const NEVER = Number.POSITIVE_INFINITY

function orNever(ms: number | null): number {
  return ms ?? NEVER
}

function timeOf(mode: Mode, facts: ModelFacts): number | null {
  const { tokensPerSecond } = facts[mode]
  if (tokensPerSecond === null) return null
  const firstMs = mode === 'job' ? (facts.job.firstMs ?? 0) : 0
  return firstMs + (TOKENS_COMPARED * 1_000) / tokensPerSecond
}

function candidateOf(mode: Mode, facts: ModelFacts): ModeCandidate {
  const { refusal } = facts[mode]
  return { mode, expectedMs: refusal ? null : timeOf(mode, facts), refusal }
}
