/**
 * The decode loop of one conversation over a route of hops that it knows only by contract. It owns the committed state
 * (token ids, frame schedule, sampler, epoch) and drives frames: prefill in chunks, then decode. With one whole stage
 * tokens are chained on the GPU and a few frames run ahead; nothing waits. A lost device is replayed from the committed
 * state on the recorded schedule and the answer goes on. It turns ids into no text and knows no model file.
 */

import type { Frame, FrameInput, FrameOutput, SamplerSpec } from '../engine/stage.ts'
import { coversFromZero, cutSchedule, replayPlan } from '../rules/replay.ts'
import type { Constraint } from '../rules/token-masks.ts'
import type { Code } from '../wire/codes.ts'
import type { ScheduledFrame } from '../wire/frame-schedule.ts'
import {
  DECODE_ROWS_MAX,
  PREFILL_FRAME_MS,
  PREFILL_ROWS_MAX,
  PREFILL_ROWS_MIN,
  REPLAYS_MAX,
  TOKENS_IN_FLIGHT_MAX,
} from '../wire/limits/engine.ts'
import { type Failure, fail, ok, type Result } from '../wire/result.ts'
import type { Hop } from './hop.ts'

export type SessionEvent =
  | { readonly kind: 'prefill'; readonly done: number; readonly total: number; readonly reused: number }
  /** How the prompt was computed. Before the first token; a later one replaces it. */
  | { readonly kind: 'schedule'; readonly frames: readonly ScheduledFrame[] }
  | { readonly kind: 'token'; readonly id: number }
  | { readonly kind: 'notice'; readonly code: Code; readonly detail: string }
  /** Always last. `stop`: an end token came; `length`: the limit or the context is reached. */
  | { readonly kind: 'end'; readonly reason: 'stop' | 'length' | 'abort' | 'error'; readonly failure?: Failure }

export interface GenerateRequest {
  readonly prompt: readonly number[]
  readonly sampler: SamplerSpec
  readonly maxTokens: number
  readonly endTokens: ReadonlySet<number>
  /** What the answer is held to, and its text before the first token. Nothing runs ahead then: each mask needs the last token. */
  readonly heldTo?: Pick<Constraint, 'schema' | 'text'>
  /** An answer that goes on: its tokens so far, which do not come again, and how its prompt was computed. */
  readonly begun?: { readonly tokens: readonly number[]; readonly schedule: readonly ScheduledFrame[] }
}

const LOST: Code = 'device-lost'

export class Session {
  private readonly id: number
  private readonly hops: readonly Hop[]
  private readonly positions: number
  private epoch = 0
  private opened = false
  /** Ids whose KV the hops hold for certain, in order. */
  private held: number[] = []
  private schedule: ScheduledFrame[] = []
  private chunkRows = PREFILL_ROWS_MIN
  private constraint: (() => Constraint) | null = null

  constructor(id: number, hops: readonly Hop[], positions: number) {
    this.id = id
    this.hops = hops
    this.positions = positions
  }

  /**
   * Continues from the longest common prefix with what is held. Closing the iterator early is an abort: frames in
   * flight are waited for and their tokens forgotten. One generation at a time.
   */
  async *generate(request: GenerateRequest, signal: AbortSignal): AsyncGenerator<SessionEvent, void, undefined> {
    const { prompt, sampler } = request
    if (prompt.length === 0) return yield end('error', fail('request-invalid', 'The prompt is empty.'))
    if (prompt.length >= this.positions) {
      return yield end(
        'error',
        fail('context-full', `The prompt has ${prompt.length} tokens; the model reads ${this.positions}.`),
      )
    }
    const committed: number[] = [...(request.begun?.tokens ?? [])]
    if (committed.length >= request.maxTokens || prompt.length + committed.length >= this.positions) {
      return yield end('length')
    }
    const most = Math.min(request.maxTokens, this.positions - prompt.length)
    const { heldTo } = request
    this.constraint = heldTo ? () => ({ ...heldTo, tokens: [...committed], left: most - committed.length }) : null
    const refused = committed.length > 0 ? await this.takeOver(request, committed, signal) : null
    let failure = refused ?? (yield* this.attempt(request, committed, signal))
    for (let replays = 0; failure?.code === LOST && replays < REPLAYS_MAX; replays += 1) {
      yield { kind: 'notice', code: failure.code, detail: failure.detail }
      failure =
        (await this.replay([...prompt, ...committed], sampler, signal)) ??
        (yield* this.attempt(request, committed, signal))
    }
    if (failure) yield failure.code === 'aborted' ? end('abort') : end('error', failure)
  }

  /** How many of these tokens the hops hold, from the first on. */
  shares(tokens: readonly number[]): number {
    return this.opened ? this.commonPrefix(tokens) : 0
  }

  async close(): Promise<void> {
    this.opened = false
    this.held = []
    this.schedule = []
    await Promise.all(this.hops.map((hop) => hop.close(this.id)))
  }

  /** Makes the hops hold what another session held when it had committed these tokens: all but the last of them. */
  private async takeOver(
    { prompt, begun, sampler }: GenerateRequest,
    committed: readonly number[],
    signal: AbortSignal,
  ): Promise<Failure | null> {
    const tokens = [...prompt, ...committed]
    if (this.opened && this.commonPrefix(tokens) === tokens.length - 1) return null
    if (!begun || !coversFromZero(begun.schedule, prompt.length)) {
      return fail('request-invalid', 'The begun answer does not say how its prompt was computed.')
    }
    const fed = committed.length - 1
    const decoded: ScheduledFrame = { position: prompt.length, count: fed, mode: 'decode' }
    this.schedule = fed > 0 ? [...begun.schedule, decoded] : [...begun.schedule]
    this.held = tokens.slice(0, -1)
    return this.replay(tokens, sampler, signal)
  }

  /** Prefill what is missing, then decode. Returns a failure, or null after it has yielded `end`. */
  private async *attempt(
    request: GenerateRequest,
    committed: number[],
    signal: AbortSignal,
  ): AsyncGenerator<SessionEvent, Failure | null, undefined> {
    const tokens = [...request.prompt, ...committed]
    const ready = await this.rewind(tokens, request.sampler)
    if (!ready.ok) return ready
    const reused = ready.value
    // When an answer goes on after a loss, replay has computed all but its last token.
    const prefillEnd = committed.length > 0 ? this.held.length : tokens.length
    const pending: Promise<Result<FrameOutput>>[] = []
    try {
      for (let at = this.held.length; at < prefillEnd; at = this.held.length) {
        if (signal.aborted) return yield* finish('abort')
        const count = Math.min(this.chunkRows, prefillEnd - at)
        const last = at + count === prefillEnd
        const began = performance.now()
        const output = this.send(
          at,
          { kind: 'tokens', ids: Uint32Array.from(tokens.slice(at, at + count)) },
          count,
          'prefill',
          last,
        )
        this.note(tokens.slice(at, at + count), 'prefill')
        if (last) pending.push(output)
        else {
          const done = await output
          if (!done.ok) return done
          this.adapt(count, performance.now() - began)
        }
        if (committed.length === 0) {
          yield { kind: 'prefill', done: this.held.length, total: request.prompt.length, reused }
        }
      }
      if (committed.length === 0) yield { kind: 'schedule', frames: [...this.schedule] }
      return yield* this.decode(request, committed, tokens, pending, signal)
    } finally {
      // Frames in flight must end before anybody else uses the session; what they sampled was never committed.
      await Promise.all(pending)
    }
  }

  private async *decode(
    request: GenerateRequest,
    committed: number[],
    tokens: number[],
    pending: Promise<Result<FrameOutput>>[],
    signal: AbortSignal,
  ): AsyncGenerator<SessionEvent, Failure | null, undefined> {
    const depth = this.hops.length === 1 && !this.constraint ? TOKENS_IN_FLIGHT_MAX : 1
    let next = tokens.length
    if (pending.length === 0) {
      // Going on after a replay: the last committed token has not been fed yet.
      const last = tokens.at(-1) ?? 0
      pending.push(this.send(next - 1, { kind: 'tokens', ids: Uint32Array.of(last) }, 1, 'decode', true))
      this.note([last], 'decode')
    }
    for (;;) {
      // `next` is where the token of the newest pending frame will stand.
      while (
        depth > 1 &&
        pending.length < depth &&
        next < this.positions - 1 &&
        committed.length + pending.length < request.maxTokens &&
        !signal.aborted
      ) {
        pending.push(this.send(next, { kind: 'chained' }, 1, 'decode', true))
        next += 1
      }
      const output = await pending[0]
      void pending.shift()
      if (!output?.ok) return output ?? fail('gpu-error', 'A frame was lost.')
      if (output.value.kind !== 'token') return fail('frame-invalid', 'The tail sent no token.')
      if (signal.aborted) return yield* finish('abort')
      const { id } = output.value
      if (request.endTokens.has(id)) return yield* finish('stop')
      committed.push(id)
      tokens.push(id)
      if (depth > 1 && pending.length > 0) this.note([id], 'decode')
      yield { kind: 'token', id }
      if (committed.length >= request.maxTokens || tokens.length >= this.positions) return yield* finish('length')
      if (depth === 1) {
        pending.push(this.send(tokens.length - 1, { kind: 'tokens', ids: Uint32Array.of(id) }, 1, 'decode', true))
        this.note([id], 'decode')
      } else if (pending.length === 0) {
        pending.push(this.send(next, { kind: 'chained' }, 1, 'decode', true))
        next += 1
        this.note([id], 'decode')
      }
    }
  }

  /** Records ids whose frame has been sent. */
  private note(ids: readonly number[], mode: 'prefill' | 'decode'): void {
    this.schedule.push({ position: this.held.length, count: ids.length, mode })
    this.held.push(...ids)
  }

  /** Opens or truncates every hop to the longest common prefix. Value: how many positions are reused. */
  private async rewind(tokens: readonly number[], sampler: SamplerSpec): Promise<Result<number>> {
    this.epoch += 1
    if (!this.opened) {
      const refused = await this.openAll(sampler)
      return refused ?? ok(0)
    }
    const common = this.commonPrefix(tokens)
    for (const hop of this.hops) {
      const cut = await hop.truncate(this.id, this.epoch, common, sampler)
      if (!cut.ok) return cut
    }
    this.held.length = common
    this.schedule = cutSchedule(this.schedule, common)
    return ok(common)
  }

  /** Held positions that `tokens` shares; the last token is always computed, for its logits. */
  private commonPrefix(tokens: readonly number[]): number {
    let common = 0
    while (common < this.held.length && common < tokens.length - 1 && this.held[common] === tokens[common]) common += 1
    return common
  }

  private async openAll(sampler: SamplerSpec): Promise<Failure | null> {
    this.held = []
    this.schedule = []
    for (const hop of this.hops) {
      await hop.close(this.id)
      const answer = await hop.open({ session: this.id, epoch: this.epoch, positions: this.positions, sampler })
      if (!answer.ok) return answer
    }
    this.opened = true
    return null
  }

  /** Computes the KV of `tokens` again as far as it was held, on the recorded schedule. */
  private async replay(tokens: readonly number[], sampler: SamplerSpec, signal: AbortSignal): Promise<Failure | null> {
    const recorded = cutSchedule(this.schedule, this.commonPrefix(tokens))
    this.epoch += 1
    const refused = await this.openAll(sampler)
    let failure = refused
    for (const frame of failure ? [] : replayPlan(recorded, DECODE_ROWS_MAX)) {
      if (signal.aborted) {
        failure = fail('aborted', '')
        break
      }
      const ids = Uint32Array.from(tokens.slice(frame.position, frame.position + frame.count))
      const done = await this.send(frame.position, { kind: 'tokens', ids }, frame.count, frame.mode, false)
      if (!done.ok) failure = done
      if (failure) break
    }
    // What was recorded stays the truth for the next try.
    this.opened = failure === null
    this.schedule = recorded
    this.held = tokens.slice(0, (recorded.at(-1)?.position ?? 0) + (recorded.at(-1)?.count ?? 0))
    return failure
  }

  /** One frame through every hop. The first hop takes its place before this returns. */
  private async send(
    position: number,
    input: FrameInput,
    count: number,
    mode: Frame['mode'],
    sample: boolean,
  ): Promise<Result<FrameOutput>> {
    const ids = input.kind === 'tokens' ? input.ids : undefined
    let carried = input
    let output: Result<FrameOutput> = fail('frame-invalid', 'The route is empty.')
    for (const [index, hop] of this.hops.entries()) {
      const tail = index === this.hops.length - 1
      const frame = {
        session: this.id,
        epoch: this.epoch,
        position,
        count,
        mode,
        input: carried,
        sample: tail && sample,
      }
      const held = frame.sample ? this.constraint?.() : undefined
      output = await hop.run(tail && index > 0 && ids ? { ...frame, ids } : frame, held)
      if (!output.ok || tail) return output
      if (output.value.kind !== 'hidden') return fail('frame-invalid', 'A stage in the middle sent no hidden states.')
      carried = output.value
    }
    return output
  }

  /** Chunks grow while they stay well under what a driver allows one submit. */
  private adapt(rows: number, ms: number): void {
    const affordable = rows * (PREFILL_FRAME_MS / Math.max(ms, 0.1))
    const grown = 2 ** Math.floor(Math.log2(Math.max(affordable, PREFILL_ROWS_MIN)))
    this.chunkRows = Math.min(PREFILL_ROWS_MAX, grown, this.chunkRows * 2)
  }
}

function end(reason: 'stop' | 'length' | 'abort' | 'error', failure?: Failure): SessionEvent {
  return failure ? { kind: 'end', reason, failure } : { kind: 'end', reason }
}

async function* finish(reason: 'stop' | 'length' | 'abort'): AsyncGenerator<SessionEvent, null, undefined> {
  yield end(reason)
  return null
}
