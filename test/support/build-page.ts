/**
 * A test's own page, built for a server to serve: with the app's configuration in the place of the app, or plain as a rig
 * around one engine.
 */
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

/** The folder of a rig's page, with its workers in files of their own. `name`: of the HTML file in this folder. */
export async function buildRig(name: string): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), `weft-${name}-`))
  await build({
    configFile: false,
    root: import.meta.dirname,
    publicDir: false,
    logLevel: 'error',
    worker: { format: 'es' },
    build: {
      outDir,
      target: 'es2023',
      minify: false,
      chunkSizeWarningLimit: 10_000,
      rollupOptions: { input: join(import.meta.dirname, `${name}.html`) },
    },
  })
  return outDir
}
