/**
 * Takes the time of kernels on a device, in a page and in Node alike: each kernel and its naive twin by turns, medians
 * of GPU timestamps where the adapter has them, else of wall time over many dispatches a submit. Prints nothing.
 */
import { Buffers } from '../../web/engine/gpu/buffers.ts'
import { acquireDevice } from '../../web/engine/gpu/device.ts'
import { Programs } from '../../web/engine/gpu/programs.ts'
import { samplerFields } from '../../web/engine/gpu/steps.ts'
import { candidates, PLAIN, type Tuning, tuningName } from '../../web/engine/gpu/variants.ts'
import { KERNELS, type KernelSources, packFields } from '../../web/engine/kernels/table.ts'
import { noiseTable } from '../../web/rules/noise.ts'
import type { Layout } from '../../web/weights/repack.ts'
import { type Fill, type KernelCase, kernelCases, type ShapeName, squareCase } from './kernel-cases.ts'

export interface KernelOptions {
  readonly shape: ShapeName
  readonly rounds: number
}

export interface KernelRow {
  readonly kernel: string
  readonly layout: Layout | null
  readonly variant: string
  readonly what: string
  /** Median of one dispatch. */
  readonly ms: number
  readonly gflops: number
  readonly gbs: number
  readonly naiveMs: number | null
}

export interface KernelReport {
  readonly adapter: string
  readonly softwareAdapter: boolean
  readonly features: readonly string[]
  readonly timing: 'timestamp-query' | 'wall'
  readonly rows: readonly KernelRow[]
  /** Wall time of one product of `squareCase` in a chain of `SQUARES`, for comparison with other engines. */
  readonly squareMs: number
}

/** Products in one submit when engines are compared: the cost of a call is shared. */
export const SQUARES = 8
/** A measured pass lasts about this long on a real GPU; one dispatch may be longer on a software one. */
const PASS_MS = 20
const DISPATCHES_MAX = 512
/** Weights are read from as many copies as it takes to miss every cache of a real GPU. */
const WORKING_SET_BYTES = 512 * 1024 * 1024
const [QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ, MODE_READ] = [0x200, 0x4, 0x8, 0x1, 1]
const PATTERN_WORDS = 1 << 18

/** 0.01 and -0.08 as f16, in one scale word. */
const SCALE_WORD = 0xad1f211f

function pattern(fill: Fill, layout: Layout | null): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(PATTERN_WORDS)
  if (fill === 'scales') return words.fill(SCALE_WORD)
  if (fill === 'zeros' || fill === 'noise') return words
  let state = 1
  const floats = new Float32Array(words.buffer)
  const kind = fill === 'weights' ? layout : fill
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    if (kind === 'f32' || kind === 'floats') floats[i] = state / 2 ** 32 - 0.5
    // Any mantissa and sign, exponents of small numbers.
    else if (kind === 'f16' || kind === 'halves') words[i] = (state & 0x8fff8fff) | 0x20002000
    else words[i] = state
  }
  return words
}

type Dispatch = (pass: GPUComputePassEncoder, turn: number) => void

class KernelBench {
  private readonly device: GPUDevice
  private readonly buffers: Buffers
  private readonly sources: KernelSources
  private readonly software: boolean
  private readonly stamps: { set: GPUQuerySet; resolved: GPUBuffer; reader: GPUBuffer } | null

  constructor(device: GPUDevice, sources: KernelSources, software: boolean) {
    this.device = device
    this.buffers = new Buffers(device)
    this.sources = sources
    this.software = software
    this.stamps = device.features.has('timestamp-query')
      ? {
          set: device.createQuerySet({ type: 'timestamp', count: 2 }),
          resolved: device.createBuffer({ size: 16, usage: QUERY_RESOLVE | COPY_SRC }),
          reader: device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST }),
        }
      : null
  }

  get timing(): KernelReport['timing'] {
    return this.stamps ? 'timestamp-query' : 'wall'
  }

  private filled(fill: Fill, bytes: number, layout: Layout | null): GPUBuffer {
    if (fill === 'noise') return this.buffers.storageOf('noise', noiseTable())
    const buffer = this.buffers.storage(fill, bytes)
    const words = pattern(fill, layout)
    for (let at = 0; at < buffer.size; at += words.byteLength)
      this.device.queue.writeBuffer(buffer, at, words, 0, Math.min(words.length, (buffer.size - at) / 4))
    return buffer
  }

  /** Bind groups of a case, with as many copies of its weights as the caches ask for. */
  private inputs(item: KernelCase, layout: GPUBindGroupLayout): GPUBindGroup[] {
    const uniform = new Uint32Array([item.frame.position, item.frame.rows, 0, 0])
    const frame = this.buffers.uniformOf('frame', new Uint8Array(uniform.buffer))
    const params = this.buffers.uniformOf('params', packFields(KERNELS[item.kernel].params, item.params))
    const full = { temperature: 0.7, topK: 40, topP: 0.95, minP: 0.05, repetitionPenalty: 1.1, seed: 1n }
    const off = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n }
    const sampler = item.sampler
      ? [this.buffers.uniformOf('sampler', samplerFields(item.sampler === 'full' ? full : off))]
      : []
    const shared = item.bound.map(({ fill, bytes }) =>
      fill === 'weights' ? null : this.filled(fill, bytes, item.layout),
    )
    const weightBytes = item.bound.find(({ fill }) => fill === 'weights')?.bytes ?? 0
    const copies = this.software || weightBytes === 0 ? 1 : Math.min(32, Math.ceil(WORKING_SET_BYTES / weightBytes))
    return Array.from({ length: copies }, () => {
      const bound = item.bound.map(({ fill, bytes }, index) => shared[index] ?? this.filled(fill, bytes, item.layout))
      const entries = [frame, params, ...sampler, ...bound].map((buffer, binding) => ({
        binding,
        resource: { buffer },
      }))
      return this.device.createBindGroup({ layout, entries })
    })
  }

  private async dispatchOf(item: KernelCase, tuning: Tuning): Promise<Dispatch> {
    const programs = new Programs(this.device, this.sources, tuning)
    const lanes = Math.max(tuning.lanes, item.kernel === 'attention' ? (item.overrides['HEAD_DIM'] ?? 0) / 2 : 0)
    const workgroup = item.kernel === 'matmul' ? {} : { WORKGROUP: lanes, ...item.overrides }
    const request = { name: item.kernel, overrides: { ...item.overrides, ...workgroup } }
    const { pipeline, layout } = await programs.get(item.layout ? { ...request, layout: item.layout } : request)
    return this.dispatch(pipeline, this.inputs(item, layout), item.grid)
  }

  private dispatch(
    pipeline: GPUComputePipeline,
    groups: readonly GPUBindGroup[],
    [x, y]: readonly [number, number],
  ): Dispatch {
    return (pass, turn) => {
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, groups[turn % groups.length])
      pass.dispatchWorkgroups(x, y)
    }
  }

  private async naiveOf(item: KernelCase): Promise<Dispatch | null> {
    if (!item.naiveGrid || !item.layout) return null
    const { common, naive_matmul: naive } = this.sources
    const code = [common, this.sources[`weights_${item.layout}`], naive].join('\n')
    const types = { uniform: 'uniform', read: 'read-only-storage', write: 'storage' } as const
    // A product's bindings without the fillers of norm and bias, which the naive kernel does not have.
    const layout = this.device.createBindGroupLayout({
      entries: KERNELS.matmul.bindings.map((type, binding) => ({
        binding,
        visibility: 4,
        buffer: { type: types[type] },
      })),
    })
    const module = this.device.createShaderModule({ label: 'naive', code })
    const pipeline = await this.device.createComputePipelineAsync({
      label: 'naive',
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main', constants: item.overrides },
    })
    const out = item.bound.at(-1)
    const bound = out ? [...item.bound.slice(0, 4), out] : item.bound
    const params = { ...item.params }
    const plain: KernelCase = { ...item, kernel: 'matmul', params, bound }
    return this.dispatch(pipeline, this.inputs(plain, layout), item.naiveGrid)
  }

  /** Milliseconds of one dispatch, over `count` in one pass. */
  private async time(run: Dispatch, count: number): Promise<number> {
    const { device, stamps } = this
    const encoder = device.createCommandEncoder()
    const writes = stamps && { querySet: stamps.set, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }
    const pass = encoder.beginComputePass(writes ? { timestampWrites: writes } : {})
    for (let turn = 0; turn < count; turn += 1) run(pass, turn)
    pass.end()
    if (stamps) {
      encoder.resolveQuerySet(stamps.set, 0, 2, stamps.resolved, 0)
      encoder.copyBufferToBuffer(stamps.resolved, 0, stamps.reader, 0, 16)
    }
    const began = performance.now()
    device.queue.submit([encoder.finish()])
    await device.queue.onSubmittedWorkDone()
    const wallMs = (performance.now() - began) / count
    if (!stamps) return wallMs
    await stamps.reader.mapAsync(MODE_READ)
    const [from = 0n, to = 0n] = new BigUint64Array(stamps.reader.getMappedRange().slice(0))
    stamps.reader.unmap()
    return Number(to - from) / 1e6 / count
  }

  async measure(item: KernelCase, tuning: Tuning, rounds: number): Promise<KernelRow> {
    const runs = [await this.dispatchOf(item, tuning), await this.naiveOf(item)]
    const times: number[][] = [[], []]
    const counts: number[] = []
    for (const run of runs) {
      if (run) await this.time(run, 1)
      const once = run ? await this.time(run, 1) : 1
      counts.push(Math.max(1, Math.min(DISPATCHES_MAX, Math.floor(PASS_MS / Math.max(once, 1e-3)))))
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, run] of runs.entries()) if (run) times[index]?.push(await this.time(run, counts[index] ?? 1))
    }
    this.buffers.freeAll()
    const [ms, naiveMs] = times.map((list) => list.sort((a, b) => a - b)[list.length >> 1] ?? null)
    if (ms === null || ms === undefined) throw new Error(`${item.kernel} was not measured`)
    const { kernel, layout, what, flops, bytes } = item
    const gflops = flops / ms / 1e6
    const lanes = item.overrides['WORKGROUP']
    const variant =
      kernel === 'matmul' ? 'tiles' : lanes ? `workgroup${lanes}` : tuningName(tuning).replace('-tiles', '')
    return { kernel, layout, variant, what, ms, gflops, gbs: bytes / ms / 1e6, naiveMs: naiveMs ?? null }
  }

  /** Wall time of one square product among `SQUARES` a submit. */
  async squares(shape: ShapeName, rounds: number): Promise<number> {
    const run = await this.dispatchOf(squareCase(shape), PLAIN)
    const once = async () => {
      const encoder = this.device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      for (let turn = 0; turn < SQUARES; turn += 1) run(pass, turn)
      pass.end()
      const began = performance.now()
      this.device.queue.submit([encoder.finish()])
      await this.device.queue.onSubmittedWorkDone()
      return (performance.now() - began) / SQUARES
    }
    await once()
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) times.push(await once())
    this.buffers.freeAll()
    return times.sort((a, b) => a - b)[times.length >> 1] ?? 0
  }
}

export async function benchKernels(
  gpu: GPU | null,
  sources: KernelSources,
  { shape, rounds }: KernelOptions,
): Promise<KernelReport> {
  const acquired = await acquireDevice(gpu)
  if (!acquired.ok) throw new Error(`${acquired.code}: ${acquired.detail}`)
  const { device, adapter, software, features } = acquired.value
  const failures: string[] = []
  device.onuncapturederror = ({ error }) => failures.push(error.message)
  const bench = new KernelBench(device, sources, software)
  const rows: KernelRow[] = []
  for (const item of kernelCases(shape)) {
    // Every variant of the decode product where it can matter; a software adapter is never tuned for.
    const tunings = item.kernel === 'matvec' && !software ? candidates(features) : [PLAIN]
    for (const tuning of tunings) rows.push(await bench.measure(item, tuning, rounds))
    if (failures[0]) throw new Error(`${item.kernel}: ${failures[0]}`)
  }
  const squareMs = await bench.squares(shape, rounds)
  device.destroy()
  return { adapter, softwareAdapter: software, features, timing: bench.timing, rows, squareMs }
}
