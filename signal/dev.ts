/**
 * `npm run dev`: the app straight from its sources, with hot reload, behind our own server and its headers. Vite is
 * loaded here only, so that the product never needs it.
 */

import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { createServer } from 'vite'
import { setScriptPolicy } from './headers.ts'
import type { AppHandler } from './http.ts'
import type { PageReader } from './partners/routes.ts'
import type { ServedApp } from './server.ts'

/** A built app on the same port has left its service worker in the browser: it removes itself, and its pages load anew. */
const NO_SERVICE_WORKER = `
addEventListener('install', () => skipWaiting())
addEventListener('activate', (event) => event.waitUntil((async () => {
  await registration.unregister()
  for (const page of await clients.matchAll({ type: 'window' })) await page.navigate(page.url)
})()))
`

export async function devApp(server: Server): Promise<ServedApp> {
  const vite = await createServer({
    appType: 'spa',
    server: { middlewareMode: true, ws: { server } },
  })
  const handler: AppHandler = (request, response, next) => {
    const pathname = request.url?.split('?', 1)[0] ?? '/'
    setScriptPolicy(response, pathname)
    if (pathname === '/sw.js') return void response.setHeader('Content-Type', 'text/javascript').end(NO_SERVICE_WORKER)
    vite.middlewares(request, response, next)
  }
  const pages: PageReader = async (name) => {
    const text = await readFile(join(vite.config.root, name), 'utf8').catch(() => null)
    return text === null ? null : vite.transformIndexHtml(`/${name}`, text)
  }
  return { handler, pages, close: () => vite.close() }
}
