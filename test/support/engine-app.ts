/**
 * The GPU engine in a Chromium page, for tests in Node that compare it with something else. Bundles `engine-page.ts` in
 * memory and serves it and one model on a free port. Knows no reference.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { build } from 'vite'
import { launchChromium } from './chromium.ts'
import type { EnginePage } from './engine-page.ts'

export interface EngineApp {
  /** A string is a path. Gives the numeric class. */
  load(gguf: Uint8Array | string, cuts?: readonly (number | null)[]): Promise<string>
  call<K extends keyof EnginePage>(
    name: K,
    ...args: Parameters<EnginePage[K]>
  ): Promise<Awaited<ReturnType<EnginePage[K]>>>
  close(): Promise<void>
}

async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    root: import.meta.dirname,
    publicDir: false,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2023',
      minify: false,
      lib: { entry: join(import.meta.dirname, 'engine-page.ts'), formats: ['es'], fileName: 'engine' },
    },
  })
  for (const output of Array.isArray(built) ? built : [built]) {
    if (!('output' in output)) continue
    for (const file of output.output) if (file.type === 'chunk' && file.isEntry) return file.code
  }
  throw new Error('the engine page has no bundle')
}

export async function openEngineApp(): Promise<EngineApp> {
  const code = await bundle()
  let model: Uint8Array | string = new Uint8Array(0)
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (path === '/')
      response.writeHead(200, { 'content-type': 'text/html' }).end('<script type="module" src="/engine.js"></script>')
    else if (path === '/engine.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(code)
    else if (!path.startsWith('/model/')) response.writeHead(404).end()
    else if (typeof model === 'string') createReadStream(model).pipe(response)
    else response.writeHead(200, { 'content-length': model.byteLength }).end(model)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the engine page has no port')
  const browser = await launchChromium()
  const page = await browser.newPage()
  const log: string[] = []
  page.on('console', (message) => log.push(message.text()))
  page.on('pageerror', (error) => log.push(String(error)))
  await page.goto(`http://127.0.0.1:${address.port}/`)
  await page.waitForFunction('document.title === "ready"')

  const call = async <K extends keyof EnginePage>(
    name: K,
    ...args: Parameters<EnginePage[K]>
  ): Promise<Awaited<ReturnType<EnginePage[K]>>> => {
    try {
      // A string, not a function: what a TypeScript runner adds to functions does not exist in the page.
      return await page.evaluate<Awaited<ReturnType<EnginePage[K]>>>(
        `window.engine[${JSON.stringify(name)}](...${JSON.stringify(args)})`,
      )
    } catch (error) {
      throw new Error(`engine: ${name} failed: ${String(error)}\n${log.slice(-20).join('\n')}`)
    }
  }
  let loads = 0
  return {
    call,
    async load(gguf, cuts = [0, null]) {
      if (typeof gguf === 'string') await stat(gguf)
      model = gguf
      loads += 1
      return call('load', `/model/${loads}`, cuts)
    },
    async close() {
      await browser.close()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
