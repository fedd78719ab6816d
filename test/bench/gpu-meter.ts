/**
 * Stands between an engine and WebGPU and counts what is asked: submits, dispatches, readbacks, compile times, and on
 * request the GPU time of each dispatch. It knows nothing of the engine, so its counts prove what the engine claims.
 * Works on the classes of a page, a worker or Node's `webgpu`. Must be made before the engine asks for a device.
 */

export type GpuClasses = Pick<
  typeof globalThis,
  'GPUQueue' | 'GPUBuffer' | 'GPUDevice' | 'GPUCommandEncoder' | 'GPUComputePassEncoder'
>

export interface MeterCounts {
  readonly submits: number
  readonly dispatches: number
  readonly readbacks: number
  /** Readbacks whose next submit did not come until they were handed over. Counted only while gated. */
  readonly blockingReadbacks: number
}

export interface CompileTime {
  readonly label: string
  readonly ms: number
}

/** GPU time of all dispatches of one kernel on one kind of matrix. */
export interface KernelTime {
  readonly kernel: string
  readonly dispatches: number
  readonly ms: number
}

/** What a bench asks; over Comlink each answer is a promise. */
export interface MeterApi {
  reset(gated: boolean): void
  counts(): MeterCounts
  compiled(): { readonly modules: readonly CompileTime[]; readonly pipelines: readonly CompileTime[] }
  startProfile(): void
  profile(): Promise<readonly KernelTime[]>
}

/** A gated readback without a next submit waits this long. Far above any scheduling delay: it decides a count. */
const HOLD_MS = 2_000
/** WebGPU's cap on one query set. */
const QUERIES = 4_096
/** `GPUBufferUsage` and `GPUMapMode` as numbers: the namespaces do not exist in plain Node. */
const [MAP_READ, COPY_SRC, COPY_DST, QUERY_RESOLVE, MODE_READ] = [0x1, 0x4, 0x8, 0x200, 1]

interface Profile {
  readonly querySet: GPUQuerySet
  readonly names: string[]
}

export class GpuMeter implements MeterApi {
  private submits = 0
  private dispatches = 0
  private readbacks = 0
  private blocking = 0
  private gated = false
  /** Handed over by the timer; a submit that follows proves that it had waited. */
  private suspects = 0
  private readonly held = new Set<() => void>()
  private readonly modules: CompileTime[] = []
  private readonly pipelines: CompileTime[] = []
  private readonly matrices = new WeakMap<GPUBindGroup, string>()
  private device: GPUDevice | null = null
  private running: Profile | null = null

  constructor(classes: GpuClasses) {
    this.watchQueue(classes)
    this.watchReadbacks(classes)
    this.watchCompiler(classes)
    this.watchPasses(classes)
  }

  reset(gated: boolean): void {
    this.submits = 0
    this.dispatches = 0
    this.readbacks = 0
    this.blocking = 0
    this.suspects = 0
    this.gated = gated
  }

  counts(): MeterCounts {
    const { submits, dispatches, readbacks, blocking } = this
    return { submits, dispatches, readbacks, blockingReadbacks: blocking }
  }

  compiled() {
    return { modules: [...this.modules], pipelines: [...this.pipelines] }
  }

  startProfile(): void {
    if (!this.device?.features.has('timestamp-query')) return
    this.running = { querySet: this.device.createQuerySet({ type: 'timestamp', count: QUERIES }), names: [] }
  }

  /** Ends the profile; empty where the adapter has no timestamps. Frames must have ended. */
  async profile(): Promise<readonly KernelTime[]> {
    const { running, device } = this
    this.running = null
    if (!running || !device || running.names.length === 0) return []
    const size = running.names.length * 16
    const resolved = device.createBuffer({ size, usage: QUERY_RESOLVE | COPY_SRC })
    const reader = device.createBuffer({ size, usage: MAP_READ | COPY_DST })
    const encoder = device.createCommandEncoder()
    encoder.resolveQuerySet(running.querySet, 0, running.names.length * 2, resolved, 0)
    encoder.copyBufferToBuffer(resolved, 0, reader, 0, size)
    device.queue.submit([encoder.finish()])
    await reader.mapAsync(MODE_READ)
    const times = new BigUint64Array(reader.getMappedRange().slice(0))
    for (const buffer of [resolved, reader]) buffer.destroy()
    running.querySet.destroy()
    const byName = new Map<string, { dispatches: number; ms: number }>()
    running.names.forEach((name, index) => {
      const entry = byName.get(name) ?? { dispatches: 0, ms: 0 }
      entry.dispatches += 1
      entry.ms += Number((times[2 * index + 1] ?? 0n) - (times[2 * index] ?? 0n)) / 1e6
      byName.set(name, entry)
    })
    return [...byName].map(([kernel, entry]) => ({ kernel, ...entry })).sort((a, b) => b.ms - a.ms)
  }

  private watchQueue({ GPUQueue }: GpuClasses): void {
    const meter = this
    const { submit } = GPUQueue.prototype
    GPUQueue.prototype.submit = function (this: GPUQueue, buffers) {
      meter.submits += 1
      meter.blocking += meter.suspects
      meter.suspects = 0
      for (const release of [...meter.held]) release()
      return submit.call(this, buffers)
    }
  }

  private watchReadbacks({ GPUBuffer }: GpuClasses): void {
    const meter = this
    const { mapAsync } = GPUBuffer.prototype
    GPUBuffer.prototype.mapAsync = function (this: GPUBuffer, ...args) {
      meter.readbacks += 1
      const seen = meter.submits
      const mapped = mapAsync.apply(this, args)
      return meter.gated ? mapped.then(() => meter.hold(seen)) : mapped
    }
  }

  /**
   * Keeps a finished readback from its reader until the next submit has been made. An engine that needs the readback
   * before it can submit never gets there: the timer lets it go on, and the submit that follows counts it as blocking.
   */
  private hold(seen: number): Promise<undefined> {
    if (this.submits > seen) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const release = () => {
        clearTimeout(timer)
        this.held.delete(release)
        resolve(undefined)
      }
      const timer = setTimeout(() => {
        this.suspects += 1
        release()
      }, HOLD_MS)
      this.held.add(release)
    })
  }

  private watchCompiler({ GPUDevice }: GpuClasses): void {
    const meter = this
    const { createComputePipelineAsync, createShaderModule, createBindGroup } = GPUDevice.prototype
    GPUDevice.prototype.createShaderModule = function (this: GPUDevice, descriptor) {
      meter.device = this
      const began = performance.now()
      const module = createShaderModule.call(this, descriptor)
      meter.modules.push({ label: descriptor.label ?? '', ms: performance.now() - began })
      return module
    }
    GPUDevice.prototype.createComputePipelineAsync = async function (this: GPUDevice, descriptor) {
      const began = performance.now()
      const pipeline = await createComputePipelineAsync.call(this, descriptor)
      meter.pipelines.push({ label: descriptor.label ?? '', ms: performance.now() - began })
      return pipeline
    }
    GPUDevice.prototype.createBindGroup = function (this: GPUDevice, descriptor) {
      const group = createBindGroup.call(this, descriptor)
      for (const { resource } of descriptor.entries) {
        const label = 'buffer' in resource ? resource.buffer.label : ''
        // A matrix is labelled `blk.3.qkv [960, 576] q4`; layers are one kind.
        const matrix = /^(?:blk\.\d+\.)?(\S+) \[\d+, \d+\] (?:q4|q8|f16|f32)$/.exec(label)?.[1]
        if (matrix) meter.matrices.set(group, matrix.replace('.weight', ''))
      }
      return group
    }
  }

  private watchPasses({ GPUComputePassEncoder, GPUCommandEncoder }: GpuClasses): void {
    const meter = this
    const { dispatchWorkgroups } = GPUComputePassEncoder.prototype
    GPUComputePassEncoder.prototype.dispatchWorkgroups = function (this: GPUComputePassEncoder, ...args) {
      meter.dispatches += 1
      return dispatchWorkgroups.apply(this, args)
    }
    const { beginComputePass } = GPUCommandEncoder.prototype
    GPUCommandEncoder.prototype.beginComputePass = function (this: GPUCommandEncoder, descriptor) {
      const { running } = meter
      if (!running) return beginComputePass.call(this, descriptor)
      const begin = (timestampWrites?: GPUComputePassTimestampWrites) =>
        beginComputePass.call(this, { ...descriptor, ...(timestampWrites && { timestampWrites }) })
      // Only the calls that a compute pass of an engine makes; anything else fails loudly.
      return splitPass(running, begin, meter.matrices) as unknown as GPUComputePassEncoder
    }
  }
}

/** A compute pass that gives every dispatch a pass of its own, between two timestamps. */
function splitPass(
  { names, querySet }: Profile,
  begin: (writes?: GPUComputePassTimestampWrites) => GPUComputePassEncoder,
  matrices: WeakMap<GPUBindGroup, string>,
): Pick<GPUComputePassEncoder, 'setPipeline' | 'dispatchWorkgroups'> & {
  setBindGroup(index: number, group: GPUBindGroup): undefined
  end(): undefined
} {
  let pipeline: GPUComputePipeline | null = null
  let bound: GPUBindGroup | null = null
  return {
    setPipeline(next) {
      pipeline = next
      return undefined
    },
    setBindGroup(_index, group) {
      bound = group
      return undefined
    },
    dispatchWorkgroups(x, y = 1, z = 1) {
      const at = names.length * 2
      const room = at + 2 <= QUERIES
      const pass = begin(room ? { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } : undefined)
      if (pipeline) pass.setPipeline(pipeline)
      if (bound) pass.setBindGroup(0, bound)
      const matrix = bound ? matrices.get(bound) : undefined
      if (room) names.push(`${pipeline?.label ?? ''}${matrix ? ` ${matrix}` : ''}`)
      pass.dispatchWorkgroups(x, y, z)
      pass.end()
      return undefined
    },
    end: () => undefined,
  }
}
