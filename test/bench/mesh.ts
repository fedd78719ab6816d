/**
 * `npm run bench:mesh`: one model over several tabs, measured: real Chromium, real WebRTC between separate browser contexts,
 * the real server. Each run also answers the same question in one tab, so that speeds compare and the text can be checked.
 *
 * A token's way over S stages is S trips: from stage to stage, and from the tail back to the first. What a hop costs beyond
 * compute and wire is what is left of the time between two tokens, shared out among the trips.
 */
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'
import { prepareModel, SHARED_DATA, sharedModels } from '../support/prepare.ts'
import { startTestServer } from '../support/server.ts'
import { type Network, RELAY_FLAGS, UdpRelay, viaRelay } from '../support/udp-relay.ts'
import { type FlagSpec, positiveNumber, readFlags, runCommand, usage, wholeNumber, word } from './flags.ts'
import { measureRoute, QUESTION, type Question, type RouteResult } from './mesh-run.ts'
import { provenance } from './report.ts'

const MODELS = ['tiny', 'smollm2'] as const
const TINY_LAYERS = 12
const SMOLLM2_LAYERS = 30
const SPEC: FlagSpec = {
  stages: { type: 'string', words: 'tabs that share the layers (3)' },
  model: { type: 'string', words: 'a seeded one of 12 small layers, or SmolLM2-135M (tiny)', of: MODELS },
  tokens: { type: 'string', words: 'of each answer (64)' },
  rtt: { type: 'string', words: 'milliseconds there and back, by a relay that delays real packets' },
  loss: { type: 'string', words: 'percent of packets that the relay loses (0)' },
  streams: { type: 'string', words: 'answers at once (1)' },
  kill: {
    type: 'boolean',
    words: 'close the tab of the middle stage in the middle of an answer; a standby takes its place',
  },
  json: { type: 'boolean', words: 'one JSON object on the last line and nothing else' },
}
const HELP = usage('bench:mesh', 'One model over several tabs: speed, what a hop costs, the same text or not.', SPEC)
const ARGS = process.argv.slice(2)

interface Bench {
  readonly server: AppServer | Awaited<ReturnType<typeof startTestServer>>
  readonly modelId: string
  readonly layers: number
}

async function serve(model: (typeof MODELS)[number], appDir: string): Promise<Bench> {
  if (model === 'smollm2') {
    prepareModel()
    const server = await startTestServer({ dataDir: SHARED_DATA, appDir })
    const [modelId = ''] = sharedModels()
    return { server, modelId, layers: SMOLLM2_LAYERS }
  }
  const file = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 1024, layers: TINY_LAYERS })
  const server = await serveModels({ tiny: file }, appDir)
  return { server, modelId: server.ids[0] ?? '', layers: TINY_LAYERS }
}

/** `name`: of the tab, for the relay. */
type OpenTab = (name: string) => Promise<MeshTabPage>

async function contributors(open: OpenTab, bench: Bench, count: number, stages: number): Promise<MeshTabPage[]> {
  const tabs: MeshTabPage[] = []
  for (let index = 0; index < count; index += 1) {
    const tab = await open(`worker ${index}`)
    const served = await tab.call('contribute', bench.modelId, bench.layers, Math.ceil(bench.layers / stages))
    if (!served.ok) throw new Error(`a tab does not serve: ${served.code} ${served.detail}`)
    tabs.push(tab)
  }
  return tabs
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const stages = wholeNumber(flags, 'stages', 3, 12)
  const streams = wholeNumber(flags, 'streams', 1, 8)
  const question: Question = { tokens: wholeNumber(flags, 'tokens', 64, 512), temperature: 0.8, seed: 11 }
  const kill = flags['kill'] === true
  const built = await buildPage('mesh-page')
  const bench = await serve(word(flags, 'model', MODELS, 'tiny'), built.appDir)
  const network = networkOf(positiveNumber(flags, 'rtt'), positiveNumber(flags, 'loss'))
  const relay = network && new UdpRelay(network)
  const browser = await launchChromium({ args: relay ? [...RELAY_FLAGS] : [] })
  const open: OpenTab = (name) =>
    openMeshTab(browser, bench.server.url, async (context) => {
      if (relay) await viaRelay(context, relay, name)
    })
  let result: RouteResult
  try {
    // The reference first, in a tab that then lets its GPU memory go.
    const alone = await openMeshTab(browser, bench.server.url)
    const whole = await alone.call('askAlone', bench.modelId, ...askOf(question))
    await alone.context.close()
    const workers = await contributors(open, bench, kill ? 2 * stages : stages, stages)
    const asker = await open('asker')
    const loaded = await asker.call('loadHead', bench.modelId)
    if (!loaded.ok) throw new Error(loaded.code)
    result = await measureRoute({ asker, workers, whole, question, streams, kill })
  } finally {
    await browser.close()
    relay?.close()
    await bench.server.close()
    await built.remove()
  }
  const all = { stages, model: word(flags, 'model', MODELS, 'tiny'), streams, network, ...result, ...provenance() }
  process.stdout.write(`${JSON.stringify(all, null, flags['json'] === true ? 0 : 2)}\n`)
}

/** A tenth of the way is jitter: far networks are never still. */
function networkOf(rttMs: number | null, lossPercent: number | null): Network | null {
  if (rttMs === null && lossPercent === null) return null
  return { rttMs: rttMs ?? 0, jitterMs: (rttMs ?? 0) / 20, lossPercent: lossPercent ?? 0 }
}

/** What the page's calls take. */
function askOf({ tokens, temperature, seed }: Question): [string, number, number, number] {
  return [QUESTION, tokens, temperature, seed]
}

await runCommand(HELP, ARGS, main)
