/**
 * What the built app costs before an engine is loaded, and what an answer costs the page: bytes counted from what a first
 * visit really fetches, times under Chromium's own throttling. Measures; whether it is too much is said elsewhere.
 */
import { gzipSync } from 'node:zlib'
import type { Browser, Page, Response } from 'playwright'

/** A slow phone on a slow line: four times less CPU, 1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms there and back. */
export const THROTTLE = { cpu: 4, downBytesPerSecond: 200_000, upBytesPerSecond: 93_750, latencyMs: 150 } as const

export interface ShellBytes {
  /** JavaScript that the page itself loads. */
  readonly shellGzipBytes: number
  /** Workers that a first visit starts to look at the GPU and the CPU. */
  readonly workerGzipBytes: number
  readonly serviceWorkerGzipBytes: number
  /** What the page loads, largest first. */
  readonly scripts: readonly { readonly path: string; readonly gzipBytes: number }[]
}

/** Everything that a first visit fetches until nothing moves any more, with nothing kept and nothing asked. */
export async function measureShell(browser: Browser, url: string): Promise<ShellBytes> {
  // Without a service worker, so that only the page fetches; the chunk that registers it is counted.
  const context = await browser.newContext({ serviceWorkers: 'block' })
  try {
    const page = await context.newPage()
    const scripts: Response[] = []
    page.on('response', (response) => {
      if (/javascript/.test(response.headers()['content-type'] ?? '')) scripts.push(response)
    })
    await page.goto(url)
    await composer(page).waitFor()
    await page.waitForLoadState('networkidle')
    const sized = await Promise.all(
      scripts.map(async (response) => {
        const path = new URL(response.url()).pathname
        return { path, gzipBytes: gzipSync(await response.body()).length }
      }),
    )
    const serviceWorker = gzipSync(await (await context.request.get(`${url}/sw.js`)).body()).length
    const isWorker = ({ path }: { path: string }) => /-worker-[\w-]+\.js$/.test(path)
    const sum = (parts: readonly { gzipBytes: number }[]) => parts.reduce((all, { gzipBytes }) => all + gzipBytes, 0)
    const own = sized.filter((script) => !isWorker(script) && script.path !== '/sw.js')
    return {
      shellGzipBytes: sum(own),
      workerGzipBytes: sum(sized.filter(isWorker)),
      serviceWorkerGzipBytes: serviceWorker,
      scripts: own.sort((a, b) => b.gzipBytes - a.gzipBytes),
    }
  } finally {
    await context.close()
  }
}

/** A string, not a function: what a TypeScript runner adds to functions does not exist in the page. */
const TYPE_ONE_LETTER = `
function look() {
  const field = document.querySelector('textarea')
  field?.focus()
  if (field && document.execCommand('insertText', false, 'a') && field.value === 'a') window.interactiveMs = performance.now()
  else requestAnimationFrame(look)
}
requestAnimationFrame(look)
`

/** From the start of a first visit until text that is written into the composer stands there. */
export async function measureInteractive(browser: Browser, url: string): Promise<number> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    const { cpu, latencyMs, downBytesPerSecond, upBytesPerSecond } = THROTTLE
    await session.send('Network.enable')
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: latencyMs,
      downloadThroughput: downBytesPerSecond,
      uploadThroughput: upBytesPerSecond,
    })
    await session.send('Emulation.setCPUThrottlingRate', { rate: cpu })
    await page.addInitScript(TYPE_ONE_LETTER)
    await page.goto(url, { waitUntil: 'commit' })
    const ms = await page.waitForFunction(() => (globalThis as { interactiveMs?: number }).interactiveMs)
    return (await ms.jsonValue()) ?? Number.NaN
  } finally {
    await context.close()
  }
}

export interface StreamingCost {
  /** Of the page's main thread, while tokens arrive; 0 where none took 50 ms. */
  readonly longestTaskMs: number
  readonly tasksOver50Ms: number
  readonly answerCharacters: number
}

/** One answer in the page, read as a person reads it; the model is loaded before. */
export async function measureStreaming(browser: Browser, url: string): Promise<StreamingCost> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.goto(url)
    // Untimed: the model is fetched and compiled.
    await answerOne(page, 'Hello.')
    await page.evaluate(() => {
      const longTasksMs: number[] = []
      Object.assign(globalThis, { longTasksMs })
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longTasksMs.push(duration)
      }).observe({ type: 'longtask' })
    })
    const answerCharacters = await answerOne(page, 'Tell me about warp and weft.')
    const tasks = await page.evaluate(() => (globalThis as unknown as { longTasksMs: number[] }).longTasksMs)
    return { longestTaskMs: Math.max(0, ...tasks), tasksOver50Ms: tasks.length, answerCharacters }
  } finally {
    await context.close()
  }
}

function composer(page: Page) {
  return page.getByRole('textbox', { name: 'Message' })
}

/** Characters that the conversation has grown by. */
async function answerOne(page: Page, question: string): Promise<number> {
  const log = page.getByRole('log', { name: 'Conversation' })
  const before = (await log.count()) > 0 ? ((await log.textContent()) ?? '').length : 0
  await composer(page).fill(question)
  await page.getByRole('button', { name: 'Send' }).click()
  await page.getByRole('button', { name: 'Stop' }).waitFor()
  await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' })
  return ((await log.textContent()) ?? '').length - before - question.length
}
