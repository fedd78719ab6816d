/** A process that opens a GPU, has it copy numbers, says what came back, and ends by itself. */
import { nodeGpu } from '../bench/node-gpu.ts'

const adapter = await nodeGpu().gpu.requestAdapter()
if (!adapter) throw new Error('There is no GPU.')
const device = await adapter.requestDevice()
const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
const buffer = device.createBuffer({ label: 'echo [4] u32', size: 16, usage })
device.queue.writeBuffer(buffer, 0, Uint32Array.of(1, 2, 3, 4))
await buffer.mapAsync(GPUMapMode.READ)
console.log(JSON.stringify([...new Uint32Array(buffer.getMappedRange())]))
buffer.unmap()
device.destroy()
