/**
 * Two real versions of the app on one address: the new one waits, is told of, and starts in the tab that asks for it and
 * after its answer. Another tab loses nothing: not an answer under way, not the parts of its version that it loads later.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SHELL_CACHE } from '../../web/wire/shell.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { type AppServer, ask, serveModels, streamedAtLeast } from '../support/app-page.ts'
import { buildVersion, cachedPaths, keptByBrowser } from '../support/app-versions.ts'
import { answerAlone, askByHand, PATIENT, settingsOf, shownAtLeast, shownText } from '../support/chat-screen.ts'
import { launchChromium } from '../support/chromium.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

const LONG = { content: 'Tell me about warp and weft.', temperature: 0.8, seed: 11, maxTokens: 160 }
const WAIT = { timeout: 30_000 }

type Version = Awaited<ReturnType<typeof buildVersion>>

let models: AppServer
let one: Version
let two: Version
let server: TestServer
let browser: Browser
let context: BrowserContext

beforeAll(async () => {
  models = await serveModels({ plain: plainSpokenModel() })
  one = await buildVersion('one')
  two = await buildVersion('two')
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await one?.remove()
  await two?.remove()
  await models?.close()
})

beforeEach(async () => {
  server = await startTestServer({ dataDir: models.dataDir, appDir: one.appDir })
  context = await browser.newContext()
})

afterEach(async () => {
  await context.close()
  await server.close()
})

/** The same address answers with another version from now on. */
async function deploy({ appDir }: Version): Promise<void> {
  const port = Number(new URL(server.url).port)
  await server.close()
  server = await startTestServer({ dataDir: models.dataDir, appDir, port })
}

async function openTab(): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${server.url}/?engine=stage`)
  await keptByBrowser(page)
  return page
}

/** What the browser does at each start, and the page when it has been open for long. */
async function lookForUpdate(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration()
    await registration?.update()
  })
}

const updateIs = (page: Page, state: 'none' | 'ready') =>
  page.waitForFunction((wanted) => globalThis.testApp.view.update === wanted, state)
const runs = (page: Page, version: string) =>
  page.waitForFunction((wanted) => globalThis.testVersion === wanted, version)
const versionOf = (page: Page) => page.evaluate(() => globalThis.testVersion)
/** Not awaited by the page: it is left. */
const apply = (page: Page) => page.evaluate(() => void globalThis.testApp.applyUpdate())

describe('a new version', () => {
  it('starts where it is asked for, and breaks nothing in another tab', async () => {
    const first = await openTab()
    const whole = await ask(first, LONG)
    expect(whole).toMatchObject({ engine: 'stage', code: null })
    const second = await openTab()
    expect(await first.evaluate(() => globalThis.testApp.view.update)).toBe('none')

    await deploy(two)
    await lookForUpdate(first)
    await updateIs(first, 'ready')
    await updateIs(second, 'ready')
    expect([await versionOf(first), await versionOf(second)]).toEqual(['one', 'one'])

    // The first tab holds the engine, so that the answer of the second loses its owner as well.
    const interrupted = ask(second, LONG)
    await streamedAtLeast(second, 20)
    await apply(first)
    await runs(first, 'two')
    expect(await interrupted).toMatchObject({ text: whole.text, finish: whole.finish, code: null })
    expect(await versionOf(second)).toBe('one')

    // The server has this part of the first version no more.
    const late = (await readdir(join(one.appDir, 'assets'))).find((name) => name.startsWith('cpu-chat-')) ?? ''
    expect((await fetch(`${server.url}/assets/${late}`)).status).toBe(404)
    await second.evaluate(() => globalThis.testApp.pickEngine('cpu'))
    expect(await ask(second, { content: 'Hello.', maxTokens: 8 })).toMatchObject({ engine: 'cpu', code: null })
    expect(await second.evaluate(() => globalThis.testCpuVersion)).toBe('one')

    // Asked for in the middle of an answer of its own: first the answer, whole.
    const own = ask(second, { ...LONG, maxTokens: 40 })
    await streamedAtLeast(second, 8)
    await apply(second)
    expect(await own).toMatchObject({ engine: 'cpu', code: null, completionTokens: 40 })
    await runs(second, 'two')
    await updateIs(second, 'none')
    await expect.poll(() => cachedPaths(second, SHELL_CACHE), WAIT).not.toContain(`/assets/${late}`)
    const names = await second.evaluate(() => caches.keys())
    expect(names.filter((name) => name.startsWith(SHELL_CACHE))).toHaveLength(1)
  })

  it('is offered beside an answer, waits for its end when told to start, and nothing of it is lost', async () => {
    await settingsOf(context, { answerTokensMax: 250 })
    const page = await openTab()
    const whole = await answerAlone(page, LONG.content)
    await deploy(two)
    await askByHand(page, LONG.content)
    await shownAtLeast(page, 20)
    await lookForUpdate(page)
    await page.getByText('It waits for the answer that is being written.').waitFor(PATIENT)
    await page.getByRole('button', { name: 'Start it' }).click()
    await page.getByText('The new version starts when the answer is written.').waitFor()
    expect((await shownText(page)).length).toBeLessThan(whole.length)
    expect(await versionOf(page)).toBe('one')
    await runs(page, 'two')
    await expect.poll(() => shownText(page), WAIT).toBe(whole)
    expect(await page.getByText('Cut when its page was closed').count()).toBe(0)
  })

  it('waits through a reload, and works without the server once it is there', async () => {
    const page = await openTab()
    await deploy(two)
    await lookForUpdate(page)
    await updateIs(page, 'ready')
    const offer = page.getByText('A new version of Weft is here.')
    await page.getByRole('button', { name: 'Later' }).click()
    await offer.waitFor({ state: 'detached' })
    await page.reload()
    await offer.waitFor()
    expect(await versionOf(page)).toBe('one')
    await updateIs(page, 'ready')
    await server.close()
    await apply(page)
    await runs(page, 'two')
  })

  it('that cannot be fetched whole changes nothing', async () => {
    const page = await openTab()
    await deploy(two)
    const late = (await readdir(join(two.appDir, 'assets'))).find((name) => name.startsWith('cpu-chat-')) ?? ''
    let refused = 0
    await context.route(`**/assets/${late}`, async (route) => {
      refused += 1
      await route.abort()
    })
    await lookForUpdate(page).catch(() => {})
    await page.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration()
      const { installing } = registration ?? {}
      if (installing)
        await new Promise((resolve) => {
          installing.addEventListener('statechange', resolve, { once: true })
        })
    })
    expect(refused).toBe(1)
    await page.reload()
    expect(await versionOf(page)).toBe('one')
    expect(await ask(page, { content: 'Hello.', maxTokens: 4 })).toMatchObject({ code: null })
  })
})
