/**
 * A page that is left in the middle of an answer: reloaded, closed, closed with its browser, or killed. What was drawn of
 * the answer is there afterwards, says that it was cut, and goes on from there by a click.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { useFiles } from '../support/app-hooks.ts'
import {
  askByHand,
  goOnButton,
  inList,
  lastAnswer,
  log,
  PATIENT,
  settingsOf,
  shownAtLeast,
  shownMessages,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'
import { launchProfile } from '../support/chromium.ts'

const QUESTION = 'Tell me about warp and weft.'
const server = useFiles(() => ({ plain: plainSpokenModel() }))
let folder: string
let context: BrowserContext

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-profile-'))
  await start()
})

afterEach(async () => {
  await context.close()
  await rm(folder, { recursive: true, force: true })
})

/** The browser with this test's profile, as a person starts it again. */
async function start(): Promise<void> {
  context = await launchProfile(folder)
  await settingsOf(context)
}

async function open(place = ''): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${server.url}/${place}`)
  return page
}

/** The page writes down what is drawn in the moment it is left. */
async function noteWhenLeft(page: Page): Promise<void> {
  await page.evaluate(() => {
    addEventListener('pagehide', () => {
      const drawn = [...document.querySelectorAll('article.assistant .text')].at(-1)?.textContent ?? ''
      localStorage['test-drawn'] = drawn.trim()
    })
  })
}

/** An answer under way, with this much of it drawn. */
async function inTheMiddle(page: Page): Promise<string> {
  await askByHand(page, QUESTION)
  await noteWhenLeft(page)
  return shownAtLeast(page, 40)
}

/** Cut where it was left, and whole again after a click. Value: the text at the cut. */
async function expectCutAndContinued(page: Page, drawn: string): Promise<void> {
  await lastAnswer(page).getByText('Cut when its page was closed').waitFor(PATIENT)
  const cut = await shownText(page)
  expect(drawn.length).toBeGreaterThanOrEqual(40)
  expect(cut.startsWith(drawn)).toBe(true)
  await expect.poll(() => shownMessages(page)).toEqual([QUESTION, cut])
  await goOnButton(page).click(PATIENT)
  await shownAtLeast(page, cut.length + 20)
  const whole = await untilEnded(page)
  expect(whole.startsWith(cut)).toBe(true)
  expect(await log(page).getByText('Cut when its page was closed').count()).toBe(0)
  await page.reload()
  await expect.poll(() => shownMessages(page), PATIENT).toEqual([QUESTION, whole])
}

const drawnAtTheEnd = (page: Page) => page.evaluate(() => String(localStorage['test-drawn']))

describe('in the middle of an answer', () => {
  it('the page is reloaded', async () => {
    const page = await open()
    await inTheMiddle(page)
    await page.reload()
    await expectCutAndContinued(page, await drawnAtTheEnd(page))
  })

  it('the tab is closed', async () => {
    const page = await open()
    await inTheMiddle(page)
    await page.close()
    const again = await open()
    await inList(again, QUESTION).click()
    await expectCutAndContinued(again, await drawnAtTheEnd(again))
  })

  it('the browser is closed', async () => {
    const drawn = await inTheMiddle(await open())
    await context.close()
    await start()
    const again = await open()
    await inList(again, QUESTION).click()
    await expectCutAndContinued(again, drawn)
  })

  it('another address is opened, and Back brings it again', async () => {
    const page = await open()
    await inTheMiddle(page)
    await page.goto('about:blank')
    await page.goBack()
    await expectCutAndContinued(page, await drawnAtTheEnd(page))
  })

  it('the tab crashes: what was kept last is there', async () => {
    const page = await open()
    const drawn = await inTheMiddle(page)
    await page.goto('chrome://crash').catch(() => {})
    await page.close()
    const again = await open()
    await inList(again, QUESTION).click()
    await lastAnswer(again).getByText('Cut when its page was closed').waitFor(PATIENT)
    const cut = await shownText(again)
    // A crash costs what was drawn since the last write, half a second at most.
    expect(cut.length).toBeGreaterThan(0)
    expect(cut.startsWith(drawn) || drawn.startsWith(cut)).toBe(true)
    await expect.poll(() => shownMessages(again)).toEqual([QUESTION, cut])
    await goOnButton(again).click(PATIENT)
    expect((await untilEnded(again)).length).toBeGreaterThan(cut.length)
  })
})
