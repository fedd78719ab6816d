/**
 * What other tabs learn of a person who contributes by the product's own screen: nothing before they agreed, and with relay
 * only no candidate with an address of this device, over a real coturn. A second tab without it shows that the test would see.
 */
import { networkInterfaces } from 'node:os'
import type { Browser, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { serveBesideAsker } from '../support/app-beside-asker.ts'
import type { AppServer } from '../support/app-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { type Coturn, startCoturn } from '../support/coturn.ts'
import { openMeshTab } from '../support/mesh-app.ts'

const ADDRESSES = Object.values(networkInterfaces()).flatMap((all) =>
  (all ?? []).filter(({ internal }) => !internal).map(({ address }) => address.split('%')[0] ?? ''),
)

let coturn: Coturn
let server: AppServer
let browser: Browser

beforeAll(async () => {
  coturn = await startCoturn()
  const model = tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 512 })
  const ice = { stunUrl: null, turn: { url: coturn.url('udp'), secret: coturn.secret } }
  server = await serveBesideAsker({ tiny: model }, { ice })
})
afterAll(async () => {
  await server?.close()
  await coturn?.close()
})
beforeEach(async () => {
  browser = await launchChromium()
})
afterEach(() => browser.close())

interface Watched {
  readonly page: Page
  /** Everything that left the tab for the server. */
  readonly sent: string[]
  connections(): Promise<number>
}

async function openWatched(): Promise<Watched> {
  const context = await browser.newContext()
  await context.addInitScript(`
    window.connections = 0
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(...given) { super(...given); window.connections += 1 }
    }`)
  const page = await context.newPage()
  const sent: string[] = []
  page.on('websocket', (socket) => {
    sent.push(socket.url())
    socket.on('framesent', ({ payload }) => sent.push(String(payload)))
  })
  await page.goto(`${server.url}/?engine=stage#/contribute`)
  return { page, sent, connections: () => page.evaluate('window.connections') }
}

/** Contributes by the screen, and answers somebody. */
async function answerOne({ page }: Watched, relayOnly: boolean): Promise<readonly (boolean | undefined)[]> {
  const dialog = page.getByRole('dialog', { name: 'Other tabs will see your network address' })
  await dialog.waitFor()
  await dialog.getByRole('checkbox', { name: 'Relay only' }).setChecked(relayOnly)
  await dialog.getByRole('button', { name: 'Agree and contribute' }).click()
  await page.getByRole('region', { name: 'Contributing' }).waitFor()
  const asker = await openMeshTab(browser, `${server.url}/asker.html`)
  expect(await asker.call('loadHead', server.ids[0] ?? '')).toMatchObject({ ok: true })
  const answer = await asker.call('ask', 'Tell me about warp and weft.', 24, 0, 11)
  expect(answer.end).toMatchObject({ kind: 'end' })
  expect(answer.end?.reason).not.toBe('error')
  return (await asker.call('links')).map(({ path }) => path?.relayed)
}

it.each([true, false])('with relay only %s: what other tabs see of the address', async (relayOnly) => {
  const tab = await openWatched()
  const { page, sent } = tab
  await page.getByRole('combobox', { name: 'Give', exact: true }).selectOption('Layers of the model')
  await page.getByRole('button', { name: 'Contribute this GPU' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Not now' }).click()
  expect(sent).toEqual([])
  await page.getByRole('button', { name: 'Contribute this GPU' }).click()
  expect([sent, await tab.connections()]).toEqual([[], 0])
  const relayed = await answerOne(tab, relayOnly)
  expect(relayed).toEqual([relayOnly])
  expect(await tab.connections()).toBeGreaterThan(0)
  const said = sent.join('\n')
  const kinds = new Set(said.match(/ typ \w+/g))
  if (relayOnly) {
    expect([...kinds]).toEqual([' typ relay'])
    expect(said).not.toContain('.local')
    for (const address of ADDRESSES) expect(said).not.toContain(address)
  } else expect([...kinds]).toContain(' typ host')
  await page.getByText(relayOnly ? '0 direct, 1 relayed' : '1 direct, 0 relayed').waitFor()
  await page.goto(page.url().replace('#/contribute', '#/network'))
  const link = page.getByRole('region', { name: 'Connections' }).getByRole('row').nth(1)
  await link.getByText(relayOnly ? 'relayed' : 'direct', { exact: true }).waitFor()
})
