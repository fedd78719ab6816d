/** The WebLLM engine's door over a worker whose answers the test writes: text, stops, aborts, losses. */
import { describe, expect, it } from 'vitest'
import { WebLlmChat } from '../../../web/schedule/webllm-chat.ts'
import type { WebLlmAnswer, WebLlmModel } from '../../../web/webllm/worker-api.ts'
import type { ChatEvent, ChatRequest } from '../../../web/wire/chat.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'
import { SCRIPTED_MODEL, scriptedWorker } from '../../support/scripted-webllm.ts'

const NEVER = new AbortController().signal
const GPU = {
  adapter: 'Test GPU',
  software: false,
  features: ['shader-f16'],
  bufferBytesMax: 2 ** 30,
  bindingBytesMax: 2 ** 30,
}
const SOURCE = { kind: 'prebuilt', name: 'Qwen3-0.6B-q4f16_1-MLC' } as const
const DONE: Result<WebLlmAnswer> = ok({ reason: 'stop', prefillTokens: 9, reusedTokens: 3, completionTokens: 4 })

type Script = Parameters<typeof scriptedWorker>[0]

function door(script: Script, loads?: () => Result<WebLlmModel>) {
  const workers: ReturnType<typeof scriptedWorker>[] = []
  const engine = new WebLlmChat({
    makeWorker: () => {
      const made = scriptedWorker(script, loads)
      workers.push(made)
      return made.worker
    },
    baseUrl: 'http://127.0.0.1',
    probe: async () => ok(GPU),
    askPersistence: async () => false,
    now: () => 0,
  })
  return { engine, workers }
}

const request = (more: Partial<ChatRequest> = {}): ChatRequest => ({
  messages: [{ role: 'user', content: 'Hello' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
  maxTokens: 8,
  stop: [],
  ...more,
})

async function answerOf(
  engine: WebLlmChat,
  asked = request(),
  signal = NEVER,
  look: (event: ChatEvent) => void = () => {},
) {
  const events: ChatEvent[] = []
  for await (const event of engine.chat(asked, signal)) {
    events.push(event)
    look(event)
  }
  return { events, end: events.at(-1), text: events.map((event) => (event.kind === 'text' ? event.text : '')).join('') }
}

const say =
  (...pieces: readonly string[]): Script =>
  async (_, speak) => {
    for (const piece of pieces) await speak(piece)
    return DONE
  }

async function loaded(script: Script) {
  const made = door(script)
  expect(await made.engine.load(SOURCE, () => {}, NEVER)).toMatchObject({
    ok: true,
    value: { engine: 'webllm', name: 'Scripted', adapter: 'Test GPU' },
  })
  return made
}

describe('an answer', () => {
  it('is every piece in order, with the counts of the engine', async () => {
    const { engine } = await loaded(say('The ', 'sea ', 'is ', 'wide.'))
    const { text, end } = await answerOf(engine)
    expect(text).toBe('The sea is wide.')
    expect(end).toMatchObject({
      reason: 'stop',
      usage: { promptTokens: 12, reusedTokens: 3, prefillTokens: 9, completionTokens: 4 },
    })
    await engine.unload()
  })

  it('ends before a stop string that comes in pieces, and stops the engine', async () => {
    let wasStopped = false
    const { engine } = await loaded(async (_, speak, stopped) => {
      for (const piece of ['The sea', ' EN', 'D of', ' it']) if (!stopped()) await speak(piece)
      wasStopped = stopped()
      return ok({ reason: 'abort', prefillTokens: 9, reusedTokens: 0, completionTokens: 3 })
    })
    const { text, end } = await answerOf(engine, request({ stop: ['END'] }))
    expect(text).toBe('The sea ')
    expect(end).toMatchObject({ reason: 'stop' })
    expect(wasStopped).toBe(true)
    await engine.unload()
  })

  it('shows what looked like a stop string and was none', async () => {
    const { engine } = await loaded(say('The EN', 'TRY'))
    expect((await answerOf(engine, request({ stop: ['END'] }))).text).toBe('The ENTRY')
    expect((await answerOf(engine, request({ stop: ['ENTRYWAY'] }))).text).toBe('The ENTRY')
    await engine.unload()
  })

  it('shows nothing after an abort, and answers again', async () => {
    const { engine } = await loaded(async (_, speak, stopped) => {
      let made = 0
      while (!stopped() && made < 1_000) {
        made += 1
        await speak('word ')
      }
      return ok({ reason: 'abort', prefillTokens: 9, reusedTokens: 0, completionTokens: made })
    })
    const abort = new AbortController()
    const { end, text } = await answerOf(engine, request(), abort.signal, (event) => {
      if (event.kind === 'text') abort.abort()
    })
    expect(text).toBe('word ')
    expect(end).toMatchObject({ reason: 'abort' })
    const again = new AbortController()
    expect((await answerOf(engine, request(), again.signal, () => again.abort())).end).toMatchObject({
      reason: 'abort',
    })
    await engine.unload()
  })

  it('that goes on says so, and passes on where it stood', async () => {
    const begun: string[] = []
    const { engine } = await loaded(async (asked, speak) => {
      begun.push(asked.begun)
      await speak(' is wide.')
      return DONE
    })
    const resume = { text: 'The sea', tokens: [1, 2], spent: 1, schedule: [] }
    const { events, text } = await answerOf(engine, request({ resume }))
    expect(events[0]).toMatchObject({ kind: 'notice', code: 'resumed-from-text' })
    expect(text).toBe(' is wide.')
    expect(begun).toEqual(['The sea'])
    await engine.unload()
  })

  it('whose reader leaves early stops, so that the next one finds the engine free', async () => {
    let ended = false
    const { engine } = await loaded(async (_, speak, stopped) => {
      while (!stopped()) await speak('word ')
      ended = true
      return DONE
    })
    for await (const event of engine.chat(request(), NEVER)) if (event.kind === 'text') break
    expect(ended).toBe(true)
    await engine.unload()
  })
})

describe('losses', () => {
  it('a worker that dies in an answer ends it, and the engine loads again', async () => {
    const { engine, workers } = await loaded(async (_, speak) => {
      await speak('The ')
      return new Promise(() => {})
    })
    const { text, end } = await answerOf(engine, request(), NEVER, (event) => {
      if (event.kind === 'text') workers.at(-1)?.die()
    })
    expect(text).toBe('The ')
    expect(end).toMatchObject({ reason: 'error', code: 'worker-lost' })
    expect((await answerOf(engine)).end).toMatchObject({ code: 'not-loaded' })
    expect((await engine.load(SOURCE, () => {}, NEVER)).ok).toBe(true)
    expect(workers).toHaveLength(2)
    await engine.unload()
  })

  it('a lost GPU ends its worker, so that the answer can go on at another one', async () => {
    const { engine, workers } = await loaded(async () => fail('device-lost', 'unknown'))
    const { end } = await answerOf(engine)
    expect(end).toMatchObject({ code: 'worker-lost', detail: 'The GPU was lost: unknown' })
    expect(workers[0]?.terminated).toBe(true)
    expect((await answerOf(engine)).end).toMatchObject({ code: 'not-loaded' })
  })

  it('a GPU that is lost while it loads is asked once more, then given up', async () => {
    let loads = 0
    const back = door(say(), () => (++loads === 1 ? fail('device-lost', 'unknown') : ok(SCRIPTED_MODEL)))
    expect((await back.engine.load(SOURCE, () => {}, NEVER)).ok).toBe(true)
    expect(back.workers).toHaveLength(2)
    await back.engine.unload()
    const gone = door(say(), () => fail('device-lost', 'unknown'))
    expect(await gone.engine.load(SOURCE, () => {}, NEVER)).toMatchObject({ code: 'device-degraded' })
    expect(gone.workers.every(({ terminated }) => terminated)).toBe(true)
  })

  it('a refused load leaves no worker behind', async () => {
    const { engine, workers } = door(say(), () => fail('library-mismatch', 'gone'))
    expect(await engine.load(SOURCE, () => {}, NEVER)).toMatchObject({ code: 'library-mismatch' })
    expect(workers.map(({ terminated }) => terminated)).toEqual([true])
  })
})

describe('what a model needs', () => {
  it('is refused without the feature, and tried on the GPU where that can be done', async () => {
    const parts = {
      makeWorker: () => scriptedWorker(say()).worker,
      baseUrl: '',
      askPersistence: async () => false,
      now: () => 0,
    }
    const plain = new WebLlmChat({ ...parts, probe: async () => ok({ ...GPU, features: [] }) })
    expect(await plain.inspect(SOURCE, NEVER)).toMatchObject({ code: 'feature-missing' })
    const small = new WebLlmChat({ ...parts, probe: async () => ok(GPU), room: async (bytes) => ok(bytes / 2) })
    expect(await small.inspect(SOURCE, NEVER)).toMatchObject({ ok: true, value: { fits: false } })
    expect(await small.load(SOURCE, () => {}, NEVER)).toMatchObject({ code: 'gpu-too-small' })
    const none = new WebLlmChat({ ...parts, probe: async () => fail('no-adapter', '') })
    expect(await none.inspect(SOURCE, NEVER)).toMatchObject({ code: 'no-adapter' })
  })

  it('chats are no embeddings', async () => {
    const { engine } = await loaded(say())
    expect(await engine.embed(['a'], NEVER)).toMatchObject({ code: 'embeddings-unsupported' })
    await engine.unload()
  })
})
