/** A tab's side of `fetch('/v1/...')`: what goes back on the port, no faster than it is asked for, and what a stop stops. */
import { afterEach, describe, expect, it } from 'vitest'
import { App } from '../../web/app.ts'
import { serveCall } from '../../web/openai-port.ts'
import type { SdkApp } from '../../web/sdk/client.ts'
import { OPENAI_CHUNKS_AHEAD } from '../../web/wire/limits/sdk.ts'
import {
  CALL_LOCK,
  isOpenAiWho,
  type OpenAiAsk,
  type OpenAiSay,
  openAiPathOf,
  parseOpenAiAsk,
  parseOpenAiSay,
} from '../../web/wire/openai-call.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../support/fake-catalogue.ts'
import { FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { runnerOf } from '../support/fake-runner.ts'
import { MemoryLocks } from '../support/memory-locks.ts'

const model = fakeModel(1)
const WORKER_LOCK = `${CALL_LOCK}${crypto.randomUUID()}`
const CHAT = { messages: [{ role: 'user', content: 'Hello' }] }

/** The service worker's end of the port: keeps what it hears. */
class Caller {
  readonly engine = new FakeEngine()
  readonly heard: OpenAiSay[] = []
  readonly locks = new MemoryLocks()
  /** Ends the service worker. */
  gone = () => {}
  readonly #port: MessagePort
  #wake = () => {}

  constructor() {
    const catalogue = new FakeCatalogue()
    this.engine.knows([model])
    catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [model], defaultId: model.id })
    const lives = new Promise<void>((resolve) => {
      this.gone = resolve
    })
    void this.locks.of('worker').request(WORKER_LOCK, () => lives)
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    port1.onmessage = ({ data }) => {
      const said = parseOpenAiSay(data)
      if (said) this.heard.push(said)
      this.#wake()
    }
    const app = new App({ runner: runnerOf(this.engine, catalogue), catalogue })
    serveCall(app as SdkApp, port2, this.locks.of('tab') as Pick<LockManager, 'request'>)
  }

  say(ask: OpenAiAsk | object): void {
    this.#port.postMessage(ask)
  }

  async call(body: object | string, path = 'chat/completions'): Promise<void> {
    await this.until(() => this.heard.some(({ kind }) => kind === 'here'))
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    this.say({ kind: 'call', lock: WORKER_LOCK, path, body: text, scope: 'device' })
  }

  async until(done: () => boolean): Promise<void> {
    while (!done())
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }

  ended(): Promise<void> {
    return this.until(() => this.heard.some(({ kind }) => kind === 'end' || kind === 'broken'))
  }

  get text(): string {
    return this.heard.map((said) => (said.kind === 'chunk' ? said.text : '')).join('')
  }

  get status(): number | undefined {
    const head = this.heard.find((said) => said.kind === 'head')
    return head?.kind === 'head' ? head.status : undefined
  }

  close(): void {
    this.#port.close()
  }
}

const callers: Caller[] = []
function caller(): Caller {
  const made = new Caller()
  callers.push(made)
  return made
}
afterEach(() => {
  for (const one of callers.splice(0)) one.close()
})

async function load(engine: FakeEngine): Promise<void> {
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
}

describe('a call', () => {
  it('is answered whole, with a head before its text', async () => {
    const one = caller()
    await one.call(CHAT)
    one.say({ kind: 'pull', count: OPENAI_CHUNKS_AHEAD })
    await load(one.engine)
    one.engine.answer('Hel', 'lo.')
    await one.ended()
    expect(one.heard.map(({ kind }) => kind)).toEqual(['here', 'head', 'chunk', 'end'])
    expect(one.status).toBe(200)
    expect(JSON.parse(one.text)).toMatchObject({ choices: [{ message: { content: 'Hello.' } }] })
  })

  it('streams no faster than it is read', async () => {
    const one = caller()
    await one.call({ ...CHAT, stream: true })
    await load(one.engine)
    one.engine.answer('a', 'b', 'c')
    await one.until(() => one.status !== undefined)
    one.say({ kind: 'pull', count: 2 })
    await one.until(() => one.heard.length === 4)
    // Whatever else it would say comes before what it says to this.
    one.say({ kind: 'pull', count: 1 })
    await one.until(() => one.heard.length === 5)
    expect(one.text.match(/^data: /gm)).toHaveLength(3)
    one.say({ kind: 'pull', count: OPENAI_CHUNKS_AHEAD })
    await one.ended()
    expect(one.text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it.each([
    ['no JSON', 'chat/completions', 400, { code: 'request-invalid', param: null }],
    [JSON.stringify({ ...CHAT, tools: [] }), 'chat/completions', 400, { code: 'request-invalid', param: 'tools' }],
    [JSON.stringify({ ...CHAT, model: 'gpt-9' }), 'chat/completions', 404, { code: 'model-unknown' }],
    [JSON.stringify({ prompt: 'a', n: 2, stream: true }), 'completions', 400, { param: 'n' }],
  ])('is refused in OpenAI’s shape: %s', async (body, path, status, error) => {
    const one = caller()
    await one.call(body, path)
    one.say({ kind: 'pull', count: 1 })
    await one.ended()
    expect(one.status).toBe(status)
    expect(JSON.parse(one.text)).toMatchObject({ error })
  })

  it('that fails after it began ends as an error, not as an answer', async () => {
    for (const stream of [true, false]) {
      const one = caller()
      await one.call({ ...CHAT, stream })
      one.say({ kind: 'pull', count: OPENAI_CHUNKS_AHEAD })
      await load(one.engine)
      one.engine.emit({ kind: 'text', text: 'a' })
      await one.until(() => one.status !== undefined)
      const failure = fail('gpu-memory', '')
      one.engine.emit({
        kind: 'end',
        reason: 'error',
        code: failure.code,
        detail: '',
        usage: {
          promptTokens: 0,
          prefillTokens: 0,
          reusedTokens: 0,
          completionTokens: 0,
          firstTokenMs: null,
          tokensPerSecond: null,
        },
      })
      await one.ended()
      if (stream) expect(one.text).toMatch(/data: \{"error":\{.*"code":"gpu-memory"/)
      expect(one.heard.at(-1)?.kind).toBe(stream ? 'end' : 'broken')
    }
  })
})

describe('the engine stops', () => {
  it('when nobody waits any more, before and after the answer began', async () => {
    for (const stream of [true, false]) {
      const one = caller()
      await one.call({ ...CHAT, stream })
      await load(one.engine)
      one.say({ kind: 'stop' })
      await one.engine.until(() => !one.engine.answering)
      expect(one.status).toBeUndefined()
    }
  })

  it('when the service worker is gone', async () => {
    const one = caller()
    await one.call({ ...CHAT, stream: true })
    await load(one.engine)
    one.gone()
    await one.engine.until(() => !one.engine.answering)
  })
})

it('takes no word that is none', () => {
  for (const word of [null, 1, {}, { kind: 'call', path: 'chat/completions', body: '{}', scope: 'device', lock: 'x' }])
    expect(parseOpenAiAsk(word)).toBeNull()
  expect(parseOpenAiAsk({ kind: 'pull', count: OPENAI_CHUNKS_AHEAD + 1 })).toBeNull()
  expect(parseOpenAiAsk({ kind: 'call', path: 'toString', body: '', scope: 'device', lock: WORKER_LOCK })).toBeNull()
  for (const word of [{ kind: 'here', lock: 'other' }, { kind: 'head', status: 99, stream: true }, { kind: 'chunk' }])
    expect(parseOpenAiSay(word)).toBeNull()
  expect([openAiPathOf('/v1/models'), openAiPathOf('/v1/constructor'), openAiPathOf('/v1')]).toEqual([
    'models',
    null,
    null,
  ])
  expect([isOpenAiWho({ kind: 'openai-who' }), isOpenAiWho(null)]).toEqual([true, false])
})
