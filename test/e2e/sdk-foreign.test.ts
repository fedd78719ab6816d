/**
 * The SDK on a real second origin, through the widget's frame: nothing is asked before its visitor has agreed to that in the frame,
 * then the page reads answers to its own calls, of a tab of somebody else, and nothing of the chat.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, BrowserContext, FrameLocator, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { WeftClient } from '../../web/sdk/client.ts'
import { EMBED_WORDS_BURST } from '../../web/wire/limits/partners.ts'
import type { PartnerKey } from '../../web/wire/partner-keys.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { serveAppAndTabs } from '../support/app-and-tabs.ts'
import type { AppServer } from '../support/app-page.ts'
import { exampleText } from '../support/app-with-pages.ts'
import { PATIENT } from '../support/chat-screen.ts'
import { launchChromium, OPEN_FRAMES } from '../support/chromium.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import {
  agree,
  makeDemoKey,
  OPERATOR,
  openWorker,
  runningLine,
  serveWidget,
  type WidgetSite,
} from '../support/widget-rig.ts'

const LAYERS = 3
const SECRET = 'Nobody else reads this warp and weft.'

let server: AppServer
let site: WidgetSite
let key: PartnerKey
let working: Browser
let visiting: Browser
let context: BrowserContext
let page: Page
let worker: MeshTabPage
let requests: string[]
const frame = (): FrameLocator => page.frameLocator('weft-chat iframe')
const weftUrl = () => server.url.replace('127.0.0.1', 'localhost')

beforeAll(async () => {
  server = await serveAppAndTabs({ plain: plainSpokenModel() }, OPERATOR)
  site = await serveWidget(server)
  key = await site.add('/', {}, { manual: true })
  // By the page's own script, which nobody looks at: what a test asks for counts as a visitor's act.
  const script = `import('${weftUrl()}/sdk/weft.js').then(({ createWeft }) =>
    createWeft({ url: '${weftUrl()}', key: location.hash.slice(1) }).models.list().catch(({ code }) => {
      console.log('early', code)
    }))`
  await site.add('/early', {}, { manual: true, script })
  working = await launchChromium({ args: [...OPEN_FRAMES] })
  visiting = await launchChromium({ args: [...OPEN_FRAMES] })
  worker = await openWorker(working, server, LAYERS)
})
afterAll(async () => {
  await worker?.context.close()
  await working?.close()
  await visiting?.close()
  await site?.close()
  await server?.close()
})
beforeEach(async () => {
  context = await visiting.newContext({ viewport: { width: 1_024, height: 720 } })
  page = await context.newPage()
  requests = []
  page.on('request', (request) => requests.push(new URL(request.url()).pathname))
})
afterEach(() => context.close())

declare global {
  interface Window {
    asking: WeftClient
    /** By name: what a call has come to. */
    came: Record<string, unknown>
  }
}

/** The page imports the SDK of the other origin. */
async function open(path = '/', given = key): Promise<void> {
  await page.goto(site.url + path)
  await page.evaluate(
    `import(${JSON.stringify(`${weftUrl()}/sdk/weft.js`)}).then(({ createWeft }) => {
       window.asking = createWeft({ url: ${JSON.stringify(weftUrl())}, key: ${JSON.stringify(given)} })
       window.came = {}
     })`,
  )
  await page.locator('weft-chat').waitFor({ state: 'attached', ...PATIENT })
}

/** Begins it in the page and does not wait. `code`: an expression over `weft` and `signal`. */
async function begin(name: string, code: string): Promise<void> {
  await page.evaluate(`(() => {
    const [weft, came] = [window.asking, window.came]
    const left = new AbortController()
    const signal = left.signal
    came[${JSON.stringify(`stop ${name}`)}] = () => left.abort()
    ;(${code}).then((value) => { came[${JSON.stringify(name)}] = value }, (error) => { came[${JSON.stringify(name)}] = { code: error.code } })
  })()`)
}

const came = (name: string) => page.evaluate((of) => window.came[of] ?? null, name)
const comesTo = (name: string) => expect.poll(() => came(name), PATIENT)
const act = () => page.getByRole('heading', { name: 'A partner' }).click()
const question = () => frame().getByRole('heading', { name: 'May Loom & Co ask by itself?' })
const CHAT = `weft.chat.completions.create({ messages: [{ role: 'user', content: 'Hello' }], max_tokens: 12 }, { signal })`
const LONG = `(async () => {
  let text = ''
  for await (const chunk of weft.chat.completions.create({ messages: [{ role: 'user', content: 'Tell me all.' }], max_tokens: 2000, stream: true }, { signal })) {
    text += chunk.choices[0]?.delta.content ?? ''
    window.came.text = text
  }
  return text
})()`
/** Reads one piece, and the others once `readOn` is called: it is under way until then, however fast it is answered. */
const UNREAD = `(async () => {
  for await (const chunk of weft.chat.completions.create({ messages: [{ role: 'user', content: 'Tell me all.' }], max_tokens: 2000, stream: true }, { signal })) {
    if (came.readOn === undefined) await new Promise((resolve) => { came.readOn = resolve })
  }
})()`

/** Asks anew at once, whatever ended it, until it may not. */
const AGAIN = `(async () => {
  for (;;)
    await weft.chat.completions.create({ messages: [{ role: 'user', content: 'Tell me all.' }], max_tokens: 2000 }, { signal })
      .catch((error) => { if (error.code === 'consent-missing') throw error })
})()`

async function agreeToAll(): Promise<void> {
  await agree(frame(), 'Use it')
  await question().waitFor(PATIENT)
  await agree(frame(), 'Let it ask')
}

it('asks nobody before the visitor has acted, nor after a no', async () => {
  const early = page.waitForEvent('console', { predicate: (message) => message.text().startsWith('early'), ...PATIENT })
  await page.goto(`${site.url}/early#${key}`)
  expect((await early).text()).toBe('early consent-missing')
  expect(requests.filter((path) => !/^\/(early$|sdk|embed|favicon)/.test(path))).toEqual([])
  await open()
  await act()
  await begin('first', CHAT)
  await frame().getByText('Loom & Co also wants to ask by itself.').waitFor(PATIENT)
  await agree(frame(), 'Use it')
  await question().waitFor(PATIENT)
  await frame().getByRole('button', { name: 'Do not let it' }).click()
  await comesTo('first').toEqual({ code: 'consent-missing' })
  await begin('again', CHAT)
  await comesTo('again').toEqual({ code: 'consent-missing' })
  expect(await question().count()).toBe(0)
  await frame().getByRole('textbox', { name: 'Message' }).waitFor(PATIENT)
})

it('once agreed: whole, streamed, models, a helper; abort, out of sight, taken back', async () => {
  await open()
  await act()
  await begin('whole', CHAT)
  await agreeToAll()
  await comesTo('whole').toMatchObject({
    object: 'chat.completion',
    choices: [{ message: { content: expect.stringMatching(/./) } }],
    usage: { completion_tokens: expect.any(Number) },
    weft: { adapter: '' },
  })
  await begin('models', 'weft.models.list()')
  await comesTo('models').toMatchObject({ data: [{ id: server.ids[0], weft: { kept: false } }] })
  await begin('polite', `weft.helpers.rewrite('What a fine day it is.', { way: 'shorter', maxTokens: 60 })`)
  await comesTo('polite').toEqual(expect.stringMatching(/./))
  await begin('gives', 'weft.contribute.start()')
  await comesTo('gives').toEqual({ code: 'partner-scope' })

  await begin('long', LONG)
  await runningLine(frame()).getByText('Other people’s devices answer what Loom & Co asks by itself.').waitFor(PATIENT)
  await comesTo('text').toEqual(expect.stringMatching(/\w{5}/))
  await page.evaluate(() => (window.came['stop long'] as () => void)())
  await comesTo('long').toEqual({ code: 'aborted' })
  await runningLine(frame()).getByText('Nothing runs.').waitFor(PATIENT)

  await begin('stopped', LONG)
  await frame().getByRole('button', { name: 'Stop all' }).click(PATIENT)
  await comesTo('stopped').toEqual({ code: 'aborted' })

  await begin('unseen', UNREAD)
  await page.waitForFunction(() => typeof window.came['readOn'] === 'function')
  await runningLine(frame()).getByText('asks by itself').waitFor(PATIENT)
  await frame().getByRole('button', { name: 'Close' }).click()
  await runningLine(frame())
    .getByText('Nothing runs.')
    .waitFor({ ...PATIENT, state: 'attached' })
  await page.evaluate(() => (window.came['readOn'] as () => void)())
  await comesTo('unseen').toEqual({ code: 'embed-unseen' })

  await page.getByRole('button', { name: 'Ask', exact: true }).click()
  await begin('taken', AGAIN)
  await runningLine(frame()).getByText('asks by itself').waitFor(PATIENT)
  await frame().getByRole('button', { name: 'Stop all' }).click(PATIENT)
  await frame().getByRole('button', { name: 'Your choice' }).click(PATIENT)
  await frame().getByRole('button', { name: 'Let it ask no more' }).click()
  await comesTo('taken').toEqual({ code: 'consent-missing' })
  await frame().getByRole('button', { name: 'Leave it as it is' }).click()
  await begin('after', CHAT)
  await comesTo('after').toEqual({ code: 'consent-missing' })
})

it('is remembered for the site; a key that is revoked ends what runs', async () => {
  const own = await site.add('/revoked-later', {}, { manual: true })
  await open('/revoked-later', own)
  await act()
  await begin('models', 'weft.models.list()')
  await agreeToAll()
  await comesTo('models').toMatchObject({ object: 'list' })
  await open('/revoked-later', own)
  await act()
  await begin('long', LONG)
  await comesTo('text').toEqual(expect.stringMatching(/\w{5}/))
  expect(await question().count()).toBe(0)
  await site.revoke(own)
  await comesTo('long').toEqual({ code: 'partner-revoked' })
  await begin('late', CHAT)
  await comesTo('late').toEqual({ code: 'partner-revoked' })
  await open('/revoked-later', own)
  await act()
  await begin('anew', CHAT)
  await comesTo('anew').toEqual({ code: 'partner-revoked' })
})

it('the page reads nothing of the chat, and forged or many calls fail closed', async () => {
  await open()
  await page.evaluate(() => {
    window.came['heard'] = ''
    addEventListener('message', ({ data, ports }) => {
      window.came['heard'] += JSON.stringify(data) + ports.length
    })
  })
  await act()
  await begin('models', 'weft.models.list()')
  await agreeToAll()
  await comesTo('models').toMatchObject({ object: 'list' })
  await frame().getByRole('textbox', { name: 'Message' }).fill(SECRET)
  await frame().getByRole('button', { name: 'Send', exact: true }).click(PATIENT)
  const answer = frame().locator('article.assistant .text').filter({ hasText: /\w{5}/ })
  await answer.first().waitFor(PATIENT)
  await runningLine(frame()).getByText('Nothing runs.').waitFor(PATIENT)
  const said = await answer.first().textContent()
  // Paths that are none, bodies that are none, and a question for the conversation itself.
  const forged = await page.evaluate(async () => {
    const inner = document.querySelector('weft-chat')?.shadowRoot?.querySelector('iframe')?.contentWindow
    const ask = (call: object) => {
      const { port1, port2 } = new MessageChannel()
      const heard: unknown[] = []
      port1.onmessage = ({ data }) => heard.push(data)
      port1.postMessage(call)
      port1.postMessage({ kind: 'pull', count: 8 })
      inner?.postMessage({ weft: 1, kind: 'call' }, '*', [port2])
      return heard
    }
    const lock = `weft-openai:${crypto.randomUUID()}`
    const call = { kind: 'call', lock, scope: 'device', path: 'chat/completions', body: '{}' }
    const wrong = [
      { ...call, path: 'conversations' },
      { ...call, body: {} },
      { kind: 'read' },
      { ...call, scope: 'all' },
    ]
    const answers = [...wrong, { ...call, body: 'no' }].map(ask)
    await window.asking.models.list()
    return answers.map((heard) => JSON.stringify(heard))
  })
  for (const heard of forged.slice(0, 4)) expect(heard).not.toContain('"head"')
  expect(forged[4]).toContain('request-invalid')
  for (const text of [...forged, String(await came('heard'))]) {
    expect(text).not.toContain(SECRET)
    expect(said).toMatch(/\w{5}/)
    expect(text).not.toContain(said ?? SECRET)
  }
  // More than the frame listens to: it is deaf from then on, and runs nothing of it.
  await page.evaluate((count) => {
    const inner = document.querySelector('weft-chat')?.shadowRoot?.querySelector('iframe')?.contentWindow
    for (let index = 0; index < count; index += 1) {
      const { port2 } = new MessageChannel()
      inner?.postMessage({ weft: 1, kind: 'call' }, '*', [port2])
    }
  }, EMBED_WORDS_BURST * 3)
  await frame().getByRole('button', { name: 'Stop all' }).click(PATIENT)
  await runningLine(frame()).getByText('Nothing runs.').waitFor(PATIENT)
})

it('the example of the documents works as it stands', async () => {
  let text = ''
  const other = createServer((_, response) => response.setHeader('Content-Type', 'text/html').end(text))
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  try {
    const example = await exampleText('foreign-origin.html', weftUrl())
    text = example.replaceAll('wk_0123456789abcdefghijkl', await makeDemoKey(server, { origins: [origin] }))
    await page.goto(origin)
    await page.getByLabel('Text').fill('What a fine day it is.')
    await page.getByRole('button', { name: 'Make it shorter' }).click()
    await agreeToAll()
    await expect.poll(() => page.locator('output').textContent(), PATIENT).toMatch(/./)
    expect(await page.locator('output').textContent()).not.toMatch(/\([a-z]+-[a-z-]+\)$/)
  } finally {
    other.close()
  }
})
