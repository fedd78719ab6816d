/**
 * Serves the built app. Files with a hash in their name never change; the page itself is asked for anew each time; a
 * path without a file is a place inside the app and gets the page. It knows nothing of models.
 */

import { readFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import sirv from 'sirv'
import { setPagePolicy, setScriptPolicy } from './headers.ts'
import type { AppHandler } from './http.ts'
import { fileBytes } from './models/disk.ts'
import type { PageReader } from './partners/routes.ts'

const HASHED = /^\/assets\//

export async function appFiles(appDir: string): Promise<AppHandler> {
  if ((await fileBytes(join(appDir, 'index.html'))) === null) return notBuilt
  const files = sirv(appDir, { etag: true, single: true, setHeaders: setFileHeaders })
  return (request, response, next) => {
    // What a browser has kept gets the headers of the word that it is still the same, of which sirv says nothing.
    if (request.headers['if-none-match'] !== undefined) setScriptPolicy(response, request.url?.split('?', 1)[0] ?? '')
    files(request, response, next)
  }
}

/** Read each time: few ask, and a build may have made it anew. */
export function appPages(appDir: string): PageReader {
  return (name) => readFile(join(appDir, name), 'utf8').catch(() => null)
}

/** The app's page has no dot in its path, so what answers under the name of a script is that script or nothing. */
function setFileHeaders(response: ServerResponse, pathname: string): void {
  setScriptPolicy(response, pathname)
  setPagePolicy(response, pathname)
  response.setHeader('Cache-Control', HASHED.test(pathname) ? 'public, max-age=31536000, immutable' : 'no-cache')
}

const notBuilt: AppHandler = (_request, response) => {
  response.statusCode = 503
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  response.end('The app is not built yet. Stop this server and run `npm start`.\n')
}
