/** A test's own page, built with the app's configuration, for the product's server to serve in the place of the app. */
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'

export interface BuiltPage {
  readonly appDir: string
  remove(): Promise<void>
}

/** `name`: of the HTML file in this folder. */
export async function buildPage(name: string): Promise<BuiltPage> {
  const appDir = await mkdtemp(join(tmpdir(), `weft-${name}-`))
  await build({
    configFile: join(import.meta.dirname, '../../vite.config.ts'),
    mode: 'production',
    root: import.meta.dirname,
    logLevel: 'error',
    build: { outDir: appDir, rollupOptions: { input: join(import.meta.dirname, `${name}.html`) } },
  })
  await rename(join(appDir, `${name}.html`), join(appDir, 'index.html'))
  return { appDir, remove: () => rm(appDir, { recursive: true, force: true }) }
}
