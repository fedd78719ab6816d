/**
 * `npm run screenshots`: takes each screen of `screens.ts` in light, dark and on a phone, writes `docs/images` and
 * `docs/SCREENS.md`. Fails where a screen cannot be reached or the pictures have become too large; skips nothing.
 */
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright'
import sharp from 'sharp'
import { launchChromium } from '../support/chromium.ts'
import { prepareModel } from '../support/prepare.ts'
import { type FlagSpec, readFlags, runCommand, usage } from './flags.ts'
import { closePlayed } from './played-screens.ts'
import { makeMirror, SCREENS, type Screen, screensDocument, serveScreens } from './screens.ts'

const DOCS = join(import.meta.dirname, '../../docs')
const PICTURES_BYTES_MAX = 5_000_000
/** For one step on the way to a screen, on a busy machine. */
const REACH_MS_MAX = 25_000
const DESK = { viewport: { width: 1280, height: 800 } }
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }

const SPEC: FlagSpec = {
  only: { type: 'string', words: 'one screen, and the document stays as it is', of: SCREENS.map(({ name }) => name) },
  to: { type: 'string', words: 'another folder than docs/images, and the document stays as it is' },
}
const HELP = usage('screenshots', 'Pictures of every screen: the built app, the real server, real models.', SPEC)
const ARGS = process.argv.slice(2)

interface Shot {
  readonly look: 'light' | 'dark' | 'phone'
  readonly colorScheme: 'light' | 'dark'
}

async function take(page: Page, path: string, { colorScheme }: Shot): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  // Fonts are optional: a page that has them must not be taken before it draws with them.
  await page.evaluate('document.fonts.ready')
  // Flat colours and text: 256 colours are all that is seen, at a third of the bytes.
  await sharp(await page.screenshot())
    .png({ palette: true, effort: 10 })
    .toFile(path)
}

async function takeScreen(browser: Browser, dataDir: string, folder: string, screen: Screen): Promise<void> {
  const runs: readonly (readonly [object, readonly Shot[]])[] = [
    [
      DESK,
      [
        { look: 'light', colorScheme: 'light' },
        { look: 'dark', colorScheme: 'dark' },
      ],
    ],
    [PHONE, [{ look: 'phone', colorScheme: 'light' }]],
  ]
  for (const [device, shots] of runs) {
    const server = await (screen.serve?.() ?? serveScreens(dataDir))
    const serviceWorkers = screen.serviceWorker ? 'allow' : 'block'
    const context = await browser.newContext({ ...device, serviceWorkers, colorScheme: 'light' })
    try {
      const page = await context.newPage()
      page.setDefaultTimeout(REACH_MS_MAX)
      await screen.reach(page, server)
      for (const shot of shots) await take(page, join(folder, `${screen.name}-${shot.look}.png`), shot)
    } finally {
      await context.close()
      await server.close()
    }
  }
}

async function pictureBytes(folder: string): Promise<number> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.png'))
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function main(): Promise<void> {
  const { only, to } = readFlags(ARGS, SPEC)
  const folder = typeof to === 'string' ? to : join(DOCS, 'images')
  await mkdir(folder, { recursive: true })
  prepareModel()
  const mirror = await makeMirror()
  const browser = await launchChromium()
  const missed: string[] = []
  try {
    for (const screen of SCREENS.filter(({ name }) => only === undefined || name === only)) {
      // One that cannot be reached does not take the others away; the command fails all the same.
      await takeScreen(browser, mirror.dataDir, folder, screen).then(
        () => process.stdout.write(`${screen.name}\n`),
        (error: unknown) => missed.push(`${screen.name}: ${String(error)}`),
      )
    }
  } finally {
    await browser.close()
    await closePlayed()
    await mirror.remove()
  }
  if (missed.length > 0) throw new Error(`Not taken:\n${missed.join('\n')}`)
  if (only === undefined && to === undefined) await writeFile(join(DOCS, 'SCREENS.md'), screensDocument())
  const bytes = await pictureBytes(folder)
  process.stdout.write(`${bytes} bytes of pictures\n`)
  if (bytes > PICTURES_BYTES_MAX)
    throw new Error(`The pictures have ${bytes} bytes; they may have ${PICTURES_BYTES_MAX}.`)
}

await runCommand(HELP, ARGS, main)
