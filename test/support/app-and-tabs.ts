/**
 * The product's own page and, beside it on the same server, tabs of a mesh that a test drives by calls (`mesh-page.ts`): what
 * is asked on the one is answered by the others.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../../signal/config.ts'
import { type AppServer, serveModels } from './app-page.ts'
import { type BuiltPage, buildPage } from './build-page.ts'
import { buildApp } from './server.ts'

/** Where the page of `openMeshTab` is. */
export const TABS_PATH = '/mesh.html'

/** A folder for a server to serve, with both. */
export async function buildAppAndTabs(): Promise<BuiltPage> {
  const appDir = await mkdtemp(join(tmpdir(), 'weft-app-and-tabs-'))
  const tabs = await buildPage('mesh-page')
  await cp(await buildApp(), appDir, { recursive: true })
  await cp(join(tabs.appDir, 'assets'), join(appDir, 'assets'), { recursive: true })
  await cp(join(tabs.appDir, 'index.html'), join(appDir, TABS_PATH))
  await tabs.remove()
  return { appDir, remove: () => rm(appDir, { recursive: true, force: true }) }
}

/** As `serveModels`. */
export async function serveAppAndTabs(
  files: Readonly<Record<string, Uint8Array>>,
  settings: Partial<Config> = {},
): Promise<AppServer> {
  const built = await buildAppAndTabs()
  const server = await serveModels(files, built.appDir, settings)
  const close = async () => {
    await server.close()
    await built.remove()
  }
  return { ...server, close }
}
