/** Answers with a schema: live where a grammar holds the engine, looked at and asked for again where none does. */
import { describe, expect, it } from 'vitest'
import { type HeldNews, held, isHeld, unfenced, withForm } from '../../../web/sdk/held-answer.ts'
import { type ChatEvent, type ChatRequest, type EngineName, NO_USAGE } from '../../../web/wire/chat.ts'
import { SCHEMA_TRIES_MAX } from '../../../web/wire/limits/engine.ts'

const SCHEMA = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}'
const request: ChatRequest = {
  messages: [{ role: 'user', content: 'Hello' }],
  schema: SCHEMA,
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 2n ** 64n - 1n },
  maxTokens: 50,
  stop: [],
}

/** One answer a try, each in its pieces. */
function engine(name: EngineName, ...answers: readonly (readonly string[])[]) {
  const asked: ChatRequest[] = []
  async function* ask(one: ChatRequest): AsyncGenerator<ChatEvent> {
    const pieces = answers[asked.length] ?? []
    asked.push(one)
    yield { kind: 'answerer', engine: name, adapter: '', modelId: 'm', model: 'M' }
    for (const text of pieces) yield { kind: 'text', text }
    yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
  }
  return { ask, asked }
}

async function run(ask: (one: ChatRequest) => AsyncIterable<ChatEvent>, one = request) {
  const events: ChatEvent[] = []
  const news: HeldNews[] = []
  for await (const event of held(ask, one, (told) => news.push(told))) events.push(event)
  const texts = events.flatMap((event) => (event.kind === 'text' ? [event.text] : []))
  return { events, texts, end: events.at(-1), news: news.at(-1) }
}

describe('an answer with a schema', () => {
  it('comes as it is drawn where a grammar holds the engine', async () => {
    const { ask } = engine('stage', ['{"a', '": 7}'])
    const { texts, end, news } = await run(ask)
    expect(texts).toEqual(['{"a', '": 7}'])
    expect(end).toMatchObject({ kind: 'end', reason: 'stop' })
    expect(news).toEqual({ grammar: true, tries: 1 })
  })

  it('comes whole and without fences where none does', async () => {
    const { ask } = engine('webllm', ['```json\n{"a', '": 7}', '\n```'])
    const { texts, news } = await run(ask)
    expect(texts).toEqual(['{"a": 7}'])
    expect(news).toEqual({ grammar: false, tries: 1 })
  })

  it('is asked for again with other draws, so often and no more', async () => {
    const { ask, asked } = engine('cpu', ['no'], ['{"a":"x"}'], ['{"a":3}'])
    const { texts, events, news } = await run(ask)
    expect(texts).toEqual(['{"a":3}'])
    expect(news).toEqual({ grammar: false, tries: 3 })
    expect(asked.map(({ sampling }) => sampling.seed)).toEqual([2n ** 64n - 1n, 0n, 1n])
    expect(asked.map(({ sampling }) => sampling.temperature > 0)).toEqual([false, true, true])
    expect(events.filter((event) => event.kind === 'notice')).toMatchObject([
      { code: 'schema-unmet', detail: 'The answer is not JSON.' },
      { code: 'schema-unmet', detail: '#/a does not fit.' },
    ])
    const never = engine('cpu', ...Array.from({ length: SCHEMA_TRIES_MAX + 1 }, () => ['no']))
    const failed = await run(never.ask)
    expect(never.asked).toHaveLength(SCHEMA_TRIES_MAX)
    expect(failed.texts).toEqual([])
    expect(failed.end).toMatchObject({ reason: 'error', code: 'schema-unmet' })
  })

  it('is not taken back: what was given and does not fit ends as an error', async () => {
    const { ask, asked } = engine('stage', ['{"a":'])
    expect((await run(ask)).end).toMatchObject({ reason: 'error', code: 'schema-unmet' })
    expect(asked).toHaveLength(1)
  })

  it('is not asked for where the schema is refused', async () => {
    const { ask, asked } = engine('stage')
    const { end } = await run(ask, { ...request, schema: '{"type":"string","format":"date"}' })
    expect(end).toMatchObject({ code: 'schema-invalid', detail: '#/format is outside what is supported.' })
    expect((await run(ask, { ...request, schema: '{"$ref":"#"}' })).end).toMatchObject({ code: 'schema-invalid' })
    expect(asked).toEqual([])
  })

  it('ends as the engine does where that fails or is stopped', async () => {
    for (const end of [
      { reason: 'abort', code: 'aborted' },
      { reason: 'error', code: 'gpu-error' },
    ] as const) {
      async function* ask(): AsyncGenerator<ChatEvent> {
        yield { kind: 'text', text: '{' }
        yield { kind: 'end', usage: NO_USAGE, ...end }
      }
      expect((await run(ask)).events).toEqual([{ kind: 'end', usage: NO_USAGE, ...end }])
    }
  })
})

it('a request without a schema passes as it is', async () => {
  const { schema: _, ...plain } = request
  const { ask, asked } = engine('webllm', ['no ', 'JSON'])
  expect((await run(ask, plain)).texts).toEqual(['no ', 'JSON'])
  expect(asked).toEqual([plain])
})

it('the form joins the system message', () => {
  const [first] = withForm([{ role: 'user', content: 'a' }], '{}')
  expect(first).toMatchObject({ role: 'system', content: expect.stringContaining('{}') })
  const said = withForm([{ role: 'system', content: 'Be brief.' }], '{}')
  expect(said).toHaveLength(1)
  expect(said[0]?.content).toMatch(/^Be brief\.\n\n.*\{\}$/s)
})

it('fences are taken off whole answers only', () => {
  expect(unfenced('```\n1\n```\n')).toBe('1')
  expect(unfenced(' {"a":"```"} ')).toBe('{"a":"```"}')
})

it('a grammar holds the stage engine in one tab', () => {
  expect(isHeld({ engine: 'stage' })).toBe(true)
  expect(isHeld({ engine: 'stage', stages: [] })).toBe(false)
  expect(isHeld({ engine: 'webllm' })).toBe(false)
})
