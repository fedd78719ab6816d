/**
 * Tabs of a mesh: each in a browser context of its own, with its own device key and storage, over the product's server and
 * real WebRTC. Calls into a tab go to `window.mesh` of `mesh-page.ts`.
 */
import type { Browser, BrowserContext, Page } from 'playwright'
import type { MeshPage } from './mesh-page.ts'

export interface MeshTabPage {
  readonly context: BrowserContext
  readonly page: Page
  /** Errors that nobody caught. */
  readonly complaints: readonly string[]
  call<K extends keyof MeshPage>(name: K, ...args: Parameters<MeshPage[K]>): Promise<Awaited<ReturnType<MeshPage[K]>>>
  /** Resolves when the expression over `window.mesh` is true. */
  until(condition: string): Promise<void>
}

const LOOK_MS = 10
const PATIENT = { timeout: 60_000 }

/** `prepare`: before the first page. */
export async function openMeshTab(
  browser: Browser,
  url: string,
  prepare: (context: BrowserContext) => Promise<void> = async () => {},
): Promise<MeshTabPage> {
  const context = await browser.newContext()
  await prepare(context)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(url)
  const until = async (condition: string) => {
    const lateMs = Date.now() + PATIENT.timeout
    // Asked from here: a page that is asked to wait takes a promise for a yes.
    while (!(await page.evaluate(`(async () => (${condition}))()`))) {
      if (Date.now() > lateMs) throw new Error(`never: ${condition}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
  await until('document.title === "ready"')
  await until('(await mesh.signal()) === "here"')
  return {
    context,
    page,
    complaints,
    // A string, not a function: what a TypeScript runner adds to functions does not exist in the page.
    call: (name, ...args) => page.evaluate(`window.mesh[${JSON.stringify(name)}](...${JSON.stringify(args)})`),
    until,
  }
}
