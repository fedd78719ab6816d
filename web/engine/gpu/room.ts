/**
 * Whether the GPU has room: WebGPU does not say how much memory there is, so this asks for it. Buffers of the needed
 * size are made on a device of their own and let go at once; nothing is written to them.
 */
import { GPU_PROBE_BYTES_MAX } from '../../wire/limits/engine.ts'
import type { Result } from '../../wire/result.ts'
import { fail, ok } from '../../wire/result.ts'
import { acquireDevice, isLoss } from './device.ts'

/** `GPUBufferUsage.STORAGE`: the namespace object does not exist in plain Node. */
const STORAGE = 0x80

/** Bytes that the GPU gave, up to `wantedBytes`. Refusals: those of `acquireDevice`. */
export async function tryRoom(gpu: GPU | null, wantedBytes: number): Promise<Result<number>> {
  const acquired = await acquireDevice(gpu)
  if (!acquired.ok) return acquired
  const { device, bufferBytesMax } = acquired.value
  let given = 0
  const most = Math.min(wantedBytes, GPU_PROBE_BYTES_MAX)
  while (given < most) {
    const size = Math.ceil(Math.min(bufferBytesMax, most - given) / 4) * 4
    device.pushErrorScope('out-of-memory')
    device.createBuffer({ label: 'room', size, usage: STORAGE })
    try {
      if (await device.popErrorScope()) break
    } catch (error) {
      if (isLoss(error)) return fail('gpu-error', 'The GPU was lost while it was asked for room.')
      throw error
    }
    given += size
  }
  device.destroy()
  return ok(given)
}
