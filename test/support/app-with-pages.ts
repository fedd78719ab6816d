/**
 * The built app with pages of a test's own beside it, on one origin: the examples of the documents as they stand, and the
 * stock `openai` client in one file.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { buildApp } from './server.ts'

const root = join(import.meta.dirname, '../..')

export interface AppWithPages {
  readonly appDir: string
  remove(): Promise<void>
}

/** `/examples/` and `/client/`. */
export async function appWithPages(): Promise<AppWithPages> {
  const appDir = await mkdtemp(join(tmpdir(), 'weft-pages-'))
  await cp(await buildApp(), appDir, { recursive: true })
  await cp(join(root, 'docs/examples'), join(appDir, 'examples'), { recursive: true })
  await build({
    configFile: false,
    root: import.meta.dirname,
    publicDir: false,
    logLevel: 'error',
    build: {
      outDir: join(appDir, 'client'),
      target: 'es2023',
      // A test reads the names of its classes.
      minify: false,
      lib: { entry: join(import.meta.dirname, 'openai-client-page.ts'), formats: ['es'], fileName: 'client' },
    },
  })
  const page =
    '<!doctype html><meta charset="utf-8"><title>Client</title><script type="module" src="client.js"></script>'
  await writeFile(join(appDir, 'client/index.html'), page)
  return { appDir, remove: () => rm(appDir, { recursive: true, force: true }) }
}

/** As it stands but for the address of the server. */
export async function exampleText(name: string, server: string): Promise<string> {
  const text = await readFile(join(root, 'docs/examples', name), 'utf8')
  return text.replaceAll('https://weft.example', server)
}
