/** Which answers have which Content-Security-Policy: one script differs, every page and every other file is strict. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestServer, type TestServer } from '../../support/server.ts'

let server: TestServer
let appDir = ''

beforeAll(async () => {
  appDir = await mkdtemp(join(tmpdir(), 'weft-headers-'))
  await mkdir(join(appDir, 'assets'))
  await writeFile(join(appDir, 'index.html'), '<!doctype html><title>App</title>')
  for (const name of ['cpu-worker-Ab_1-2c', 'engine-worker-abc', 'main-abc', 'llama-abc'])
    await writeFile(join(appDir, 'assets', `${name}.js`), 'export {}')
  await mkdir(join(appDir, 'sdk'))
  for (const name of ['embed', 'sw', 'sdk/weft']) await writeFile(join(appDir, `${name}.js`), '')
  server = await startTestServer({ appDir })
})

afterAll(async () => {
  await server?.close()
  await rm(appDir, { recursive: true, force: true })
})

async function policyOf(path: string): Promise<ReadonlyMap<string, string>> {
  const policy = (await fetch(server.url + path)).headers.get('content-security-policy') ?? ''
  const pairs = policy.split('; ').map((line): [string, string] => {
    const at = line.indexOf(' ')
    return [line.slice(0, at), line.slice(at + 1)]
  })
  return new Map(pairs)
}

describe('the policy', () => {
  it('lets the CPU worker start blobs, and reach nothing but this server', async () => {
    const policy = await policyOf('/assets/cpu-worker-Ab_1-2c.js')
    expect(Object.fromEntries(policy)).toEqual({
      'default-src': `'none'`,
      'script-src': `'self' 'wasm-unsafe-eval'`,
      'worker-src': `'self' blob:`,
      'connect-src': `'self'`,
    })
  })

  it('is strict for all else, also under names that look like it', async () => {
    const paths = [
      ...['/', '/index.html', '/a/place', '/healthz', '/config.json', '/models/index.json'],
      ...['/assets/engine-worker-abc.js', '/assets/main-abc.js', '/assets/llama-abc.js'],
      // Nothing is there, and no page may stand in for it.
      ...['/assets/cpu-worker-none.js', '/cpu/worker.ts', '/assets/cpu-worker-none', '/cpu-worker-Ab_1-2c.js'],
    ]
    for (const path of paths) {
      const policy = await policyOf(path)
      expect(policy.get('worker-src'), path).toBe(`'self'`)
      expect(policy.get('script-src'), path).toBe(`'self' 'wasm-unsafe-eval'`)
      expect(policy.get('frame-ancestors'), path).toBe(`'self'`)
    }
  })

  it('of what a browser has kept is the same, and other sites may still load their script', async () => {
    for (const path of ['/embed.js', '/sw.js']) {
      const first = await fetch(server.url + path)
      const again = await fetch(server.url + path, { headers: { 'If-None-Match': first.headers.get('etag') ?? '' } })
      expect([first.status, again.status], path).toEqual([200, 304])
      for (const name of ['content-security-policy', 'cross-origin-resource-policy'])
        expect(again.headers.get(name), path).toBe(first.headers.get(name))
    }
    for (const path of ['/embed.js', '/sdk/weft.js']) {
      const { headers } = await fetch(server.url + path)
      expect(headers.get('cross-origin-resource-policy'), path).toBe('cross-origin')
      expect(headers.get('access-control-allow-origin'), path).toBe('*')
    }
  })

  it('keeps every answer isolated, the worker too', async () => {
    for (const path of ['/', '/assets/cpu-worker-Ab_1-2c.js']) {
      const { headers } = await fetch(server.url + path)
      expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp')
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    }
  })
})
