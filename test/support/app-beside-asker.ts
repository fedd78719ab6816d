/** The product's page, and beside it the one of a test that asks (`asker.html`): one server introduces both. */
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright'
import type { Config } from '../../signal/config.ts'
import { type AppServer, serveModels } from './app-page.ts'
import { buildPage } from './build-page.ts'
import { buildApp } from './server.ts'

export async function serveBesideAsker(
  files: Readonly<Record<string, Uint8Array>>,
  settings: Partial<Config> = {},
): Promise<AppServer> {
  const appDir = await mkdtemp(join(tmpdir(), 'weft-beside-'))
  await cp(await buildApp(), appDir, { recursive: true })
  const asker = await buildPage('mesh-page')
  await rename(join(asker.appDir, 'index.html'), join(asker.appDir, 'asker.html'))
  await cp(asker.appDir, appDir, { recursive: true })
  await asker.remove()
  const server = await serveModels(files, appDir, settings)
  const close = async () => {
    await server.close()
    await rm(appDir, { recursive: true, force: true })
  }
  return { ...server, close }
}

/** What its person has set before, as the product keeps it. Of pages that come. */
export async function withPreferences(context: BrowserContext, preferences: object): Promise<void> {
  await context.addInitScript((text) => {
    // An empty page, which comes first, has no storage.
    if (location.protocol === 'http:') localStorage['weft-preferences'] ??= text
  }, JSON.stringify(preferences))
}
