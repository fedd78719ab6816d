/**
 * A chat that one other tab answers whole, on the page that ships, in a browser without a GPU and with its CPU engine off:
 * the real server, real WebRTC between two browsers, workers with the real engine.
 */
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { shortPeer } from '../../web/wire/peers.ts'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { serveAppAndTabs, TABS_PATH } from '../support/app-and-tabs.ts'
import { type AppServer, ask } from '../support/app-page.ts'
import {
  answerAlone,
  askByHand,
  composer,
  lastAnswer,
  letAnyone,
  log,
  PATIENT,
  settingsOf,
  shownAtLeast,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'
import { launchChromium, launchWithoutGpu, OPEN_ADDRESSES } from '../support/chromium.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'
import { expectSound } from '../support/sound.ts'

const QUESTION = 'Tell me about warp and weft.'
const LAYERS = 3
const NO_GPU = 'The browser found no usable GPU.'
const TOKENS = 160

let server: AppServer
let working: Browser
let asking: Browser
let complaints: string[]
let contexts: BrowserContext[]

beforeAll(async () => {
  server = await serveAppAndTabs({ plain: plainSpokenModel() })
  working = await launchChromium({ args: [...OPEN_ADDRESSES] })
  asking = await launchWithoutGpu(OPEN_ADDRESSES)
  contexts = []
})
afterAll(async () => {
  await working?.close()
  await asking?.close()
  await server?.close()
})
beforeEach(async () => {
  complaints = []
  // Tabs of the test before were closed without a word.
  await expect.poll(() => server.server.hub.roster.size, PATIENT).toBe(0)
})
afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
  expect(complaints).toEqual([])
})

async function appPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext()
  contexts.push(context)
  context.on('weberror', (found) => complaints.push(found.error().message))
  await settingsOf(context, { answerTokensMax: TOKENS })
  const page = await context.newPage()
  await page.goto(`${server.url}/?engine=stage`)
  return page
}

let known: string | null = null

/** What the same page says in a browser with a GPU, by itself; asked once. */
async function answerHere(): Promise<string> {
  if (known !== null) return known
  const page = await appPage(working)
  known = await answerAlone(page, QUESTION)
  expect(known.length).toBeGreaterThan(TOKENS)
  await page.context().close()
  return known
}

async function worker(): Promise<MeshTabPage> {
  const tab = await openMeshTab(working, `${server.url}${TABS_PATH}`)
  contexts.push(tab.context)
  expect(await tab.call('offerJobs', server.ids[0] ?? '', LAYERS, 4)).toMatchObject({ ok: true })
  return tab
}

const nameOf = async (tab: MeshTabPage) => shortPeer(await tab.call('peer'))
const facts = (page: Page) => lastAnswer(page).locator('.facts')

/** An asker that can compute nothing itself, and lets anyone answer. */
async function asker(): Promise<Page> {
  const page = await appPage(asking)
  await page.getByRole('heading', { name: NO_GPU }).waitFor(PATIENT)
  await page.getByRole('button', { name: 'Let other tabs answer' }).click()
  await letAnyone(page)
  await composer(page).waitFor(PATIENT)
  return page
}

describe('a chat that another tab answers whole', () => {
  it('says what that tab would say alone, and who can read the prompt', async () => {
    const alone = await answerHere()
    const tab = await worker()
    const page = await asker()
    await page.getByText('Where one tab answers it whole, that tab reads your prompt', { exact: false }).waitFor()
    await page.getByText('one tab that holds it whole and reads your prompt').waitFor(PATIENT)
    await askByHand(page, QUESTION)
    expect(await untilEnded(page)).toBe(alone)
    const said = `Answered by a tab of somebody else, whole: ${await nameOf(tab)}, direct`
    await facts(page).getByText(said, { exact: true }).waitFor()
    await facts(page).getByText('as this device cannot run it', { exact: true }).waitFor()
    await expectSound(page)
  })

  it('goes on at the next tab with the same text when its worker is closed in the middle, and says so', async () => {
    const alone = await answerHere()
    const tabs = [await worker(), await worker()]
    const names = await Promise.all(tabs.map(nameOf))
    const page = await asker()
    await askByHand(page, QUESTION)
    await shownAtLeast(page, 20)
    const by = (await facts(page).textContent()) ?? ''
    const first = names.findIndex((name) => by.includes(`whole: ${name}`))
    await tabs[first]?.context.close()
    const [left = '', next = ''] = first === 0 ? names : [...names].reverse()
    expect(await untilEnded(page)).toBe(alone)
    await log(page).getByText('A peer stopped answering; another one goes on.').waitFor()
    await log(page).getByText(`${next} goes on by the same tokens, after ${left}.`).waitFor()
    await facts(page).getByText(`whole: ${next}`).waitFor()
    await expectSound(page)
  })

  it('is over for its worker too when it is stopped', async () => {
    const alone = await answerHere()
    const tab = await worker()
    const page = await asker()
    await askByHand(page, QUESTION)
    await shownAtLeast(page, 20)
    await page.getByRole('button', { name: 'Stop', exact: true }).click()
    const shown = await untilEnded(page)
    expect(alone.startsWith(shown)).toBe(true)
    expect(shown).not.toBe(alone)
    await tab.until('(await mesh.offers())[0].held === 0')
    // It has its engine back: the next one is answered.
    await page.getByRole('button', { name: 'Continue' }).click()
    await expect.poll(() => shownText(page), PATIENT).toBe(alone)
  })

  it('is not what a conversation of this device only asks for: refused by code, and the server hears of no job', async () => {
    const alone = await answerHere()
    const tab = await worker()
    const page = await appPage(asking)
    const sent: string[] = []
    page.on('websocket', (socket) => socket.on('framesent', ({ payload }) => sent.push(payload.toString())))
    const jobs = () => sent.filter((frame) => /"job(News)?"/.test(frame))
    await page.getByRole('heading', { name: NO_GPU }).waitFor(PATIENT)
    await page.getByText('no-adapter', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Look again' }).waitFor()
    expect(await ask(page, { content: QUESTION, maxTokens: 8 })).toMatchObject({ text: '', code: 'no-adapter' })
    expect(sent).toEqual([])
    // Also where this tab has asked others before.
    await page.getByRole('button', { name: 'Let other tabs answer' }).click()
    await letAnyone(page)
    await askByHand(page, QUESTION)
    expect(await untilEnded(page)).toBe(alone)
    expect(jobs().length).toBeGreaterThan(0)
    const before = jobs().length
    await page.getByRole('button', { name: 'New chat' }).click()
    await page.getByRole('heading', { name: NO_GPU }).waitFor()
    await expect.poll(() => composer(page).count()).toBe(0)
    expect(await ask(page, { content: QUESTION, maxTokens: 8 })).toMatchObject({ text: '', code: 'no-adapter' })
    await tab.until('(await mesh.offers())[0].held === 0')
    expect(jobs().length).toBe(before)
  })
})
