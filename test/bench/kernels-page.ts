/**
 * The page of `bench:kernels`: our kernels, and onnxruntime-web's 4-bit product on the same adapter. Driven through
 * `window.bench`; shows nothing.
 */

import * as ort from 'onnxruntime-web/webgpu'
import wasm from '../../node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm?url'
import { browserGpu } from '../../web/engine/gpu/device.ts'
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import { type ShapeName, SIZES } from './kernel-cases.ts'
import { benchKernels, type KernelOptions, type KernelReport, SQUARES } from './kernel-run.ts'
import naive from './naive_matmul.wgsl?raw'
import { matmulChain } from './onnx-matmul.ts'

/** Wall time of one product in a chain, output left on the GPU. Throws where the library cannot run it. */
async function onnxMs(shape: ShapeName, rounds: number): Promise<number> {
  const { width } = SIZES[shape]
  ort.env.wasm.wasmPaths = { wasm }
  ort.env.wasm.numThreads = 1
  const session = await ort.InferenceSession.create(matmulChain(width, SQUARES), {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  })
  const device = (await ort.env.webgpu.device) as unknown as GPUDevice
  const feeds = { x0: new ort.Tensor('float32', new Float32Array(width).fill(0.1), [1, width]) }
  const once = async () => {
    const began = performance.now()
    const out = await session.run(feeds)
    await device.queue.onSubmittedWorkDone()
    const ms = (performance.now() - began) / SQUARES
    for (const tensor of Object.values(out)) tensor.dispose()
    return ms
  }
  await once()
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) times.push(await once())
  await session.release()
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0
}

const bench = {
  kernels: (options: KernelOptions): Promise<KernelReport> =>
    benchKernels(browserGpu(), { ...KERNEL_SOURCES, naive_matmul: naive }, options),
  onnx: async ({ shape, rounds }: KernelOptions) => {
    try {
      return { ms: await onnxMs(shape, rounds), reason: null }
    } catch (error) {
      return { ms: null, reason: String(error).slice(0, 300) }
    }
  },
}

Object.assign(window, { bench })
document.title = 'ready'
