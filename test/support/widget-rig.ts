/**
 * A partner's page with the real widget in it, over a real server that the keys were made at, and a second browser whose tab gives the
 * tiny model: what end-to-end tests of the frame drive.
 */
import type { Browser, FrameLocator, Locator, Page } from 'playwright'
import { DeviceKey, makeKey } from '../../web/account/device-key.ts'
import { type PartnerKey, type PartnerWish, parsePartner, writePartner } from '../../web/wire/partner-keys.ts'
import { TABS_PATH } from './app-and-tabs.ts'
import type { AppServer } from './app-page.ts'
import { PATIENT } from './chat-screen.ts'
import { type MeshTabPage, openMeshTab } from './mesh-app.ts'
import { type PartnerPage, servePartner } from './partner-page.ts'
import type { TestServer } from './server.ts'

/** Of a server that is to have keys. */
export const OPERATOR = { operatorToken: 'operator-of-the-tests-0123456789' }

export interface WidgetSite {
  readonly url: string
  /** A key of this site, and a page with its tag. `more`: beside the tag. */
  add(path: string, wish?: Partial<PartnerWish>, more?: Omit<PartnerPage, 'tag'>): Promise<PartnerKey>
  revoke(key: PartnerKey): Promise<void>
  /** A page whose tag has this key, whatever it is. */
  show(path: string, key: PartnerKey): void
  close(): Promise<void>
}

/** The frame is of `localhost`, the page of `127.0.0.1`: two sites, as browsers see it. */
export async function serveWidget(server: Pick<TestServer, 'url'>): Promise<WidgetSite> {
  const weft = server.url.replace('127.0.0.1', 'localhost')
  const pages: Record<string, PartnerPage> = {}
  const site = await servePartner(weft, pages)
  const show = (path: string, key: PartnerKey, more: Omit<PartnerPage, 'tag'> = {}) => {
    pages[path] = { tag: `data-weft-key="${key}"`, ...more }
  }
  return {
    ...site,
    async add(path, wish = {}, more = {}) {
      const key = await made(server, site.url, wish)
      show(path, key, more)
      return key
    },
    async revoke(key) {
      await operate(server, `/${key}/revoke`, {})
    },
    show,
  }
}

/** Of the demo page, which stands on Weft's own origin. */
export function makeDemoKey(server: Pick<TestServer, 'url'>, wish: Partial<PartnerWish>): Promise<PartnerKey> {
  return made(server, new URL(server.url).origin, wish)
}

async function made(server: Pick<TestServer, 'url'>, origin: string, wish: Partial<PartnerWish>): Promise<PartnerKey> {
  const plain = { site: 'Loom & Co', origins: [origin], models: [], scope: 'any', system: '', suggested: [] } as const
  const whole: PartnerWish = { ...plain, payer: null, dailyMicro: 0n, ...wish }
  const record = parsePartner(await operate(server, '', writePartner(whole)))
  if (!record.ok) throw new Error(`${record.code}: ${record.detail}`)
  return record.value.id
}

/** Somebody who pays nothing: a key whose payer it is has used up its day. */
export async function emptyPayer(): Promise<Pick<PartnerWish, 'payer'>> {
  const { name } = await DeviceKey.of(await makeKey())
  return { payer: name }
}

async function operate({ url }: Pick<TestServer, 'url'>, path: string, body: object): Promise<unknown> {
  const headers = { 'Authorization': `Bearer ${OPERATOR.operatorToken}`, 'Content-Type': 'application/json' }
  const answer = await fetch(`${url}/operator/partners${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`The operator's request was answered ${answer.status}: ${await answer.text()}`)
  return answer.json()
}

/** A tab of somebody else that answers whole jobs by the server's first model. */
export async function openWorker(browser: Browser, server: AppServer, layers: number): Promise<MeshTabPage> {
  const tab = await openMeshTab(browser, server.url + TABS_PATH)
  const offered = await tab.call('offerJobs', server.ids[0] ?? '', layers, 4)
  if (!offered.ok) throw new Error(`${offered.code}: ${offered.detail}`)
  return tab
}

/** Opens the page and its panel. */
export async function openPanel(page: Page, site: Pick<WidgetSite, 'url'>, path = '/'): Promise<FrameLocator> {
  await page.goto(site.url + path)
  await page.getByRole('button', { name: 'Ask', exact: true }).click(PATIENT)
  return page.frameLocator('weft-chat iframe')
}

/** Presses until it counts: a button works once it was in sight for a while. Pictures are taken with it too, outside of a test. */
export async function agree(frame: FrameLocator, name: string): Promise<void> {
  const choice = frame.getByRole('button', { name, exact: true })
  await choice.waitFor(PATIENT)
  const endMs = performance.now() + PATIENT.timeout
  while ((await choice.count()) > 0) {
    if (performance.now() > endMs) throw new Error(`No press of "${name}" counted.`)
    await choice.click({ timeout: 2_000 }).catch(() => {})
    await choice.waitFor({ state: 'detached', timeout: 500 }).catch(() => {})
  }
}

/** The line that says what runs. */
export const runningLine = (frame: FrameLocator): Locator => frame.locator('.running')

/** What the element tells its page, from now on. */
export async function hearHost(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.toldByWeft = []
    for (const name of ['weft-state', 'weft-answer'])
      addEventListener(name, (event) => window.toldByWeft.push([name, (event as CustomEvent).detail]))
  })
}

export function toldHost(page: Page): Promise<readonly (readonly [string, object])[]> {
  return page.evaluate(() => window.toldByWeft)
}

declare global {
  interface Window {
    toldByWeft: [string, object][]
  }
}
