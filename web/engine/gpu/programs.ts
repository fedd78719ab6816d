/**
 * Compiled kernels. A program is a kernel with its weight layout, overrides and reduction; each is compiled once.
 * Compile errors name the kernel, the line and the source line.
 */

import type { Layout } from '../../weights/repack.ts'
import { assert, FailureError, fail } from '../../wire/result.ts'
import { KERNELS, type KernelName, type KernelSources, kernelSource, type SourceVariant } from '../kernels/table.ts'

export interface Program {
  readonly name: KernelName
  readonly pipeline: GPUComputePipeline
  readonly layout: GPUBindGroupLayout
}

export interface ProgramRequest {
  readonly name: KernelName
  readonly layout?: Layout
  readonly overrides?: Readonly<Record<string, number>>
}

const BUFFER_TYPES = { uniform: 'uniform', read: 'read-only-storage', write: 'storage' } as const

/** `GPUShaderStage.COMPUTE`: the namespace object does not exist in plain Node. */
const STAGE_COMPUTE = 4

export class Programs {
  private readonly device: GPUDevice
  private readonly sources: KernelSources
  private readonly variant: SourceVariant
  private readonly modules = new Map<string, Promise<GPUShaderModule>>()
  private readonly programs = new Map<string, Promise<Program>>()
  private readonly layouts = new Map<KernelName, GPUBindGroupLayout>()

  constructor(device: GPUDevice, sources: KernelSources, variant: SourceVariant) {
    this.device = device
    this.sources = sources
    this.variant = variant
  }

  /** Throws `FailureError('gpu-error')` when the driver does not take the kernel. */
  get(request: ProgramRequest): Promise<Program> {
    const key = JSON.stringify([request.name, request.layout, request.overrides])
    const known = this.programs.get(key) ?? this.build(request)
    this.programs.set(key, known)
    return known
  }

  private layout(name: KernelName): GPUBindGroupLayout {
    const known = this.layouts.get(name)
    if (known) return known
    const entries = KERNELS[name].bindings.map((type, binding) => ({
      binding,
      visibility: STAGE_COMPUTE,
      buffer: { type: BUFFER_TYPES[type] },
    }))
    const layout = this.device.createBindGroupLayout({ label: name, entries })
    this.layouts.set(name, layout)
    return layout
  }

  private module(name: KernelName, layout: Layout | null): Promise<GPUShaderModule> {
    const key = `${name}/${layout}`
    const known = this.modules.get(key) ?? this.compile(key, kernelSource(this.sources, name, this.variant, layout))
    this.modules.set(key, known)
    return known
  }

  private async compile(label: string, code: string): Promise<GPUShaderModule> {
    const module = this.device.createShaderModule({ label, code })
    const { messages } = await module.getCompilationInfo()
    const error = messages.find((message) => message.type === 'error')
    if (error) {
      const line = code.split('\n')[error.lineNum - 1]?.trim() ?? ''
      throw new FailureError(fail('gpu-error', `Kernel ${label}, line ${error.lineNum}: ${error.message} (${line})`))
    }
    return module
  }

  private async build(request: ProgramRequest): Promise<Program> {
    const { name, layout: weightLayout, overrides } = request
    const spec = KERNELS[name]
    assert(spec.weights === (weightLayout !== undefined), `${name} and its layout`)
    const layout = this.layout(name)
    const module = await this.module(name, weightLayout ?? null)
    try {
      const pipeline = await this.device.createComputePipelineAsync({
        label: name,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants: { ...overrides } },
      })
      return { name, pipeline, layout }
    } catch (error) {
      throw new FailureError(
        fail('gpu-error', `Kernel ${name}: ${error instanceof Error ? error.message : String(error)}`),
      )
    }
  }
}
