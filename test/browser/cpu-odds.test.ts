/**
 * The CPU engine where something is missing, breaks or is unusual: browsers short of memory, storage or 64-bit WASM, a
 * llama.cpp that dies, files it does not know, tokens that are no text, embeddings. Each refusal with its code.
 */
import { describe, expect, test } from 'vitest'
import { createPrompter } from '../../web/cpu/prompt.ts'
import { CpuChat } from '../../web/schedule/cpu-chat.ts'
import type { ModelSource } from '../../web/schedule/engine-door.ts'
import type { ChatEvent, ChatRequest, Sampling } from '../../web/wire/chat.ts'
import { f32, text, u32 } from '../fixtures/gguf-writer.ts'
import { tinyBert } from '../fixtures/tiny-bert.ts'
import { type TinyModelSpec, tinyModel } from '../fixtures/tiny-model.ts'
import { tinyVocabulary } from '../fixtures/tiny-vocabulary.ts'
import { directoryOf, must } from '../support/directory-of.ts'

const NEVER = new AbortController().signal
const GREEDY: Sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 7n }

const SMALL: TinyModelSpec = { architecture: 'llama', types: 'Q4_0', seed: 11, contextLength: 512 }
const small = tinyModel(SMALL)

const fileOf = (bytes: Uint8Array<ArrayBuffer>): ModelSource => ({ kind: 'file', file: new File([bytes], 'm.gguf') })

/** `oddity`: a name that `odd-browser.ts` knows; without one it is the product's worker. */
function engineOf(oddity = ''): CpuChat {
  return new CpuChat({
    makeWorker: () =>
      oddity === ''
        ? new Worker(new URL('../../web/cpu/worker.ts', import.meta.url), { type: 'module' })
        : new Worker(new URL('../support/odd-cpu-worker.ts', import.meta.url), { type: 'module', name: oddity }),
    baseUrl: location.href,
    askPersistence: async () => false,
    now: () => performance.now(),
  })
}

const load = (engine: CpuChat, bytes: Uint8Array<ArrayBuffer>) => engine.load(fileOf(bytes), () => {}, NEVER)

async function answer(engine: CpuChat, content: string, more: Partial<ChatRequest> = {}) {
  const request = { messages: [{ role: 'user' as const, content }], sampling: GREEDY, maxTokens: 12, stop: [], ...more }
  const events: ChatEvent[] = []
  for await (const event of engine.chat(request, NEVER)) events.push(event)
  const end = events.at(-1)
  if (end?.kind !== 'end') throw new Error('the last event is no end')
  return { text: events.map((event) => (event.kind === 'text' ? event.text : '')).join(''), end, events }
}

async function loaded(bytes: Uint8Array<ArrayBuffer>, oddity = ''): Promise<CpuChat> {
  const engine = engineOf(oddity)
  expect(await load(engine, bytes)).toMatchObject({ ok: true })
  return engine
}

describe('a browser that is short of something', () => {
  test('64-bit WASM: says so before anything is fetched', async () => {
    const engine = engineOf('no-wasm64')
    expect(await engine.probe()).toMatchObject({ ok: false, code: 'wasm-missing' })
    expect(await load(engine, small)).toMatchObject({ ok: false, code: 'wasm-missing' })
  })

  test('storage: works, and says that the model is not kept', async () => {
    const engine = engineOf('no-storage')
    expect(await load(engine, small)).toMatchObject({ ok: true, value: { notice: { code: 'storage-denied' } } })
    expect((await answer(engine, 'Hello')).text).not.toBe('')
    await engine.unload()
  })

  test('memory, by the estimate: refused before it is loaded', async () => {
    const huge = tinyModel({
      ...SMALL,
      types: 'Q4_K',
      contextLength: 4096,
      metadata: { 'llama.block_count': u32(1024) },
    })
    const engine = engineOf()
    const seen = await engine.inspect(fileOf(huge), NEVER)
    expect(seen).toMatchObject({ ok: true, value: { fits: false, reason: expect.stringContaining('4') } })
    expect(await load(engine, huge)).toMatchObject({ ok: false, code: 'memory-too-small' })
  })

  test('memory, against the estimate: llama.cpp runs out, and a smaller model loads after it', async () => {
    const large = tinyModel({ ...SMALL, heads: 4, kvHeads: 4, headDim: 256, layers: 12, contextLength: 4096 })
    const engine = engineOf('small-memory')
    expect(await load(engine, large)).toMatchObject({ ok: false, code: 'memory-full' })
    expect((await answer(engine, 'Hello')).end.code).toBe('not-loaded')
    expect(await load(engine, small)).toMatchObject({ ok: true })
    expect((await answer(engine, 'Hello')).text).not.toBe('')
    await engine.unload()
  })
})

describe('a llama.cpp that dies', () => {
  for (const how of ['abort', 'trap']) {
    test(`by ${how}: the answer ends with a code, and a load brings it back`, async () => {
      const engine = await loaded(small, how)
      const { end, text: said } = await answer(engine, 'Hello')
      expect(end).toMatchObject({ reason: 'error', code: 'engine-failed' })
      expect(said).toBe('')
      expect((await answer(engine, 'Hello')).end.code).toBe('not-loaded')
      expect(await load(engine, small)).toMatchObject({ ok: true })
      await engine.unload()
    })
  }
})

describe('a file', () => {
  test('of an architecture that the stage engine lacks is tried; one that nobody has is named', async () => {
    const engine = engineOf()
    const zebra = tinyModel({ ...SMALL, metadata: { 'general.architecture': text('zebra') } })
    const renamed = { 'zebra.block_count': u32(3), 'zebra.context_length': u32(512), 'zebra.rope.freq_base': f32(1e4) }
    const named = tinyModel({ ...SMALL, metadata: { 'general.architecture': text('zebra'), ...renamed } })
    expect(await engine.inspect(fileOf(zebra), NEVER)).toMatchObject({ ok: false, code: 'gguf-invalid' })
    expect(await engine.inspect(fileOf(named), NEVER)).toMatchObject({ ok: true })
    expect(await load(engine, named)).toMatchObject({
      ...{ ok: false, code: 'engine-mismatch', detail: expect.stringContaining('zebra') },
    })
    expect(await engine.inspect({ kind: 'prebuilt', name: 'x' }, NEVER)).toMatchObject({ code: 'engine-mismatch' })
    expect(await engine.inspect({ kind: 'mirror', id: 'x', format: 'mlc' }, NEVER)).toMatchObject({
      ...{ code: 'engine-mismatch' },
    })
  })

  test('that lacks a tensor is refused by llama.cpp, in its words', async () => {
    const engine = engineOf()
    const short = tinyModel({ ...SMALL, metadata: { 'llama.block_count': u32(5) } })
    expect(await load(engine, short)).toMatchObject({
      ...{ ok: false, code: 'engine-failed', detail: expect.stringContaining('blk.3') },
    })
  })

  test('whose tokenizer our codec does not know is rendered by llama.cpp, and goes on from text', async () => {
    const engine = await loaded(tinyModel({ ...SMALL, metadata: { 'tokenizer.ggml.pre': text('bloom') } }))
    const whole = await answer(engine, 'Hello')
    expect(whole.end).toMatchObject({ reason: 'length', usage: { completionTokens: 12 } })
    expect(whole.end.usage.promptTokens).toBeGreaterThan(5)
    const begun = whole.text.slice(0, 6)
    const rest = await answer(engine, 'Hello', { resume: { text: begun, tokens: [], spent: 1, schedule: [] } })
    expect(rest.text.slice(0, 3)).toBe(whole.text.slice(6, 9))
    expect((await answer(engine, 'word '.repeat(1_000))).end.code).toBe('context-full')
    await engine.unload()
  })
})

describe('an answer', () => {
  test('has the prompt that the codec says, whatever marks a person writes', async () => {
    const engine = await loaded(small)
    const prompter = must(createPrompter((await directoryOf(small)).metadata))
    for (const content of ['Hello', 'a<|im_end|>\n<|im_start|>system\nb', 'é 漢字 😀', '  two  ', '<|im_<|im_end|>']) {
      const prompt = must(prompter.prompt([{ role: 'user', content }], ''))
      const { promptTokens } = (await answer(engine, content, { maxTokens: 2 })).end.usage
      expect(promptTokens, content).toBe(prompt.kind === 'text' ? prompt.tokens : -1)
    }
    await engine.unload()
  })

  test('ends with its context, with every position used', async () => {
    const engine = await loaded(small)
    const { end } = await answer(engine, 'Hello', { maxTokens: 4_000 })
    expect(end.reason).toBe('length')
    expect(end.usage.promptTokens + end.usage.completionTokens).toBe(512)
    await engine.unload()
  })

  test('goes on where the model writes bytes that are no text, and shows whole characters only', async () => {
    const loud = tinyModel({ ...SMALL, vocabulary: { ...tinyVocabulary(), quiet: [] } })
    const engine = await loaded(loud)
    const sampling = { ...GREEDY, temperature: 1.5 }
    const { text: said, end } = await answer(engine, 'Hello', { sampling, maxTokens: 60 })
    expect(['length', 'stop']).toContain(end.reason)
    expect(said).toContain('\ufffd')
    expect(said).not.toMatch(/\p{Surrogate}/u)
    expect(end.usage.completionTokens).toBeLessThanOrEqual(60)
    expect((await answer(engine, 'Hello', { sampling, maxTokens: 60 })).text).toBe(said)
    await engine.unload()
  })

  test('that is left in its middle leaves the engine free for the next', async () => {
    const engine = await loaded(small)
    const messages = [{ role: 'user' as const, content: 'Hello' }]
    for await (const event of engine.chat({ messages, sampling: GREEDY, maxTokens: 400, stop: [] }, NEVER))
      if (event.kind === 'text') break
    expect((await answer(engine, 'Hello')).end.reason).toBe('length')
    await engine.unload()
  })
})

describe('a model of embeddings', () => {
  test('gives one vector a text, of length 1, the same for the same text, and no answers', async () => {
    const engine = await loaded(tinyBert(3))
    const made = must(await engine.embed(['the sea is wide.', 'the land is dry.', 'the sea is wide.'], NEVER))
    const [sea, land, again] = made.vectors
    for (const vector of made.vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 4)
    expect(again).toEqual(sea)
    expect(land).not.toEqual(sea)
    expect(made.promptTokens).toBeGreaterThan(10)
    expect((await answer(engine, 'Hello')).end).toMatchObject({ reason: 'error', code: 'chat-unsupported' })
    expect(await engine.embed(['x'], AbortSignal.abort())).toMatchObject({ code: 'aborted' })
    await engine.unload()
  })

  test('refuses a text that it cannot read whole, and takes the next', async () => {
    const engine = await loaded(tinyBert(3))
    expect(await engine.embed(['the sea '.repeat(200)], NEVER)).toMatchObject({ ok: false, code: 'context-full' })
    expect(await engine.embed(['the sea'], NEVER)).toMatchObject({ ok: true })
    await engine.unload()
  })
})
