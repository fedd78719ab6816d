/**
 * Credits from end to end on the page that ships: one person gives whole answers, another one without a GPU asks. The real server
 * and its ledger, real WebRTC, real signatures; what both wallets show, and that the books are right after it.
 */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { withPreferences } from '../support/app-beside-asker.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import {
  askByHand,
  composer,
  letAnyone,
  PATIENT,
  settingsOf,
  shownAtLeast,
  untilEnded,
} from '../support/chat-screen.ts'
import { launchChromium, launchWithoutGpu, OPEN_ADDRESSES } from '../support/chromium.ts'
import { buildApp } from '../support/server.ts'
import { expectSound } from '../support/sound.ts'

const QUESTION = 'Tell me about warp and weft.'
const TOKENS = 160

let server: AppServer
let giving: Browser
let asking: Browser
let contexts: BrowserContext[]
let complaints: string[]

beforeAll(async () => {
  server = await serveModels({ plain: plainSpokenModel() }, await buildApp())
  giving = await launchChromium({ args: [...OPEN_ADDRESSES] })
  asking = await launchWithoutGpu(OPEN_ADDRESSES)
  contexts = []
})
afterAll(async () => {
  await giving?.close()
  await asking?.close()
  await server?.close()
})
beforeEach(() => {
  complaints = []
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
  expect(complaints).toEqual([])
})

const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true })
const balance = (page: Page) => region(page, 'Balance')
const history = (page: Page) => page.getByRole('list', { name: 'History', exact: true }).getByRole('listitem')

async function opened(browser: Browser, hash: string): Promise<Page> {
  const context = await browser.newContext()
  contexts.push(context)
  context.on('weberror', (found) => complaints.push(found.error().message))
  if (hash === '') await settingsOf(context, { answerTokensMax: TOKENS })
  else await withPreferences(context, { mesh: { consent: true, pauseWhileActive: false } })
  const page = await context.newPage()
  await page.goto(`${server.url}/?engine=stage${hash}`)
  return page
}

async function giver(): Promise<Page> {
  const page = await opened(giving, '#/contribute')
  await page.getByRole('button', { name: 'Contribute this GPU' }).click(PATIENT)
  await region(page, 'Contributing').waitFor(PATIENT)
  return page
}

async function asker(): Promise<Page> {
  const page = await opened(asking, '')
  await page.getByRole('button', { name: 'Let other tabs answer' }).click(PATIENT)
  await letAnyone(page)
  await composer(page).waitFor(PATIENT)
  return page
}

async function creditsOf(page: Page): Promise<void> {
  await page.evaluate(() => {
    location.hash = '#/credits'
  })
  await balance(page).waitFor(PATIENT)
}

describe('an answer by another tab', () => {
  it('is paid by who asked to who gave it, and both see the receipt with both signatures', async () => {
    const [worker, page] = [await giver(), await asker()]
    await page.getByText(/^About .* you have 40/).waitFor(PATIENT)
    await askByHand(page, QUESTION)
    expect(await untilEnded(page)).not.toBe('')
    await creditsOf(page)
    const spent = history(page).filter({ hasText: 'Receipt' })
    await spent.first().waitFor(PATIENT)
    expect(await spent.count()).toBe(1)
    await spent.first().getByText('Receipt').click()
    for (const name of ['Worker’s signature', 'Asker’s signature']) {
      const row = page.locator('dl div').filter({ has: page.getByText(name, { exact: true }) })
      await row.locator('dd.good').waitFor(PATIENT)
    }
    await expectSound(page)
    // What was set aside for more comes back.
    await expect
      .poll(
        () =>
          balance(page)
            .getByText(/[Cc]omes back at the latest/)
            .count(),
        PATIENT,
      )
      .toBe(0)
    await creditsOf(worker)
    await balance(worker).getByText('Earned; free on').waitFor(PATIENT)
    expect(await history(worker).filter({ hasText: 'Receipt' }).count()).toBe(1)
  })

  it('that is stopped in the middle pays for the tokens that were had', async () => {
    const [, page] = [await giver(), await asker()]
    await page.getByText(/^About .* you have/).waitFor(PATIENT)
    await askByHand(page, QUESTION)
    await shownAtLeast(page, 20)
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    await untilEnded(page)
    await creditsOf(page)
    const spent = history(page).filter({ hasText: 'Receipt' })
    await spent.first().waitFor(PATIENT)
    await spent.first().getByText('Receipt').click()
    const tokens = page.locator('dl div').filter({ has: page.getByText('Tokens', { exact: true }) })
    const written = Number(/(\d+) written/.exec((await tokens.textContent()) ?? '')?.[1])
    expect(written).toBeGreaterThan(0)
    expect(written).toBeLessThan(TOKENS)
  })
})
