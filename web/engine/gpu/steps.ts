/**
 * The dispatches of one frame, recorded when a session opens: pipelines, bind groups and grids are made once and only
 * replayed per token. `decode` runs rows one by one (`matvec`), `prefill` shares tiles (`matmul`). Sampling is its own
 * short list. Knows buffers and shapes, not what a frame may be.
 */

import type { Layout } from '../../weights/repack.ts'
import { assert } from '../../wire/result.ts'
import { KERNELS, packFields, SAMPLER_FIELDS } from '../kernels/table.ts'
import { ROWS_A_WORKGROUP, type StagePlan } from '../plan.ts'
import type { SamplerSpec } from '../stage.ts'
import type { Buffers } from './buffers.ts'
import type { Program, ProgramRequest, Programs } from './programs.ts'
import type { Tuning } from './variants.ts'
import type { GpuLayer, GpuMatrix, GpuSlice, GpuWeights } from './weights.ts'

export interface Step {
  readonly program: Program
  readonly group: GPUBindGroup
  /** How the grid's first dimension follows from the rows of a frame. */
  readonly x: 'one' | 'rows' | 'tiles'
  readonly y: number
}

/** Buffers shared by all sessions; each is [rows of the largest frame, ...] f32. */
export interface Activations {
  readonly frame: GPUBuffer
  readonly hidden: GPUBuffer
  readonly normed: GPUBuffer
  readonly qkv: GPUBuffer
  readonly attended: GPUBuffer
  readonly middle: GPUBuffer
  readonly logits: GPUBuffer | null
  /** Tokens that the frame may draw, one bit each; only where it has a mask. */
  readonly allowed: GPUBuffer | null
  readonly noise: GPUBuffer | null
}

export interface SessionBuffers {
  /** Token ids by position; one more than the KV holds, for the sampled one. */
  readonly tokens: GPUBuffer
  readonly rope: GPUBuffer
  readonly keys: readonly GPUBuffer[]
  readonly values: readonly GPUBuffer[]
  readonly sampler: GPUBuffer
}

export interface SessionSteps {
  readonly embed: readonly Step[]
  readonly decode: readonly Step[]
  readonly prefill: readonly Step[]
  /** The head, then, where the frame has a mask, `mask`, then `draw`. */
  readonly head: readonly Step[]
  readonly mask: readonly Step[]
  readonly draw: readonly Step[]
}

const MATMUL_ROWS = 32
const MATMUL_OUTPUTS = 64
const SAMPLE_WORKGROUP = 256
/** `LANES` of `mask.wgsl`. */
const MASK_WORKGROUP = 256
/** `log(min-p)` that keeps everything; a finite stand-in for minus infinity, which WGSL does not promise. */
const OFF = -3e38

type Epilogue = 'store' | 'add' | 'swiglu'
const EPILOGUES: Readonly<Record<Epilogue, number>> = { store: 0, add: 1, swiglu: 2 }

export function samplerFields(spec: SamplerSpec): Uint8Array<ArrayBuffer> {
  return packFields(SAMPLER_FIELDS, {
    inverse_temperature: spec.temperature === 0 ? 0 : 1 / spec.temperature,
    log_min_p: spec.minP > 0 ? Math.log(spec.minP) : OFF,
    top_p: spec.topP,
    penalty: spec.repetitionPenalty,
    top_k: spec.topK,
    seed_low: Number(spec.seed & 0xffffffffn),
    seed_high: Number(spec.seed >> 32n),
  })
}

export interface StepContext {
  readonly device: GPUDevice
  readonly buffers: Buffers
  readonly programs: Programs
  readonly plan: StagePlan
  readonly weights: GpuWeights
  readonly shared: Activations
  readonly tuning: Tuning
}

/** Params and programs are the same for every session and are made once. */
export class StepBuilder {
  private readonly uniforms = new Map<string, GPUBuffer>()
  private readonly device: GPUDevice
  private readonly buffers: Buffers
  private readonly programs: Programs
  private readonly plan: StagePlan
  private readonly weights: GpuWeights
  private readonly shared: Activations
  private readonly tuning: Tuning

  constructor(context: StepContext) {
    this.device = context.device
    this.buffers = context.buffers
    this.programs = context.programs
    this.plan = context.plan
    this.weights = context.weights
    this.shared = context.shared
    this.tuning = context.tuning
  }

  /** Compiles every program that sessions will use, so that `open` is quick and errors come at load. */
  async build(session: SessionBuffers): Promise<SessionSteps> {
    const { layers } = this.weights
    const decode: Step[] = []
    const prefill: Step[] = []
    for (const [index, layer] of layers.entries()) {
      decode.push(...(await this.layer(layer, index, session, false)))
      if (this.tuning.tiled) prefill.push(...(await this.layer(layer, index, session, true)))
    }
    return {
      embed: await this.embed(session),
      decode,
      prefill: this.tuning.tiled ? prefill : decode,
      ...(await this.sample(session)),
    }
  }

  /** One projection of the model alone, to time variants: gate and up of the first layer. */
  async trial(tiled: boolean): Promise<Step[]> {
    const layer = this.weights.layers[0]
    assert(layer, 'a stage has a layer')
    const { hidden, middle } = this.shared
    return this.project(layer.gateUp, {
      x: hidden,
      out: middle,
      stride: this.plan.shape.ffn,
      epilogue: 'swiglu',
      tiled,
    })
  }

  private params(name: keyof typeof KERNELS, values: Record<string, number>): GPUBuffer {
    const key = JSON.stringify([name, values])
    const known =
      this.uniforms.get(key) ?? this.buffers.uniformOf(`${name} params`, packFields(KERNELS[name].params, values))
    this.uniforms.set(key, known)
    return known
  }

  private async step(request: ProgramRequest, x: Step['x'], y: number, bound: readonly GPUBuffer[]): Promise<Step> {
    const program = await this.programs.get(request)
    const entries = [this.shared.frame, ...bound].map((buffer, binding) => ({ binding, resource: { buffer } }))
    return {
      program,
      group: this.device.createBindGroup({ label: program.name, layout: program.layout, entries }),
      x,
      y,
    }
  }

  private weightOverrides(layout: Layout, group: number): Record<string, number> {
    return layout === 'q8' ? { SCALE_UNITS: group / 8 } : {}
  }

  /** One step a slice: out[row, offset + output] = epilogue(W x). `gain` is the norm that is fused into decode. */
  private async project(
    matrix: GpuMatrix,
    options: {
      x: GPUBuffer
      gain?: GPUBuffer
      bias?: GPUBuffer | null
      out: GPUBuffer
      offset?: number
      stride: number
      epilogue: Epilogue
      tiled: boolean
      last?: boolean
    },
  ): Promise<Step[]> {
    const { layout, group } = matrix.plan.shape
    const { x, gain, bias, out, stride, tiled, last } = options
    const filler = this.weights.filler
    const one = (slice: GpuSlice) => {
      const ahead = options.epilogue === 'swiglu' ? slice.first / 2 : slice.first
      const values = {
        units: matrix.plan.columns / 8,
        outputs: slice.rows,
        offset: (options.offset ?? 0) + ahead,
        stride,
      }
      const overrides = {
        EPILOGUE: EPILOGUES[options.epilogue],
        BIAS: Number(bias !== undefined && bias !== null),
        ...this.weightOverrides(layout, group),
      }
      if (tiled) {
        const bound = [this.params('matmul', values), slice.quants, slice.scales, x, bias ?? filler, out]
        return this.step({ name: 'matmul', layout, overrides }, 'tiles', Math.ceil(slice.rows / MATMUL_OUTPUTS), bound)
      }
      const params = this.params('matvec', { ...values, epsilon: this.plan.shape.normEpsilon })
      const bound = [params, slice.quants, slice.scales, x, gain ?? filler, bias ?? filler, out]
      const all = {
        ...overrides,
        NORM: Number(gain !== undefined),
        LAST: Number(last === true),
        WORKGROUP: this.tuning.lanes,
      }
      return this.step(
        { name: 'matvec', layout, overrides: all },
        last ? 'one' : 'rows',
        Math.ceil(slice.rows / ROWS_A_WORKGROUP),
        bound,
      )
    }
    return Promise.all(matrix.slices.map(one))
  }

  private normed(gain: GPUBuffer): Promise<Step> {
    const { width, normEpsilon } = this.plan.shape
    const params = this.params('norm', { units: width / 8, epsilon: normEpsilon })
    return this.step({ name: 'norm', overrides: { WORKGROUP: this.tuning.lanes } }, 'rows', 1, [
      params,
      this.shared.hidden,
      gain,
      this.shared.normed,
    ])
  }

  private async layer(layer: GpuLayer, index: number, session: SessionBuffers, tiled: boolean): Promise<Step[]> {
    const { heads, kvHeads, headDim, width, ffn, normEpsilon } = this.plan.shape
    const { hidden, normed, qkv, attended, middle } = this.shared
    const keys = session.keys[index] ?? this.weights.filler
    const values = session.values[index] ?? this.weights.filler
    const stride = (heads + 2 * kvHeads) * headDim
    // In decode the norm is part of the projection that follows it; in prefill tiles share rows normalised once.
    const after = (gain: GPUBuffer) => (tiled ? { x: normed } : { x: hidden, gain })
    const steps: Step[] = []
    if (tiled) steps.push(await this.normed(layer.attentionNorm))
    let offset = 0
    for (const part of layer.qkv) {
      steps.push(
        ...(await this.project(part, {
          ...after(layer.attentionNorm),
          bias: layer.qkvBias,
          out: qkv,
          offset,
          stride,
          epilogue: 'store',
          tiled,
        })),
      )
      offset += part.plan.rows.length
    }
    const ropeParams = this.params('rope_kv', { heads, kv_heads: kvHeads, epsilon: normEpsilon })
    const ropeOverrides = {
      HEAD_DIM: headDim,
      HEAD_NORM: Number(layer.headNorm !== null),
      WORKGROUP: this.tuning.lanes,
    }
    const ropeBound = [ropeParams, qkv, session.rope, layer.headNorm ?? this.weights.filler, keys, values]
    steps.push(await this.step({ name: 'rope_kv', overrides: ropeOverrides }, 'rows', heads + 2 * kvHeads, ropeBound))
    const attentionParams = this.params('attention', { heads, kv_heads: kvHeads, scale: 1 / Math.sqrt(headDim) })
    const attentionOverrides = {
      HEAD_DIM: headDim,
      WORKGROUP: Math.max(this.tuning.lanes, 2 ** Math.ceil(Math.log2(headDim / 2))),
    }
    steps.push(
      await this.step({ name: 'attention', overrides: attentionOverrides }, 'rows', heads, [
        attentionParams,
        qkv,
        keys,
        values,
        attended,
      ]),
    )
    steps.push(...(await this.project(layer.out, { x: attended, out: hidden, stride: width, epilogue: 'add', tiled })))
    if (tiled) steps.push(await this.normed(layer.ffnNorm))
    steps.push(
      ...(await this.project(layer.gateUp, {
        ...after(layer.ffnNorm),
        out: middle,
        stride: ffn,
        epilogue: 'swiglu',
        tiled,
      })),
    )
    steps.push(...(await this.project(layer.down, { x: middle, out: hidden, stride: width, epilogue: 'add', tiled })))
    return steps
  }

  private async embed(session: SessionBuffers): Promise<Step[]> {
    const matrix = this.weights.embedding
    if (!matrix) return []
    const { layout, group } = matrix.plan.shape
    const units = matrix.plan.columns / 8
    return Promise.all(
      matrix.slices.map((slice) => {
        const bound = [
          this.params('embed', { first: slice.first, rows: slice.rows, units }),
          slice.quants,
          slice.scales,
          session.tokens,
          this.shared.hidden,
        ]
        const overrides = { ...this.weightOverrides(layout, group), WORKGROUP: this.tuning.lanes }
        return this.step({ name: 'embed', layout, overrides }, 'rows', Math.ceil(units / this.tuning.lanes), bound)
      }),
    )
  }

  private async sample(session: SessionBuffers): Promise<Pick<SessionSteps, 'head' | 'mask' | 'draw'>> {
    const { head, finalNorm } = this.weights
    const { hidden, logits, allowed, noise } = this.shared
    if (!head || !finalNorm || !logits || !allowed || !noise) return { head: [], mask: [], draw: [] }
    const vocabulary = this.plan.shape.vocabulary
    const steps = await this.project(head, {
      x: hidden,
      gain: finalNorm,
      out: logits,
      stride: vocabulary,
      epilogue: 'store',
      tiled: false,
      last: true,
    })
    const bound = [this.params('sample', { vocabulary }), session.sampler, logits, session.tokens, noise]
    const groups = Math.ceil(vocabulary / MASK_WORKGROUP)
    const masked = [this.params('mask', { vocabulary }), logits, allowed]
    return {
      head: steps,
      mask: [await this.step({ name: 'mask' }, 'one', groups, masked)],
      draw: [await this.step({ name: 'sample', overrides: { WORKGROUP: SAMPLE_WORKGROUP } }, 'one', 1, bound)],
    }
  }
}

export function encodeSteps(pass: GPUComputePassEncoder, steps: readonly Step[], rows: number): void {
  for (const { program, group, x, y } of steps) {
    pass.setPipeline(program.pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(x === 'one' ? 1 : x === 'rows' ? rows : Math.ceil(rows / MATMUL_ROWS), y)
  }
}
