/** The watch on WebLLM's GPU, on a real device. What a GPU says of memory: test/unit/webllm/gpu-watch.test.ts. */
import { describe, expect, it } from 'vitest'
import { watchGpu } from '../../web/webllm/gpu-watch.ts'

/** A class of its own, so that the page's keeps its method. */
function adapterClass(): { watched: typeof GPUAdapter; restore: () => void } {
  const { prototype } = GPUAdapter
  const request = prototype.requestDevice
  return { watched: GPUAdapter, restore: () => Object.assign(prototype, { requestDevice: request }) }
}

async function device(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter()
  if (!adapter) throw new Error('the test browser has an adapter')
  return adapter.requestDevice()
}

describe('the watch on a GPU', () => {
  it('hears of a device that is lost, and settles at once then', async () => {
    const { watched, restore } = adapterClass()
    const watch = watchGpu(watched)
    const taken = await device()
    expect(watch.lost).toBeNull()
    taken.destroy()
    await taken.lost
    await watch.settle()
    expect(watch.lost).toMatch(/^destroyed/)
    expect(watch.outOfMemory).toBeNull()
    restore()
  })

  it('settles without news after a while, and without WebGPU', async () => {
    const watch = watchGpu(undefined)
    await watch.settle()
    expect(watch).toMatchObject({ lost: null, outOfMemory: null })
  })
})
