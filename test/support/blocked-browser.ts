/**
 * A Chromium whose person has forbidden sites to keep anything, by the browser's own setting: no storage, no locks, no
 * service worker. Stricter than a private window, which keeps things until it is closed.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright'
import { CHROMIUM_FLAGS, ensureChromium } from './chromium.ts'

/** Of Chromium's content settings. */
const BLOCK = 2

export interface BlockedBrowser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** `args`: over those of every test. */
export async function launchBlockedBrowser(args: readonly string[] = []): Promise<BlockedBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'weft-blocked-'))
  await mkdir(join(profile, 'Default'))
  const settings = { profile: { default_content_setting_values: { cookies: BLOCK } } }
  await writeFile(join(profile, 'Default/Preferences'), JSON.stringify(settings))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: ensureChromium(),
    headless: true,
    args: [...CHROMIUM_FLAGS, ...args],
  })
  const close = async () => {
    await context.close()
    await rm(profile, { recursive: true, force: true })
  }
  return { context, close }
}
