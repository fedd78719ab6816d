/**
 * The security headers of every answer. The page runs no script but its own, may start WebAssembly and workers from
 * here, and is cross-origin isolated. `https:` in connect-src lets a page fetch model files from a hub. One script, the
 * CPU engine's worker, has a policy of its own. Pure.
 */
import type { ServerResponse } from 'node:http'

const POLICY: Readonly<Record<string, string>> = {
  'default-src': `'self'`,
  'script-src': `'self' 'wasm-unsafe-eval'`,
  'worker-src': `'self'`,
  'connect-src': `'self' https: blob:`,
  'img-src': `'self' data: blob:`,
  'font-src': `'self' data:`,
  // The page sets styles through the DOM only, so it needs no inline ones.
  'style-src': `'self'`,
  'object-src': `'none'`,
  'base-uri': `'none'`,
  'form-action': `'self'`,
  'frame-ancestors': `'self'`,
}

/**
 * llama.cpp's threads are workers that it starts from blobs, so this worker may start such. A dedicated worker has the
 * policy of its own answer and blob workers inherit it, so the page keeps its own. In return it reaches nothing but this
 * server: the code that reads models of strangers can send nothing out.
 */
const CPU_WORKER_POLICY: Readonly<Record<string, string>> = {
  'default-src': `'none'`,
  'script-src': `'self' 'wasm-unsafe-eval'`,
  'worker-src': `'self' blob:`,
  'connect-src': `'self'`,
}

/** The service worker stands between the page and this server, and reaches nothing else. */
const SERVICE_WORKER_POLICY: Readonly<Record<string, string>> = {
  'default-src': `'none'`,
  'script-src': `'self'`,
  'connect-src': `'self'`,
}
const SERVICE_WORKER = '/sw.js'

/** The operator's page holds a token: it runs its own script, asks this server, sends no form and stands in no frame. */
const OPERATOR_POLICY: Readonly<Record<string, string>> = {
  'default-src': `'none'`,
  'script-src': `'self'`,
  'connect-src': `'self'`,
  'img-src': `'self' data:`,
  'font-src': `'self'`,
  'style-src': `'self'`,
  'base-uri': `'none'`,
  'form-action': `'none'`,
  'frame-ancestors': `'none'`,
}
/** As the files are found: with their ending or without. */
const OPERATOR_PAGE = /^\/admin(?:\.html)?\/?$/

/** What partners' pages load, by a tag or as a module, also where they take only what says that they may. */
const EMBED_SCRIPT = /^\/(embed|sdk\/[\w-]+)\.js$/

/**
 * The frame that tells a page why it gets no other. Any page may show it: it runs a script that speaks to that page, and reaches
 * nothing.
 */
const REFUSED_FRAME_POLICY: Readonly<Record<string, string>> = {
  'default-src': `'none'`,
  'script-src': `'self'`,
  'style-src': `'self'`,
  'img-src': `'self' data:`,
  'font-src': `'self' data:`,
  'base-uri': `'none'`,
  'form-action': `'none'`,
  'frame-ancestors': '*',
}

/** As the build names it, and as the development server does. */
const CPU_WORKER = /^\/(assets\/cpu-worker-[\w-]+\.js|cpu\/worker\.ts)$/

function inOneLine(policy: Readonly<Record<string, string>>): string {
  return Object.entries(policy)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ')
}

/** Called for a path that is known to be a script: no page may get this policy. */
export function setScriptPolicy(response: ServerResponse, pathname: string): void {
  if (CPU_WORKER.test(pathname)) response.setHeader('Content-Security-Policy', inOneLine(CPU_WORKER_POLICY))
  else if (pathname === SERVICE_WORKER) response.setHeader('Content-Security-Policy', inOneLine(SERVICE_WORKER_POLICY))
  else if (EMBED_SCRIPT.test(pathname)) {
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
    // For modules, and for a tag with `integrity` and `crossorigin`.
    response.setHeader('Access-Control-Allow-Origin', '*')
  }
}

/** `origins`: of the pages that may show it, as `web/wire/partner-keys.ts` reads them. */
export function setWidgetHeaders(response: ServerResponse, origins: readonly string[]): void {
  response.setHeader('Content-Security-Policy', inOneLine({ ...POLICY, 'frame-ancestors': origins.join(' ') }))
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
}

export function setRefusedFrameHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', inOneLine(REFUSED_FRAME_POLICY))
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
}

/** Called for a path under which a file of the app is answered. */
export function setPagePolicy(response: ServerResponse, pathname: string): void {
  if (!OPERATOR_PAGE.test(pathname)) return
  response.setHeader('Content-Security-Policy', inOneLine(OPERATOR_POLICY))
  response.setHeader('X-Frame-Options', 'DENY')
}

export function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', inOneLine(POLICY))
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
}
