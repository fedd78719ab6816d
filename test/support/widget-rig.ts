/**
 * A partner's page with the real widget in it, over a real server that has the key, and a second browser whose tab gives the tiny model:
 * what end-to-end tests of the frame drive. The key is answered for here as the server answers for it.
 */
import type { Browser, BrowserContext, FrameLocator, Locator, Page } from 'playwright'
import { expect } from 'vitest'
import type { PartnerView } from '../../web/wire/partner-keys.ts'
import { TABS_PATH } from './app-and-tabs.ts'
import type { AppServer } from './app-page.ts'
import { PATIENT } from './chat-screen.ts'
import { type MeshTabPage, openMeshTab } from './mesh-app.ts'
import type { PartnerSite } from './partner-page.ts'

export const WIDGET_KEY = `wk_${'k'.repeat(22)}`
export const WIDGET_TAG = `data-weft-key="${WIDGET_KEY}"`

export function partnerView(origin: string, more: Partial<PartnerView> = {}): PartnerView {
  const plain = { site: 'Loom & Co', origins: [origin], models: [], scope: 'any', system: '', suggested: [] } as const
  return { ...plain, state: 'open', ...more }
}

/** As the server answers for the key, a number for one that it refuses. `framedBy`: where the frame may stand, as its headers say. */
export async function answerForKey(
  context: BrowserContext,
  view: PartnerView | number,
  framedBy: string = typeof view === 'number' ? '*' : view.origins.join(' '),
): Promise<void> {
  await context.route('**/partner.json*', (route) =>
    typeof view === 'number' ? route.fulfill({ status: view, json: {} }) : route.fulfill({ json: view }),
  )
  await context.route('**/widget.html*', async (route) => {
    const answer = await route.fetch()
    const { 'cross-origin-opener-policy': _, ...headers } = answer.headers()
    const policy = (headers['content-security-policy'] ?? '').replace(
      /frame-ancestors [^;]*/,
      `frame-ancestors ${framedBy}`,
    )
    await route.fulfill({
      response: answer,
      headers: { ...headers, 'content-security-policy': policy, 'cross-origin-resource-policy': 'cross-origin' },
    })
  })
}

/** A tab of somebody else that answers whole jobs by the server's first model. */
export async function openWorker(browser: Browser, server: AppServer, layers: number): Promise<MeshTabPage> {
  const tab = await openMeshTab(browser, server.url + TABS_PATH)
  const offered = await tab.call('offerJobs', server.ids[0] ?? '', layers, 4)
  if (!offered.ok) throw new Error(`${offered.code}: ${offered.detail}`)
  return tab
}

/** Opens the page and its panel. */
export async function openPanel(page: Page, site: PartnerSite, path = '/'): Promise<FrameLocator> {
  await page.goto(site.url + path)
  await page.getByRole('button', { name: 'Ask', exact: true }).click(PATIENT)
  return page.frameLocator('weft-chat iframe')
}

/** Presses until it counts: a button works once it was in sight for a while. */
export async function agree(frame: FrameLocator, name: string): Promise<void> {
  const choice = frame.getByRole('button', { name, exact: true })
  await choice.waitFor(PATIENT)
  await expect
    .poll(async () => {
      if ((await choice.count()) > 0) await choice.click({ timeout: 2_000 }).catch(() => {})
      return choice.count()
    }, PATIENT)
    .toBe(0)
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
