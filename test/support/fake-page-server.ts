/**
 * Serves the real page (`web/index.html` and all it draws) with `fake-page.ts` in place of `main.ts`, built by Vite into
 * memory and answered with the product's own headers: no inline script, no inline style. Port 0.
 */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { build, type Plugin } from 'vite'
import { setSecurityHeaders } from '../../signal/headers.ts'

const REPOSITORY = resolve(import.meta.dirname, '../..')

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
  woff2: 'font/woff2',
  svg: 'image/svg+xml',
}

function fakeEntry(entry: string): Plugin {
  return {
    name: 'fake-entry',
    transformIndexHtml: {
      order: 'pre',
      handler: (html) => html.replace('./main.ts', '/@fake/page.ts'),
    },
    resolveId: (id) => (id === '/@fake/page.ts' ? resolve(import.meta.dirname, entry) : null),
  }
}

export interface FakePageServer {
  readonly url: string
  close(): Promise<void>
}

/** `entry`: a file of this folder. */
export async function serveFakePage(entry = 'fake-page.ts'): Promise<FakePageServer> {
  const built = await build({
    configFile: false,
    root: resolve(REPOSITORY, 'web'),
    publicDir: resolve(REPOSITORY, 'public'),
    logLevel: 'warn',
    plugins: [svelte({ configFile: false }), fakeEntry(entry)],
    build: { write: false, target: 'es2023', minify: false },
  })
  const given = ['icon.svg', 'theme.js'].map(
    (name) => [`/${name}`, readFileSync(resolve(REPOSITORY, 'public', name))] as const,
  )
  const files = new Map<string, string | Uint8Array>(given)
  for (const output of Array.isArray(built) ? built : [built]) {
    if (!('output' in output)) continue
    for (const file of output.output) files.set(`/${file.fileName}`, file.type === 'chunk' ? file.code : file.source)
  }
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const name = path === '/' ? '/index.html' : path
    const body = files.get(name)
    setSecurityHeaders(response)
    response.setHeader('Content-Type', TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream')
    response.statusCode = body === undefined ? 404 : 200
    response.end(body ?? '')
  })
  await listen(server)
  const { port } = server.address() as AddressInfo
  return { url: `http://localhost:${port}/`, close: () => new Promise((done) => server.close(() => done())) }
}

function listen(server: Server): Promise<void> {
  return new Promise((done) => server.listen(0, 'localhost', done))
}
