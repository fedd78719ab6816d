/**
 * `npm run dev`: the app straight from its sources, with hot reload, behind our own server and its headers. Vite is
 * loaded here only, so that the product never needs it.
 */
import type { Server } from 'node:http'
import { createServer } from 'vite'
import type { AppHandler } from './http.ts'

export async function devApp(server: Server): Promise<{ readonly handler: AppHandler; close(): Promise<void> }> {
  const vite = await createServer({
    appType: 'spa',
    server: { middlewareMode: true, ws: { server } },
  })
  return { handler: (request, response, next) => vite.middlewares(request, response, next), close: () => vite.close() }
}
