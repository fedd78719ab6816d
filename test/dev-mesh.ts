/**
 * `npm run dev:mesh -- 3`: the server with the built app, and so many headless tabs that share the layers of a model, for a
 * developer to play with: open the address, look at the network, contribute, ask, end a tab. Uses the mirror's first model
 * that can be shared, else a tiny seeded one. Everything ends on Ctrl-C. No test, and nothing of it ships.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../signal/config.ts'
import { summariseModel } from '../signal/models/manifest.ts'
import { ModelStore } from '../signal/models/store.ts'
import { startServer } from '../signal/server.ts'
import { explain } from '../web/wire/codes.ts'
import type { ModelSummary } from '../web/wire/model.ts'
import { runCommand, UsageError } from './bench/flags.ts'
import { tinyModel } from './fixtures/tiny-model.ts'
import { serveModels } from './support/app-page.ts'
import { buildPage } from './support/build-page.ts'
import { launchChromium } from './support/chromium.ts'
import { openMeshTab } from './support/mesh-app.ts'
import { buildApp } from './support/server.ts'
import { RELAY_FLAGS } from './support/udp-relay.ts'

const TABS_MAX = 8
const TINY_LAYERS = 12
const TAB_PAGE = 'shared-tab.html'
const HELP = `Usage: npm run dev:mesh -- [tabs]
The server and so many headless tabs that share a model, 1 to ${TABS_MAX} (3). Ctrl-C ends all of them.
PORT and WEFT_DATA are those of npm start; an empty mirror stays as it is, and a tiny model is served in its place.
`
const ARGS = process.argv.slice(2)

/** What has to be taken down, the newest first. */
type Ends = (() => Promise<unknown>)[]

function readCount(args: readonly string[]): number {
  const [text = '3', ...rest] = args
  const count = Number(text)
  if (rest.length > 0 || !Number.isInteger(count) || count < 1 || count > TABS_MAX)
    throw new UsageError(`"${args.join(' ')}" is no number of tabs from 1 to ${TABS_MAX}.`)
  return count
}

const say = (words: string) => process.stdout.write(`${words}\n`)

/** The app, with the page of the tabs beside it: both are served from one address. */
async function builtPages(ends: Ends): Promise<string> {
  const app = await buildApp()
  const tab = await buildPage('mesh-page')
  const appDir = await mkdtemp(join(tmpdir(), 'weft-dev-mesh-'))
  ends.push(() => rm(appDir, { recursive: true, force: true }))
  await cp(app, appDir, { recursive: true })
  await cp(join(tab.appDir, 'assets'), join(appDir, 'assets'), { recursive: true })
  await cp(join(tab.appDir, 'index.html'), join(appDir, TAB_PAGE))
  await tab.remove()
  return appDir
}

interface Served {
  readonly url: string
  readonly model: Pick<ModelSummary, 'id' | 'name' | 'layers'>
}

async function serve(appDir: string, ends: Ends): Promise<Served> {
  const config = readConfig()
  if (!config.ok) throw new UsageError(explain(config.code, config.detail))
  const own = { ...config.value, appDir, addDefault: false }
  const models = (await new ModelStore(own.dataDir).list()).map(({ id, manifest }) => summariseModel(id, manifest))
  const model = models.find(({ format }) => format === 'gguf')
  if (model) {
    const server = await startServer(own)
    ends.push(() => server.close())
    return { url: server.url, model }
  }
  const file = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 1024, layers: TINY_LAYERS })
  const server = await serveModels({ tiny: file }, appDir, { port: own.port, host: own.host, ice: own.ice })
  ends.push(() => server.close())
  return { url: server.server.url, model: { id: server.ids[0] ?? '', name: 'a tiny model', layers: TINY_LAYERS } }
}

async function start(count: number, ends: Ends): Promise<void> {
  say('Building the app and the page of the tabs.')
  const { url, model } = await serve(await builtPages(ends), ends)
  if (count > model.layers) throw new UsageError(`${model.name} has ${model.layers} layers.`)
  say(`Weft is at ${url}`)
  // Ctrl-C reaches the browser by us, or its tabs could not say goodbye.
  const browser = await launchChromium({ args: [...RELAY_FLAGS], handleSIGINT: false, handleSIGTERM: false })
  ends.push(() => browser.close())
  for (let index = 1; index <= count; index += 1) {
    const tab = await openMeshTab(browser, `${url}/${TAB_PAGE}`)
    const served = await tab.call('contribute', model.id, model.layers, Math.ceil(model.layers / count))
    if (!served.ok) throw new Error(`${explain(served.code, served.detail)} [${served.code}]`)
    const { first, last } = served.value
    say(`Tab ${index} serves layers ${first + 1} to ${last} of ${model.name}.`)
  }
  say(`${count === 1 ? 'The tab serves' : `All ${count} tabs serve`}. Ctrl-C ends them.`)
}

async function main(): Promise<void> {
  const count = readCount(ARGS)
  const ends: Ends = []
  const told = new Promise<void>((resolve) => {
    let over = false
    const end = () => {
      // A second signal means now.
      if (over) process.exit(1)
      over = true
      resolve()
    }
    process.on('SIGINT', end)
    process.on('SIGTERM', end)
  })
  try {
    await Promise.race([start(count, ends).then(() => told), told])
  } finally {
    for (const end of ends.reverse()) await end()
  }
  say('Ended.')
}

await runCommand(HELP, ARGS, main)
