/**
 * Runs one kernel on arrays and gives an array back: the short way to compare a kernel with plain loops. Binding 0 is
 * the frame, binding 1 the params, as in every kernel; the others are what the caller passes, in order.
 */
import { Buffers } from '../../web/engine/gpu/buffers.ts'
import { acquireDevice, browserGpu } from '../../web/engine/gpu/device.ts'
import { type ProgramRequest, Programs } from '../../web/engine/gpu/programs.ts'
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import { KERNELS, packFields, type SourceVariant } from '../../web/engine/kernels/table.ts'
import { must } from './directory-of.ts'

/** `uniform` bytes or the contents of a storage buffer. */
export type Bound =
  | { readonly uniform: Uint8Array<ArrayBuffer> }
  | Float32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>

export interface Job {
  readonly request: ProgramRequest
  readonly position: number
  readonly rows: number
  readonly params: Readonly<Record<string, number>>
  readonly bound: readonly Bound[]
  readonly grid: readonly [x: number, y: number]
  /** Indices in `bound` of what to read back. */
  readonly read: readonly number[]
}

export class KernelRunner {
  readonly device: GPUDevice
  readonly features: readonly string[]
  private readonly programs = new Map<string, Programs>()

  private constructor(device: GPUDevice, features: readonly string[]) {
    this.device = device
    this.features = features
  }

  static async open(): Promise<KernelRunner> {
    const { device, features } = must(await acquireDevice(browserGpu()))
    return new KernelRunner(device, features)
  }

  programsOf(variant: SourceVariant): Programs {
    const key = JSON.stringify(variant)
    const known = this.programs.get(key) ?? new Programs(this.device, KERNEL_SOURCES, variant)
    this.programs.set(key, known)
    return known
  }

  /** Bytes of each buffer that `read` names. Throws on any validation error. */
  async run(job: Job, variant: SourceVariant = { reduction: 'workgroup', half: false }): Promise<ArrayBuffer[]> {
    const program = await this.programsOf(variant).get(job.request)
    this.device.pushErrorScope('validation')
    const buffers = new Buffers(this.device)
    const frame = buffers.uniformOf('frame', new Uint8Array(new Uint32Array([job.position, job.rows, 0, 0]).buffer))
    const params = buffers.uniformOf('params', packFields(KERNELS[job.request.name].params, job.params))
    const bound = job.bound.map((item, i) =>
      'uniform' in item ? buffers.uniformOf(`bound ${i}`, item.uniform) : buffers.storageOf(`bound ${i}`, item),
    )
    const entries = [frame, params, ...bound].map((buffer, binding) => ({ binding, resource: { buffer } }))
    const group = this.device.createBindGroup({ layout: program.layout, entries })
    const encoder = this.device.createCommandEncoder()
    const pass = encoder.beginComputePass()
    pass.setPipeline(program.pipeline)
    pass.setBindGroup(0, group)
    pass.dispatchWorkgroups(...job.grid)
    pass.end()
    const readers = job.read.map((index) => {
      const from = bound[index]
      if (!from) throw new Error(`there is no buffer ${index}`)
      const reader = buffers.reader(from.size)
      encoder.copyBufferToBuffer(from, 0, reader, 0, from.size)
      return reader
    })
    this.device.queue.submit([encoder.finish()])
    const out = []
    for (const reader of readers) out.push(await buffers.read(reader, reader.size, reader.size))
    buffers.freeAll()
    const error = await this.device.popErrorScope()
    if (error) throw new Error(`${job.request.name}: ${error.message}`)
    return out
  }
}
