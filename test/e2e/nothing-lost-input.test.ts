/**
 * Too much and too strange: a prompt of 200 kB, a model that says HTML, script and bytes that are no text, files and
 * models with names that are meant to deceive. The page says what is so, runs nothing of it and keeps what was typed.
 */
import type { Page } from 'playwright'
import { describe, expect, it } from 'vitest'
import { plainSpokenModel, rudeModel } from '../fixtures/spoken-model.ts'
import { useBrowser, useFiles } from '../support/app-hooks.ts'
import {
  allTexts,
  askByHand,
  composer,
  exportAll,
  lastAnswer,
  PATIENT,
  sendButton,
  settingsOf,
  shownMessages,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'

const server = useFiles(() => ({ plain: plainSpokenModel(), rude: rudeModel() }))
const browser = useBrowser({ prepare: (context) => settingsOf(context, { answerTokensMax: 90 }) })

/** 200 kB that no model here reads, all of it different. */
const HUGE = Array.from({ length: 25_000 }, (_, index) => `w${index.toString(36).padStart(6, 'x')}`).join(' ')
const MARKUP = '<img src=x onerror="globalThis.owned = 1">'
const DECEIT = `${MARKUP} \u202etxt.exe ${'long '.repeat(60)}.txt`

const open = (model: number) => browser.open(`${server.url}/`).then((page) => pick(page, model))

async function pick(page: Page, model: number): Promise<Page> {
  const id = server.ids[model] ?? ''
  await page.getByRole('combobox', { name: 'Model' }).selectOption(id, PATIENT)
  await page.getByText('Ready when you are').waitFor(PATIENT)
  return page
}

/** Nothing of what was said or named became a part of the page. */
async function expectOnlyText(page: Page): Promise<void> {
  const seen = await page.evaluate(() => ({
    owned: 'owned' in globalThis,
    parts: document.querySelectorAll(
      '#page :is(script, iframe, style, object, embed, base, form[action], [onerror], [onload], [srcdoc], [src^="http"])',
    ).length,
    addresses: [...document.querySelectorAll('#page a[href]')].map((link) => link.getAttribute('href') ?? ''),
    hidden: getComputedStyle(document.querySelector('main') ?? document.body).display,
  }))
  expect(seen).toMatchObject({ owned: false, parts: 0 })
  expect(seen.hidden).not.toBe('none')
  expect(seen.addresses.filter((address) => !/^(https?:|mailto:|#)/.test(address))).toEqual([])
}

describe('a prompt of 200 kB', () => {
  it('typed: it is refused with numbers and what to do, stays in the composer, and can be shortened', async () => {
    const page = await open(0)
    await composer(page).fill(HUGE)
    expect(HUGE.length).toBeGreaterThan(199_000)
    await sendButton(page).click()
    const said = page.locator('.trouble')
    await said
      .getByText(/^This takes [\d,.\s]+ tokens; the model reads 1.?024\. Your text is still here\.$/)
      .waitFor(PATIENT)
    await said.getByText('context-full', { exact: true }).waitFor()
    await said.getByText(/shorten the message/).waitFor()
    await expect.poll(() => composer(page).inputValue()).toBe(HUGE)
    expect(await shownMessages(page)).toEqual([])
    await askByHand(page, 'Short.')
    const answer = await untilEnded(page)
    await expect.poll(() => shownMessages(page)).toEqual(['Short.', answer])
    await expect.poll(() => said.count()).toBe(0)
  })

  it('pasted: it comes along as a file with its size and tokens, and is refused in the same way', async () => {
    const page = await open(0)
    await composer(page).fill('What does this say?')
    await composer(page).evaluate((box, text) => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', text)
      box.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, HUGE)
    const files = page.getByRole('list', { name: 'Attached files' })
    await files.getByText('Pasted text').waitFor()
    await files.getByText(/^(199|200) kB$/).waitFor()
    await page.getByText(/^[\d,.\s]+ of 1.?024 tokens$/).waitFor(PATIENT)
    await sendButton(page).click()
    // The page answers its person while it counts.
    await composer(page).pressSequentially(' Briefly.')
    await page.locator('.trouble').getByText('context-full', { exact: true }).waitFor(PATIENT)
    await expect.poll(() => composer(page).inputValue()).toBe('What does this say? Briefly.')
    await expect.poll(() => files.getByRole('listitem').count()).toBe(1)
    await files.getByRole('button', { name: 'Remove Pasted text' }).click()
    await sendButton(page).click()
    const answer = await untilEnded(page)
    await expect.poll(() => shownMessages(page)).toEqual(['What does this say? Briefly.', answer])
  })
})

describe('a model that says what it should not', () => {
  it('is shown as text: nothing runs, nothing is fetched, and it is kept as it was said', async () => {
    const page = await open(1)
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await askByHand(page, MARKUP)
    const drawn = await untilEnded(page)
    await expectOnlyText(page)
    for (const part of ['<script>globalThis', '<img src=x onerror', '<iframe', '<style>', '\ufffd']) {
      expect(drawn).toContain(part)
    }
    expect(asked.filter((url) => url.includes('owned'))).toEqual([])
    const [question, answer] = await shownMessages(page)
    expect(question).toBe(MARKUP)
    const said = allTexts(await exportAll(page))
    expect(said).toContain(MARKUP)
    expect(said.some((text) => text.includes('javascript:globalThis.owned=5'))).toBe(true)
    await page.reload()
    await expect.poll(() => shownMessages(page), PATIENT).toEqual([question, answer])
    await expectOnlyText(page)
    expect(allTexts(await exportAll(page))).toEqual(said)
    await lastAnswer(page).getByRole('button', { name: 'Answer again' }).waitFor()
  })
})

describe('files with names that are meant to deceive', () => {
  it('are shown by a plain, bounded name', async () => {
    const page = await open(0)
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Attach text files' }).click()
    await (await chooser).setFiles({ name: DECEIT, mimeType: 'text/plain', buffer: Buffer.from(MARKUP) })
    const name = page.getByRole('list', { name: 'Attached files' }).locator('.name')
    await name.waitFor()
    const shown = (await name.textContent()) ?? ''
    expect(shown.startsWith(`${MARKUP} txt.exe long`)).toBe(true)
    expect(shown.length).toBeLessThanOrEqual(200)
    const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    expect(await overflow()).toBeLessThanOrEqual(0)
    await askByHand(page, 'Read it.')
    await untilEnded(page)
    await expectOnlyText(page)
    expect(await overflow()).toBeLessThanOrEqual(0)
  })

  it('a GGUF file dropped on the page, too', async () => {
    const page = await open(0)
    const bytes = [...plainSpokenModel({ name: `${MARKUP} \u202emodel` })]
    const drop = await page.evaluateHandle(
      ([name, data]) => {
        const transfer = new DataTransfer()
        transfer.items.add(new File([Uint8Array.from(data)], name))
        return transfer
      },
      [`${DECEIT}.gguf`, bytes] as const,
    )
    for (const type of ['dragenter', 'dragover', 'drop']) {
      await page.dispatchEvent('body', type, { dataTransfer: drop })
    }
    const model = page.getByRole('combobox', { name: 'Model' })
    await expect.poll(() => model.locator('option:checked').textContent(), PATIENT).toContain(`${MARKUP} model`)
    await page.getByText(`${MARKUP} model is on your GPU.`).waitFor(PATIENT)
    await expectOnlyText(page)
    await askByHand(page, 'Hello.')
    await untilEnded(page)
    expect((await shownText(page)).length).toBeGreaterThan(10)
    await expectOnlyText(page)
  })

  it('a file that only says it is a model is refused by name', async () => {
    const page = await open(0)
    const drop = await page.evaluateHandle((name) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['Dear reader'], name))
      return transfer
    }, `${DECEIT}.gguf`)
    for (const type of ['dragenter', 'dragover', 'drop']) {
      await page.dispatchEvent('body', type, { dataTransfer: drop })
    }
    await page.locator('.trouble').getByText('gguf-not-gguf', { exact: true }).waitFor(PATIENT)
    await expectOnlyText(page)
  })
})
