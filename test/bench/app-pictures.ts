/**
 * `npx tsx test/bench/app-pictures.ts`: draws what the web manifest points at, from `public/icon.svg` and the built app.
 * Run by hand after the icon or the page has changed; the pictures are kept as files. Uses a fake-free tiny model.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { serveModels } from '../support/app-page.ts'
import { launchChromium } from '../support/chromium.ts'

const folder = join(import.meta.dirname, '../../public')
/** Paper, as `--surface`: a maskable icon has to fill its square. */
const PAPER = '#f9f6f0'

/** `share` of the square is drawing; a launcher may cut a maskable icon down to a circle of 80 %. */
async function drawIcon(browser: Browser, name: string, size: number, share: number, paper: boolean): Promise<void> {
  const page = await browser.newPage({ viewport: { width: size, height: size }, colorScheme: 'light' })
  const source = Buffer.from(await readFile(join(folder, 'icon.svg'))).toString('base64')
  const background = paper ? PAPER : 'transparent'
  const style = `margin:0;display:grid;place-items:center;height:100vh;background:${background}`
  const side = Math.round(size * share)
  await page.setContent(
    `<body style="${style}"><img width="${side}" height="${side}" src="data:image/svg+xml;base64,${source}"></body>`,
  )
  await page.waitForFunction(() => document.images[0]?.complete)
  await writeFile(join(folder, 'icons', `${name}-${size}.png`), await page.screenshot({ omitBackground: !paper }))
  await page.close()
}

async function takeScreenshot(
  browser: Browser,
  url: string,
  name: string,
  view: { readonly width: number; readonly height: number; readonly scale: number },
): Promise<void> {
  const { scale, ...viewport } = view
  const context = await browser.newContext({ viewport, deviceScaleFactor: scale, colorScheme: 'light' })
  const page = await context.newPage()
  await page.goto(`${url}/?engine=stage`)
  await page.getByRole('textbox', { name: 'Message' }).waitFor()
  await page.waitForLoadState('networkidle')
  await page.screenshot({ path: join(folder, 'screenshots', `${name}.png`) })
  await context.close()
}

await mkdir(join(folder, 'icons'), { recursive: true })
await mkdir(join(folder, 'screenshots'), { recursive: true })
const browser = await launchChromium()
for (const size of [192, 512]) {
  await drawIcon(browser, 'icon', size, 1, false)
  await drawIcon(browser, 'maskable', size, 0.6, true)
}
const server = await serveModels({ 'Tiny Q4': tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5 }) })
await takeScreenshot(browser, server.url, 'wide', { width: 1280, height: 800, scale: 1 })
await takeScreenshot(browser, server.url, 'narrow', { width: 390, height: 844, scale: 2 })
await browser.close()
await server.close()
