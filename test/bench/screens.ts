/**
 * The screens of the product and how each is reached: the built app over the real server, driven as a person would. What
 * a person could not have said in a picture's time (a long answer, a failure) comes from an export file, by the app's own
 * import. Takes no picture; `screenshots.ts` does.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import { CODE_TITLE, FAILED_TITLE, shownConversations } from '../fixtures/shown-conversations.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { addModel } from '../support/add-model.ts'
import { SHARED_DATA } from '../support/prepare.ts'
import { buildApp, startTestServer, type TestServer } from '../support/server.ts'
import { smolLm2Path } from '../support/smollm2.ts'
import { OPERATOR } from '../support/widget-rig.ts'
import { ADMIN_SCREENS } from './admin-screens.ts'
import { PLAYED_SCREENS } from './played-screens.ts'
import { WIDGET_SCREENS } from './widget-screens.ts'

const QUESTION = 'What is weaving? Tell me about warp and weft in two short paragraphs.'
const SHORT_QUESTION = 'What is the capital of France?'
/** Of an answer, before its picture is taken while it goes on. */
const ANSWER_CHARACTERS = 260
/** Pieces of the model that a slow line brings before the picture of loading is taken. */
const PIECES_SENT = 6
const PIECE_MS = 250
const PATIENT = { timeout: 90_000 }

export type Served = Pick<TestServer, 'url' | 'close'>

export interface Screen {
  readonly name: string
  /** For the document that shows it. */
  readonly says: string
  /** Pages that need the service worker keep it; the others have none, so that nothing is loaded behind a picture. */
  readonly serviceWorker?: boolean
  /** Another server than the one with real models. */
  readonly serve?: () => Promise<Served>
  /** From an empty browser to the state. `server` is this picture's own. */
  reach(page: Page, server: Served): Promise<void>
}

/** A mirror with the default model and two that are made on the spot, added by the real command. */
export async function makeMirror(): Promise<{ readonly dataDir: string; remove(): Promise<void> }> {
  process.env['WEFT_DATA'] ??= SHARED_DATA
  const folder = await mkdtemp(join(tmpdir(), 'weft-screens-'))
  const dataDir = join(folder, 'data')
  addModel(dataDir, smolLm2Path(), '--name=SmolLM2-135M-Instruct Q4_1', '--license=Apache-2.0')
  const made = {
    'Tiny Llama Q8_0': tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512 }),
    'Tiny Qwen3 Q4_1': tinyModel({ architecture: 'qwen3', types: 'Q4_1', seed: 6, headDim: 32 }),
  }
  for (const [name, bytes] of Object.entries(made)) {
    const path = join(folder, `${name}.gguf`)
    await writeFile(path, bytes)
    addModel(dataDir, path, `--name=${name}`)
  }
  return { dataDir, remove: () => rm(folder, { recursive: true, force: true }) }
}

export async function serveScreens(dataDir: string): Promise<TestServer> {
  return startTestServer({ dataDir, appDir: await buildApp(), allowSoftwareAdapter: false, ...OPERATOR })
}

const composer = (page: Page) => page.getByRole('textbox', { name: 'Message' })
const downloadButton = (page: Page) => page.getByRole('button', { name: /^(Download|Load) / })

/** New conversations draw the likeliest word, so that a picture shows the same answer whenever it is taken. */
async function answerGreedily(page: Page): Promise<void> {
  const sampling = { ...DEFAULT_SETTINGS.sampling, temperature: 0 }
  const preferences = JSON.stringify({ settings: { ...DEFAULT_SETTINGS, sampling } })
  await page.addInitScript((text) => {
    localStorage['weft-preferences'] ??= text
  }, preferences)
}

/** A loaded model has counted what the next prompt takes. */
async function counted(page: Page): Promise<void> {
  await page.getByText(/ of 4,096 tokens$/).waitFor(PATIENT)
}

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await composer(page).waitFor()
  await page.waitForLoadState('networkidle')
}

/** A list that looks used. Loaded again, so that the word about the import is gone. */
async function openUsed(page: Page, server: Served): Promise<void> {
  await page.goto(`${server.url}/#/settings`)
  const buffer = Buffer.from(shownConversations(Date.now()))
  const file = { name: 'conversations.json', mimeType: 'application/json', buffer }
  await page.locator('input[aria-label="Import conversations"]').setInputFiles(file)
  await page.getByText(/conversations were added/).waitFor({ state: 'attached' })
  await page.goto(`${server.url}/#/`)
  await page.reload()
  await composer(page).waitFor()
  await page.waitForLoadState('networkidle')
}

/** Where the list lies over the chat, it is opened first and closes by itself. */
async function show(page: Page, title: string): Promise<void> {
  const item = page.getByRole('button', { name: title, exact: true })
  if (!(await item.isVisible())) await page.getByRole('button', { name: 'Conversations', exact: true }).click()
  await item.click()
  await page.getByRole('log', { name: 'Conversation' }).getByRole('article').first().waitFor()
}

/** By the list, as a person does: a page that is opened by its address has the focus somewhere else. */
async function visit(page: Page, name: 'Models' | 'Settings'): Promise<void> {
  const link = page.getByRole('link', { name, exact: true })
  if (!(await link.isVisible())) await page.getByRole('button', { name: 'Conversations', exact: true }).click()
  await link.click()
}

async function load(page: Page): Promise<void> {
  await downloadButton(page).click()
  await page.getByText('Ready when you are').waitFor(PATIENT)
}

async function askAndRead(page: Page, question: string, characters: number): Promise<void> {
  await composer(page).fill(question)
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  // Arrows without names: what a TypeScript runner adds to named functions does not exist in the page.
  await page.waitForFunction(
    (count) => (document.querySelector('article.assistant .text')?.textContent ?? '').length >= count,
    characters,
    PATIENT,
  )
}

/** `held` resolves when the last piece that comes has come. */
async function slowLine(page: Page): Promise<{ readonly held: Promise<void> }> {
  let reached = () => {}
  const held = new Promise<void>((resolve) => {
    reached = resolve
  })
  let pieces = 0
  let turn = Promise.resolve()
  await page.context().route('**/model.gguf', (route) => {
    turn = turn.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, PIECE_MS))
      pieces += 1
      if (pieces <= PIECES_SENT) return route.continue()
      // The rest never comes: the picture stands still.
      return reached()
    })
  })
  return { held }
}

export const SCREENS: readonly Screen[] = [
  {
    name: 'first-run',
    says: 'The first visit. What the model costs is said before it is downloaded.',
    async reach(page, server) {
      await open(page, server.url)
      await downloadButton(page).waitFor()
    },
  },
  {
    name: 'loading',
    says: 'A model on its way into the tab: the cloth grows with the bytes.',
    async reach(page, server) {
      await open(page, server.url)
      const { held } = await slowLine(page)
      await downloadButton(page).click()
      await held
    },
  },
  {
    name: 'answering',
    says: 'SmolLM2 with 135 million parameters answers in the tab, on the CPU of the machine that took the picture.',
    async reach(page, server) {
      await answerGreedily(page)
      await openUsed(page, server)
      await load(page)
      await askAndRead(page, QUESTION, ANSWER_CHARACTERS)
    },
  },
  {
    name: 'code',
    says: 'A long answer with code, a table and lists. The conversation was imported from a file.',
    async reach(page, server) {
      await openUsed(page, server)
      await show(page, CODE_TITLE)
      await page.locator('code .keyword').first().waitFor()
      await page.evaluate(`document.querySelector('main').scrollTop = 0`)
    },
  },
  {
    name: 'models',
    says: 'The models: what is kept here, what the server has, what fits.',
    async reach(page, server) {
      await openUsed(page, server)
      await load(page)
      await visit(page, 'Models')
      await page.getByRole('heading', { name: 'Models', exact: true }).first().waitFor()
      await page.waitForLoadState('networkidle')
    },
  },
  {
    name: 'settings',
    says: 'The settings of the app and of new conversations.',
    async reach(page, server) {
      await openUsed(page, server)
      await visit(page, 'Settings')
      await page.getByRole('heading', { name: 'Settings', exact: true }).first().waitFor()
    },
  },
  {
    name: 'error',
    says: 'The GPU was lost twice in the middle of an answer: what happened, what was kept, what to do. Imported from a file.',
    async reach(page, server) {
      await openUsed(page, server)
      await show(page, FAILED_TITLE)
    },
  },
  {
    name: 'offline',
    says: 'The server is gone. The app started without it, and the model that this browser keeps goes on answering.',
    serviceWorker: true,
    async reach(page, server) {
      await answerGreedily(page)
      await openUsed(page, server)
      await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated')
      await load(page)
      await askAndRead(page, SHORT_QUESTION, 1)
      await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached', ...PATIENT })
      await page.waitForFunction(
        async () => {
          const kept = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()))
          const urls = kept.flat().map(({ url }) => url)
          return urls.some((url) => url.includes('cpu-wllama')) && urls.some((url) => url.endsWith('/config.json'))
        },
        null,
        PATIENT,
      )
      await server.close()
      await page.reload()
      await page.getByText('Offline').waitFor(PATIENT)
      await page.getByRole('log', { name: 'Conversation' }).getByRole('article').nth(1).waitFor(PATIENT)
      await counted(page)
    },
  },
  ...PLAYED_SCREENS,
  ...ADMIN_SCREENS,
  ...WIDGET_SCREENS,
]

/** `docs/SCREENS.md`. */
export function screensDocument(): string {
  const parts = SCREENS.map(({ name, says }) => {
    const picture = (look: string, words: string) => `![${name}, ${words}](images/${name}-${look}.png)`
    const title = name[0]?.toUpperCase() + name.slice(1).replace('-', ' ')
    const row = ['light', 'dark'].map((look) => picture(look, look)).join(' | ')
    return `## ${title}\n\n${says}\n\n| light | dark | phone |\n| --- | --- | --- |\n| ${row} | ${picture('phone', 'on a phone')} |\n`
  })
  return `# Screens\n\nTaken by \`npm run screenshots\`: the built app over the real server, in Chromium without a GPU, so that answers come from the\nCPU engine; where something is played instead, it is said. Desktop 1280 x 800, phone 390 x 844.\n\n${parts.join('\n')}`
}
