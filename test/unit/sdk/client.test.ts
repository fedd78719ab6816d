/** The SDK's client over a real `App` with the fake engine: scope, schema, giving, events, and where it refuses. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { App } from '../../../web/app.ts'
import { APP_SLOT } from '../../../web/sdk/app-slot.ts'
import { clientOf } from '../../../web/sdk/client.ts'
import { lazyWeft } from '../../../web/sdk/lazy-weft.ts'
import { createWeft } from '../../../web/sdk/weft.ts'
import { NO_USAGE } from '../../../web/wire/chat.ts'
import { SCHEMA_TRIES_MAX } from '../../../web/wire/limits/engine.ts'
import { ok } from '../../../web/wire/result.ts'
import { appOverMesh } from '../../support/app-over-mesh.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../../support/fake-catalogue.ts'
import { FakeEngine, fakeModel } from '../../support/fake-engine.ts'
import { runnerOf } from '../../support/fake-runner.ts'

const first = fakeModel(1)
const second = fakeModel(2)
const messages = [{ role: 'user', content: 'Hello' }]
const response_format = {
  type: 'json_schema',
  json_schema: { name: 'answer', schema: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] } },
}

function setUp() {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  engine.knows([first])
  catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [first], defaultId: first.id })
  const app = new App({ runner: runnerOf(engine, catalogue), catalogue })
  return { engine, app }
}

async function loadAndAnswer(engine: FakeEngine, ...pieces: string[]) {
  await engine.until(() => engine.loading)
  engine.finishLoad()
  await engine.until(() => engine.answering)
  engine.answer(...pieces)
}

afterEach(() => {
  vi.unstubAllGlobals()
  delete (globalThis as { [APP_SLOT]?: unknown })[APP_SLOT]
})

describe('createWeft', () => {
  it('finds the app of the page, and refuses elsewhere', async () => {
    vi.stubGlobal('location', { origin: 'https://weft.example', href: 'https://weft.example/page' })
    const codeOf = (options?: Parameters<typeof createWeft>[0]) => {
      try {
        createWeft(options)
        return null
      } catch (error) {
        return (error as { code?: string }).code
      }
    }
    expect(codeOf()).toBe('app-missing')
    const { app } = setUp()
    ;(globalThis as { [APP_SLOT]?: unknown })[APP_SLOT] = app
    expect(codeOf()).toBeNull()
    expect(codeOf({ url: '/', key: 'k' })).toBeNull()
    expect(codeOf({ url: 'https://weft.example:8443' })).toBe('origin-foreign')
    expect(codeOf({ url: 'https://other.example' })).toBe('origin-foreign')
    expect(codeOf({ url: 'https://other.example', key: 'k' })).toBe('partner-unknown')
    const key = 'wk_0123456789abcdefghijkl'
    expect(codeOf({ url: 'https://other.example', key, scope: 'device' })).toBe('request-invalid')
    const { data } = await createWeft().models.list()
    expect(data.map(({ id }) => id)).toEqual([first.id])
  })
})

describe('a client', () => {
  it('sends the schema to the engine and says how it was held', async () => {
    const { engine, app } = setUp()
    const answer = clientOf(app).chat.completions.create({ messages, response_format })
    await loadAndAnswer(engine, '{"a":', '1}')
    expect(await answer).toMatchObject({
      choices: [{ message: { content: '{"a":1}' } }],
      weft: { engine: 'stage', schema: { grammar: true, tries: 1 } },
    })
    expect(engine.requests[0]?.schema).toBe(JSON.stringify(response_format.json_schema.schema))
    expect(engine.requests[0]?.messages[0]?.role).toBe('system')
  })

  it('refuses a form that it cannot hold to, with the path', async () => {
    const { app } = setUp()
    const weft = clientOf(app)
    const ask = (schema: object) =>
      weft.chat.completions.create({ messages, response_format: { type: 'json_schema', json_schema: { schema } } })
    await expect(ask({ type: 'string', minLength: 3 })).rejects.toMatchObject({
      code: 'schema-invalid',
      error: { type: 'invalid_request_error', message: expect.stringContaining('#/minLength') },
    })
    for (const format of [{ type: 'json_object' }, { type: 'json_schema' }, 'text'])
      await expect(weft.chat.completions.create({ messages, response_format: format })).rejects.toMatchObject({
        code: 'request-invalid',
      })
    await app.close()
  })

  it('asks others only within its scope, once the person has agreed, and for the picked model', async () => {
    const { mesh, app } = await appOverMesh(first, { fits: false, others: [second] })
    mesh.chat = async function* () {
      yield { kind: 'text', text: '{"b":1}' }
      yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
    }
    const weft = clientOf(app, { scope: 'anyone' })
    await expect(weft.chat.completions.create({ messages })).rejects.toMatchObject({ code: 'consent-missing' })
    expect(mesh.joins).toBe(0)
    app.mesh.set({ consent: true })
    const answer = await weft.chat.completions.create({ messages })
    expect(answer.choices[0].message.content).toBe('{"b":1}')
    expect(mesh.requests).toHaveLength(1)
    // Layers on several tabs are held by no grammar: the answer is looked at.
    const held = weft.chat.completions.create({ messages, response_format })
    await expect(held).rejects.toMatchObject({ code: 'schema-unmet' })
    expect(mesh.requests).toHaveLength(1 + SCHEMA_TRIES_MAX)
    await expect(weft.chat.completions.create({ messages, model: second.id })).rejects.toMatchObject({
      code: 'request-invalid',
    })
    await app.close()
  })

  it('gives this device as the page does, and tells of it', async () => {
    const { app } = await appOverMesh(first, { fits: true })
    const weft = clientOf(app)
    const states: string[] = []
    const views = new Set<unknown>()
    const stop = weft.on('contribute', (view) => {
      states.push(view.state)
      views.add(view)
    })
    expect(states).toEqual(['off'])
    await expect(weft.contribute.start()).rejects.toMatchObject({ code: 'consent-missing' })
    await expect(weft.contribute.start('nothing')).rejects.toMatchObject({ code: 'model-unknown' })
    app.mesh.set({ consent: true })
    const started = weft.contribute.start(first.name)
    await vi.waitFor(() => expect(states.length).toBeGreaterThan(1))
    await weft.contribute.stop()
    await started.catch(() => null)
    expect(weft.contribute.state.state).toBe('off')
    expect(states.at(-1)).toBe('off')
    expect(views.size, 'nothing is told twice').toBe(states.length)
    stop()
    await app.close()
  })
})

describe('`window.weft` before its code is here', () => {
  it('is the same for `await`, for `for await`, and for what is refused', async () => {
    const { engine, app } = setUp()
    let loads = 0
    const lazy = lazyWeft(async () => {
      loads += 1
      return clientOf(app)
    })
    expect(loads).toBe(0)
    const stream = lazy.chat.completions.create({ messages, stream: true })
    const texts: string[] = []
    const reading = (async () => {
      for await (const chunk of stream) texts.push(chunk.choices[0]?.delta.content ?? '')
    })()
    await loadAndAnswer(engine, 'Hel', 'lo')
    await reading
    expect(texts.join('')).toBe('Hello')
    await expect(lazy.chat.completions.create({ messages: [] })).rejects.toMatchObject({ code: 'request-invalid' })
    const bad = lazy.completions.create({ prompt: '', stream: true })
    await expect(
      (async () => {
        for await (const _ of bad) break
      })(),
    ).rejects.toMatchObject({ code: 'request-invalid' })
    expect((await lazy.models.list()).data).toHaveLength(1)
  })
})
