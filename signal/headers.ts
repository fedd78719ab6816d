/**
 * The security headers of every answer. The page runs no script but its own, may start WebAssembly and workers from
 * here, and is cross-origin isolated. `https:` in connect-src lets a page fetch model files from a hub. Pure.
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

const CONTENT_SECURITY_POLICY = Object.entries(POLICY)
  .map(([name, value]) => `${name} ${value}`)
  .join('; ')

export function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY)
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
  response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin')
  response.setHeader('X-Content-Type-Options', 'nosniff')
  response.setHeader('Referrer-Policy', 'no-referrer')
}
