/**
 * `npm run dev`: the app straight from its sources, with hot reload, behind our own server and its headers. Vite is
 * loaded here only, so that the product never needs it.
 */
import type { Server } from 'node:http'
import { createServer } from 'vite'
import { setScriptPolicy } from './headers.ts'
import type { AppHandler } from './http.ts'

export async function devApp(server: Server): Promise<{ readonly handler: AppHandler; close(): Promise<void> }> {
  const vite = await createServer({
    appType: 'spa',
    server: { middlewareMode: true, ws: { server } },
  })
  const handler: AppHandler = (request, response, next) => {
    setScriptPolicy(response, request.url?.split('?', 1)[0] ?? '/')
    vite.middlewares(request, response, next)
  }
  return { handler, close: () => vite.close() }
}
