/**
 * The service worker: keeps the app's own files, so that it starts without the server. Files of the build only: weights,
 * `/models/` and other hosts pass it by, and no such answer is ever kept. A new version waits until a page asks it to take
 * over, and a version that a page still runs stays whole.
 */
import { PrecacheController, type PrecacheEntry } from 'workbox-precaching'
import { registerRoute, setCatchHandler } from 'workbox-routing'
import { answerOpenAi } from './sw-openai.ts'
import type { EngineName } from './wire/chat.ts'
import { isOpenAiAddress } from './wire/openai-call.ts'
import { ENGINE_CACHE, parseShellMessage, SCRIPT_LOCK, SDK_CACHE, SETTINGS_CACHE, SHELL_CACHE } from './wire/shell.ts'

/** `engine` marks a file that is too large for the shell: the build says whose it is (`vite.config.ts`). */
interface BuiltFile extends PrecacheEntry {
  readonly engine?: EngineName
}

declare const self: ServiceWorkerGlobalScope

/** The build writes the list in. */
const files = self.__WB_MANIFEST as readonly BuiltFile[]
const PAGE = 'index.html'
const SETTINGS = '/config.json'
const pathOf = ({ url }: BuiltFile) => new URL(url, self.location.href).pathname
const large = new Map(files.flatMap((file) => (file.engine ? [[pathOf(file), file.engine] as const] : [])))
const small = files.filter(({ engine }) => engine === undefined)

/** The page names all that it loads by hash, so its own digest names the version. */
const ownCache = SHELL_CACHE + (files.find(({ url }) => url === PAGE)?.revision ?? 'unknown')
const shell = new PrecacheController({ cacheName: ownCache })
shell.addToCacheList(small.map(({ url, revision }) => ({ url, revision: revision ?? null })))

self.addEventListener('install', (event) => {
  void shell.install(event)
})

self.addEventListener('activate', (event) => {
  void shell.activate(event)
  // The first visit works offline from here on, without a reload.
  event.waitUntil(self.clients.claim())
})

self.addEventListener('message', (event) => {
  const message = parseShellMessage(event.data)
  if (message?.kind === 'take-over') event.waitUntil(self.skipWaiting())
  else if (message?.kind === 'up') event.waitUntil(Promise.all([removeOld(), keepSettings()]))
  else if (message?.kind === 'keep') event.waitUntil(keepLarge(message.engine))
})

/** What pages of this origin ask as they would ask OpenAI's server. The address bar asks the server, which has no answer. */
self.addEventListener('fetch', (event) => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (origin === self.location.origin && isOpenAiAddress(pathname) && request.mode !== 'navigate')
    event.respondWith(answerOpenAi(event, (path) => isPlace(path) || path === `/${PAGE}`))
})

/** A place in the app and no file. The page is never answered by another version than the one that serves it. */
registerRoute(
  ({ request, url, sameOrigin }) => sameOrigin && request.mode === 'navigate' && isPlace(url.pathname),
  async ({ request }) => (await shell.matchPrecache(PAGE)) ?? fetch(request),
)

registerRoute(
  ({ url, sameOrigin }) => sameOrigin && large.has(url.pathname),
  async ({ request, event, url }) => {
    const kept = await caches.match(url.pathname, { cacheName: ENGINE_CACHE })
    if (kept) return kept
    const answer = await fetch(request)
    if (answer.ok) event.waitUntil(keep(ENGINE_CACHE, url.pathname, answer.clone()))
    return answer
  },
)

/** Of this version, else of one that another page still runs, else of the server. */
registerRoute(
  ({ url, sameOrigin }) => sameOrigin && (url.pathname.startsWith('/assets/') || isOwn(url)),
  async ({ request, url }) =>
    (await shell.matchPrecache(url.href)) ?? (await caches.match(url.pathname)) ?? fetch(request),
)

/** What has no version in its name and is no part of the shell: asked for anew each time; without the server its last word holds. */
const LATEST: Readonly<Record<string, string>> = { [SETTINGS]: SETTINGS_CACHE, '/sdk/weft.js': SDK_CACHE }

registerRoute(
  ({ url, sameOrigin }) => sameOrigin && Object.hasOwn(LATEST, url.pathname),
  async ({ request, event, url: { pathname } }) => {
    const cacheName = LATEST[pathname] ?? SETTINGS_CACHE
    try {
      const answer = await fetch(request)
      if (answer.ok) event.waitUntil(keep(cacheName, pathname, answer.clone()))
      return answer
    } catch {
      return (await caches.match(pathname, { cacheName })) ?? Response.error()
    }
  },
)

/** As a browser says it when there is no network. */
setCatchHandler(async () => Response.error())

/** What is said of the server itself is never the page, as it was kept. */
const SERVER_ONLY = new Set(['/healthz', '/readyz', '/metrics', '/admin'])

function isPlace(pathname: string): boolean {
  const served = /^\/(models|operator)\//.test(pathname) || isOpenAiAddress(pathname) || SERVER_ONLY.has(pathname)
  return !served && !/\.[^/]+$/.test(pathname)
}

function isOwn(url: URL): boolean {
  return shell.getCacheKeyForURL(url.href) !== undefined
}

/** Asked for by a page: they may have been fetched before this worker was there to see it. The browser still has them then. */
async function keepLarge(engine: EngineName): Promise<void> {
  const cache = await caches.open(ENGINE_CACHE)
  for (const [path, owner] of large) {
    if (owner !== engine || (await cache.match(path))) continue
    await fetchAndKeep(ENGINE_CACHE, path)
  }
}

/** A first visit has asked before this worker was there to hear the answer. */
async function keepSettings(): Promise<void> {
  if (!(await caches.match(SETTINGS, { cacheName: SETTINGS_CACHE }))) await fetchAndKeep(SETTINGS_CACHE, SETTINGS)
}

/** Without the server there is nothing to keep; it is asked for again at the next start. */
async function fetchAndKeep(cacheName: string, path: string): Promise<void> {
  const answer = await fetch(path).catch(() => null)
  if (answer?.ok) await keep(cacheName, path, answer)
}

async function keep(cacheName: string, path: string, answer: Response): Promise<void> {
  const cache = await caches.open(cacheName)
  await cache.put(path, answer).catch(fullDisk)
}

/** What cannot be kept is fetched again next time: no reason to fail now. */
function fullDisk(error: unknown): void {
  if (!(error instanceof DOMException)) throw error
}

/**
 * Deletes the versions that no page runs. Each page holds one lock that names its main script; while there are fewer locks
 * than pages, some page is about to start and has not said what it runs, so nothing is deleted. They are counted because
 * Chromium gives a lock another client id than the page that holds it.
 */
async function removeOld(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(SHELL_CACHE) && name !== ownCache)
  // A version that comes or waits is run by no page yet, and is no old one.
  const { installing, waiting } = self.registration
  if (installing || waiting || self.serviceWorker.state !== 'activated') return
  if (old.length > 0 && (await removeVersions(old)) < old.length) return
  const cache = await caches.open(ENGINE_CACHE)
  for (const { url } of await cache.keys()) if (!large.has(new URL(url).pathname)) await cache.delete(url)
}

/** How many were deleted. */
async function removeVersions(old: readonly string[]): Promise<number> {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const { held = [] } = await self.navigator.locks.query()
  const running = held.flatMap(({ name }) => (name?.startsWith(SCRIPT_LOCK) ? [name.slice(SCRIPT_LOCK.length)] : []))
  if (running.length < pages.length) return 0
  let deleted = 0
  for (const name of old) {
    const cache = await caches.open(name)
    const found = await Promise.all(running.map((script) => cache.match(script)))
    if (found.some((script) => script !== undefined)) continue
    await caches.delete(name)
    deleted += 1
  }
  return deleted
}
