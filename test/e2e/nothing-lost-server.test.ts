/**
 * The server is gone for the day, really closed: a page that is open goes on, one that is reloaded starts from what the
 * browser keeps, and both answer on this device. What is said about it is one calm word.
 */
import type { Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { useBrowser } from '../support/app-hooks.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { keptByBrowser } from '../support/app-versions.ts'
import {
  allTexts,
  askByHand,
  exportAll,
  goOnButton,
  inList,
  log,
  PATIENT,
  settingsOf,
  shownAtLeast,
  shownMessages,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'

const browser = useBrowser({ prepare: (context) => settingsOf(context, { answerTokensMax: 60 }) })
let server: AppServer

beforeAll(async () => {
  server = await serveModels({ plain: plainSpokenModel() })
})

afterAll(() => server?.close())

/** Nothing that alarms: no failure in the log, above the composer or in the list. */
async function expectCalm(page: Page): Promise<void> {
  expect(await page.locator('.trouble').allTextContents()).toEqual([])
  expect(await page.getByRole('alert').allTextContents()).toEqual([])
}

describe('the server is gone in the middle of the day', () => {
  it('the chat goes on here, before and after a reload, and every conversation is there', async () => {
    const page = await browser.open(`${server.url}/`)
    await askByHand(page, 'First.')
    const first = await untilEnded(page)
    await keptByBrowser(page)

    await askByHand(page, 'Second.')
    await shownAtLeast(page, 10)
    await server.close()
    const second = await untilEnded(page)
    await askByHand(page, 'Third.')
    const third = await untilEnded(page)
    const all = ['First.', first, 'Second.', second, 'Third.', third]
    await expect.poll(() => shownMessages(page)).toEqual(all)
    await expectCalm(page)

    await page.reload()
    await expect.poll(() => shownMessages(page), PATIENT).toEqual(all)
    await page.getByText('Offline', { exact: true }).waitFor(PATIENT)
    await goOnButton(page).click(PATIENT)
    await shownAtLeast(page, third.length + 10)
    const longer = await untilEnded(page)
    expect(longer.startsWith(third)).toBe(true)
    await page.getByRole('button', { name: 'New chat' }).click()
    await askByHand(page, 'Elsewhere.')
    await untilEnded(page)
    const elsewhere = await shownText(page)
    await inList(page, 'First.').click()
    await expect.poll(() => shownMessages(page)).toEqual([...all.slice(0, -1), longer])
    const kept = [...all.slice(0, -1), longer, 'Elsewhere.', elsewhere]
    expect(allTexts(await exportAll(page))).toEqual([...kept].sort())
    expect(
      await log(page)
        .getByText(/source-unreachable|not-loaded/)
        .count(),
    ).toBe(0)
    await expectCalm(page)
  })
})
