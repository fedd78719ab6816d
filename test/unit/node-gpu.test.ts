/** WebGPU in plain Node: a device that copies what it is given. The process can end afterwards, or no run of this would. */
import { expect, it } from 'vitest'
import { nodeGpu } from '../bench/node-gpu.ts'

it('opens a device that gives bytes back', async () => {
  const adapter = await nodeGpu().gpu.requestAdapter()
  if (!adapter) throw new Error('no software GPU: the Chromium at hand ships no vk_swiftshader_icd.json')
  const device = await adapter.requestDevice()
  const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
  const buffer = device.createBuffer({ label: 'echo [4] u32', size: 16, usage })
  device.queue.writeBuffer(buffer, 0, Uint32Array.of(1, 2, 3, 4))
  await buffer.mapAsync(GPUMapMode.READ)
  expect([...new Uint32Array(buffer.getMappedRange())]).toEqual([1, 2, 3, 4])
  buffer.unmap()
  device.destroy()
})
