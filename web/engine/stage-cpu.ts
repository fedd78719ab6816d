/**
 * The stage contract in plain f32 loops: the oracle of every kernel and test. It favours being obviously right over
 * speed, uses the same plan as the GPU stage and dequantises weights straight from the file. KV is rounded to f16 as on
 * the GPU. It must stay free of any GPU type.
 */

import { noiseTable } from '../rules/noise.ts'
import { applyMask, sample } from '../tokens/sampler.ts'
import { fromHalf, toHalf } from '../weights/half.ts'
import type { ByteSource } from '../weights/source.ts'
import { REPETITION_WINDOW } from '../wire/limits/engine.ts'
import { assert, FailureError, fail, ok, type Result } from '../wire/result.ts'
import { checkFrame, checkOpen, checkTruncate, newSession, rewindTo, type SessionState } from './frames.ts'
import { readDense, readVector } from './load.ts'
import type { LayerPlan, StagePlan } from './plan.ts'
import { ropeTable } from './rope.ts'
import type { Frame, FrameOutput, OpenRequest, SamplerSpec, StageEngine, StageFacts, StageState } from './stage.ts'

interface Layer {
  readonly attentionNorm: Float32Array
  readonly qkv: Float32Array
  readonly bias: Float32Array | null
  readonly headNorm: Float32Array | null
  readonly out: Float32Array
  readonly ffnNorm: Float32Array
  readonly gateUp: Float32Array
  readonly down: Float32Array
}

interface Session extends SessionState {
  /** `[positions, kvHeads, headDim]` of each layer, values rounded to f16. */
  readonly keys: readonly Float32Array[]
  readonly values: readonly Float32Array[]
  readonly tokens: Uint32Array
  readonly rope: Float32Array
}

/** `[rows, columns] x [columns]`. */
function multiply(matrix: Float32Array, x: Float32Array, rows: number): Float32Array {
  const out = new Float32Array(rows)
  const columns = x.length
  for (let row = 0; row < rows; row += 1) {
    let sum = 0
    for (let i = 0; i < columns; i += 1) sum += (matrix[row * columns + i] ?? 0) * (x[i] ?? 0)
    out[row] = sum
  }
  return out
}

function normalise(x: Float32Array, gain: Float32Array, epsilon: number): Float32Array {
  let square = 0
  for (const value of x) square += value * value
  const scale = 1 / Math.sqrt(square / x.length + epsilon)
  return x.map((value, i) => value * scale * (gain[i] ?? 0))
}

function addInto(target: Float32Array, delta: Float32Array): void {
  for (let i = 0; i < target.length; i += 1) target[i] = (target[i] ?? 0) + (delta[i] ?? 0)
}

const DISPOSED = 'The stage was disposed.'

const roundHalf = (value: number) => fromHalf(toHalf(value))

export class StageCpu implements StageEngine {
  readonly facts: StageFacts
  state: StageState = 'ready'
  /** Logits of the last sampled row before penalties: for tests and benches on the same machine only. */
  lastLogits: Float32Array | null = null
  private readonly plan: StagePlan
  private readonly layers: readonly Layer[]
  private readonly embedding: Float32Array | null
  private readonly finalNorm: Float32Array | null
  private readonly head: Float32Array | null
  private readonly ropeFactors: Float32Array
  private readonly sessions = new Map<number, Session>()
  private readonly noise = noiseTable()
  private readonly round: (value: number) => number

  private constructor(
    plan: StagePlan,
    parts: {
      layers: readonly Layer[]
      embedding: Float32Array | null
      finalNorm: Float32Array | null
      head: Float32Array | null
      ropeFactors: Float32Array
      kv: 'f16' | 'f32'
    },
  ) {
    const { shape, range, weightBytes, kvBytesPerPosition } = plan
    this.plan = plan
    this.layers = parts.layers
    this.embedding = parts.embedding
    this.finalNorm = parts.finalNorm
    this.head = parts.head
    this.ropeFactors = parts.ropeFactors
    this.round = parts.kv === 'f16' ? roundHalf : (value) => value
    this.facts = {
      range,
      layers: shape.layers,
      width: shape.width,
      vocabulary: shape.vocabulary,
      contextLength: shape.contextLength,
      weightBytes,
      workBytes: 0,
      kvBytesPerPosition,
      adapter: 'CPU oracle',
      softwareAdapter: true,
      numericClass: `cpu-f32/kv-${parts.kv}`,
    }
  }

  /** `kv: 'f32'` keeps keys and values unrounded: to compare the arithmetic with an engine that does the same. */
  static async load(plan: StagePlan, source: ByteSource, kv: 'f16' | 'f32' = 'f16'): Promise<Result<StageCpu>> {
    const layer = async (item: LayerPlan): Promise<Layer> => {
      const parts = await Promise.all(item.qkv.map((part) => readDense(source, part)))
      const qkv = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
      let at = 0
      for (const part of parts) {
        qkv.set(part, at)
        at += part.length
      }
      return {
        attentionNorm: await readVector(source, item.attentionNorm),
        qkv,
        bias: item.qkvBias ? await readVector(source, item.qkvBias) : null,
        headNorm: item.headNorm ? await readVector(source, item.headNorm) : null,
        out: await readDense(source, item.out),
        ffnNorm: await readVector(source, item.ffnNorm),
        gateUp: await readDense(source, item.gateUp),
        down: await readDense(source, item.down),
      }
    }
    try {
      const layers = []
      for (const item of plan.layers) layers.push(await layer(item))
      const embedding = plan.embedding ? await readDense(source, plan.embedding) : null
      const finalNorm = plan.finalNorm ? await readVector(source, plan.finalNorm) : null
      const head = plan.head === plan.embedding ? embedding : plan.head ? await readDense(source, plan.head) : null
      const ropeFactors = plan.ropeFactors ? await readVector(source, plan.ropeFactors) : new Float32Array(0)
      return ok(new StageCpu(plan, { layers, embedding, finalNorm, head, ropeFactors, kv }))
    } catch (error) {
      if (error instanceof FailureError) return error.failure
      throw error
    }
  }

  async open(request: OpenRequest): Promise<Result<null>> {
    if (this.state === 'disposed') return fail('not-loaded', DISPOSED)
    const refusal = checkOpen(request, this.sessions, this.facts)
    if (refusal) return refusal
    const { kvHeads, headDim } = this.plan.shape
    const cache = () => this.layers.map(() => new Float32Array(request.positions * kvHeads * headDim))
    this.sessions.set(request.session, {
      ...newSession(request),
      keys: cache(),
      values: cache(),
      tokens: new Uint32Array(request.positions + 1),
      rope: ropeTable(this.plan.shape, this.ropeFactors, 0, request.positions),
    })
    return ok(null)
  }

  async run(frame: Frame): Promise<Result<FrameOutput>> {
    if (this.state === 'disposed') return fail('not-loaded', DISPOSED)
    const session = this.sessions.get(frame.session)
    const refusal = checkFrame(frame, session, this.facts)
    if (refusal) return refusal
    assert(session, 'checkFrame has refused an unknown session')
    const ids = frame.input.kind === 'tokens' ? frame.input.ids : frame.ids
    if (ids) session.tokens.set(ids, frame.position)
    const { width } = this.plan.shape
    const rows = new Float32Array(frame.count * width)
    for (let row = 0; row < frame.count; row += 1) {
      const position = frame.position + row
      const hidden = this.enter(frame, row, session.tokens[position] ?? 0)
      for (const [index, layer] of this.layers.entries()) this.runLayer(layer, index, hidden, position, session)
      rows.set(hidden, row * width)
    }
    session.held += frame.count
    session.sampled = frame.sample
    if (!this.head) return ok({ kind: 'hidden', rows })
    if (!frame.sample) return ok({ kind: 'none' })
    const id = this.sampleRow(rows.subarray((frame.count - 1) * width), session, frame.mask)
    session.tokens[session.held] = id
    return ok({ kind: 'token', id })
  }

  private enter(frame: Frame, row: number, token: number): Float32Array {
    const { width } = this.plan.shape
    if (frame.input.kind === 'hidden') return frame.input.rows.slice(row * width, (row + 1) * width)
    assert(this.embedding, 'checkFrame lets tokens into a first stage only')
    return this.embedding.slice(token * width, (token + 1) * width)
  }

  private runLayer(layer: Layer, index: number, hidden: Float32Array, position: number, session: Session): void {
    const { heads, kvHeads, headDim, width, ffn, normEpsilon } = this.plan.shape
    const qkv = multiply(
      layer.qkv,
      normalise(hidden, layer.attentionNorm, normEpsilon),
      (heads + 2 * kvHeads) * headDim,
    )
    if (layer.bias) addInto(qkv, layer.bias)
    for (let head = 0; head < heads + kvHeads; head += 1) {
      const part = qkv.subarray(head * headDim, (head + 1) * headDim)
      if (layer.headNorm) part.set(normalise(part, layer.headNorm.subarray(head < heads ? 0 : headDim), normEpsilon))
      this.rotate(part, session.rope, position)
    }
    const kvWidth = kvHeads * headDim
    session.keys[index]?.set(
      qkv.subarray(heads * headDim, heads * headDim + kvWidth).map(this.round),
      position * kvWidth,
    )
    session.values[index]?.set(qkv.subarray(heads * headDim + kvWidth).map(this.round), position * kvWidth)
    addInto(hidden, multiply(layer.out, this.attend(qkv, index, position, session), width))
    const gateUp = multiply(layer.gateUp, normalise(hidden, layer.ffnNorm, normEpsilon), 2 * ffn)
    const middle = new Float32Array(ffn)
    for (let i = 0; i < ffn; i += 1) {
      const gate = gateUp[2 * i] ?? 0
      middle[i] = (gate / (1 + Math.exp(-gate))) * (gateUp[2 * i + 1] ?? 0)
    }
    addInto(hidden, multiply(layer.down, middle, width))
  }

  private rotate(part: Float32Array, rope: Float32Array, position: number): void {
    const pairs = part.length / 2
    for (let pair = 0; pair < pairs; pair += 1) {
      const [cos, sin] = [rope[(position * pairs + pair) * 2] ?? 1, rope[(position * pairs + pair) * 2 + 1] ?? 0]
      const [a, b] = [part[2 * pair] ?? 0, part[2 * pair + 1] ?? 0]
      part[2 * pair] = a * cos - b * sin
      part[2 * pair + 1] = a * sin + b * cos
    }
  }

  private attend(qkv: Float32Array, index: number, position: number, session: Session): Float32Array {
    const { heads, kvHeads, headDim } = this.plan.shape
    const out = new Float32Array(heads * headDim)
    const keys = session.keys[index] ?? new Float32Array(0)
    const values = session.values[index] ?? new Float32Array(0)
    const scores = new Float32Array(position + 1)
    for (let head = 0; head < heads; head += 1) {
      const kv = Math.floor(head / (heads / kvHeads))
      let best = Number.NEGATIVE_INFINITY
      for (let at = 0; at <= position; at += 1) {
        let score = 0
        for (let i = 0; i < headDim; i += 1)
          score += (qkv[head * headDim + i] ?? 0) * (keys[(at * kvHeads + kv) * headDim + i] ?? 0)
        scores[at] = score / Math.sqrt(headDim)
        best = Math.max(best, scores[at] ?? 0)
      }
      let total = 0
      for (let at = 0; at <= position; at += 1) {
        scores[at] = Math.exp((scores[at] ?? 0) - best)
        total += scores[at] ?? 0
      }
      for (let at = 0; at <= position; at += 1) {
        const share = (scores[at] ?? 0) / total
        for (let i = 0; i < headDim; i += 1) {
          const to = head * headDim + i
          out[to] = (out[to] ?? 0) + share * (values[(at * kvHeads + kv) * headDim + i] ?? 0)
        }
      }
    }
    return out
  }

  private sampleRow(hidden: Float32Array, session: Session, mask: Uint32Array | undefined): number {
    assert(this.head && this.finalNorm, 'a tail has its head and norm')
    const { vocabulary, normEpsilon } = this.plan.shape
    const logits = multiply(this.head, normalise(hidden, this.finalNorm, normEpsilon), vocabulary)
    this.lastLogits = logits.slice()
    if (mask) applyMask(logits, mask)
    const window = session.tokens.subarray(Math.max(0, session.held - REPETITION_WINDOW), session.held)
    return sample(logits, session.sampler, session.held, window, this.noise)
  }

  async truncate(id: number, epoch: number, position: number, sampler?: SamplerSpec): Promise<Result<null>> {
    if (this.state === 'disposed') return fail('not-loaded', DISPOSED)
    const session = this.sessions.get(id)
    const refusal = checkTruncate(session, this.facts, epoch, position, sampler)
    if (refusal) return refusal
    if (session) rewindTo(session, epoch, position, sampler)
    return ok(null)
  }

  async close(session: number): Promise<void> {
    this.sessions.delete(session)
  }

  async dispose(): Promise<void> {
    this.state = 'disposed'
    this.sessions.clear()
  }
}
