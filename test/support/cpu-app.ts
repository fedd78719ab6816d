/**
 * The CPU engine's test page, built with the app's own configuration and served by the product's server with its headers
 * and a mirror. `isolated: false` takes the isolation headers away, as a host that does not send them would.
 */
import type { Browser, Page } from 'playwright'
import type { CpuPage } from './cpu-page.ts'

export interface CpuAppPage {
  readonly page: Page
  /** Everything the page and its workers wrote to the console or requested in vain. */
  readonly complaints: readonly string[]
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[]
  call<K extends keyof CpuPage>(name: K, ...args: Parameters<CpuPage[K]>): Promise<Awaited<ReturnType<CpuPage[K]>>>
}

export async function openCpuPage(
  browser: Browser,
  url: string,
  options: { readonly isolated?: boolean } = {},
): Promise<CpuAppPage> {
  const page = await (await browser.newContext()).newPage()
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.context().on('request', (request) => requests.push(new URL(request.url()).pathname))
  if (options.isolated === false) {
    await page.context().route('**/*', async (route) => {
      const response = await route.fetch()
      const headers = response.headers()
      delete headers['cross-origin-opener-policy']
      delete headers['cross-origin-embedder-policy']
      await route.fulfill({ response, headers })
    })
  }
  await page.goto(`${url}/`)
  await page.waitForFunction('document.title === "ready"')
  return {
    page,
    complaints,
    requests,
    // A string, not a function: what a TypeScript runner adds to functions does not exist in the page.
    call: (name, ...args) => page.evaluate(`window.cpu[${JSON.stringify(name)}](...${JSON.stringify(args)})`),
  }
}
