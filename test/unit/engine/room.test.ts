/** Whether a model fits is asked of the GPU itself: what it gives is what is reported. */
import { expect, it } from 'vitest'
import { tryRoom } from '../../../web/engine/gpu/room.ts'
import { GPU_PROBE_BYTES_MAX } from '../../../web/wire/limits/engine.ts'
import { MIB } from '../../../web/wire/limits/units.ts'
import { smallGpu } from '../../support/small-gpu.ts'

it('gives what is asked for where there is room', async () => {
  expect(await tryRoom(smallGpu(1024 * MIB), 700 * MIB)).toEqual({ ok: true, value: 700 * MIB })
})

it('reports how far it came where there is not', async () => {
  const found = await tryRoom(smallGpu(600 * MIB), 5000 * MIB)
  expect(found.ok && found.value).toBe(512 * MIB)
})

it('does not ask for more than any GPU has', async () => {
  const found = await tryRoom(smallGpu(Number.MAX_SAFE_INTEGER, 2 ** 36), GPU_PROBE_BYTES_MAX * 4)
  expect(found.ok && found.value).toBe(GPU_PROBE_BYTES_MAX)
})

it('says why there is no GPU', async () => {
  expect(await tryRoom(null, MIB)).toMatchObject({ ok: false, code: 'no-webgpu' })
})
