/**
 * `npm run bench:hidden`: what Chromium does to a contributing tab behind another one. The product's page contributes a tiny
 * model by its button; its timers, the ticker's worker and its own tokens are counted in front and behind. The tabs are
 * driven without Playwright's pages, which are never hidden. Prints one JSON object.
 */
import type { CDPSession } from 'playwright'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { serveModels } from '../support/app-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { type FlagSpec, readFlags, runCommand, usage, wholeNumber } from './flags.ts'

const SPEC: FlagSpec = {
  seconds: { type: 'string', words: 'in front, and behind (25)' },
}
const HELP = usage('bench:hidden', 'A contributing tab in front of another one, and behind it.', SPEC)
const ARGS = process.argv.slice(2)
const PATIENT_MS = 120_000
const LOOK_MS = 200

interface Answer {
  readonly id?: number
  readonly result?: { readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: unknown }
}

/** A tab of a browser context that Playwright does not know. */
class RawTab {
  readonly #session: CDPSession
  readonly #name: string
  #ids = 0

  private constructor(session: CDPSession, name: string) {
    this.#session = session
    this.#name = name
  }

  static async open(session: CDPSession, browserContextId: string, url: string): Promise<RawTab> {
    const { targetId } = await session.send('Target.createTarget', { url, browserContextId })
    const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false })
    return new RawTab(session, sessionId)
  }

  send(method: string, params: object): Promise<Answer> {
    this.#ids += 1
    const id = this.#ids
    return new Promise((resolve) => {
      const hear = ({ sessionId, message }: { readonly sessionId: string; readonly message: string }) => {
        const answer: Answer = JSON.parse(message)
        if (sessionId !== this.#name || answer.id !== id) return
        this.#session.off('Target.receivedMessageFromTarget', hear)
        resolve(answer)
      }
      this.#session.on('Target.receivedMessageFromTarget', hear)
      const message = JSON.stringify({ id, method, params })
      void this.#session.send('Target.sendMessageToTarget', { sessionId: this.#name, message })
    })
  }

  async evaluate(expression: string): Promise<unknown> {
    const params = { expression, awaitPromise: true, returnByValue: true, userGesture: true }
    const { result } = await this.send('Runtime.evaluate', params)
    if (!result || result.exceptionDetails) throw new Error(`${expression}: ${JSON.stringify(result)}`)
    return result.result?.value
  }

  async until(expression: string): Promise<void> {
    const lateMs = Date.now() + PATIENT_MS
    while (!(await this.evaluate(expression))) {
      if (Date.now() > lateMs) throw new Error(`never: ${expression}`)
      await wait(LOOK_MS)
    }
  }
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const press = (name: string) =>
  `(() => { const found = [...document.querySelectorAll('button')].find((one) => one.textContent.trim() === '${name}' && !one.disabled); found?.click(); return found !== undefined })()`

/** Both timers ask for four ticks a second, as `alive` does. */
const COUNT = `(() => {
  window.ticks = { page: 0, worker: 0, drawn: 0 }
  setInterval(() => { ticks.page += 1 }, 250)
  const draw = () => { ticks.drawn += 1; requestAnimationFrame(draw) }
  draw()
  const { name } = performance.getEntriesByType('resource').find(({ name }) => name.includes('ticker'))
  const ticker = new Worker(name, { type: 'module' })
  ticker.addEventListener('message', () => { ticks.worker += 1 })
  ticker.postMessage({ id: 1, ms: 250 })
})()`
const HIDDEN = `[...document.querySelectorAll('section')].find((one) => one.textContent.includes('When this tab is hidden'))?.querySelector('.numbers')?.textContent ?? ''`

async function main(): Promise<void> {
  const seconds = wholeNumber(readFlags(ARGS, SPEC), 'seconds', 25, 600)
  const model = tinyModel({ architecture: 'llama', types: 'Q4_1', seed: 5, contextLength: 512 })
  const server = await serveModels({ tiny: model })
  const browser = await launchChromium()
  try {
    const session = await browser.newBrowserCDPSession()
    const { browserContextId } = await session.send('Target.createBrowserContext')
    const tab = await RawTab.open(session, browserContextId, `${server.url}/?engine=stage#/contribute`)
    await tab.until(press('Contribute this GPU'))
    await tab.until(press('Agree and contribute'))
    await tab.until(`document.body.textContent.includes('Nobody asks right now')`)
    await tab.evaluate(COUNT)
    const look = async () => {
      await tab.evaluate('Object.assign(ticks, { page: 0, worker: 0, drawn: 0 })')
      await wait(seconds * 1_000)
      const ticks = (await tab.evaluate('ticks')) as Readonly<Record<string, number>>
      const perSecond = Object.entries(ticks).map(([name, all]) => [name, Number((all / seconds).toFixed(2))])
      return { visibility: await tab.evaluate('document.visibilityState'), ...Object.fromEntries(perSecond) }
    }
    const inFront = await look()
    const other = await RawTab.open(session, browserContextId, 'about:blank')
    await other.send('Page.bringToFront', {})
    const behind = await look()
    const own = await tab.evaluate(HIDDEN)
    process.stdout.write(`${JSON.stringify({ browser: browser.version(), inFront, behind, hiddenIs: own }, null, 2)}\n`)
  } finally {
    await browser.close()
    await server.close()
  }
}

await runCommand(HELP, ARGS, main)
