/** What a stage takes of the GPU's memory against the estimate that people are shown before a byte is fetched. */
import { expect, test } from 'vitest'
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import { fixture } from '../fixtures/fixtures.ts'
import { must } from '../support/directory-of.ts'
import { GREEDY, loadGpu } from '../support/tiny-stage.ts'

/** Uniforms, the noise table, fillers and readers: small, and the same for every model. */
const EXTRA_BYTES_MAX = 128 * 1024

test.each(['llama-q4_0', 'llama-mixed', 'llama-untied'])('%s takes what was estimated', async (model) => {
  const file = fixture(model).build()
  const stage = await loadGpu(KERNEL_SOURCES, file)
  const { weightBytes, workBytes, kvBytesPerPosition } = stage.facts
  const loaded = stage.residentBytes - weightBytes - workBytes
  expect(Math.abs(loaded)).toBeLessThan(EXTRA_BYTES_MAX)
  const before = stage.residentBytes
  must(await stage.open({ session: 1, epoch: 0, positions: 256, sampler: GREEDY }))
  const opened = stage.residentBytes - before - 256 * kvBytesPerPosition
  expect(opened).toBeGreaterThanOrEqual(0)
  expect(opened).toBeLessThan(EXTRA_BYTES_MAX)
  await stage.close(1)
  expect(stage.residentBytes - before).toBeLessThan(EXTRA_BYTES_MAX)
  await stage.dispose()
  expect(stage.residentBytes).toBe(0)
})
