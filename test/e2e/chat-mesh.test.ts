/**
 * A chat that other tabs answer, on the page that ships: real tabs in contexts of their own, the real server, real WebRTC.
 * Two give their GPU by the button of the Contribute screen, a third asks by its composer. The text is what it answers alone.
 */
import type { BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Weft } from '../../web/openai.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { withPreferences } from '../support/app-beside-asker.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import {
  answerAlone,
  composer,
  goOnButton,
  lastAnswer,
  letAnyone,
  log,
  PATIENT,
  sendButton,
  settingsOf,
  shownAtLeast,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'
import { launchChromium } from '../support/chromium.ts'
import { expectSound } from '../support/sound.ts'

const QUESTION = 'Tell me about warp and weft.'

type Browser = Awaited<ReturnType<typeof launchChromium>>

let server: AppServer
let browser: Browser
let complaints: string[]

beforeAll(async () => {
  server = await serveModels({ plain: plainSpokenModel() })
})
afterAll(() => server?.close())
beforeEach(async () => {
  complaints = []
  browser = await launchChromium()
})
afterEach(async () => {
  await browser.close()
  expect(complaints).toEqual([])
})

async function tab(prepare: (context: BrowserContext) => Promise<void> = async () => {}): Promise<Page> {
  const context = await browser.newContext()
  context.on('weberror', (found) => complaints.push(found.error().message))
  await prepare(context)
  return context.newPage()
}

/** Gives two of its three layers: the limit of GPU memory says how many layers. */
async function contributor(): Promise<Page> {
  const mesh = { consent: true, way: 'layers', gpuBytesMax: await limitBytes(), pauseWhileActive: false }
  const page = await tab((context) => withPreferences(context, { mesh }))
  await page.goto(`${server.url}/?engine=stage#/contribute`)
  await page.getByText('Up to 2 of 3').waitFor(PATIENT)
  await page.getByRole('button', { name: 'Contribute this GPU' }).click()
  await page.getByRole('region', { name: 'Contributing' }).waitFor(PATIENT)
  return page
}

let limit: number | null = null

/** By what the page itself says that the whole model takes. */
async function limitBytes(): Promise<number> {
  if (limit !== null) return limit
  const page = await tab()
  await page.goto(`${server.url}/?engine=stage`)
  limit = await page.evaluate(async () => {
    for (;;) {
      const { weft } = globalThis as unknown as { weft?: Weft }
      const models = await weft?.models.list()
      const fit = models?.data[0]?.weft.fit
      if (fit?.state === 'known') return Math.floor((fit.gpuBytes * 5) / 6)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  await page.context().close()
  return limit
}

async function asker(): Promise<{ readonly page: Page; readonly sockets: string[] }> {
  const page = await tab((context) => settingsOf(context, { answerTokensMax: 240 }))
  const sockets: string[] = []
  page.on('websocket', (socket) => sockets.push(socket.url()))
  await page.goto(`${server.url}/?engine=stage`)
  await composer(page).waitFor(PATIENT)
  return { page, sockets }
}

/** Lets anyone answer, and takes them whatever this device can. */
async function letOthers(page: Page): Promise<void> {
  const scope = page.getByRole('combobox', { name: 'Who may answer' })
  await scope.selectOption('Anyone')
  await letAnyone(page)
  await page.getByRole('combobox', { name: 'Engine' }).selectOption('Layers of other tabs')
}

describe('a chat over tabs', () => {
  it('says what this device says, by whom, and goes on after a reload', async () => {
    const { page, sockets } = await asker()
    const alone = await answerAlone(page, QUESTION)
    expect(alone.length).toBeGreaterThan(100)
    // This device only: nothing of the mesh was connected.
    expect(sockets).toEqual([])

    const giving = [await contributor(), await contributor()]
    await letOthers(page)
    await askOthers(page)
    expect(await untilEnded(page)).toBe(alone)
    const facts = lastAnswer(page).locator('.facts')
    await facts.getByText('Layers over 2 tabs', { exact: true }).waitFor()
    await facts.getByText('by your choice', { exact: true }).waitFor()
    const stages = lastAnswer(page).getByRole('list', { name: 'Stages, from first to last' }).getByRole('listitem')
    await expect
      .poll(() => stages.allTextContents())
      .toEqual([
        expect.stringMatching(/^layers? 1.* by .{4}, direct$/),
        expect.stringMatching(/^layers? .*3 by .{4}, direct$/),
      ])
    await facts.getByText(/tokens\/s$/).waitFor()
    await facts.getByText(/^first token in /).waitFor()
    expect(sockets.length).toBeGreaterThan(0)
    await giving[0]?.getByRole('link', { name: 'This tab gives its GPU to others' }).waitFor()
    await expectSound(page)

    // Its own page dies in the middle of the answer.
    await page.getByRole('button', { name: 'New chat' }).click()
    const scope = page.getByRole('combobox', { name: 'Who may answer' })
    await expect.poll(() => scope.inputValue()).toBe('device')
    await scope.selectOption('Anyone')
    await expect.poll(() => scope.inputValue()).toBe('anyone')
    await askOthers(page)
    await shownAtLeast(page, 20)
    await page.reload()
    const shown = await shownAtLeast(page, 20)
    expect(alone.startsWith(shown)).toBe(true)
    expect(shown).not.toBe(alone)
    await goOnButton(page).click(PATIENT)
    await insist(page)
    await expect.poll(() => shownText(page), PATIENT).toBe(alone)
    expect(await untilEnded(page)).toBe(alone)
    await facts.getByText('Layers over 2 tabs', { exact: true }).waitFor()
  })
})

/** Where the page says before that this device would be faster, the person insists. */
async function insist(page: Page): Promise<void> {
  const others = page.getByRole('button', { name: 'Use other tabs' })
  await others
    .or(page.getByRole('button', { name: 'Stop', exact: true }))
    .first()
    .waitFor(PATIENT)
  if (await others.isVisible()) await others.click()
}

async function askOthers(page: Page): Promise<void> {
  await composer(page).fill(QUESTION)
  await sendButton(page).click(PATIENT)
  await insist(page)
  await log(page).getByText(QUESTION, { exact: true }).waitFor(PATIENT)
}
