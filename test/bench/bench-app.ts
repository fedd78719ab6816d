/**
 * Brings a bench page into a Chromium: bundles it with Vite into a temporary folder and serves it with the product's own
 * server, headers and mirror. A fresh browser profile each time, so that the first load is a cold one.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright'
import { build } from 'vite'
import { workerFile } from '../../vite.config.ts'
import { CHROMIUM_FLAGS, ensureChromium } from '../support/chromium.ts'
import { startTestServer } from '../support/server.ts'

export type GpuChoice = 'software' | 'real'

export interface BenchApp {
  /** Calls a function of `window.bench`. Throws what it throws. */
  call<T>(name: string, ...args: readonly unknown[]): Promise<T>
  readonly browserVersion: string
  close(): Promise<void>
}

const SOFTWARE_FLAG = '--use-webgpu-adapter=swiftshader'

function flagsFor(gpu: GpuChoice): string[] {
  // Timestamps to the nanosecond instead of 100 us steps.
  const all = [...CHROMIUM_FLAGS, '--enable-dawn-features=allow_unsafe_apis']
  // Without the first flag Chromium has no Vulkan on Linux; elsewhere the second does nothing.
  return gpu === 'software' ? all : [...all.filter((flag) => flag !== SOFTWARE_FLAG), '--enable-features=Vulkan']
}

/** `entry` is the html file in this folder. */
export async function openBenchApp(entry: string, gpu: GpuChoice, dataDir?: string): Promise<BenchApp> {
  const appDir = await mkdtemp(join(tmpdir(), 'weft-bench-app-'))
  const cleanups: (() => Promise<unknown>)[] = [() => rm(appDir, { recursive: true, force: true })]
  const close = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  }
  try {
    await build({
      configFile: false,
      root: import.meta.dirname,
      publicDir: false,
      logLevel: 'error',
      // Named as in the product, so that the server knows the CPU engine's worker.
      worker: { format: 'es', rollupOptions: { output: { entryFileNames: workerFile } } },
      build: {
        outDir: appDir,
        emptyOutDir: true,
        target: 'es2023',
        minify: false,
        chunkSizeWarningLimit: 100_000,
        rollupOptions: { input: join(import.meta.dirname, entry) },
      },
    })
    await rename(join(appDir, entry), join(appDir, 'index.html'))
    const server = await startTestServer({ appDir, ...(dataDir !== undefined && { dataDir }) })
    cleanups.push(() => server.close())
    const browser = await chromium.launch({ executablePath: ensureChromium(), headless: true, args: flagsFor(gpu) })
    cleanups.push(() => browser.close())
    // llama.cpp's and onnxruntime's workers start from blobs, which the product's policy forbids.
    const page = await (await browser.newContext({ bypassCSP: true })).newPage()
    const log: string[] = []
    page.on('console', (message) => log.push(message.text()))
    page.on('pageerror', (error) => log.push(String(error)))
    await page.goto(`${server.url}/`)
    await ready(page, log)
    return { call: (name, ...args) => call(page, log, name, args), browserVersion: browser.version(), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function ready(page: Page, log: readonly string[]): Promise<void> {
  await page.waitForFunction('document.title === "ready"').catch((error: unknown) => {
    throw new Error(`the bench page did not start: ${String(error)}\n${log.slice(-20).join('\n')}`)
  })
}

async function call<T>(page: Page, log: readonly string[], name: string, args: readonly unknown[]): Promise<T> {
  try {
    // A string, not a function: what a TypeScript runner adds to functions does not exist in the page.
    return await page.evaluate(`window.bench[${JSON.stringify(name)}](...${JSON.stringify(args)})`)
  } catch (error) {
    throw new Error(`${name}: ${String(error)}\n${log.slice(-20).join('\n')}`)
  }
}
