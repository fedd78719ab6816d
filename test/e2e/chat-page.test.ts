/**
 * The page that ships, with a fake engine behind it: every state a person can meet, by keyboard and by mouse, under a
 * policy without inline scripts and styles, judged by axe. The real engine has its own test.
 */
import type { Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { FAKE_USAGE } from '../support/fake-engine.ts'
import { large, mirror, PHONE, type PlayedPage, small, usePlayedPage } from '../support/played-page.ts'

const used = usePlayedPage()
let play: PlayedPage
let page: Page
beforeEach(() => {
  play = used.current
  page = play.page
})

describe('a conversation', () => {
  it('loads the model, streams the answer and says how fast it was', async () => {
    await play.open()
    await page.getByText('94 MB to download').waitFor()
    await expect.poll(() => page.getByText('Apache-2.0').count()).toBe(1)
    await expect.poll(() => page.getByText('Fits your GPU: needs 282 MB of 2.1 GB').count()).toBe(1)
    await expect.poll(() => play.send.isDisabled()).toBe(true)
    await play.askWithLoad('What is the capital of France?')
    await play.emit({ kind: 'prefill', done: 3, total: 12 })
    await page.getByText('Reading 3 of 12 tokens').waitFor()
    await play.emit({ kind: 'text', text: 'Paris' })
    await play.conversation.getByText('Paris').waitFor()
    await expect.poll(() => play.stop.isVisible()).toBe(true)
    await expect.poll(() => play.model.isDisabled()).toBe(true)
    await play.answer(' is the capital. <b>Not markup</b>')
    await play.send.waitFor()
    const log = play.conversation
    await log.getByText('Paris is the capital. <b>Not markup</b>', { exact: true }).waitFor()
    for (const fact of ['Stage engine on Test GPU', 'Small-Instruct', '48 tokens/s', 'first token in 0.41 s']) {
      await expect.poll(() => log.getByText(fact).count()).toBe(1)
    }
    await expect.poll(() => log.getByText('34 tokens in (12 reused), 56 out').count()).toBe(1)
    await expect.poll(() => page.getByRole('status').textContent()).toContain('End of answer.')
    await play.expectAccessible()
  })

  it('sends with Enter, breaks the line with Shift+Enter, stops with Escape, and goes on after it', async () => {
    await play.open()
    await play.message.fill('One')
    await play.message.press('Shift+Enter')
    await play.message.pressSequentially('two')
    await play.message.press('Enter')
    await play.untilLoading()
    await play.finishLoad()
    await play.untilAnswering()
    await expect.poll(() => play.message.inputValue()).toBe('')
    await play.emit({ kind: 'text', text: 'Half an ans' })
    await play.conversation.getByText('Half an ans').waitFor()
    await page.keyboard.press('Escape')
    await play.conversation.getByText('Stopped').waitFor()
    await play.message.fill('Next')
    await play.message.press('Enter')
    await play.untilAnswering()
    const asked = await page.evaluate(() => window.fake.engine.requests.at(-1)?.messages)
    expect(asked).toEqual([
      { role: 'user', content: 'One\ntwo' },
      { role: 'assistant', content: 'Half an ans' },
      { role: 'user', content: 'Next' },
    ])
    await play.stop.click()
    await play.send.waitFor()
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('TEXTAREA')
  })

  it('starts over with New chat, also in the middle of an answer', async () => {
    await play.open()
    await play.askWithLoad('Hello')
    await play.emit({ kind: 'text', text: 'Hi' })
    await page.getByRole('button', { name: 'New chat' }).click()
    await page.getByText('Ready when you are').waitFor()
    await expect.poll(() => play.conversation.getByRole('article').count()).toBe(0)
    await play.message.fill('Again')
    await play.send.click()
    await page.getByText('Waiting for the answer in another conversation').waitFor()
    await play.answer(' there')
    await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.requests.length === 2))
    await expect
      .poll(() => page.evaluate(() => window.fake.engine.requests.at(-1)?.messages))
      .toEqual([{ role: 'user', content: 'Again' }])
    await play.answer('Fresh')
    await play.conversation.getByText('Fresh').waitFor()
    await page.getByRole('button', { name: 'Hello', exact: true }).click()
    await play.conversation.getByText('Hi there').waitFor()
  })

  it('copies an answer', async () => {
    await play.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await play.open()
    await play.askWithLoad('Hello')
    await play.answer('Line one\n\nLine two')
    await page.getByRole('button', { name: 'Copy answer' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('Line one\n\nLine two')
  })

  it('keeps the end in view for a reader who is there, and only then', async () => {
    await page.setViewportSize(PHONE)
    await play.open()
    await play.askWithLoad('Tell me')
    const line = 'A line of an answer that is long enough.\n'
    const fromEnd = () =>
      page.evaluate(() => {
        const main = document.querySelector('main')
        return main ? main.scrollHeight - main.scrollTop - main.clientHeight : -1
      })
    await play.emit({ kind: 'text', text: line.repeat(40) })
    await play.conversation.getByText('A line of an answer').waitFor()
    await expect.poll(fromEnd).toBeLessThanOrEqual(1)
    await page.evaluate(() => document.querySelector('main')?.scrollTo({ top: 0, behavior: 'instant' }))
    await page.getByRole('button', { name: 'Latest' }).waitFor()
    await play.emit({ kind: 'text', text: line.repeat(10) })
    await play.emit({ kind: 'end', reason: 'stop', usage: FAKE_USAGE })
    await play.send.waitFor()
    expect(await page.evaluate(() => document.querySelector('main')?.scrollTop)).toBe(0)
    await page.getByRole('button', { name: 'Latest' }).click()
    await expect.poll(fromEnd).toBeLessThanOrEqual(1)
    await play.expectNoSideways()
    await play.expectAccessible()
  })

  it('moves nothing when the answer begins and when it ends', async () => {
    await play.open()
    await play.askWithLoad('Hello')
    const top = () =>
      play.conversation.getByText('Stage engine').evaluate((element) => element.getBoundingClientRect().top)
    await play.emit({ kind: 'prefill', done: 1, total: 2 })
    await page.getByText('Reading 1 of 2').waitFor()
    const before = await top()
    await play.emit({ kind: 'text', text: 'One line.' })
    await play.conversation.getByText('One line.').waitFor()
    expect(await top()).toBe(before)
    await play.emit({ kind: 'end', reason: 'stop', usage: FAKE_USAGE })
    await play.send.waitFor()
    expect(await top()).toBe(before)
  })

  it('says what failed and what is kept, and asks again', async () => {
    await play.open()
    await play.askWithLoad('Hello')
    await play.emit({ kind: 'text', text: 'Half' })
    await play.emit({ kind: 'notice', code: 'device-lost', detail: '' })
    await play.emit({ kind: 'end', reason: 'error', code: 'gpu-error', detail: 'In matvec_q4.', usage: FAKE_USAGE })
    const log = play.conversation
    await log.getByText('The GPU refused a step.').waitFor()
    await expect.poll(() => log.getByText('In matvec_q4.').count()).toBe(1)
    await expect.poll(() => log.getByText('this part of the answer are kept').count()).toBe(1)
    await expect.poll(() => log.getByText('gpu-error', { exact: true }).count()).toBe(1)
    await expect.poll(() => log.getByText('The GPU was lost and came back.').count()).toBe(1)
    await expect.poll(() => log.getByText('Half', { exact: true }).count()).toBe(1)
    await play.expectAccessible()
    await page.getByRole('button', { name: 'Ask again' }).click()
    await play.untilAnswering()
    await play.answer('Whole')
    await log.getByText('Whole').waitFor()
    await expect.poll(() => log.getByText('gpu-error').count()).toBe(0)
  })
})

describe('a model', () => {
  it('is shown while it loads, with bytes, and can be cancelled', async () => {
    await play.open()
    await page.getByRole('button', { name: /^Download Small-Instruct/ }).click()
    await play.untilLoading()
    await page.evaluate(() => window.fake.engine.progress('fetch', 23_500_000, 94_000_000))
    const bar = page.getByRole('progressbar', { name: 'Downloading Small-Instruct' })
    await bar.waitFor()
    await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe('25')
    await expect.poll(() => bar.textContent()).toContain('23.5 of 94.0 MB')
    await play.expectAccessible()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: /^Download Small-Instruct/ }).waitFor()
  })

  it('loads by itself when this browser keeps it', async () => {
    await play.open({ kept: [small] })
    await play.untilLoading()
    await play.finishLoad()
    await page.getByText('Ready when you are').waitFor()
  })

  it('that does not fit says so in numbers and cannot be asked', async () => {
    await play.open()
    await play.model.selectOption(large.id)
    await page.getByText('It needs 44 GB of GPU memory; your browser allows 2.0 GB.').waitFor()
    await play.message.fill('Hello')
    await expect.poll(() => play.send.isDisabled()).toBe(true)
    expect(await page.evaluate(() => window.fake.engine.loads)).toEqual([])
    await play.expectAccessible()
  })

  it('that was picked is loaded, and a message waits for it', async () => {
    await play.open()
    await play.model.selectOption(small.id)
    await play.untilLoading()
    await play.message.fill('Hello')
    await play.send.click()
    await page.getByText('Waiting for the model').waitFor()
    await play.finishLoad()
    await play.untilAnswering()
    await play.answer('Hi there')
    await play.conversation.getByText('Hi there').waitFor()
    await expect.poll(() => page.evaluate(() => window.fake.engine.loads.length)).toBe(1)
  })

  it('can be a file from disk', async () => {
    await play.open()
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Open a GGUF file' }).click()
    await (await chooser).setFiles({ name: 'mine.gguf', mimeType: '', buffer: Buffer.from('GGUF') })
    await play.untilLoading()
    await play.finishLoad()
    await page.getByText('mine.gguf is on your GPU.').waitFor()
    await expect.poll(() => play.model.locator('option:checked').textContent()).toBe('mine.gguf (4 bytes, from disk)')
  })

  it('can be a file dropped on the page, and one that is no model is refused by name', async () => {
    await play.open()
    await play.model.waitFor()
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
    await expect.poll(() => page.getByText('gguf-not-gguf').count()).toBe(1)
    await expect.poll(() => page.getByText('Drop a GGUF file to open it').count()).toBe(0)
  })
})

describe('where nothing can be asked', () => {
  it('explains a browser without WebGPU, has no dead composer, and looks again', async () => {
    await play.open({ facts: { ok: false, code: 'no-webgpu', detail: '' } })
    await page.getByRole('heading', { name: 'This browser has no WebGPU.' }).waitFor()
    await expect.poll(() => play.message.count()).toBe(0)
    await play.expectAccessible()
    await page.evaluate(() => {
      window.fake.engine.facts = { ok: true, value: { adapter: 'Test GPU', software: false } }
    })
    await page.getByRole('button', { name: 'Look again' }).click()
    await play.message.waitFor()
  })

  it('refuses a software GPU, and says so where the server allows it', async () => {
    const facts = { ok: true, value: { adapter: 'SwiftShader', software: true } }
    await play.open({ facts })
    await page.getByText('software-adapter').waitFor()
    await expect.poll(() => play.message.count()).toBe(0)
    await play.open({ facts, settings: { allowSoftwareAdapter: true } })
    await page.getByText('Software GPU (SwiftShader): answers are slow.').waitFor()
    await expect.poll(() => play.message.count()).toBe(1)
    await play.expectAccessible()
  })

  it('shows what the server is downloading, then lets a person ask', async () => {
    const adding = { name: 'Small-Instruct', source: 'hf:a/b', doneBytes: 47e6, totalBytes: 94e6, bytesPerSecond: 8e6 }
    await play.open({ mirror: { ...mirror, models: [], adding: [adding], defaultId: null } })
    const bar = page.getByRole('progressbar', { name: 'The server is downloading Small-Instruct' })
    await bar.waitFor()
    await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe('50')
    await expect.poll(() => play.message.count()).toBe(0)
    await play.expectAccessible()
    await page.evaluate((value) => {
      window.fake.catalogue.mirror = { ok: true, value }
    }, mirror)
    await play.message.waitFor()
  })

  it('says why each source failed and offers a file', async () => {
    const failed = [
      { source: 'hf:a/b/c.gguf', code: 'source-unreachable', detail: 'No answer in 10 s.' },
      { source: 'wheel:x==1/y.gguf', code: 'a-code-of-tomorrow', detail: 'Something new.' },
    ]
    await page.setViewportSize(PHONE)
    await play.open({ mirror: { models: [], adding: [], failed, defaultId: null } })
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
    await play.expectNoSideways()
    await play.expectAccessible()
  })
})

describe('window.weft', () => {
  it('answers in OpenAI’s shape from the page', async () => {
    await play.open()
    const read = page.evaluate(async () => {
      const chunks = window.weft?.chat.completions.create({
        messages: [{ role: 'user', content: 'Hello' }],
        stream: true,
      })
      let text = ''
      for await (const chunk of chunks ?? []) text += chunk.choices[0]?.delta.content ?? ''
      return text
    })
    await play.untilLoading()
    await play.finishLoad()
    await play.untilAnswering()
    await play.answer('Hi from the page')
    expect(await read).toBe('Hi from the page')
  })

  it('writes on after a text as it stands, in OpenAI’s older shape', async () => {
    await play.open()
    const read = page.evaluate(() => window.weft?.completions.create({ prompt: 'Once upon', max_tokens: 4 }))
    await play.untilLoading()
    await play.finishLoad()
    await play.untilAnswering()
    await play.answer(' a time')
    expect(await read).toMatchObject({
      object: 'text_completion',
      choices: [{ index: 0, text: ' a time', finish_reason: 'stop' }],
    })
    await expect
      .poll(() => page.evaluate(() => window.fake.engine.requests.at(-1)))
      .toMatchObject({
        raw: true,
        messages: [{ role: 'user', content: 'Once upon' }],
        maxTokens: 4,
      })
  })
})
