/**
 * Two versions of the built app, for tests of updates: the app as it ships, with its name in a chunk that is loaded late
 * and with `App` within reach of the test. Each in a folder of its own, so that a server can change from one to the other.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { vi } from 'vitest'
import type { App } from '../../web/app.ts'
import { assert } from '../../web/wire/result.ts'
import { buildForProduction } from './server.ts'

const root = join(import.meta.dirname, '../..')

const WAIT = { timeout: 30_000, interval: 50 }

declare global {
  /** Of such a build only. */
  var testApp: App
  var testVersion: string
  /** Set by the chunk that drives the CPU engine, once it is loaded. */
  var testCpuVersion: string | undefined
}

/** A folder for `appDir`; `remove` deletes it. */
export async function buildVersion(version: string): Promise<{ readonly appDir: string; remove(): Promise<void> }> {
  const appDir = await mkdtemp(join(tmpdir(), 'weft-version-'))
  const added: Readonly<Record<string, string>> = {
    'web/main.ts': `globalThis.testApp = app\nglobalThis.testVersion = ${JSON.stringify(version)}`,
    'web/schedule/cpu-chat.ts': `globalThis.testCpuVersion = ${JSON.stringify(version)}`,
  }
  await buildForProduction({
    logLevel: 'error',
    build: { outDir: appDir },
    plugins: [
      {
        name: 'weft-test-version',
        transform(code, id) {
          const more = Object.entries(added).find(([file]) => id === join(root, file))?.[1]
          return more === undefined ? null : { code: `${code}\n${more}\n`, map: null }
        },
      },
    ],
  })
  return { appDir, remove: () => rm(appDir, { recursive: true, force: true }) }
}

/** Resolves once the service worker serves the page and has kept all that a start needs. */
export async function keptByBrowser(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated')
  await vi.waitFor(
    async () => assert((await cachedPaths(page)).includes('/config.json'), 'the settings are kept'),
    WAIT,
  )
}

/** Paths in all caches that start with `prefix`, sorted; a revision is left out. */
export function cachedPaths(page: Page, prefix = ''): Promise<string[]> {
  return page.evaluate(async (start) => {
    const paths: string[] = []
    for (const name of await caches.keys()) {
      if (!name.startsWith(start)) continue
      for (const { url } of await (await caches.open(name)).keys()) {
        const { origin, pathname } = new URL(url)
        paths.push(origin === location.origin ? pathname : url)
      }
    }
    return paths.sort()
  }, prefix)
}
