/**
 * The operator's page over the real server, as it is built: the token, what each section shows and does, and what of it reaches the tabs:
 * one that is refused while it is here, and an announcement in an open app. Each state is judged by axe in light, dark and on a phone.
 */
import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { SignalClient, type SignalState } from '../../web/mesh/signal-client.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { shortPeer } from '../../web/wire/peers.ts'
import { launchChromium } from '../support/chromium.ts'
import { newKey, randomBytes } from '../support/room-tabs.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'
import { expectSound } from '../support/sound.ts'

const TOKEN = 'a-token-of-the-operator-0123'
const PATIENT = { timeout: 60_000 }
const MODEL = 'ab'.repeat(32)

let server: TestServer
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]
const clients: SignalClient[] = []

beforeAll(async () => {
  server = await startTestServer({ appDir: await buildApp(), operatorToken: TOKEN })
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})
beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  complaints = []
  context.on('console', (message) => {
    // What a refused token is answered with is a line of its own in the console.
    if (message.type() === 'error' && !/status of (401|404|400|429)/.test(message.text()))
      complaints.push(message.text())
  })
  context.on('weberror', (found) => complaints.push(found.error().message))
  page = await context.newPage()
})
afterEach(async () => {
  await context.close()
  for (const client of clients.splice(0)) client.close()
  expect(complaints).toEqual([])
})

const button = (name: string) => page.getByRole('button', { name, exact: true })
const field = (name: string) => page.getByRole('textbox', { name })
const region = (name: string) => page.getByRole('region', { name, exact: true })

async function open(hash = ''): Promise<void> {
  await page.goto(`${server.url}/admin.html${hash}`)
}

async function signIn(hash = ''): Promise<void> {
  await open(hash)
  await page.getByLabel('Operator’s token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.getByRole('navigation', { name: 'Sections' }).waitFor()
}

async function go(section: string): Promise<void> {
  await page.getByRole('link', { name: section, exact: true }).click()
  await page.getByRole('heading', { name: section, level: 2 }).waitFor()
}

/** A tab that holds layers. */
async function tab() {
  const states: SignalState[] = []
  const key = await newKey()
  const client = new SignalClient({
    url: server.url,
    key,
    run: toBase64Url(randomBytes(16)),
    nowMs: Date.now,
    onState: (state) => states.push(state),
    onRelayed: () => {},
  })
  clients.push(client)
  await vi.waitFor(() => expect(states.at(-1)).toEqual({ state: 'here' }), PATIENT)
  const held = [{ modelId: MODEL, span: { first: 0, last: 12 }, msPerLayer: 1, freePositions: 64, queued: 0 }]
  client.say({ numericClass: 'a', visible: false, held, offers: [], room: null })
  await vi.waitFor(() => expect(server.server.hub.roster.peer(client.peer)?.presence).not.toBeNull(), PATIENT)
  return { client, key, short: shortPeer(client.peer), last: () => states.at(-1) }
}

describe('the door', () => {
  it('takes the right token only, holds it in this tab, and stands in no frame', async () => {
    await open()
    await page.getByLabel('Operator’s token').fill('not-the-token-of-anybody-here')
    await button('Sign in').click()
    await page.getByRole('alert').filter({ hasText: 'This is not the operator’s token' }).waitFor()
    await expectSound(page)
    await page.getByLabel('Operator’s token').fill(TOKEN)
    await button('Sign in').click()
    await page.getByRole('list', { name: 'Now' }).waitFor()
    expect(page.url()).not.toContain(TOKEN)
    await page.reload()
    await page.getByLabel('Operator’s token').fill(TOKEN)
    await page.getByLabel('Keep it until this tab is closed').check()
    await button('Sign in').click()
    await page.getByRole('list', { name: 'Now' }).waitFor()
    await page.reload()
    await page.getByRole('list', { name: 'Now' }).waitFor()
    await button('Sign out').click()
    await page.reload()
    await page.getByLabel('Operator’s token').waitFor()

    const answer = await context.request.get(`${server.url}/admin.html`)
    expect(answer.headers()['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(answer.headers()['content-security-policy']).toContain("default-src 'none'")
    expect(await (await context.request.get(`${server.url}/sw.js`)).text()).not.toContain('assets/admin')
  })

  it('says how to set a token where the server has none, and how long to wait where too much was asked', async () => {
    const without = await startTestServer({ appDir: await buildApp() })
    try {
      await page.goto(`${without.url}/admin.html`)
      await page.getByLabel('Operator’s token').fill(TOKEN)
      await button('Sign in').click()
      await page.getByText('This server has no operator’s token.').waitFor()
      expect(await page.getByLabel('In the server’s shell').inputValue()).toContain('WEFT_OPERATOR_TOKEN=')
      await expectSound(page)
    } finally {
      await without.close()
    }
    const strict = { perSecond: 0.05, burst: 6 }
    const rates = { http: strict, connect: strict }
    const busy = await startTestServer({ appDir: await buildApp(), operatorToken: TOKEN, rates })
    try {
      await page.goto(`${busy.url}/admin.html`)
      const answer = async () => {
        await page.getByLabel('Operator’s token').fill('wrong')
        await button('Sign in').click()
        return page.getByRole('alert').textContent()
      }
      await expect.poll(answer, PATIENT).toContain('Try again in 20 seconds.')
    } finally {
      await busy.close()
    }
  })
})

describe('what there is', () => {
  it('is counted, listed and found, without a word of anybody', async () => {
    const [one, two] = [await tab(), await tab()]
    await signIn()
    await page.getByRole('list', { name: 'Now' }).getByText('2 tabs connected').waitFor()
    await expectSound(page)

    await go('Peers')
    const peers = region('Peers')
    await peers.getByRole('row').filter({ hasText: one.short }).getByText('Model abababab, layers 1 to 12').waitFor()
    expect(await peers.getByRole('row').filter({ hasText: one.short }).getByText('Hidden').count()).toBe(1)
    await expectSound(page)
    await page.getByLabel('Find by peer, key, account or model id').fill(two.key.name)
    await page.getByText('1 to 1 of 1').waitFor()
    expect(await peers.getByRole('row').filter({ hasText: two.short }).count()).toBe(1)
    await page.getByLabel('Find by peer, key, account or model id').fill('nobody')
    await page.getByText('Nothing here has that in it.').waitFor()

    await go('Jobs')
    await page.getByText('No job is open.').waitFor()
    await go('Rooms')
    await page.getByText('Nobody is in a room.').waitFor()
    await go('Policy')
    await region('Settings').getByText('memory only').waitFor()
    await region('Rates').getByText('100 a second, 3000 at once').waitFor()
    await expectSound(page)
  })

  it('is walked by the keyboard, and each section has an address', async () => {
    await signIn('#/rooms')
    await page.getByRole('heading', { name: 'Rooms', level: 2 }).waitFor()
    await page.getByRole('link', { name: 'Policy' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Policy', level: 2 }).waitFor()
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN')
    await page.goBack()
    await page.getByRole('heading', { name: 'Rooms', level: 2 }).waitFor()
  })
})

describe('sanctions', () => {
  it('send a tab away with the reason and let it in once they are lifted; both are in the audit log', async () => {
    const bad = await tab()
    await signIn('#/peers')
    await button(`Sanction the device of ${bad.short}`).click()
    expect(await field('Key of a device or an account').inputValue()).toBe(bad.key.name)
    await field('Reason').fill('It floods rooms.')
    await page.getByLabel('For').selectOption('For good')
    await button('Refuse it').click()
    const made = region('Sanctions').getByRole('listitem').filter({ hasText: 'It floods rooms.' })
    await made.getByText('For good').waitFor()
    const says = { state: 'away', final: true, reason: { code: 'sanctioned', detail: 'For good: It floods rooms.' } }
    await vi.waitFor(() => expect(bad.last()).toMatchObject(says), PATIENT)
    await expectSound(page)

    await field('Key of a device or an account').fill('somebody')
    await button('Refuse it').click()
    await page.getByText('This is no key of a device or an account.').waitFor()

    await made.getByRole('button', { name: 'Lift' }).click()
    await made.getByText('Lifted on').waitFor()
    await go('Audit')
    const log = region('Audit log')
    await log.getByRole('row').filter({ hasText: 'Sanction made' }).filter({ hasText: bad.key.name }).waitFor()
    await log.getByRole('row').filter({ hasText: 'Sanction lifted' }).waitFor()
    expect(await log.getByText('floods').count()).toBe(0)
    await expectSound(page)
  })
})

describe('an announcement', () => {
  it('is seen in an open app, put aside there for good, and taken back', async () => {
    const app = await context.newPage()
    await app.goto(`${server.url}/#/network`)
    await app.getByRole('button', { name: 'Connect', exact: true }).click()
    await app.getByRole('button', { name: 'Agree and connect' }).click()
    await vi.waitFor(() => expect(server.server.hub.connected).toBe(1), PATIENT)

    await signIn('#/announcements')
    await field('Text').fill('A restart at noon.')
    await page.getByLabel('Level').selectOption('Warning')
    await button('Announce').click()
    await page.getByText('All connected tabs were told.').waitFor()
    await expectSound(page)

    const bar = app.getByRole('alert').filter({ hasText: 'A restart at noon.' })
    await bar.waitFor()
    await expectSound(app)
    await bar.getByRole('button', { name: 'Put aside' }).press('Enter')
    await bar.waitFor({ state: 'detached' })

    await field('Text').fill('It is over.')
    await page.getByLabel('Level').selectOption('Note')
    await button('Announce').click()
    await app.getByText('It is over.').waitFor()
    // Told anew with all that is in force: what was put aside stays so, also after a reload.
    expect(await bar.count()).toBe(0)
    await app.reload()
    await app.getByText('It is over.').waitFor()
    expect(await bar.count()).toBe(0)
    const row = region('Announcements').getByRole('listitem').filter({ hasText: 'It is over.' })
    await row.getByRole('button', { name: 'Take back' }).click()
    await row.getByText('Taken back on').waitFor()
    await app.getByText('It is over.').waitFor({ state: 'detached' })
    await app.close()
  })
})

describe('partner keys', () => {
  it('are made, changed and revoked, with a tag to copy', async () => {
    await signIn('#/partners')
    await page.getByText('No key was made yet.').waitFor()
    await button('Make a key').click()
    await field('Name of the site').fill('Willow Books')
    await field('Origins').fill('willow.example')
    await button('Make the key').click()
    await page.getByRole('alert').filter({ hasText: 'willow.example' }).waitFor()
    await expectSound(page)
    await field('Origins').fill('https://willow.example/shop\nhttps://www.willow.example')
    await field('Suggested questions').fill('What is new?\nHow do I return a book?')
    await button('Make the key').click()
    const card = region('Willow Books')
    await card.getByText('https://www.willow.example').waitFor()
    const tag = await card.getByLabel('Tag for the site’s pages').inputValue()
    expect(tag).toMatch(
      /^<script src="http:\/\/127\.0\.0\.1:\d+\/embed\.js" data-weft-key="wk_[\w-]{22}" async><\/script>$/,
    )
    await card.getByText('Usage of Willow Books').press('Enter')
    await card.getByText('No visitor has asked anything over others in these days.').waitFor()
    await expectSound(page)

    await button('Change the key of Willow Books').click()
    expect(await field('Origins').inputValue()).toBe('https://willow.example\nhttps://www.willow.example')
    await page.getByLabel('Who may answer visitors').selectOption('Others of the mesh only')
    await button('Save').click()
    await card.getByText('Other devices of the mesh').waitFor()
    const key = /wk_[\w-]{22}/.exec(tag)?.[0]
    expect(await (await fetch(`${server.url}/partner.json?key=${key}`)).json()).toMatchObject({ scope: 'mesh' })

    await button('Revoke the key of Willow Books').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click()
    await card.getByText('Revoked on').waitFor()
    expect((await fetch(`${server.url}/partner.json?key=${key}`)).status).toBe(410)
    await expectSound(page)
  })
})

it('a line of the audit log that was changed shows', async () => {
  const first = await startTestServer({ operatorToken: TOKEN })
  const path = join(first.dataDir, 'operator.jsonl')
  const line = (await readFile(path, 'utf8')).trimEnd()
  await appendFile(path, `${line}\n`)
  const again = await startTestServer({ appDir: await buildApp(), dataDir: first.dataDir, operatorToken: TOKEN })
  try {
    await page.goto(`${again.url}/admin.html#/audit`)
    await page.getByLabel('Operator’s token').fill(TOKEN)
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'Line 2 does not follow from the one before it' }).waitFor()
    await expectSound(page)
  } finally {
    await again.close()
    await first.close()
  }
})
