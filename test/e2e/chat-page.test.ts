/**
 * The page that ships, with a fake engine behind it: every state a person can meet, by keyboard and by mouse, under a
 * policy without inline scripts and styles, judged by axe. The real engine has its own test.
 */
import AxeBuilder from '@axe-core/playwright'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ChatEvent } from '../../web/wire/chat.ts'
import { launchChromium } from '../support/chromium.ts'
import { FAKE_USAGE, fakeModel } from '../support/fake-engine.ts'
import type { Fake } from '../support/fake-page.ts'
import { type FakePageServer, serveFakePage } from '../support/fake-page-server.ts'

const small = fakeModel(1, { name: 'Small-Instruct', license: 'Apache-2.0' })
const large = fakeModel(2, { name: 'Large-Instruct', fileBytes: 42e9 })
const mirror = { models: [small, large], adding: [], failed: [], defaultId: small.id }
const PHONE = { width: 320, height: 568 }

let server: FakePageServer
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]

beforeAll(async () => {
  server = await serveFakePage()
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1024, height: 720 } })
  page = await context.newPage()
  complaints = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
})

afterEach(async () => {
  await context.close()
  expect(complaints).toEqual([])
})

interface Scene {
  readonly mirror?: object
  readonly facts?: object
  readonly settings?: object
  readonly kept?: readonly object[]
}

/** Opens the page with the fakes set up; the models of the mirror are known, the large one does not fit. */
async function open(scene: Scene = {}): Promise<void> {
  const setup = { mirror, facts: null, settings: null, kept: [], models: [small, large], ...scene }
  await page.addInitScript((given) => {
    window.fakeSetup = ({ engine, catalogue }: Fake) => {
      engine.knows(given.models)
      const tooLarge = { gpuBytes: 44e9, gpuBytesMax: 2e9, fits: false }
      engine.inspections.set(given.models[1]?.id ?? '', { ok: true, value: tooLarge })
      catalogue.mirror = { ok: true, value: given.mirror as never }
      if (given.facts) engine.facts = given.facts as never
      if (given.settings) catalogue.settings = { ok: true, value: given.settings as never }
      engine.kept = given.kept as never
    }
  }, setup)
  await page.goto(server.url)
}

const message = () => page.getByRole('textbox', { name: 'Message' })
const send = () => page.getByRole('button', { name: 'Send' })
const stop = () => page.getByRole('button', { name: 'Stop' })
const model = () => page.getByRole('combobox', { name: 'Model' })
const conversation = () => page.getByRole('log', { name: 'Conversation' })

const untilLoading = () => page.evaluate(() => window.fake.engine.until(() => window.fake.engine.loading))
const untilAnswering = () => page.evaluate(() => window.fake.engine.until(() => window.fake.engine.answering))
const finishLoad = () => page.evaluate(() => window.fake.engine.finishLoad())
const emit = (event: ChatEvent) => page.evaluate((given) => window.fake.engine.emit(given), event)
const answer = (text: string) => page.evaluate((given) => window.fake.engine.answer(given), text)

async function askWithLoad(question: string): Promise<void> {
  await message().fill(question)
  await send().click()
  await untilLoading()
  await finishLoad()
  await untilAnswering()
}

async function expectAccessible(): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  expect(grave.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([])
}

async function expectNoSideways(): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)).toBeLessThanOrEqual(0)
}

describe('a conversation', () => {
  it('loads the model, streams the answer and says how fast it was', async () => {
    await open()
    await page.getByText('94 MB to fetch').waitFor()
    expect(await page.getByText('Apache-2.0').count()).toBe(1)
    expect(await page.getByText('Fits your GPU: needs 282 MB of 2.1 GB').count()).toBe(1)
    expect(await send().isDisabled()).toBe(true)
    await askWithLoad('What is the capital of France?')
    await emit({ kind: 'prefill', done: 3, total: 12 })
    await page.getByText('Reading 3 of 12 tokens').waitFor()
    await emit({ kind: 'text', text: 'Paris' })
    await conversation().getByText('Paris').waitFor()
    expect(await stop().isVisible()).toBe(true)
    expect(await model().isDisabled()).toBe(true)
    await answer(' is the capital. <b>Not markup</b>')
    await send().waitFor()
    const log = conversation()
    await log.getByText('Paris is the capital. <b>Not markup</b>', { exact: true }).waitFor()
    for (const fact of ['Stage engine on Test GPU', 'Small-Instruct', '48 tokens/s', 'first token in 0.41 s']) {
      expect(await log.getByText(fact).count()).toBe(1)
    }
    expect(await log.getByText('34 tokens in (12 reused), 56 out').count()).toBe(1)
    expect(await page.getByRole('status').textContent()).toContain('End of answer.')
    await expectAccessible()
  })

  it('sends with Enter, breaks the line with Shift+Enter, stops with Escape, and goes on after it', async () => {
    await open()
    await message().fill('One')
    await message().press('Shift+Enter')
    await message().pressSequentially('two')
    await message().press('Enter')
    await untilLoading()
    await finishLoad()
    await untilAnswering()
    expect(await message().inputValue()).toBe('')
    await emit({ kind: 'text', text: 'Half an ans' })
    await conversation().getByText('Half an ans').waitFor()
    await page.keyboard.press('Escape')
    await conversation().getByText('Stopped').waitFor()
    await message().fill('Next')
    await message().press('Enter')
    await untilAnswering()
    const asked = await page.evaluate(() => window.fake.engine.requests.at(-1)?.messages)
    expect(asked).toEqual([
      { role: 'user', content: 'One\ntwo' },
      { role: 'assistant', content: 'Half an ans' },
      { role: 'user', content: 'Next' },
    ])
    await stop().click()
    await send().waitFor()
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA')
  })

  it('starts over with New chat, also in the middle of an answer', async () => {
    await open()
    await askWithLoad('Hello')
    await emit({ kind: 'text', text: 'Hi' })
    await page.getByRole('button', { name: 'New chat' }).click()
    await page.getByText('Ready when you are').waitFor()
    expect(await conversation().getByRole('article').count()).toBe(0)
    await message().fill('Again')
    await send().click()
    await page.getByText('Waiting for the answer in another conversation').waitFor()
    await answer(' there')
    await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.requests.length === 2))
    expect(await page.evaluate(() => window.fake.engine.requests.at(-1)?.messages)).toEqual([
      { role: 'user', content: 'Again' },
    ])
    await answer('Fresh')
    await conversation().getByText('Fresh').waitFor()
    await page.getByRole('button', { name: 'Hello', exact: true }).click()
    await conversation().getByText('Hi there').waitFor()
  })

  it('copies an answer', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await open()
    await askWithLoad('Hello')
    await answer('Line one\n\nLine two')
    await page.getByRole('button', { name: 'Copy answer' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('Line one\n\nLine two')
  })

  it('keeps the end in view for a reader who is there, and only then', async () => {
    await page.setViewportSize(PHONE)
    await open()
    await askWithLoad('Tell me')
    const line = 'A line of an answer that is long enough.\n'
    const fromEnd = () =>
      page.evaluate(() => {
        const main = document.querySelector('main')
        return main ? main.scrollHeight - main.scrollTop - main.clientHeight : -1
      })
    await emit({ kind: 'text', text: line.repeat(40) })
    await conversation().getByText('A line of an answer').waitFor()
    await expect.poll(fromEnd).toBeLessThanOrEqual(1)
    await page.evaluate(() => document.querySelector('main')?.scrollTo({ top: 0, behavior: 'instant' }))
    await page.getByRole('button', { name: 'Latest' }).waitFor()
    await emit({ kind: 'text', text: line.repeat(10) })
    await emit({ kind: 'end', reason: 'stop', usage: FAKE_USAGE })
    await send().waitFor()
    expect(await page.evaluate(() => document.querySelector('main')?.scrollTop)).toBe(0)
    await page.getByRole('button', { name: 'Latest' }).click()
    await expect.poll(fromEnd).toBeLessThanOrEqual(1)
    await expectNoSideways()
    await expectAccessible()
  })

  it('moves nothing when the answer begins and when it ends', async () => {
    await open()
    await askWithLoad('Hello')
    const top = () =>
      conversation()
        .getByText('Stage engine')
        .evaluate((element) => element.getBoundingClientRect().top)
    await emit({ kind: 'prefill', done: 1, total: 2 })
    await page.getByText('Reading 1 of 2').waitFor()
    const before = await top()
    await emit({ kind: 'text', text: 'One line.' })
    await page.getByText('One line.').waitFor()
    expect(await top()).toBe(before)
    await emit({ kind: 'end', reason: 'stop', usage: FAKE_USAGE })
    await send().waitFor()
    expect(await top()).toBe(before)
  })

  it('says what failed and what is kept, and asks again', async () => {
    await open()
    await askWithLoad('Hello')
    await emit({ kind: 'text', text: 'Half' })
    await emit({ kind: 'notice', code: 'device-lost', detail: '' })
    await emit({ kind: 'end', reason: 'error', code: 'gpu-error', detail: 'In matvec_q4.', usage: FAKE_USAGE })
    const log = conversation()
    await log.getByText('The GPU refused a step.').waitFor()
    expect(await log.getByText('In matvec_q4.').count()).toBe(1)
    expect(await log.getByText('this part of the answer are kept').count()).toBe(1)
    expect(await log.getByText('gpu-error', { exact: true }).count()).toBe(1)
    expect(await log.getByText('The GPU was lost and came back.').count()).toBe(1)
    expect(await log.getByText('Half', { exact: true }).count()).toBe(1)
    await expectAccessible()
    await page.getByRole('button', { name: 'Ask again' }).click()
    await untilAnswering()
    await answer('Whole')
    await log.getByText('Whole').waitFor()
    expect(await log.getByText('gpu-error').count()).toBe(0)
  })
})

describe('a model', () => {
  it('is shown while it loads, with bytes, and can be cancelled', async () => {
    await open()
    await page.getByRole('button', { name: /^Fetch Small-Instruct/ }).click()
    await untilLoading()
    await page.evaluate(() => window.fake.engine.progress('fetch', 23_500_000, 94_000_000))
    const bar = page.getByRole('progressbar', { name: 'Fetching Small-Instruct' })
    await bar.waitFor()
    expect(await bar.getAttribute('aria-valuenow')).toBe('25')
    expect(await bar.textContent()).toContain('23.5 of 94.0 MB')
    await expectAccessible()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: /^Fetch Small-Instruct/ }).waitFor()
  })

  it('loads by itself when this browser keeps it', async () => {
    await open({ kept: [small] })
    await untilLoading()
    await finishLoad()
    await page.getByText('Ready when you are').waitFor()
  })

  it('that does not fit says so in numbers and cannot be asked', async () => {
    await open()
    await model().selectOption(large.id)
    await page.getByText('It needs 44 GB of GPU memory; your browser allows 2.0 GB.').waitFor()
    await message().fill('Hello')
    expect(await send().isDisabled()).toBe(true)
    expect(await page.evaluate(() => window.fake.engine.loads)).toEqual([])
    await expectAccessible()
  })

  it('that was picked is loaded, and a message waits for it', async () => {
    await open()
    await model().selectOption(small.id)
    await untilLoading()
    await message().fill('Hello')
    await send().click()
    await page.getByText('Waiting for the model').waitFor()
    await finishLoad()
    await untilAnswering()
    await answer('Hi there')
    await conversation().getByText('Hi there').waitFor()
    expect(await page.evaluate(() => window.fake.engine.loads.length)).toBe(1)
  })

  it('can be a file from disk', async () => {
    await open()
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Open a GGUF file' }).click()
    await (await chooser).setFiles({ name: 'mine.gguf', mimeType: '', buffer: Buffer.from('GGUF') })
    await untilLoading()
    await finishLoad()
    await page.getByText('mine.gguf is on your GPU.').waitFor()
    expect(await model().locator('option:checked').textContent()).toBe('mine.gguf (4 bytes, from disk)')
  })

  it('can be a file dropped on the page, and one that is no model is refused by name', async () => {
    await open()
    await model().waitFor()
    await page.evaluate(() => {
      window.fake.engine.inspections.set('file', {
        ok: false,
        code: 'gguf-not-gguf',
        detail: 'notes.gguf begins with "Dear".',
      })
      const transfer = new DataTransfer()
      transfer.items.add(new File(['Dear'], 'notes.gguf'))
      const fire = (type: string) =>
        document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }))
      fire('dragenter')
      ;(window as unknown as { drop: () => void }).drop = () => fire('drop')
    })
    await page.getByText('Drop a GGUF file to open it').waitFor()
    await page.evaluate(() => (window as unknown as { drop: () => void }).drop())
    await page.getByText('notes.gguf begins with "Dear".').waitFor()
    expect(await page.getByText('gguf-not-gguf').count()).toBe(1)
    expect(await page.getByText('Drop a GGUF file to open it').count()).toBe(0)
  })
})

describe('where nothing can be asked', () => {
  it('explains a browser without WebGPU, has no dead composer, and looks again', async () => {
    await open({ facts: { ok: false, code: 'no-webgpu', detail: '' } })
    await page.getByRole('heading', { name: 'This browser has no WebGPU.' }).waitFor()
    expect(await message().count()).toBe(0)
    await expectAccessible()
    await page.evaluate(() => {
      window.fake.engine.facts = { ok: true, value: { adapter: 'Test GPU', software: false } }
    })
    await page.getByRole('button', { name: 'Look again' }).click()
    await message().waitFor()
  })

  it('refuses a software GPU, and says so where the server allows it', async () => {
    const facts = { ok: true, value: { adapter: 'SwiftShader', software: true } }
    await open({ facts })
    await page.getByText('software-adapter').waitFor()
    expect(await message().count()).toBe(0)
    await open({ facts, settings: { allowSoftwareAdapter: true } })
    await page.getByText('Software GPU (SwiftShader): answers are slow.').waitFor()
    expect(await message().count()).toBe(1)
    await expectAccessible()
  })

  it('shows what the server is fetching, then lets a person ask', async () => {
    const adding = { name: 'Small-Instruct', source: 'hf:a/b', doneBytes: 47e6, totalBytes: 94e6, bytesPerSecond: 8e6 }
    await open({ mirror: { ...mirror, models: [], adding: [adding], defaultId: null } })
    const bar = page.getByRole('progressbar', { name: 'The server is fetching Small-Instruct' })
    await bar.waitFor()
    expect(await bar.getAttribute('aria-valuenow')).toBe('50')
    expect(await message().count()).toBe(0)
    await expectAccessible()
    await page.evaluate((value) => {
      window.fake.catalogue.mirror = { ok: true, value }
    }, mirror)
    await message().waitFor()
  })

  it('says why each source failed and offers a file', async () => {
    const failed = [
      { source: 'hf:a/b/c.gguf', code: 'source-unreachable', detail: 'No answer in 10 s.' },
      { source: 'wheel:x==1/y.gguf', code: 'a-code-of-tomorrow', detail: 'Something new.' },
    ]
    await page.setViewportSize(PHONE)
    await open({ mirror: { models: [], adding: [], failed, defaultId: null } })
    for (const text of [
      'hf:a/b/c.gguf',
      'No answer in 10 s.',
      'wheel:x==1/y.gguf',
      'Something new.',
      'a-code-of-tomorrow',
    ]) {
      await page.getByText(text).waitFor()
    }
    await page.getByRole('button', { name: 'Open a GGUF file' }).waitFor()
    expect(await page.evaluate(() => document.querySelector('main')?.scrollTop)).toBe(0)
    await page.evaluate(() => {
      window.fake.engine.inspections.set('file', { ok: false, code: 'gguf-truncated', detail: 'It ends at 4 bytes.' })
    })
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Open a GGUF file' }).click()
    await (await chooser).setFiles({ name: 'mine.gguf', mimeType: '', buffer: Buffer.from('GGUF') })
    await page.getByText('It ends at 4 bytes.').waitFor()
    await expectNoSideways()
    await expectAccessible()
  })
})

describe('window.weft', () => {
  it('answers in OpenAI’s shape from the page', async () => {
    await open()
    const read = page.evaluate(async () => {
      const chunks = window.weft?.chat.completions.create({
        messages: [{ role: 'user', content: 'Hello' }],
        stream: true,
      })
      let text = ''
      for await (const chunk of chunks ?? []) text += chunk.choices[0]?.delta.content ?? ''
      return text
    })
    await untilLoading()
    await finishLoad()
    await untilAnswering()
    await answer('Hi from the page')
    expect(await read).toBe('Hi from the page')
  })
})
