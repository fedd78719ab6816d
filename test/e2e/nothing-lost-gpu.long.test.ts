/**
 * The GPU process or the engine's worker dies in the middle of an answer, for real: the answer goes on with the same
 * text and says so. Where it happens too often it ends with a way on, and what was shown stays, also over a reload.
 */
import type { Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { REPLAYS_MAX } from '../../web/wire/limits/engine.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { useBrowser, useFiles } from '../support/app-hooks.ts'
import { crashGpu } from '../support/app-page.ts'
import {
  answerAlone,
  askByHand,
  goOnButton,
  lastAnswer,
  log,
  PATIENT,
  settingsOf,
  shownAtLeast,
  shownMessages,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'

const QUESTION = 'Tell me about warp and weft.'
const server = useFiles(() => ({ plain: plainSpokenModel() }))
const browser = useBrowser({ prepare: (context) => settingsOf(context) })
let page: Page

beforeEach(async () => {
  page = await browser.open(`${server.url}/`)
})

/** After the answer was cut by what the page says: a reload keeps it, and a click goes on from it. */
async function expectKeptAndContinued(cut: string): Promise<void> {
  await expect.poll(() => shownMessages(page), PATIENT).toEqual([QUESTION, cut])
  await goOnButton(page).click(PATIENT)
  await shownAtLeast(page, cut.length + 20)
  const whole = await untilEnded(page)
  expect(whole.startsWith(cut)).toBe(true)
  expect(await log(page).locator('.trouble').count()).toBe(0)
}

describe('the GPU process dies in the middle of an answer', () => {
  it('once: the answer goes on with the same text and says so', async () => {
    const whole = await answerAlone(page, QUESTION)
    expect(whole.length).toBeGreaterThan(120)
    await askByHand(page, QUESTION)
    await shownAtLeast(page, 30)
    await crashGpu(page)
    expect(await untilEnded(page)).toBe(whole)
    await lastAnswer(page)
      .getByText(/^The GPU was lost and came back\..*the answer goes on\.$/)
      .waitFor()
    await lastAnswer(page).getByText('Stage engine on').waitFor()
    await expect.poll(() => shownMessages(page)).toEqual([QUESTION, whole])
  })

  it('again: it ends with an offer to reload, and after that it is there and goes on', async () => {
    await askByHand(page, QUESTION)
    const first = await shownAtLeast(page, 10)
    await crashGpu(page)
    const second = await shownAtLeast(page, first.length + 5)
    await crashGpu(page)
    await untilEnded(page)
    const said = lastAnswer(page).locator('.trouble')
    await said.getByText('The GPU was lost and did not come back.').waitFor()
    await said.getByText('The conversation and this part of the answer are kept.').waitFor()
    await said.getByText('device-degraded', { exact: true }).waitFor()
    const cut = await shownText(page)
    expect(cut.startsWith(second)).toBe(true)
    const reloaded = page.waitForEvent('load')
    await said.getByRole('button', { name: 'Reload the page' }).click()
    await reloaded
    // Chromium gives this page no GPU for a while: the CPU goes on.
    await expectKeptAndContinued(cut)
    await lastAnswer(page)
      .getByText(/^CPU engine, |^Stage engine on /)
      .waitFor()
  })
})

describe('the engine’s worker dies in the middle of an answer', () => {
  /** An error that nobody catches ends a worker, as does a want of memory. */
  async function crashWorker(): Promise<void> {
    const worker = page.workers().find((one) => one.url().includes('/engine-worker-'))
    expect(worker).toBeDefined()
    await worker?.evaluate(() => {
      setTimeout(() => {
        throw new Error('crashed by a test')
      })
    })
  }

  it('once: another one is started and the answer goes on with the same text', async () => {
    const whole = await answerAlone(page, QUESTION)
    await askByHand(page, QUESTION)
    await shownAtLeast(page, 30)
    await crashWorker()
    expect(await untilEnded(page)).toBe(whole)
    await lastAnswer(page)
      .getByText(/^The engine stopped and was started again\..*the answer goes on\.$/)
      .waitFor()
    await expect.poll(() => shownMessages(page)).toEqual([QUESTION, whole])
  })

  it('again and again: it ends with what was shown, which a reload keeps, and goes on by a click', async () => {
    await askByHand(page, QUESTION)
    let shown = ''
    for (let crashes = 0; crashes <= REPLAYS_MAX; crashes += 1) {
      shown = await shownAtLeast(page, shown.length + 5)
      await crashWorker()
    }
    const cut = await untilEnded(page)
    expect(cut.startsWith(shown)).toBe(true)
    const said = lastAnswer(page).locator('.trouble')
    await said.getByText('The engine stopped.').waitFor()
    await said.getByText('worker-lost', { exact: true }).waitFor()
    await page.reload()
    await expectKeptAndContinued(cut)
  })
})
