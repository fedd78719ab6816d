/**
 * `fetch('/v1/...')` of a page of Weft's origin, by the stock `openai` client: a real service worker, a real tab that answers,
 * a tiny model. Streams and whole answers, usage, stop, refusals as the client's own errors, and both sides leaving early.
 */
import type { Page } from 'playwright'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { OPENAI_BODY_BYTES_MAX, OPENAI_CALLS_MAX } from '../../web/wire/limits/sdk.ts'
import { CALL_LOCK } from '../../web/wire/openai-call.ts'
import { tinyBert } from '../fixtures/tiny-bert.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { useBrowser } from '../support/app-hooks.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { keptByBrowser } from '../support/app-versions.ts'
import { type AppWithPages, appWithPages } from '../support/app-with-pages.ts'
import type {} from '../support/openai-client-page.ts'

const browser = useBrowser()
let pages: AppWithPages
let server: AppServer
let bert = ''
let weft: Page
let page: Page

beforeAll(async () => {
  pages = await appWithPages()
  const tiny = tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 2_048 })
  server = await serveModels({ tiny, bert: tinyBert(3) }, pages.appDir)
  const [chat = '', vectors = ''] = server.ids
  ASK.model = chat
  LONG.model = chat
  bert = vectors
})
afterAll(async () => {
  await server?.close()
  await pages?.remove()
})
beforeEach(async () => {
  weft = await browser.open(`${server.url}/?engine=stage`)
  await keptByBrowser(weft)
  page = await openClient()
})

async function openClient(): Promise<Page> {
  const opened = await browser.open(`${server.url}/client/index.html`)
  opened.setDefaultTimeout(60_000)
  await opened.waitForFunction(() => navigator.serviceWorker.controller && globalThis.openai)
  return opened
}

const ASK = { model: '', messages: [{ role: 'user' as const, content: 'Tell me about warp.' }], temperature: 0 }
const LONG = { ...ASK, temperature: 0.8, seed: 11, max_tokens: 1_500 }

/** What the client throws, by its own classes; null where it throws nothing. */
interface Thrown {
  readonly name: string
  readonly status: number | undefined
  readonly code: string | null | undefined
  readonly param: string | null | undefined
  readonly message: string
}

function refusalOf(body: object): Promise<Thrown | null> {
  return page.evaluate(async (given) => {
    try {
      await globalThis.openai.chat.completions.create(given as never)
      return null
    } catch (error) {
      const { status, code, param, message } = error as InstanceType<typeof globalThis.OpenAi.APIError>
      return { name: (error as Error).constructor.name, status, code, param, message }
    }
  }, body)
}

/** Of calls that are open in tabs of this origin. */
const heldCalls = () =>
  page.evaluate(async (prefix) => {
    const { held = [], pending = [] } = await navigator.locks.query()
    // One is the service worker's own, for as long as it lives.
    return [...held, ...pending].filter(({ name }) => name?.startsWith(prefix)).length
  }, CALL_LOCK)

describe('the stock client', () => {
  it('gets the same answer whole and as a stream, with the usage, and lists models', async () => {
    const seen = await page.evaluate(async (ask) => {
      const whole = await globalThis.openai.chat.completions.create({ ...ask, max_tokens: 12 })
      const pieces: string[] = []
      let usage: unknown = null
      let finish: string | null = null
      const stream = await globalThis.openai.chat.completions.create({
        ...ask,
        max_tokens: 12,
        stream: true,
        stream_options: { include_usage: true },
      })
      for await (const chunk of stream) {
        const text = chunk.choices[0]?.delta.content ?? ''
        if (text !== '') pieces.push(text)
        finish = chunk.choices[0]?.finish_reason ?? finish
        usage = chunk.usage ?? usage
      }
      const models = []
      for await (const { id } of globalThis.openai.models.list()) models.push(id)
      const more = await globalThis.openai.completions.create({ model: ask.model, prompt: 'Once', max_tokens: 4 })
      return { whole, pieces, usage, finish, models, more }
    }, ASK)
    const { whole, pieces } = seen
    expect(whole).toMatchObject({ object: 'chat.completion', weft: { engine: 'stage' } })
    expect(whole.choices[0]?.message.content).toMatch(/./)
    expect(pieces.length).toBeGreaterThan(3)
    expect(pieces.join('')).toBe(whole.choices[0]?.message.content)
    expect(seen.finish).toBe(whole.choices[0]?.finish_reason)
    expect(seen.usage).toMatchObject({ prompt_tokens: whole.usage?.prompt_tokens, completion_tokens: 12 })
    expect(seen.models).toEqual(expect.arrayContaining([...server.ids]))
    expect(seen.more).toMatchObject({ object: 'text_completion', usage: { completion_tokens: 4 } })
  })

  it('ends at a stop string', async () => {
    const [text, stopped] = await page.evaluate(async (ask) => {
      const say = async (more: object) => {
        const { choices } = await globalThis.openai.chat.completions.create({ ...ask, ...more, max_tokens: 24 })
        return choices[0]
      }
      const whole = await say({})
      const stop = whole?.message.content?.slice(6, 9) ?? ''
      return [whole?.message.content ?? '', await say({ stop })] as const
    }, ASK)
    expect(stopped).toMatchObject({ finish_reason: 'stop' })
    expect(stopped?.message.content).toBe(text.slice(0, text.indexOf(text.slice(6, 9))))
  })

  it('gets vectors, which it asks for as base64', async () => {
    // The engine that makes them.
    await weft.goto(`${server.url}/?engine=cpu`)
    const vectors = await page.evaluate(async (model) => {
      const { data } = await globalThis.openai.embeddings.create({ model, input: ['the sea', 'dry land'] })
      const float = await globalThis.openai.embeddings.create({
        model,
        input: 'the sea',
        encoding_format: 'float',
      })
      return [...data, ...float.data].map(({ embedding }) => [...embedding])
    }, bert)
    expect(vectors.map((vector) => vector.length)).toEqual([32, 32, 32])
    expect(vectors[0]).not.toEqual(vectors[1])
    for (const [at, value] of (vectors[2] ?? []).entries()) expect(vectors[0]?.[at]).toBeCloseTo(value, 5)
    expect(await refusalOf({ ...ASK, model: bert })).toMatchObject({ status: 400, code: 'chat-unsupported' })
  })

  it('throws its own errors, with the code and the field', async () => {
    const tools = [{ type: 'function', function: { name: 'weather', parameters: {} } }]
    expect(await refusalOf({ ...ASK, tools })).toMatchObject({
      name: 'BadRequestError',
      status: 400,
      code: 'request-invalid',
      param: 'tools',
      message: expect.stringContaining('`tools` is not supported'),
    })
    expect(await refusalOf({ ...ASK, functions: [{ name: 'weather' }], stream: true })).toMatchObject({
      status: 400,
      param: 'functions',
    })
    expect(await refusalOf({ ...ASK, model: 'gpt-9' })).toMatchObject({ name: 'NotFoundError', code: 'model-unknown' })
    const raw = await page.evaluate(async (bytes) => {
      const say = async (path: string, init: RequestInit) => {
        const answer = await fetch(path, init)
        return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code]
      }
      const post = (body: string, headers = {}) => ({ method: 'POST', body, headers })
      return [
        await say('/v1/chat/completions', post('no JSON')),
        await say('/v1/chat/completions', post('x'.repeat(bytes + 1))),
        await say('/v1/chat/completions', post('{}', { 'weft-scope': 'everybody' })),
        await say('/v1/chat/completions', { method: 'GET' }),
        await say('/v1/images', post('{}')),
      ]
    }, OPENAI_BODY_BYTES_MAX)
    expect(raw.map(([status]) => status)).toEqual([400, 413, 400, 405, 404])
    expect(new Set(raw.map(([, code]) => code))).toEqual(new Set(['request-invalid']))
  })
})

describe('an answer in the middle of which', () => {
  it('the client leaves ends in the tab, and the next is answered', async () => {
    const pieces = await page.evaluate(async (ask) => {
      const stream = await globalThis.openai.chat.completions.create({ ...ask, stream: true })
      let count = 0
      for await (const _ of stream) if (++count === 5) break
      return count
    }, LONG)
    expect(pieces).toBe(5)
    await expect.poll(heldCalls).toBe(1)
    const aborted = await page.evaluate(async (ask) => {
      const abort = new AbortController()
      const whole = globalThis.openai.chat.completions.create(ask, { signal: abort.signal })
      const thrown = whole.catch((error: Error) => error.constructor.name)
      while (!(await navigator.locks.query()).pending?.some(({ name }) => name?.startsWith('weft-openai:')))
        await new Promise((resolve) => setTimeout(resolve, 20))
      abort.abort()
      return thrown
    }, LONG)
    expect(aborted).toBe('APIUserAbortError')
    await expect.poll(heldCalls).toBe(1)
    expect(await refusalOf({ ...ASK, max_tokens: 4 })).toBeNull()
  })

  it('the tab is closed ends in an error; without a tab there is a refusal, and with a new one an answer', async () => {
    const ended = page.evaluate(async (ask) => {
      const stream = await globalThis.openai.chat.completions.create({ ...ask, stream: true })
      try {
        for await (const _ of stream) document.title = 'streaming'
        return null
      } catch (error) {
        return (error as InstanceType<typeof globalThis.OpenAi.APIError>).code
      }
    }, LONG)
    await Promise.race([ended, page.waitForFunction(() => document.title === 'streaming')])
    await weft.close()
    expect(await ended).toBe('app-closed')
    expect(await refusalOf(ASK)).toMatchObject({ name: 'InternalServerError', status: 503, code: 'app-missing' })
    weft = await browser.open(`${server.url}/?engine=stage`)
    expect(await refusalOf({ ...ASK, max_tokens: 4 })).toBeNull()
  })
})

it('takes so many calls at once and no more', async () => {
  const statuses = await page.evaluate(
    async ([ask, most]) => {
      const abort = new AbortController()
      const call = () =>
        fetch('/v1/chat/completions', { method: 'POST', body: JSON.stringify(ask), signal: abort.signal })
      const open = Array.from({ length: most }, () => call().catch(() => null))
      const refused = await call()
      const { error } = (await refused.json()) as { error: { code: string } }
      abort.abort()
      await Promise.all(open)
      return error.code
    },
    [{ ...LONG }, OPENAI_CALLS_MAX] as const,
  )
  expect(statuses).toBe('queue-full')
  await vi.waitFor(async () => expect(await heldCalls()).toBe(1), { timeout: 60_000, interval: 200 })
})

describe('who is not a page of this origin in a tab of its own', () => {
  it('is refused: a page inside another, and the server for what has no service worker', async () => {
    const framed = await page.evaluate(async () => {
      const frame = document.createElement('iframe')
      frame.src = location.href
      const loaded = new Promise((resolve) => frame.addEventListener('load', resolve))
      document.body.append(frame)
      await loaded
      const answer = await frame.contentWindow?.fetch('/v1/models')
      return [answer?.status, await answer?.text()]
    })
    expect(framed).toEqual([403, expect.stringContaining('origin-foreign')])
    // A worker does not tell who made it: it is the page's policy that lets nobody's code be one.
    const worked = await page.evaluate(async () => {
      const inner = document.querySelector('iframe')?.contentWindow as (Window & typeof globalThis) | null | undefined
      const code = `fetch('${location.origin}/v1/models').then((answer) => postMessage(answer.status))`
      const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
      if (!inner) return null
      return new Promise((resolve) => {
        try {
          const worker = new inner.Worker(address)
          worker.addEventListener('message', ({ data }) => resolve(data))
          worker.addEventListener('error', () => resolve('refused'))
        } catch {
          resolve('refused')
        }
      })
    })
    expect(worked).toBe('refused')
    const from = async (path: string, method: string) => {
      const answer = await fetch(`${server.url}${path}`, { method })
      return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code]
    }
    expect(await from('/v1/chat/completions', 'POST')).toEqual([503, 'app-missing'])
    expect(await from('/v1/nothing', 'POST')).toEqual([404, 'request-invalid'])
    const other = await browser.open(server.url.replace('127.0.0.1', 'localhost'))
    const foreign = await other.evaluate(
      (url) =>
        fetch(`${url}/v1/models`).then(
          () => 'answered',
          () => 'refused',
        ),
      server.url,
    )
    expect(foreign).toBe('refused')
    const typed = await page.goto(`${server.url}/v1/models`)
    expect(typed?.status()).toBe(503)
  })
})
