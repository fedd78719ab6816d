/** A loaded WebLLM as answers: what it is asked, what is read of what it says, what is left for the next turn. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { parseChatSettings } from '../../../web/webllm/chat-settings.ts'
import { EngineSession, samplingOf } from '../../../web/webllm/engine-session.ts'
import type { WebLlmRequest } from '../../../web/webllm/worker-api.ts'
import type { MlcFiles } from '../../../web/weights/mlc-files.ts'
import type { Sampling } from '../../../web/wire/chat.ts'
import { PROMPT_CHARACTERS_MAX } from '../../../web/wire/limits/engine.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { mlcModel } from '../../fixtures/mlc-model.ts'
import { type ScriptedAnswer, scriptedEngine } from '../../support/scripted-webllm.ts'

const SAMPLING: Sampling = { temperature: 0.7, topK: 40, topP: 0.9, minP: 0.1, repetitionPenalty: 1.1, seed: 7n }
const QUIET = { lost: null as string | null, outOfMemory: null as string | null, settle: async () => {} }

const model = mlcModel()
const settings = parseChatSettings(model.files.get('mlc-chat-config.json') ?? new Uint8Array())
if (!settings.ok) throw new Error(settings.detail)

const files = {
  read: async (path: string) => {
    const bytes = model.files.get(path)
    return bytes ? ok(bytes) : fail('source-missing', path)
  },
} as unknown as MlcFiles

const request = (more: Partial<WebLlmRequest> = {}): WebLlmRequest => ({
  messages: [{ role: 'user', content: 'Hello' }],
  sampling: SAMPLING,
  maxTokens: 8,
  begun: '',
  raw: false,
  ...more,
})

/** `begin`: ids that come before every conversation. */
function session(answer: Partial<ScriptedAnswer> = {}, gpu = QUIET, begin: readonly number[] = []) {
  const script = { pieces: ['The ', 'sea', '.'], finish: 'stop' as const, promptTokens: 12, ...answer }
  const scripted = scriptedEngine(() => script)
  const words = { reason: null }
  const { template, ...rest } = settings.ok ? settings.value : never()
  const read = { ...rest, template: template && { ...template, system_prefix_token_ids: begin } }
  return {
    ...scripted,
    scripted,
    session: new EngineSession(scripted.engine, files, read, { gpu, words }),
  }
}

function never(): never {
  throw new Error('the settings are read')
}

describe('an answer', () => {
  it('comes piece by piece, with the counts of its usage object', async () => {
    const { session: loaded, chats } = session()
    const said: string[] = []
    const answer = await loaded.chat(request(), (text) => void said.push(text))
    expect(answer).toEqual(ok({ reason: 'stop', prefillTokens: 12, reusedTokens: 0, completionTokens: 3 }))
    expect(said).toEqual(['The ', 'sea', '.'])
    expect(chats[0]).toMatchObject({
      temperature: 0.7,
      top_p: 0.9,
      repetition_penalty: 1.1,
      max_tokens: 8,
      stream: true,
    })
  })

  it('waits for each piece to be taken', async () => {
    const order: string[] = []
    const { session: loaded } = session()
    await loaded.chat(request(), async (text) => {
      await null
      order.push(text)
    })
    expect(order).toEqual(['The ', 'sea', '.'])
  })

  it('that is stopped ends as an abort', async () => {
    const { session: loaded, scripted } = session({ pieces: ['a', 'b', 'c', 'd'] })
    const answer = await loaded.chat(request(), () => loaded.stop())
    expect(answer).toMatchObject({ ok: true, value: { reason: 'abort', completionTokens: 1 } })
    expect(scripted.interrupts).toBe(1)
  })

  it('that goes on is asked of the completions, from the whole prompt and its begin', async () => {
    const { session: loaded, completions, chats } = session({ pieces: [' is', ' wide.'] })
    const said: string[] = []
    const answer = await loaded.chat(request({ begun: 'The sea' }), (text) => void said.push(text))
    expect(answer).toMatchObject({ ok: true, value: { reason: 'stop', reusedTokens: 0 } })
    expect(said.join('')).toBe(' is wide.')
    expect(chats).toEqual([])
    expect(completions[0]?.['prompt']).toBe(
      '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n' +
        '<|im_start|>assistant\nThe sea',
    )
  })

  it('that writes on after a raw prompt is asked of the completions, from the text alone, whose marks are broken', async () => {
    const { session: loaded, completions, chats } = session({ pieces: [' is', ' wide.'] })
    const raw = request({ raw: true, messages: [{ role: 'user', content: 'The <|im_end|> $& sea' }] })
    expect(await loaded.chat(raw, () => {})).toMatchObject({ ok: true, value: { reason: 'stop', reusedTokens: 0 } })
    await loaded.chat({ ...raw, begun: ' is' }, () => {})
    expect(completions.map(({ prompt }) => prompt)).toEqual([
      'The <\u2060|im_end|> $& sea',
      'The <\u2060|im_end|> $& sea is',
    ])
    expect(completions[0]).toMatchObject({ temperature: 0.7, top_p: 0.9, max_tokens: 8 })
    expect(chats).toEqual([])
    expect(await loaded.chat({ ...raw, messages: [] }, () => {})).toMatchObject({ code: 'request-invalid' })
  })

  it('that writes on after a raw prompt begins with the token that the model begins with', async () => {
    const { session: loaded, completions } = session({}, QUIET, [1])
    await loaded.chat(request({ raw: true }), () => {})
    expect(completions[0]?.['prompt']).toBe('<|im_start|>Hello')
    expect(await loaded.count(request().messages, true)).toEqual(ok('<|im_start|>Hello'.length))
    expect(await loaded.count([], true)).toMatchObject({ code: 'request-invalid' })
  })

  it('that fails says why', async () => {
    const long = Object.assign(new Error('Prompt tokens exceed'), { name: 'ContextWindowSizeExceededError' })
    expect(await session({ error: long }).session.chat(request(), () => {})).toMatchObject({ code: 'context-full' })
    const lost = { ...QUIET, lost: 'unknown' }
    expect(await session({ error: new Error('unmapped') }, lost).session.chat(request(), () => {})).toMatchObject({
      code: 'device-lost',
    })
    // WebLLM unloads the model of a lost device in silence: the stream just ends.
    expect(await session({ pieces: [] }, lost).session.chat(request(), () => {})).toMatchObject({ code: 'device-lost' })
  })
})

describe('the next turn', () => {
  const turn = (answer: string) => [
    ...request().messages,
    { role: 'assistant', content: answer } as const,
    { role: 'user', content: 'And then?' } as const,
  ]

  it('reuses what an answer left that ended by itself', async () => {
    const { session: loaded } = session()
    await loaded.chat(request(), () => {})
    const next = await loaded.chat(request({ messages: turn('The sea.') }), () => {})
    expect(next).toMatchObject({ ok: true, value: { reusedTokens: 15, prefillTokens: 12 } })
  })

  it('reuses nothing of a raw prompt, which is no conversation', async () => {
    const { session: loaded } = session()
    await loaded.chat(request({ raw: true }), () => {})
    const next = await loaded.chat(request({ messages: turn('The sea.') }), () => {})
    expect(next).toMatchObject({ ok: true, value: { reusedTokens: 0 } })
  })

  it.each([
    ['was cut', { finish: 'length' as const }, 'The sea.'],
    ['was told differently', {}, 'The land.'],
  ])('reuses nothing of an answer that %s', async (_, answer, told) => {
    const { session: loaded } = session(answer)
    await loaded.chat(request(), () => {})
    const next = await loaded.chat(request({ messages: turn(told) }), () => {})
    expect(next).toMatchObject({ ok: true, value: { reusedTokens: 0 } })
  })
})

describe('the tokens of a prompt', () => {
  const HEAD = '<|im_start|>assistant\n'
  const WHOLE =
    '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n'.length +
    HEAD.length

  it('are those of every part, and for the next turn those that WebLLM holds and those of its last round', async () => {
    const { session: loaded, chats } = session()
    expect(await loaded.count(request().messages)).toEqual(ok(WHOLE))
    expect(chats).toEqual([])
    await loaded.chat(request(), () => {})
    expect(await loaded.count(request().messages)).toEqual(ok(WHOLE))
    const messages = [
      ...request().messages,
      { role: 'assistant' as const, content: 'The sea.' },
      { role: 'user' as const, content: 'And then?' },
    ]
    const held = 12 + 3
    expect(await loaded.count(messages)).toEqual(
      ok(held + `<|im_start|>user\nAnd then?<|im_end|>\n`.length + HEAD.length),
    )
  })

  it('are refused where WebLLM would refuse the prompt, past the named length, and where it hides its tokenizer', async () => {
    const { session: loaded, scripted } = session()
    expect(await loaded.count([])).toMatchObject({ code: 'request-invalid' })
    const long = [{ role: 'user' as const, content: 'x'.repeat(PROMPT_CHARACTERS_MAX + 1) }]
    expect(await loaded.count(long)).toMatchObject({ code: 'context-full' })
    Object.assign(scripted.engine, { loadedModelIdToPipeline: new Map() })
    expect(await loaded.count(request().messages)).toMatchObject({ code: 'tokenizer-unsupported' })
  })

  it('are made by what the installed package makes them with', () => {
    const bundle = readFileSync(createRequire(import.meta.url).resolve('@mlc-ai/web-llm'), 'utf8')
    expect(bundle).toContain('this.loadedModelIdToPipeline.set(modelId, newPipeline)')
    expect(bundle).toContain('const encoded = this.tokenizer.encode(curPrompt);')
  })
})

describe('embeddings', () => {
  it('have length 1', async () => {
    const made = await session().session.embed(['a', 'b'])
    if (!made.ok) throw new Error(made.detail)
    expect(made.value.vectors.map((vector) => [...vector].map((value) => Math.round(value * 10)))).toEqual([
      [6, 8],
      [6, 8],
    ])
    expect(made.value.promptTokens).toBe(2)
  })
})

describe('the seed', () => {
  it('is a positive integer that WebLLM takes, the same for the same and seldom for another', () => {
    const seeds = [0n, 1n, 7n, 2n ** 31n, 2n ** 32n, 2n ** 64n - 1n].map(
      (seed) => samplingOf({ ...SAMPLING, seed }).seed,
    )
    for (const seed of seeds) expect(Number.isSafeInteger(seed) && seed > 0).toBe(true)
    expect(new Set(seeds).size).toBe(seeds.length)
  })
})
