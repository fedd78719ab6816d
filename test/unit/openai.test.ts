/** `window.weft` over the one fake engine: OpenAI's shapes, refusals that name the field, order, and leaving early. */
import { describe, expect, it } from 'vitest'
import { App } from '../../web/app.ts'
import { DEFAULT_SAMPLING } from '../../web/app-view.ts'
import { createWeft } from '../../web/openai.ts'
import { parseRequest } from '../../web/openai-request.ts'
import { WeftError } from '../../web/openai-run.ts'
import { OUTPUT_TOKENS_DEFAULT, STOP_STRINGS_MAX } from '../../web/wire/limits/engine.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../support/fake-catalogue.ts'
import { FAKE_USAGE, FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { runnerOf } from '../support/fake-runner.ts'

const first = fakeModel(1)
const second = fakeModel(2)
const messages = [{ role: 'user', content: 'Hello' }]

function setUp() {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  engine.knows([first, second])
  catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [first, second], defaultId: first.id })
  return { engine, weft: createWeft(new App({ runner: runnerOf(engine, catalogue), catalogue })) }
}

async function loadAndAnswer(engine: FakeEngine, ...pieces: string[]) {
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
  engine.answer(...pieces)
}

describe('create', () => {
  it('answers with a chat.completion', async () => {
    const { engine, weft } = setUp()
    const answer = weft.chat.completions.create({ messages, seed: 7 })
    await loadAndAnswer(engine, 'Hel', 'lo.')
    expect(await answer).toMatchObject({
      object: 'chat.completion',
      model: first.id,
      choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
      usage: {
        prompt_tokens: 34,
        completion_tokens: 56,
        total_tokens: 90,
        prompt_tokens_details: { cached_tokens: 12 },
      },
      weft: { engine: 'stage', adapter: 'Test GPU', prefillTokens: 22, reusedTokens: 12, notices: [] },
    })
    expect(engine.requests[0]?.sampling.seed).toBe(7n)
  })

  it('streams role, text, reason and usage, with and without await', async () => {
    for (const awaited of [true, false]) {
      const { engine, weft } = setUp()
      const call = weft.chat.completions.create({ messages, stream: true, stream_options: { include_usage: true } })
      const read = (async () => {
        const chunks = []
        for await (const chunk of awaited ? await call : call) chunks.push(chunk)
        return chunks
      })()
      await loadAndAnswer(engine, 'Hel', 'lo.')
      const chunks = await read
      expect(chunks.map((chunk) => chunk.choices[0]?.delta ?? null)).toEqual([
        { role: 'assistant', content: '' },
        { content: 'Hel' },
        { content: 'lo.' },
        {},
        null,
      ])
      expect(chunks.map((chunk) => chunk.choices[0]?.finish_reason)).toEqual([null, null, null, 'stop', undefined])
      expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1)
      expect(chunks.at(-1)).toMatchObject({ usage: { total_tokens: 90 }, weft: { prefillTokens: 22 } })
      expect(chunks[0]?.object).toBe('chat.completion.chunk')
    }
  })

  it('stops the engine when the reader leaves', async () => {
    const { engine, weft } = setUp()
    const read = (async () => {
      for await (const chunk of weft.chat.completions.create({ messages, stream: true })) {
        if (chunk.choices[0]?.delta.content === 'x') break
      }
    })()
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.emit({ kind: 'text', text: 'x' })
    await read
    expect(engine.answering).toBe(false)
  })

  it('stops at the signal and throws `aborted`', async () => {
    const { engine, weft } = setUp()
    const abort = new AbortController()
    const answer = weft.chat.completions.create({ messages }, { signal: abort.signal })
    const thrown = expect(answer).rejects.toMatchObject({ name: 'WeftError', code: 'aborted' })
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    abort.abort()
    await thrown
  })

  it('loads the model that is named, and refuses one that is not there', async () => {
    const { engine, weft } = setUp()
    const answer = weft.chat.completions.create({ messages, model: 'Model-2' })
    await loadAndAnswer(engine, 'Hi')
    expect((await answer).model).toBe(second.id)
    expect(engine.loads).toEqual([second.id])
    const refused = weft.chat.completions.create({ messages, model: 'gpt-9' })
    await expect(refused).rejects.toMatchObject({ code: 'model-unknown' })
  })

  it('throws what failed, in OpenAI’s shape', async () => {
    const { engine, weft } = setUp()
    const answer = weft.chat.completions.create({ messages })
    const thrown = answer.catch((error: unknown) => error)
    await engine.until(() => engine.loading)
    engine.finishLoad(fail('gpu-too-small', 'It needs 9 GB.'))
    const error = await thrown
    expect(error).toBeInstanceOf(WeftError)
    expect(error).toMatchObject({ code: 'gpu-too-small', error: { type: 'engine_error', code: 'gpu-too-small' } })
    expect(String(error)).toContain('It needs 9 GB.')
  })

  it('says what happened on the way', async () => {
    const { engine, weft } = setUp()
    const answer = weft.chat.completions.create({ messages })
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    engine.emit({ kind: 'notice', code: 'device-lost', detail: 'once' })
    engine.emit({ kind: 'end', reason: 'length', usage: FAKE_USAGE })
    const { choices, weft: details } = await answer
    expect(choices[0].finish_reason).toBe('length')
    expect(details.notices).toEqual([{ code: 'device-lost', detail: 'once' }])
  })

  it('refuses a malformed request where it is awaited and where it is iterated', async () => {
    const { weft } = setUp()
    const wrong = { messages: [], stream: true } as const
    await expect(weft.chat.completions.create(wrong)).rejects.toMatchObject({
      code: 'request-invalid',
      error: { type: 'invalid_request_error' },
    })
    const iterate = async () => {
      for await (const _ of weft.chat.completions.create(wrong)) expect.unreachable()
    }
    await expect(iterate()).rejects.toThrow('`messages`')
  })
})

describe('models.list', () => {
  it('has OpenAI’s shape', async () => {
    const { weft } = setUp()
    const { object, data } = await weft.models.list()
    expect(object).toBe('list')
    expect(data).toMatchObject([
      {
        id: first.id,
        object: 'model',
        owned_by: 'weft',
        weft: { name: 'Model-1', fileBytes: 94_000_000, kept: false },
      },
      { id: second.id },
    ])
  })
})

describe('the request', () => {
  it('has defaults for all but the messages', () => {
    expect(parseRequest({ messages }, 5n)).toEqual({
      ok: true,
      value: {
        request: {
          messages,
          sampling: { ...DEFAULT_SAMPLING, seed: 5n },
          maxTokens: OUTPUT_TOKENS_DEFAULT,
          stop: [],
        },
        model: null,
        stream: false,
        includeUsage: false,
      },
    })
  })

  it('takes every setting, text parts, the developer role and one stop string', () => {
    const parsed = parseRequest(
      {
        messages: [
          {
            role: 'developer',
            content: [
              { type: 'text', text: 'a' },
              { type: 'text', text: 'b' },
            ],
          },
        ],
        temperature: 0,
        top_p: 1,
        top_k: 40,
        min_p: 0,
        repetition_penalty: 1,
        max_completion_tokens: 3,
        max_tokens: 99,
        stop: 'END',
        seed: -1,
        n: 1,
        tools: null,
        response_format: { type: 'text' },
      },
      0n,
    )
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        request: {
          messages: [{ role: 'system', content: 'ab' }],
          sampling: { temperature: 0, topP: 1, topK: 40, minP: 0, repetitionPenalty: 1, seed: 2n ** 64n - 1n },
          maxTokens: 3,
          stop: ['END'],
        },
      },
    })
  })

  const refusals: readonly (readonly [field: string, request: unknown])[] = [
    ['request', null],
    ['request', 'text'],
    ['messages', {}],
    ['messages', { messages: [] }],
    ['messages[0]', { messages: ['text'] }],
    ['messages[0].role', { messages: [{ role: 'tool', content: '' }] }],
    ['messages[0].content', { messages: [{ role: 'user', content: 7 }] }],
    ['messages[0].content[0]', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }],
    ['temperature', { messages, temperature: 3 }],
    ['temperature', { messages, temperature: '1' }],
    ['temperature', { messages, temperature: Number.NaN }],
    ['top_p', { messages, top_p: -0.1 }],
    ['top_k', { messages, top_k: 1.5 }],
    ['min_p', { messages, min_p: 2 }],
    ['repetition_penalty', { messages, repetition_penalty: 0 }],
    ['max_tokens', { messages, max_tokens: 0 }],
    ['max_completion_tokens', { messages, max_completion_tokens: 1e9 }],
    ['stop', { messages, stop: [''] }],
    ['stop', { messages, stop: new Array(STOP_STRINGS_MAX + 1).fill('x') }],
    ['seed', { messages, seed: 1.5 }],
    ['stream', { messages, stream: 'yes' }],
    ['stream_options', { messages, stream_options: 1 }],
    ['include_usage', { messages, stream_options: { include_usage: 1 } }],
    ['model', { messages, model: 4 }],
    ['n', { messages, n: 2 }],
    ['tools', { messages, tools: [] }],
    ['logprobs', { messages, logprobs: true }],
    ['presence_penalty', { messages, presence_penalty: 0.5 }],
    ['response_format', { messages, response_format: { type: 'json_object' } }],
  ]
  it.each(refusals)('is refused by the name of its field: %s', (field, request) => {
    const parsed = parseRequest(request, 0n)
    expect(parsed).toMatchObject({ ok: false, code: 'request-invalid' })
    expect(parsed.ok ? '' : parsed.detail).toContain(`\`${field}\``)
  })
})

describe('embeddings', () => {
  it('come in the shape of the interface, one a text, in order', async () => {
    const { engine, weft } = setUp()
    engine.embeddings = ok({ vectors: [Float32Array.of(0.6, 0.8), Float32Array.of(1, 0)], promptTokens: 9 })
    const made = weft.embeddings.create({ input: ['a', 'b'] })
    await engine.until(() => engine.loading)
    engine.finishLoad()
    const { data, usage, model } = await made
    expect(data.map(({ index, object }) => [index, object])).toEqual([
      [0, 'embedding'],
      [1, 'embedding'],
    ])
    expect(data[0]?.embedding[1]).toBeCloseTo(0.8, 6)
    expect(usage).toEqual({ prompt_tokens: 9, total_tokens: 9 })
    expect(model).toMatch(/^[0-9a-f]{64}$/)
  })

  it('are refused with the name of the field, or with the reason of the engine', async () => {
    const { engine, weft } = setUp()
    for (const [request, field] of [
      [{ input: [] }, 'input'],
      [{ input: [''] }, 'input'],
      [{ input: 7 }, 'input'],
      [{ input: 'a', dimensions: 8 }, 'dimensions'],
      [{ input: 'a', encoding_format: 'base64' }, 'encoding_format'],
    ] as const) {
      const refusal = weft.embeddings.create(request as never)
      await expect(refusal).rejects.toMatchObject({ code: 'request-invalid', message: expect.stringContaining(field) })
    }
    const made = weft.embeddings.create({ input: 'a' })
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await expect(made).rejects.toMatchObject({ code: 'embeddings-unsupported' })
  })
})
