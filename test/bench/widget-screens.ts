/**
 * The pictures of the widget: the demo page of a shop, with keys that are made at the picture's own server. Answers come from the device
 * that takes the picture, as there is nobody else.
 */
import type { FrameLocator, Page } from 'playwright'
import type { PartnerWish } from '../../web/wire/partner-keys.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { serveModels } from '../support/app-page.ts'
import type { TestServer } from '../support/server.ts'
import { agree, makeDemoKey, OPERATOR, openPanel, runningLine, serveWidget } from '../support/widget-rig.ts'

type Served = Pick<TestServer, 'url' | 'close'>

/** A `Screen` of `screens.ts`. */
interface WidgetScreen {
  readonly name: string
  readonly says: string
  readonly serve?: () => Promise<Served>
  reach(page: Page, server: Served): Promise<void>
}

const PATIENT = { timeout: 120_000 }

async function open(page: Page, server: Served, wish: Partial<PartnerWish> = {}): Promise<FrameLocator> {
  await page.goto(`${server.url}/widget-demo.html?key=${await makeDemoKey(server, wish)}`)
  await page.getByRole('button', { name: 'Ask the shop' }).click()
  return page.frameLocator('weft-chat iframe')
}

const giving = () =>
  serveModels({ 'Tiny Llama': tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5 }) }, undefined, OPERATOR)

/** A page of another origin, for what only such a page may ask. */
async function elsewhere(): Promise<Served> {
  const server = await giving()
  const site = await serveWidget(server)
  await site.add('/')
  return {
    url: site.url,
    async close() {
      await site.close()
      await server.close()
    },
  }
}

/** As the page's own script would. */
async function askByPage(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const tag = document.querySelector<HTMLScriptElement>('script[data-weft-key]')
    const url = new URL(tag?.src ?? '').origin
    const { createWeft } = await import(`${url}/sdk/weft.js`)
    void createWeft({ url, key: tag?.dataset['weftKey'] })
      .models.list()
      .catch(() => {})
  })
}

async function give(page: Page, server: Served): Promise<FrameLocator> {
  const frame = await open(page, server)
  await agree(frame, 'Use it and give')
  await frame.getByRole('button', { name: 'Download and give' }).click(PATIENT)
  await runningLine(frame).getByText('Giving to others').waitFor(PATIENT)
  return frame
}

async function openWindow(page: Page, server: Served): Promise<FrameLocator> {
  const frame = await give(page, server)
  await agree(frame, 'Go on giving in a window of Weft')
  await frame.getByRole('link', { name: 'open it here' }).waitFor(PATIENT)
  return frame
}

export const WIDGET_SCREENS: readonly WidgetScreen[] = [
  {
    name: 'widget-consent',
    says: 'The widget in a page of another site, in its colours: what would run, and what each choice means, before anything does.',
    async reach(page, server) {
      const frame = await open(page, server)
      await frame.getByRole('button', { name: 'Use it', exact: true }).waitFor(PATIENT)
    },
  },
  {
    name: 'widget-chat',
    says: 'Agreed to, with a key that lets this device answer only: questions of the site, what it tells the model, what runs and how to stop it.',
    async reach(page, server) {
      const frame = await open(page, server, { scope: 'own' })
      await agree(frame, 'Use it on this device')
      await frame.getByRole('button', { name: /^Download / }).click(PATIENT)
      await frame.getByText('Nothing runs.').waitFor(PATIENT)
      await frame.getByRole('button', { name: 'Can I send cut cloth back?' }).click(PATIENT)
      await frame.locator('article.assistant .text').getByText(/.{40}/).first().waitFor(PATIENT)
    },
  },
  {
    name: 'widget-giving',
    says: 'Giving while the panel is in sight, with a tiny model: one press ends it.',
    serve: giving,
    async reach(page, server) {
      await give(page, server)
    },
  },
  {
    name: 'widget-window',
    says: 'Giving goes on in a window of Weft, with the code for where none opened. A tiny model.',
    serve: giving,
    async reach(page, server) {
      await openWindow(page, server)
    },
  },
  {
    name: 'contribute-linked',
    says: 'That window: it says which chat it was opened from, and asks before it is linked or gives anything.',
    serve: giving,
    async reach(page, server) {
      const frame = await openWindow(page, server)
      const address = await frame.getByRole('link', { name: 'open it here' }).getAttribute('href')
      await page.goto(address ?? '')
      await page.getByRole('region', { name: /^Opened from the chat on/ }).waitFor(PATIENT)
    },
  },
  {
    name: 'widget-asks',
    says: 'A page of another origin wants to ask by itself: what that means, before it may.',
    serve: elsewhere,
    async reach(page, server) {
      const frame = await openPanel(page, server)
      await askByPage(page)
      await agree(frame, 'Use it')
      await frame.getByRole('heading', { name: /ask by itself\?$/ }).waitFor(PATIENT)
    },
  },
  {
    name: 'widget-refused',
    says: 'A page that the key does not name.',
    async reach(page, server) {
      const frame = await open(page, server, { origins: ['https://elsewhere.example'] })
      await frame.getByText('This chat belongs to another site.').waitFor(PATIENT)
    },
  },
]
