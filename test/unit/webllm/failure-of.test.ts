/**
 * What the installed package throws, in our codes. Errors are thrown by the package itself where it can be brought to it
 * without a GPU; for the others the test holds that the installed package still has an error of that name or words.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { BY_NAME, failureOf, type WebLlmStep } from '../../../web/webllm/failure-of.ts'
import type { GpuWatch } from '../../../web/webllm/gpu-watch.ts'
import { FailureError, fail } from '../../../web/wire/result.ts'
import { EMPTY_MODULE, NO_MODULE, OTHER_MODULE } from '../../fixtures/mlc-model.ts'

const HEALTHY: GpuWatch = { lost: null, outOfMemory: null }
const bundle = readFileSync(createRequire(import.meta.url).resolve('@mlc-ai/web-llm'), 'utf8')

async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const codeOf = (error: unknown, step: WebLlmStep, heard: string | null = null) =>
  failureOf(error, step, HEALTHY, heard).code

describe('errors that the package throws', async () => {
  const webllm = await import('@mlc-ai/web-llm')
  const { LLM } = webllm.ModelType
  const user = { role: 'user', content: 'Hello' } as const
  const chat = (request: object) => () =>
    webllm.postInitAndCheckFieldsChatCompletion(request as never, 'a model', LLM, undefined as never)

  // The engine names its base when there is no document.
  beforeAll(() => void vi.stubGlobal('location', { origin: 'http://127.0.0.1' }))
  afterAll(() => void vi.unstubAllGlobals())

  it.each([
    [
      'an answer without a model',
      () => new webllm.MLCEngine().chat.completions.create({ messages: [user] }),
      'not-loaded',
    ],
    ['an embedding without a model', () => new webllm.MLCEngine().embeddings.create({ input: ['a'] }), 'not-loaded'],
    ['a model that no list has', () => new webllm.MLCEngine().reload('none'), 'model-unknown'],
    [
      'a conversation that ends with the assistant',
      chat({ messages: [{ role: 'assistant', content: 'a' }] }),
      'request-invalid',
    ],
    [
      'a second word of the system',
      chat({ messages: [user, { role: 'system', content: 'a' }, user] }),
      'request-invalid',
    ],
    ['a seed that is no integer', chat({ messages: [user], seed: 1.5 }), 'request-invalid'],
  ])('%s', async (_, work, code) => {
    expect(codeOf(await thrownBy(work), 'answer')).toBe(code)
  })

  it.each([
    ['no WebAssembly', NO_MODULE],
    ['a module with other imports', OTHER_MODULE],
  ])('a library that is %s', async (_, bytes) => {
    expect(codeOf(await thrownBy(() => WebAssembly.instantiate(bytes, { env: {} })), 'library')).toBe(
      'library-mismatch',
    )
  })

  it('a library without exports', async () => {
    const { instance } = await WebAssembly.instantiate(EMPTY_MODULE)
    const call = () => (instance.exports['TVMFFIObjectDecRef'] as () => void)()
    expect(codeOf(await thrownBy(call), 'library')).toBe('library-mismatch')
  })
})

describe('names and words', () => {
  it.each(Object.keys(BY_NAME))('%s is an error of the installed package', (name) => {
    expect(bundle).toContain(`this.name = "${name}"`)
  })

  it.each([
    ['Unable to find a compatible GPU. This issue', 'no-adapter'],
    ['Cannot initialize runtime because of requested maxBufferSize', 'gpu-too-small'],
    ['Cannot find function ', 'library-mismatch'],
    ['Cannot find global function ', 'library-mismatch'],
  ])('%s... is said by the installed package', (words, code) => {
    expect(bundle).toContain(words.trim())
    expect(codeOf(new Error(words), 'pipeline')).toBe(code)
  })

  it.each([
    [Object.assign(new Error('shader-f16'), { name: 'ShaderF16SupportError' }), 'library', 'feature-missing'],
    [Object.assign(new Error('too long'), { name: 'ContextWindowSizeExceededError' }), 'answer', 'context-full'],
    [Object.assign(new Error('The WebGPU device was lost'), { name: 'DeviceLostError' }), 'pipeline', 'device-lost'],
    [new RangeError('WebAssembly.Memory(): could not allocate memory'), 'library', 'memory-full'],
    [new RangeError('Array buffer allocation failed'), 'weights', 'memory-full'],
    [new RangeError('offset is out of bounds'), 'weights', 'engine-failed'],
    [new Error('Invalid kv_cache ABI. Require either `prefill`+`decode`'), 'pipeline', 'library-mismatch'],
    [new TypeError('Cannot read properties of undefined'), 'answer', 'engine-failed'],
    [new SyntaxError('Unexpected token'), 'settings', 'manifest-invalid'],
  ] as const)('%s in %s is %s', (error, step, code) => {
    expect(codeOf(error, step)).toBe(code)
  })

  it('an exception of C++ has the words that were heard before it', () => {
    const heard = 'ValueError: Cannot find parameter in cache: lm_head.weight'
    expect(failureOf({}, 'pipeline', HEALTHY, heard)).toEqual(fail('library-mismatch', heard))
    expect(failureOf({}, 'answer', HEALTHY)).toEqual(fail('engine-failed', 'It ended without a reason.'))
  })
})

describe('what is known from outside', () => {
  it('a refusal of ours passes as it is', () => {
    const refusal = fail('chunk-hash-mismatch', 'params_shard_0.bin: Part 1 of 2.')
    expect(failureOf(new FailureError(refusal), 'weights', HEALTHY)).toBe(refusal)
  })

  it('memory explains a lost device, and a lost device explains everything else', () => {
    const lost = { lost: 'unknown: the process ended', outOfMemory: null }
    expect(failureOf(new Error('buffer is unmapped'), 'answer', lost)).toEqual(fail('device-lost', lost.lost))
    const full = { lost: 'destroyed', outOfMemory: 'no room for 512 MB' }
    expect(failureOf(new Error('buffer is unmapped'), 'weights', full)).toEqual(fail('gpu-memory', full.outOfMemory))
  })

  it('keeps details short', () => {
    const { detail } = failureOf(new Error(`${'x'.repeat(1_000)}\nat somewhere`), 'answer', HEALTHY)
    expect(detail.length).toBeLessThanOrEqual(300)
  })
})
