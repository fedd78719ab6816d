/**
 * The real app in a real Chromium over a real server and mirror: what end-to-end tests of the product drive. Models are
 * added by the real command. The page's own `window.weft` asks, so that tests read what a script would read.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import type { Config } from '../../signal/config.ts'
import type { Weft } from '../../web/openai.ts'
import { addModel } from './add-model.ts'
import { buildApp, startTestServer, type TestServer } from './server.ts'

export interface AppServer extends TestServer {
  /** Ids in the order of the files. */
  readonly ids: readonly string[]
}

/** A server whose mirror holds these files. `appDir`: another build than the one that ships. */
export async function serveModels(
  files: Readonly<Record<string, Uint8Array>>,
  appDir?: string,
  settings: Partial<Config> = {},
): Promise<AppServer> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-app-'))
  const dataDir = join(folder, 'data')
  const ids: string[] = []
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, `${name}.gguf`)
    await writeFile(path, bytes)
    ids.push(addModel(dataDir, path))
  }
  const server = await startTestServer({ dataDir, appDir: appDir ?? (await buildApp()), ...settings })
  const close = async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
  return { ...server, ids, close }
}

export interface Ask {
  readonly content: string
  readonly before?: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[]
  readonly temperature?: number
  readonly seed?: number
  readonly maxTokens: number
  readonly model?: string
}

export interface Answer {
  readonly text: string
  readonly finish: string | null
  readonly engine: string
  readonly promptTokens: number
  readonly reusedTokens: number
  readonly prefillTokens: number
  readonly completionTokens: number
  readonly notices: readonly string[]
  /** Code of the error that ended it, else null. */
  readonly code: string | null
}

/** What has arrived so far of the answer that is being streamed: read by tests that interrupt it. */
declare global {
  var streamed: string
}

/** Streams one answer through `window.weft`; never rejects for a refusal. */
export function ask(page: Page, request: Ask): Promise<Answer> {
  return page.evaluate(async (given) => {
    const { weft } = globalThis as unknown as { weft: Weft }
    globalThis.streamed = ''
    let finish: string | null = null
    let code: string | null = null
    let extra: Partial<Answer> = {}
    try {
      const chunks = await weft.chat.completions.create({
        messages: [...(given.before ?? []), { role: 'user', content: given.content }],
        stream: true,
        stream_options: { include_usage: true },
        temperature: given.temperature ?? 0,
        max_tokens: given.maxTokens,
        ...(given.seed === undefined ? {} : { seed: given.seed }),
        ...(given.model === undefined ? {} : { model: given.model }),
      })
      for await (const chunk of chunks) {
        globalThis.streamed += chunk.choices[0]?.delta.content ?? ''
        finish = chunk.choices[0]?.finish_reason ?? finish
        if (chunk.weft) extra = chunk.weft as unknown as Partial<Answer>
      }
    } catch (error) {
      code = String((error as { code?: unknown }).code ?? error)
    }
    const { engine = '', promptTokens = 0, reusedTokens = 0, prefillTokens = 0, completionTokens = 0 } = extra
    const notices = (extra.notices ?? []).map(
      (notice) => (notice as unknown as { code?: string }).code ?? String(notice),
    )
    const counts = { promptTokens, reusedTokens, prefillTokens, completionTokens }
    return { text: globalThis.streamed, finish, engine, ...counts, notices, code }
  }, request)
}

/** Resolves once the running answer has at least this many characters. */
export async function streamedAtLeast(page: Page, characters: number): Promise<void> {
  await page.waitForFunction((count) => globalThis.streamed.length >= count, characters)
}

/** Ends the browser's GPU process, as a driver crash does. */
export async function crashGpu(page: Page): Promise<void> {
  const session = await page.context().browser()?.newBrowserCDPSession()
  if (!session) throw new Error('the page has no browser')
  // The process may die before it answers.
  await session.send('Browser.crashGpuProcess').catch(() => {})
  await session.detach().catch(() => {})
}

/** CPU seconds of each renderer process of the browser, by process id. */
async function rendererTimes(page: Page): Promise<Map<number, number>> {
  const session = await page.context().browser()?.newBrowserCDPSession()
  if (!session) throw new Error('the page has no browser')
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return new Map(processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => [id, cpuTime]))
}

/** The process of a tab: the one that works while the tab does. */
export async function rendererOf(page: Page): Promise<number> {
  const before = await rendererTimes(page)
  await page.evaluate(() => {
    const end = performance.now() + 600
    while (performance.now() < end);
  })
  const after = await rendererTimes(page)
  const [busiest] = [...after].sort(([a, x], [b, y]) => y - (before.get(b) ?? 0) - (x - (before.get(a) ?? 0)))
  if (!busiest) throw new Error('the tab has no process')
  return busiest[0]
}

/**
 * Stops a tab as hard as a freeze can: no task of it runs, nor of its workers, and its locks stay held. The value lets it
 * go on. (Chromium 156 without a window fires `freeze` on `Page.setWebLifecycleState` but runs every task on, even in a
 * hidden page, so that proves nothing.)
 */
export async function freezeTab(page: Page): Promise<() => void> {
  const pid = await rendererOf(page)
  process.kill(pid, 'SIGSTOP')
  return () => process.kill(pid, 'SIGCONT')
}
