/**
 * What a stage accepts: the one check that both implementations make before they compute. A frame that does not match
 * the session's KV exactly is refused, because computing on it would give wrong text in silence.
 */
import { CONTEXT_POSITIONS_MAX, DECODE_ROWS_MAX, PREFILL_ROWS_MAX, SESSIONS_MAX } from '../wire/limits/engine.ts'
import { type Failure, fail } from '../wire/result.ts'
import type { Frame, OpenRequest, SamplerSpec, StageFacts } from './stage.ts'

export interface SessionState {
  readonly positions: number
  sampler: SamplerSpec
  epoch: number
  /** Positions that the KV holds, counting frames already taken into the queue. */
  held: number
  /** A token sampled after the last row and not yet consumed: what `chained` reads. */
  sampled: boolean
}

export function newSession(request: OpenRequest): SessionState {
  return { positions: request.positions, sampler: request.sampler, epoch: request.epoch, held: 0, sampled: false }
}

const within = (value: number, low: number, high: number) => Number.isFinite(value) && value >= low && value <= high
const counter = (value: number) => Number.isSafeInteger(value) && value >= 0

function validSampler(spec: SamplerSpec, vocabulary: number): boolean {
  return (
    (spec.temperature === 0 || within(spec.temperature, 0.01, 100)) &&
    counter(spec.topK) &&
    spec.topK <= Math.max(vocabulary, 1 << 20) &&
    spec.topP > 0 &&
    spec.topP <= 1 &&
    within(spec.minP, 0, 1) &&
    within(spec.repetitionPenalty, 0.1, 10) &&
    typeof spec.seed === 'bigint' &&
    spec.seed >= 0n &&
    spec.seed < 1n << 64n
  )
}

export function checkOpen(
  request: OpenRequest,
  open: ReadonlyMap<number, SessionState>,
  facts: StageFacts,
): Failure | null {
  if (open.has(request.session)) return fail('session-exists', `Session ${request.session} is open.`)
  if (!counter(request.session) || !counter(request.epoch) || !validSampler(request.sampler, facts.vocabulary)) {
    return fail('frame-invalid', 'A field of the session is out of range.')
  }
  const most = Math.min(facts.contextLength, CONTEXT_POSITIONS_MAX)
  if (!counter(request.positions) || request.positions < 1 || request.positions > most) {
    return fail('context-full', `${request.positions} positions were asked for; the model reads ${most}.`)
  }
  return open.size < SESSIONS_MAX ? null : fail('kv-full', `${SESSIONS_MAX} sessions are open.`)
}

function checkInput(frame: Frame, facts: StageFacts, state: SessionState): string | null {
  const { input, count } = frame
  const first = facts.range.first === 0
  const tail = facts.range.last === facts.layers
  if (frame.sample && !tail) return 'only a tail stage samples'
  if (frame.mask) {
    if (!frame.sample) return 'a mask is for a token that is sampled'
    if (frame.mask.length !== Math.ceil(facts.vocabulary / 32)) return `a mask has ${frame.mask.length} words`
  }
  if (input.kind === 'hidden') {
    if (first) return 'a first stage takes token ids'
    if (input.rows.length !== count * facts.width) return `hidden rows hold ${input.rows.length} values`
    if (tail && frame.ids?.length !== count) return 'a tail needs the ids of its rows'
    if (frame.ids?.some((id) => id >= facts.vocabulary)) return 'a token id is outside the vocabulary'
    return null
  }
  if (!first) return 'only a first stage takes token ids'
  if (input.kind === 'chained') {
    if (!tail) return 'only a whole stage can chain'
    return count === 1 && state.sampled ? null : 'nothing was sampled to chain'
  }
  if (input.ids.length !== count) return `${input.ids.length} ids for ${count} rows`
  return input.ids.some((id) => id >= facts.vocabulary) ? 'a token id is outside the vocabulary' : null
}

/** Null when the frame may run; nothing is changed either way. */
export function checkFrame(frame: Frame, state: SessionState | undefined, facts: StageFacts): Failure | null {
  if (!state) return fail('session-unknown', `Session ${frame.session} is not open.`)
  if (frame.epoch !== state.epoch)
    return fail('epoch-stale', `The frame has epoch ${frame.epoch}, the session ${state.epoch}.`)
  const rowsMax = frame.mode === 'prefill' ? PREFILL_ROWS_MAX : DECODE_ROWS_MAX
  if (!counter(frame.count) || frame.count < 1 || frame.count > rowsMax)
    return fail('frame-invalid', `${frame.count} rows; at most ${rowsMax}.`)
  const wrong = checkInput(frame, facts, state)
  if (wrong) return fail('frame-invalid', `Refused: ${wrong}.`)
  if (frame.position !== state.held)
    return fail('position-mismatch', `The frame starts at ${frame.position}, the KV holds ${state.held}.`)
  if (frame.position + frame.count > state.positions)
    return fail('context-full', `${state.positions} positions are reserved.`)
  return null
}

export function checkTruncate(
  state: SessionState | undefined,
  facts: StageFacts,
  epoch: number,
  position: number,
  sampler: SamplerSpec | undefined,
): Failure | null {
  if (!state) return fail('session-unknown', 'The session is not open.')
  if (!counter(epoch) || epoch < state.epoch) return fail('epoch-stale', `Epoch ${epoch} is older than ${state.epoch}.`)
  if (sampler && !validSampler(sampler, facts.vocabulary))
    return fail('frame-invalid', 'A sampler setting is out of range.')
  return counter(position) && position <= state.held
    ? null
    : fail('position-mismatch', `Position ${position}; the KV holds ${state.held}.`)
}

/** What `truncate` changes once it was accepted. */
export function rewindTo(state: SessionState, epoch: number, position: number, sampler: SamplerSpec | undefined): void {
  state.epoch = epoch
  state.held = position
  state.sampled = false
  if (sampler) state.sampler = sampler
}
