/**
 * The SDK on a page of another origin, over a fake element: its ports go to the frame's own code, and that to a real `App` with the
 * fake engine. Who may ask, what comes back, and what ends it.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { App } from '../../../web/app.ts'
import { foreignClient, type WidgetElement } from '../../../web/sdk/foreign.ts'
import { PageCalls } from '../../../web/widget/page-calls.ts'
import { type AskedRoom, answerPageCall } from '../../../web/widget-calls.ts'
import { NO_USAGE } from '../../../web/wire/chat.ts'
import { hereSay } from '../../../web/wire/embed-calls.ts'
import { EMBED_HERE_MS_MAX, EMBED_UNSEEN_MS_MAX } from '../../../web/wire/limits/partners.ts'
import { OPENAI_CALLS_MAX } from '../../../web/wire/limits/sdk.ts'
import { type Failure, fail, ok, type Result } from '../../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../../support/fake-catalogue.ts'
import { FakeEngine, fakeModel } from '../../support/fake-engine.ts'
import { runnerOf } from '../../support/fake-runner.ts'

const first = fakeModel(1)
const second = fakeModel(2)
const messages = [{ role: 'user', content: 'Hello' }]

/** A page's element and the frame behind it, whose visitor has agreed to everything unless a test says otherwise. */
class Site extends EventTarget implements WidgetElement {
  readonly engine = new FakeEngine()
  readonly asks: boolean[] = []
  readonly calls: PageCalls
  refused: string | null = null
  opens: Result<null> = ok(null)
  /** Where the frame is not there at all. */
  deaf = false
  ports: MessagePort[] = []
  standing = {
    allowed: true as boolean | null,
    room: null as Site | null,
    shown: true,
    failure: null as Failure | null,
  }
  see: (seen: boolean) => void = () => {}
  seen = true
  room: AskedRoom
  #ends = new Set<AbortController>()

  constructor() {
    super()
    const catalogue = new FakeCatalogue()
    this.engine.knows([first])
    catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [first, second], defaultId: first.id })
    const app = new App({ runner: runnerOf(this.engine, catalogue), catalogue })
    const ready = app.start().then(() => {})
    this.room = { app, ready, othersAllowed: false, deviceAllowed: true, deviceAnswers: true, missing: null }
    this.calls = new PageCalls({
      watchSeen: (onChange) => {
        this.see = onChange
        onChange(this.seen)
        return () => {}
      },
      onAsks: (asks) => this.asks.push(asks),
    })
    this.stand({ room: this })
  }

  stand(more: Partial<Site['standing']>): void {
    this.standing = { ...this.standing, ...more }
    this.calls.stand(this.standing)
  }

  call(port: MessagePort): Result<null> {
    this.ports.push(port)
    if (this.opens.ok && !this.deaf) this.calls.add(port)
    return this.opens
  }

  async serve(port: MessagePort): Promise<void> {
    const end = new AbortController()
    this.#ends.add(end)
    await answerPageCall(this.room, port, end.signal)
    this.#ends.delete(end)
  }

  endCalls(failure: Failure): void {
    for (const end of this.#ends) end.abort(failure)
  }

  get client() {
    return foreignClient(Promise.resolve(this))
  }

  tell(name: string, detail: object | null = null): void {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }

  close(): void {
    for (const port of this.ports) port.close()
  }
}

const sites: Site[] = []
function site(): Site {
  const made = new Site()
  sites.push(made)
  return made
}
afterEach(() => {
  vi.useRealTimers()
  for (const one of sites.splice(0)) one.close()
})

async function answers(engine: FakeEngine, ...pieces: string[]): Promise<void> {
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
  engine.answer(...pieces)
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: { readonly code?: string }) => error.code,
  )

describe('where the visitor has agreed', () => {
  it('answers whole and as a stream, with a helper, and tells nothing of the device', async () => {
    const one = site()
    const whole = one.client.chat.completions.create({ messages })
    await answers(one.engine, 'Hel', 'lo.')
    expect(await whole).toMatchObject({
      choices: [{ message: { content: 'Hello.' } }],
      weft: { engine: 'stage', adapter: '' },
    })
    const streamed = async () => {
      let text = ''
      for await (const { choices } of one.client.chat.completions.create({ messages, stream: true }))
        text += choices[0]?.delta.content ?? ''
      return text
    }
    const pieces = Array.from({ length: 40 }, (_, index) => `${index},`)
    const text = streamed()
    await one.engine.until(() => one.engine.answering)
    one.engine.answer(...pieces)
    expect(await text).toBe(pieces.join(''))
    const polite = one.client.helpers.rewrite('Go away.', { way: 'formal' })
    await one.engine.until(() => one.engine.answering)
    one.engine.answer('Please leave.')
    expect(await polite).toBe('Please leave.')
    const { data } = await one.client.models.list()
    expect(data.map(({ id, weft }) => [id, weft.kept, weft.fit])).toEqual([
      [first.id, false, { state: 'checking' }],
      [second.id, false, { state: 'checking' }],
    ])
    expect(one.asks).toEqual([])
  })

  it('throws what the frame refuses, with the same code and field', async () => {
    const { chat, completions, contribute } = site().client
    const error = await chat.completions.create({ messages, tools: [] }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: 'WeftError', code: 'request-invalid', error: { param: 'tools' } })
    expect(await codeOf(chat.completions.create({ messages, model: 'gpt-9' }))).toBe('model-unknown')
    expect(await codeOf(chat.completions.create({ messages, model: second.id }))).toBe('request-invalid')
    expect(await codeOf(completions.create({ prompt: 'a', seed: 1n }))).toBe('request-invalid')
    expect(await codeOf(contribute.start())).toBe('partner-scope')
    expect(contribute.state).toEqual({ state: 'off', refusal: null })
  })

  it('fails with the code of what ended it, also after it began', async () => {
    for (const stream of [true, false]) {
      const one = site()
      const read = async () => {
        if (!stream) return one.client.chat.completions.create({ messages })
        for await (const _ of one.client.chat.completions.create({ messages, stream: true })) one.tell('chunk')
        return null
      }
      const code = codeOf(read())
      await one.engine.until(() => one.engine.loading)
      one.engine.finishLoad()
      await one.engine.until(() => one.engine.answering)
      for (let piece = 0; piece < 100; piece += 1) one.engine.emit({ kind: 'text', text: 'a' })
      one.stand({ failure: fail('partner-revoked', '') })
      expect(await code).toBe('partner-revoked')
    }
  })

  it('stops the engine when a stream is left, and when it is aborted', async () => {
    const one = site()
    const left = new AbortController()
    const whole = codeOf(one.client.chat.completions.create({ messages }, { signal: left.signal }))
    await one.engine.until(() => one.engine.loading)
    one.engine.finishLoad()
    await one.engine.until(() => one.engine.answering)
    left.abort()
    expect(await whole).toBe('aborted')
    await one.engine.until(() => !one.engine.answering)
    const stream = one.client.chat.completions.create({ messages, stream: true })[Symbol.asyncIterator]()
    const begun = stream.next()
    await one.engine.until(() => one.engine.answering)
    one.engine.emit({ kind: 'text', text: 'a' })
    expect((await begun).done).toBe(false)
    await stream.return?.()
    await one.engine.until(() => !one.engine.answering)
  })

  it('downloads nothing that the visitor was not asked about', async () => {
    const one = site()
    await one.room.ready
    const [entry = null] = one.room.app.view.entries
    one.room = { ...one.room, missing: entry }
    expect(await codeOf(one.client.chat.completions.create({ messages }))).toBe('not-loaded')
    one.room = { ...one.room, missing: null, deviceAnswers: false }
    expect(await codeOf(one.client.embeddings.create({ input: 'a' }))).toBe('device-spared')
    one.room = { ...one.room, deviceAllowed: false }
    expect(await codeOf(one.client.embeddings.create({ input: 'a' }))).toBe('partner-scope')
    one.room = { ...one.room, deviceAllowed: true, deviceAnswers: true }
    expect(await codeOf(one.client.embeddings.create({ input: 'a', model: second.id }))).toBe('not-loaded')
    expect(one.engine.loading).toBe(false)
  })
})

describe('the visitor', () => {
  it('is asked by the first call, which waits for the answer', async () => {
    const one = site()
    one.stand({ allowed: null })
    const list = one.client.models.list()
    await vi.waitFor(() => expect(one.asks).toEqual([true]))
    one.stand({ allowed: true })
    expect((await list).data).toHaveLength(2)
    expect(one.asks).toEqual([true, false])
  })

  it('says no, closes the panel, or has not acted yet: `consent-missing`', async () => {
    const one = site()
    one.stand({ allowed: null })
    const asked = codeOf(one.client.models.list())
    await vi.waitFor(() => expect(one.asks).toEqual([true]))
    one.stand({ allowed: false })
    expect(await asked).toBe('consent-missing')
    expect(await codeOf(one.client.models.list())).toBe('consent-missing')
    one.stand({ allowed: null })
    const closed = codeOf(one.client.models.list())
    await vi.waitFor(() => expect(one.asks).toEqual([true, false, true]))
    one.stand({ shown: false })
    expect(await closed).toBe('consent-missing')
    one.opens = fail('embed-no-visitor', '')
    expect(await codeOf(one.client.models.list())).toBe('consent-missing')
  })

  it('takes it back, or the key is revoked, while an answer runs', async () => {
    for (const [standing, code] of [
      [{ allowed: null }, 'consent-missing'],
      [{ failure: fail('partner-revoked', '') }, 'partner-revoked'],
      [{ room: null }, 'consent-missing'],
    ] as const) {
      const one = site()
      const answer = codeOf(one.client.chat.completions.create({ messages }))
      await one.engine.until(() => one.engine.loading)
      one.engine.finishLoad()
      await one.engine.until(() => one.engine.answering)
      one.stand(standing)
      expect(await answer).toBe(code)
      await one.engine.until(() => !one.engine.answering)
    }
  })

  it('does not see the line: calls wait a while, then end', async () => {
    const one = site()
    one.seen = false
    const waits = one.client.models.list()
    await vi.waitFor(() => expect(one.ports).toHaveLength(1))
    one.see(true)
    expect((await waits).data).toHaveLength(2)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const unseen = codeOf(one.client.models.list())
    await vi.waitFor(() => expect(one.ports).toHaveLength(2))
    await vi.advanceTimersByTimeAsync(EMBED_UNSEEN_MS_MAX)
    expect(await unseen).toBe('embed-unseen')
  })
})

describe('a frame', () => {
  it('that refuses the key, is loaded anew, or does not come', async () => {
    const one = site()
    one.deaf = true
    const revoked = codeOf(one.client.models.list())
    await vi.waitFor(() => expect(one.ports).toHaveLength(1))
    one.refused = 'partner-revoked'
    one.tell('weft-state', { consent: 'none', work: 'idle', refused: 'partner-revoked' })
    expect(await revoked).toBe('partner-revoked')
    expect(await codeOf(one.client.models.list())).toBe('partner-revoked')
    one.refused = 'partner-budget'
    const again = codeOf(one.client.models.list())
    await vi.waitFor(() => expect(one.ports).toHaveLength(2))
    one.ports[1]?.postMessage(hereSay(crypto.randomUUID()))
    await vi.waitFor(async () => {
      one.tell('weft-ready')
      expect(await Promise.race([again, null])).toBe('app-closed')
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const silent = codeOf(one.client.models.list())
    await vi.waitFor(() => expect(one.ports).toHaveLength(3))
    await vi.advanceTimersByTimeAsync(EMBED_HERE_MS_MAX)
    expect(await silent).toBe('app-silent')
  })

  it('that says what is no answer is not believed', async () => {
    const one = site()
    one.deaf = true
    const said: readonly (readonly object[])[] = [
      [{ kind: 'chunk', text: '{}' }],
      [{ kind: 'head', status: 200, stream: false }, { kind: 'chunk', text: '{"object":"list"}' }, { kind: 'end' }],
      [{ kind: 'head', status: 200, stream: false }, { kind: 'chunk', text: 'no JSON' }, { kind: 'end' }],
      Array.from({ length: 100 }, () => ({ kind: 'head', status: 200, stream: false })),
    ]
    for (const [index, words] of said.entries()) {
      const code = codeOf(one.client.models.list())
      await vi.waitFor(() => expect(one.ports).toHaveLength(index + 1))
      for (const word of [hereSay(crypto.randomUUID()), ...words]) one.ports[index]?.postMessage(word)
      expect(await code).toBe('event-invalid')
    }
  })
})

it('a page that hands over more ports than calls are allowed is refused on the rest', async () => {
  const one = site()
  one.stand({ allowed: null })
  const refused: unknown[] = []
  for (let index = 0; index < OPENAI_CALLS_MAX * 3; index += 1) {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = ({ data }) => data.kind === 'chunk' && refused.push(JSON.parse(data.text).error.code)
    one.call(port2)
    one.ports.push(port1)
  }
  await vi.waitFor(() => expect(refused).toHaveLength(OPENAI_CALLS_MAX * 2))
  expect(new Set(refused)).toEqual(new Set(['queue-full']))
})

it('tells nobody what of a prompt was there from the chat', async () => {
  const one = site()
  await one.room.ready
  const { app } = one.room
  const usage = { ...NO_USAGE, promptTokens: 9, reusedTokens: 5, prefillTokens: 4, completionTokens: 1 }
  async function* ask() {
    yield { kind: 'text', text: 'Yes.', tokens: [1] } as const
    yield { kind: 'end', reason: 'stop', usage } as const
  }
  one.room = { ...one.room, app: { view: app.view, embed: app.embed, ways: { ask } as never } }
  const answer = await one.client.chat.completions.create({ messages })
  expect(answer.usage).toMatchObject({ prompt_tokens: 9, prompt_tokens_details: { cached_tokens: 0 } })
  expect(answer.weft).toMatchObject({ reusedTokens: 0, prefillTokens: 9 })
})
