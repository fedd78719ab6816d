/**
 * What the built app costs before an engine is loaded, and what an answer costs the page: bytes counted from what a first
 * visit really fetches, times under Chromium's own throttling. Measures; whether it is too much is said elsewhere.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page, Response } from 'playwright'
import { assert } from '../../web/wire/result.ts'
import { fakeModel } from '../support/fake-engine.ts'
import type {} from '../support/fake-page.ts'

/** Lighthouse's "slow 4G" and mid-range phone: four times less CPU, 1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms there and back. */
export const THROTTLE = { cpu: 4, downBytesPerSecond: 200_000, upBytesPerSecond: 93_750, latencyMs: 150 } as const

export interface ShellBytes {
  /** JavaScript that the page itself loads. */
  readonly shellGzipBytes: number
  /** Workers that a first visit starts to look at the GPU and the CPU. */
  readonly workerGzipBytes: number
  readonly serviceWorkerGzipBytes: number
  /** The script of partners' pages. */
  readonly embedGzipBytes: number
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
    const sizeOf = async (path: string) => gzipSync(await (await context.request.get(`${url}${path}`)).body()).length
    const isWorker = ({ path }: { path: string }) => /-worker-[\w-]+\.js$/.test(path)
    const sum = (parts: readonly { gzipBytes: number }[]) => parts.reduce((all, { gzipBytes }) => all + gzipBytes, 0)
    const own = sized.filter((script) => !isWorker(script) && script.path !== '/sw.js')
    return {
      shellGzipBytes: sum(own),
      workerGzipBytes: sum(sized.filter(isWorker)),
      serviceWorkerGzipBytes: await sizeOf('/sw.js'),
      embedGzipBytes: await sizeOf('/embed.js'),
      scripts: own.sort((a, b) => b.gzipBytes - a.gzipBytes),
    }
  } finally {
    await context.close()
  }
}

/** All that a script gets that imports the SDK. */
export async function measureSdk(appDir: string): Promise<number> {
  return gzipSync(await readFile(join(appDir, 'sdk/weft.js'))).length
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

/** As a model on a GPU writes: four characters a token, so many tokens a second. */
const TOKEN_CHARACTERS = 4
const TOKENS_PER_SECOND = 60

export interface StreamingCost {
  /** Of the page's main thread, from the first token to the last, by the clock on the wall. */
  readonly longestTaskMs: number
  /** The most that one task computed: what is left of it without the waits for a core. */
  readonly longestTaskCpuMs: number
  readonly tasksOver50Ms: number
  /** Share of that time in which the main thread worked. */
  readonly busyShare: number
  readonly answerCharacters: number
}

/** One task of a thread, in a trace of Chromium. */
interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  /** Of `dur`, what the thread ran. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

/**
 * One long answer in the page, as fast as `TOKENS_PER_SECOND` says, by the fake engine: `url` is of a `serveFakePage`, so
 * that what is measured is the page and no engine beside it. Not throttled.
 * `traceFile`: the whole trace, for Chromium's own viewer. `prepare`: what the page shows before it is asked.
 */
export async function measureStreaming(
  browser: Browser,
  url: string,
  answer: string,
  traceFile: string | null,
  prepare: (page: Page) => Promise<void> = async () => {},
): Promise<StreamingCost> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.addInitScript(
      (models) => {
        window.fakeSetup = ({ engine, catalogue }) => {
          engine.knows(models)
          catalogue.mirror = { ok: true, value: { models, adding: [], failed: [], defaultId: models[0]?.id ?? null } }
        }
      },
      [fakeModel(1)],
    )
    await page.goto(url)
    await prepare(page)
    await composer(page).fill('Tell me about warp and weft.')
    await page.getByRole('button', { name: 'Send', exact: true }).click()
    await page.evaluate(async () => {
      const { engine } = window.fake
      await engine.until(() => engine.loading)
      engine.finishLoad()
      await engine.until(() => engine.answering)
    })
    await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline'] })
    await page.evaluate(STREAM, { answer, characters: TOKEN_CHARACTERS, everyMs: 1000 / TOKENS_PER_SECOND })
    const bytes = await browser.stopTracing()
    if (traceFile !== null) await writeFile(traceFile, bytes)
    const trace = JSON.parse(bytes.toString()) as { readonly traceEvents: TraceEvent[] }
    return { ...mainThreadOf(trace.traceEvents), answerCharacters: answer.length }
  } finally {
    await context.close()
  }
}

/** Run in the page; resolves after the last token was drawn. */
const STREAM = (given: { readonly answer: string; readonly characters: number; readonly everyMs: number }) =>
  new Promise<void>((resolve) => {
    const { engine } = window.fake
    const { answer, characters, everyMs } = given
    const start = performance.now()
    let end = 0
    const timer = setInterval(() => {
      const due = Math.floor((performance.now() - start) / everyMs) * characters
      while (end < Math.min(due, answer.length)) {
        engine.emit({ kind: 'text', text: answer.slice(end, end + characters) })
        end += characters
      }
      if (end < answer.length) return
      clearInterval(timer)
      requestAnimationFrame(() => setTimeout(resolve))
    }, everyMs)
  })

/** The tasks of the renderer that worked most: the page's. */
function mainThreadOf(events: readonly TraceEvent[]): Omit<StreamingCost, 'answerCharacters'> {
  const threads = events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
  const tasks = threads.map(({ pid, tid }) =>
    events.filter((event) => event.pid === pid && event.tid === tid && event.name === 'RunTask' && event.dur),
  )
  const worked = (list: readonly TraceEvent[]) => list.reduce((sum, { dur = 0 }) => sum + dur / 1000, 0)
  const [page = []] = tasks.sort((a, b) => worked(b) - worked(a))
  assert(page.length > 0, 'the trace shows what the page did')
  const times = page.map(({ dur = 0 }) => dur / 1000)
  const spanMs = (Math.max(...page.map(({ ts }) => ts)) - Math.min(...page.map(({ ts }) => ts))) / 1000
  return {
    longestTaskMs: Math.max(...times),
    longestTaskCpuMs: Math.max(...page.map(({ tdur = 0 }) => tdur / 1000)),
    tasksOver50Ms: times.filter((ms) => ms > 50).length,
    busyShare: worked(page) / spanMs,
  }
}

function composer(page: Page) {
  return page.getByRole('textbox', { name: 'Message' })
}
