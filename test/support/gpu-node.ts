/**
 * WebGPU in plain Node, through Dawn's own package: for benches and for looks at one kernel without a browser. Uses the
 * SwiftShader driver of the Chromium at hand unless `WEFT_TEST_GPU=real` asks for the system's drivers. Wants a process
 * of its own: the driver is chosen through the environment before the first call, for good.
 */
import { existsSync } from 'node:fs'
import { swiftShaderDriver } from './chromium.ts'

/** Names of other drivers must not win over the one named here. */
const DRIVER_VARIABLES = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES'] as const

let opened: GPU | null | undefined

/**
 * The GPU of this process, the same one at each call; null where Dawn or a driver is missing. Also puts the WebGPU
 * globals (`GPUBufferUsage`, ...) in place. For a clean exit destroy every device, then call `closeNodeGpu`.
 */
export async function nodeGpu(): Promise<GPU | null> {
  if (opened === undefined) opened = await open()
  return opened
}

/** Drops the last reference to Dawn's instance, whose threads would keep the process alive. */
export function closeNodeGpu(): void {
  opened = undefined
}

async function open(): Promise<GPU | null> {
  if (process.env['WEFT_TEST_GPU'] !== 'real') {
    const driver = swiftShaderDriver()
    if (driver === null || !existsSync(driver)) return null
    for (const name of DRIVER_VARIABLES) process.env[name] = driver
  }
  try {
    const { create, globals } = await import('webgpu')
    Object.assign(globalThis, globals)
    const gpu = create([])
    return (await gpu.requestAdapter()) ? gpu : null
  } catch {
    // The package has no build for this platform, or the driver does not load: the same to a caller as no GPU.
    return null
  }
}
