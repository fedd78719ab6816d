/** What is heard from outside the package: memory that a GPU refused, and the last words of the runtime. */
import { afterEach, expect, it, vi } from 'vitest'
import { watchGpu } from '../../../web/webllm/gpu-watch.ts'
import { hearLastWords } from '../../../web/webllm/last-words.ts'
import { ForgetfulAdapter, OutOfMemory } from '../../support/forgetful-adapter.ts'

afterEach(() => void vi.unstubAllGlobals())

it('hears of memory that a GPU refused, and leaves the error to whoever asked for it', async () => {
  vi.stubGlobal('GPUOutOfMemoryError', OutOfMemory)
  const watch = watchGpu(ForgetfulAdapter)
  const device = await new ForgetfulAdapter().requestDevice()
  expect(watch.outOfMemory).toBeNull()
  expect(await device.popErrorScope()).toBeInstanceOf(OutOfMemory)
  expect(watch).toMatchObject({ lost: null, outOfMemory: 'There is no room for 512 MB.' })
})

it('keeps the last reason that was written to the console, without its place, and prints nothing', () => {
  const printed: unknown[] = []
  const listened = { ...console, error: (...said: unknown[]) => printed.push(said) }
  const words = hearLastWords(listened)
  expect(words.reason).toBeNull()
  listened.log('Falling back to maxComputeInvocationsPerWorkgroup=256')
  expect(words.reason).toBeNull()
  listened.error(
    '[FATAL] src/runtime/vm/tensor_cache_support.cc:340: ValueError: Cannot find parameter in cache: a.weight',
  )
  listened.info('token_postproc_method: ', 'byte_level')
  expect(words.reason).toBe('ValueError: Cannot find parameter in cache: a.weight')
  expect(printed).toEqual([])
})
