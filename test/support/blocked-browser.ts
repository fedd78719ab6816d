/**
 * A Chromium whose person has set what sites may keep, by the browser's own settings. Blocked: no storage, no locks, no service
 * worker, stricter than a private window, which keeps things until it is closed. Granted: a frame in another site has its own.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright'
import { CHROMIUM_FLAGS, ensureChromium } from './chromium.ts'

/** Of Chromium's content settings. */
const ALLOW = 1
const BLOCK = 2
/** From Chromium's, which is of 1601. */
const UNIX_EPOCH_MS = 11_644_473_600_000

export interface BlockedBrowser {
  readonly context: BrowserContext
  close(): Promise<void>
}

/** `args`: over those of every test. */
export function launchBlockedBrowser(args: readonly string[] = []): Promise<BlockedBrowser> {
  return launchSettled({ default_content_setting_values: { cookies: BLOCK } }, args)
}

/**
 * One whose person has let frames of `localhost` have their storage in pages of `127.0.0.1`. A grant by Playwright's own call is
 * believed by half of Chromium 156 only: it ends a page that then touches the storage.
 */
export function launchGrantedBrowser(args: readonly string[] = []): Promise<BlockedBrowser> {
  const granted = { setting: ALLOW, last_modified: String((Date.now() + UNIX_EPOCH_MS) * 1000) }
  const pair = { 'http://localhost,http://127.0.0.1': granted }
  return launchSettled({ content_settings: { exceptions: { storage_access: pair } } }, args)
}

/** One that has no such word of its person, and nobody to ask. */
export function launchRefusingBrowser(args: readonly string[] = []): Promise<BlockedBrowser> {
  return launchSettled({}, args)
}

async function launchSettled(profile: object, args: readonly string[]): Promise<BlockedBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-settled-'))
  await mkdir(join(folder, 'Default'))
  await writeFile(join(folder, 'Default/Preferences'), JSON.stringify({ profile }))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: ensureChromium(),
    headless: true,
    args: [...CHROMIUM_FLAGS, ...args],
  })
  const close = async () => {
    await context.close()
    await rm(folder, { recursive: true, force: true })
  }
  return { context, close }
}
