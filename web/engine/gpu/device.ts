/**
 * The only file that asks for an adapter and a device. An adapter is used up by `requestDevice`, so every call asks
 * for a new one. Features are taken where they exist; nothing depends on them.
 */
import { fail, ok, type Result } from '../../wire/result.ts'

const WANTED_FEATURES = ['subgroups', 'shader-f16', 'timestamp-query'] as const

export interface GpuFacts {
  /** In words, for people and for the numeric class. */
  readonly adapter: string
  readonly software: boolean
  readonly features: readonly string[]
  readonly bufferBytesMax: number
  readonly bindingBytesMax: number
}

export interface GpuDevice extends GpuFacts {
  readonly device: GPUDevice
}

/** The browser's GPU object, where there is one. Plain Node brings its own. */
export function browserGpu(): GPU | null {
  return (globalThis.navigator as Navigator | undefined)?.gpu ?? null
}

function describe(info: GPUAdapterInfo): string {
  const parts = [info.vendor, info.architecture, info.device, info.description].filter((part) => part !== '')
  return [...new Set(parts)].join(' ').slice(0, 120) || 'unnamed adapter'
}

async function findAdapter(gpu: GPU): Promise<Result<GPUAdapter>> {
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    return adapter ? ok(adapter) : fail('no-adapter', '')
  } catch (error) {
    // Chromium refuses like this while its GPU process is away.
    return fail('no-adapter', error instanceof Error ? error.message : String(error))
  }
}

function factsOf(adapter: GPUAdapter): GpuFacts {
  const info = adapter.info
  const adapterText = describe(info)
  return {
    adapter: adapterText,
    software: info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|warp/i.test(adapterText),
    features: WANTED_FEATURES.filter((feature) => adapter.features.has(feature)),
    bufferBytesMax: adapter.limits.maxBufferSize,
    bindingBytesMax: adapter.limits.maxStorageBufferBindingSize,
  }
}

/** Looks without taking a device. Refusals: `no-webgpu`, `no-adapter`. */
export async function probeGpu(gpu: GPU | null): Promise<Result<GpuFacts>> {
  if (!gpu) return fail('no-webgpu', '')
  const found = await findAdapter(gpu)
  return found.ok ? ok(factsOf(found.value)) : found
}

/** Refusals: `no-webgpu`, `no-adapter`, `gpu-error` when the driver refuses a device. */
export async function acquireDevice(gpu: GPU | null): Promise<Result<GpuDevice>> {
  if (!gpu) return fail('no-webgpu', '')
  const found = await findAdapter(gpu)
  if (!found.ok) return found
  const facts = factsOf(found.value)
  try {
    const device = await found.value.requestDevice({
      label: 'weft',
      requiredFeatures: facts.features as GPUFeatureName[],
      requiredLimits: { maxBufferSize: facts.bufferBytesMax, maxStorageBufferBindingSize: facts.bindingBytesMax },
    })
    return ok({ ...facts, device })
  } catch (error) {
    return fail('gpu-error', error instanceof Error ? error.message : String(error))
  }
}

/**
 * Whether this is how a call ends whose device went away under it. WebGPU's waiting calls end so for no other reason; an
 * error in what was asked for comes by a scope or as a pipeline error.
 */
export function isLoss(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'OperationError'
}
