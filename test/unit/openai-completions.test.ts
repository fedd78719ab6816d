/** `window.weft.completions` over the one fake engine: OpenAI's older shape, refusals that name the field, leaving early. */
import { describe, expect, it } from 'vitest'
import { App } from '../../web/app.ts'
import { DEFAULT_SAMPLING } from '../../web/app-view.ts'
import { createWeft } from '../../web/openai.ts'
import { parseCompletion } from '../../web/openai-completions.ts'
import { OUTPUT_TOKENS_DEFAULT, PROMPT_CHARACTERS_MAX } from '../../web/wire/limits/engine.ts'
import { ok } from '../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../support/fake-catalogue.ts'
import { FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { runnerOf } from '../support/fake-runner.ts'

const model = fakeModel(1)
const prompt = 'Once upon a time'

function setUp() {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  engine.knows([model])
  catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [model], defaultId: model.id })
  return { engine, weft: createWeft(new App({ runner: runnerOf(engine, catalogue), catalogue })) }
}

async function untilAnswering(engine: FakeEngine) {
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
}

describe('create', () => {
  it('answers with a text_completion, of a raw prompt', async () => {
    const { engine, weft } = setUp()
    const answer = weft.completions.create({
      prompt,
      seed: 7,
      max_tokens: 9,
      stop: ['END'],
      temperature: 0,
      top_p: 0.5,
    })
    await untilAnswering(engine)
    engine.answer(' there', ' was')
    expect(await answer).toMatchObject({
      id: expect.stringMatching(/^cmpl-/),
      object: 'text_completion',
      model: model.id,
      choices: [{ index: 0, text: ' there was', logprobs: null, finish_reason: 'stop' }],
      usage: { prompt_tokens: 34, completion_tokens: 56, total_tokens: 90 },
      weft: { engine: 'stage', adapter: 'Test GPU', notices: [] },
    })
    expect(engine.requests).toEqual([
      {
        messages: [{ role: 'user', content: prompt }],
        raw: true,
        sampling: { ...DEFAULT_SAMPLING, temperature: 0, topP: 0.5, seed: 7n },
        maxTokens: 9,
        stop: ['END'],
      },
    ])
  })

  it('streams text, reason and usage, with and without await', async () => {
    for (const awaited of [true, false]) {
      const { engine, weft } = setUp()
      const call = weft.completions.create({ prompt, stream: true, stream_options: { include_usage: true } })
      const read = (async () => {
        const chunks = []
        for await (const chunk of awaited ? await call : call) chunks.push(chunk)
        return chunks
      })()
      await untilAnswering(engine)
      engine.answer(' there', ' was')
      const chunks = await read
      expect(chunks.map(({ choices }) => choices.map((choice) => [choice.text, choice.finish_reason]))).toEqual([
        [[' there', null]],
        [[' was', null]],
        [['', 'stop']],
        [],
      ])
      expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1)
      expect(chunks[0]).toMatchObject({ object: 'text_completion', usage: null })
      expect(chunks.at(-1)).toMatchObject({ usage: { total_tokens: 90 }, weft: { prefillTokens: 22 } })
    }
  })

  it('stops the engine when the reader leaves, and at the signal', async () => {
    const { engine, weft } = setUp()
    const read = (async () => {
      for await (const chunk of weft.completions.create({ prompt, stream: true })) if (chunk.choices[0]?.text) break
    })()
    await untilAnswering(engine)
    engine.emit({ kind: 'text', text: 'x' })
    await read
    expect(engine.answering).toBe(false)
    const abort = new AbortController()
    const thrown = expect(weft.completions.create({ prompt }, { signal: abort.signal })).rejects.toMatchObject({
      ...{ name: 'WeftError', code: 'aborted' },
    })
    await engine.until(() => engine.answering)
    abort.abort()
    await thrown
  })

  it('refuses a malformed request where it is awaited and where it is iterated', async () => {
    const { weft } = setUp()
    const wrong = { prompt: '', stream: true } as const
    await expect(weft.completions.create(wrong)).rejects.toMatchObject({
      code: 'request-invalid',
      error: { type: 'invalid_request_error' },
    })
    const iterate = async () => {
      for await (const _ of weft.completions.create(wrong)) expect.unreachable()
    }
    await expect(iterate()).rejects.toThrow('`prompt`')
  })
})

describe('the request', () => {
  it('has defaults for all but the prompt, and takes what changes nothing', () => {
    const value = {
      request: {
        messages: [{ role: 'user', content: prompt }],
        raw: true,
        sampling: { ...DEFAULT_SAMPLING, seed: 5n },
        maxTokens: OUTPUT_TOKENS_DEFAULT,
        stop: [],
      },
      model: null,
      stream: false,
      includeUsage: false,
    }
    expect(parseCompletion({ prompt }, 5n)).toEqual({ ok: true, value })
    const neutral = { n: 1, best_of: 1, echo: false, logprobs: null, suffix: null, presence_penalty: 0 }
    expect(parseCompletion({ prompt: [prompt], ...neutral }, 5n)).toEqual({ ok: true, value })
  })

  const refusals: readonly (readonly [field: string, request: unknown])[] = [
    ['request', 'text'],
    ['prompt', {}],
    ['prompt', { prompt: '' }],
    ['prompt', { prompt: ['a', 'b'] }],
    ['prompt', { prompt: [1, 2] }],
    ['prompt', { prompt: 'x'.repeat(PROMPT_CHARACTERS_MAX + 1) }],
    ['n', { prompt, n: 2 }],
    ['best_of', { prompt, best_of: 3 }],
    ['echo', { prompt, echo: true }],
    ['suffix', { prompt, suffix: 'end' }],
    ['logprobs', { prompt, logprobs: 0 }],
    ['logit_bias', { prompt, logit_bias: {} }],
    ['frequency_penalty', { prompt, frequency_penalty: 1 }],
    ['max_tokens', { prompt, max_tokens: 0 }],
    ['temperature', { prompt, temperature: 3 }],
    ['top_p', { prompt, top_p: 2 }],
    ['stop', { prompt, stop: [''] }],
    ['seed', { prompt, seed: 1.5 }],
    ['stream', { prompt, stream: 'yes' }],
    ['include_usage', { prompt, stream_options: { include_usage: 1 } }],
    ['model', { prompt, model: 4 }],
  ]
  it.each(refusals)('is refused by the name of its field: %s', (field, request) => {
    const parsed = parseCompletion(request, 0n)
    expect(parsed).toMatchObject({ ok: false, code: 'request-invalid' })
    expect(parsed.ok ? '' : parsed.detail).toContain(`\`${field}\``)
  })
})
