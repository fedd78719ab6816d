/**
 * `npm run bench:mesh`: one model over several tabs, measured: real Chromium, real WebRTC between separate browser contexts,
 * the real server. Each run also answers the same question in one tab, so that speeds compare and the text can be checked.
 *
 * A token's way over S stages is S trips: from stage to stage, and from the tail back to the first. What a hop costs beyond
 * compute and wire is what is left of the time between two tokens, shared out among the trips.
 */
import type { Browser } from 'playwright'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { type AppServer, serveModels } from '../support/app-page.ts'
import { buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'
import { prepareModel, SHARED_DATA, sharedModels } from '../support/prepare.ts'
import { startTestServer } from '../support/server.ts'
import { type Network, RELAY_FLAGS, UdpRelay, viaRelay } from '../support/udp-relay.ts'
import {
  type FlagSpec,
  type Flags,
  numberUpTo,
  readFlags,
  runCommand,
  UsageError,
  usage,
  wholeNumber,
  word,
} from './flags.ts'
import type { Answer } from './mesh-answers.ts'
import { TOKENS_FOR_KILL } from './mesh-kill.ts'
import { comparePaid, type PaidResult } from './mesh-paid.ts'
import { measureRoute, type RouteResult } from './mesh-run.ts'
import { provenance } from './report.ts'

const MODELS = ['tiny', 'smollm2'] as const
type ModelName = (typeof MODELS)[number]
const TINY_LAYERS = 12
const SMOLLM2_LAYERS = 30
const STAGES_MAX = 12
const SPEC: FlagSpec = {
  stages: { type: 'string', words: `tabs that share the layers, up to ${STAGES_MAX} (3)` },
  model: { type: 'string', words: 'a seeded one of small layers, or SmolLM2-135M (tiny)', of: MODELS },
  layers: { type: 'string', words: `of the tiny model, up to ${SMOLLM2_LAYERS} (${TINY_LAYERS}); fewer compute less` },
  tokens: { type: 'string', words: 'of each answer (64)' },
  rtt: { type: 'string', words: 'milliseconds there and back, by a relay that delays real packets' },
  loss: { type: 'string', words: 'percent of packets that the relay loses, each way (0)' },
  streams: { type: 'string', words: 'answers at once, beside one alone (1)' },
  'synthetic-ms': { type: 'string', words: 'wait before each frame of a stage, using no processor (0)' },
  oracle: {
    type: 'boolean',
    words:
      'stages compute on the CPU, by the reference, so that tabs do not wait for one software GPU; the tiny model only',
  },
  kill: {
    type: 'boolean',
    words: 'close the tab of the middle stage in the middle of an answer; a standby takes its place',
  },
  paid: {
    type: 'boolean',
    words: 'ask also with credits, in turns with an asker that has none, over the same stages',
  },
  json: { type: 'boolean', words: 'one JSON object on the last line and nothing else' },
}
const HELP = usage('bench:mesh', 'One model over several tabs: speed, what a hop costs, the same text or not.', SPEC)
const ARGS = process.argv.slice(2)
const QUESTION = 'Tell me about warp and weft.'
const TEMPERATURE = 0.8
/** Of the first stream; each other has the next. */
const SEED = 11

interface Wish {
  readonly stages: number
  readonly model: ModelName
  readonly layers: number
  readonly tokens: number
  readonly streams: number
  readonly syntheticMs: number
  readonly oracle: boolean
  readonly kill: boolean
  readonly paid: boolean
  readonly network: Network | null
}

interface Bench {
  readonly server: AppServer | Awaited<ReturnType<typeof startTestServer>>
  readonly modelId: string
}

function readWish(flags: Flags): Wish {
  const model = word(flags, 'model', MODELS, 'tiny')
  const stages = wholeNumber(flags, 'stages', 3, STAGES_MAX)
  const tokens = wholeNumber(flags, 'tokens', 64, 512)
  const kill = flags['kill'] === true
  if (model !== 'tiny' && flags['layers'] !== undefined) throw new UsageError('--layers is for the tiny model')
  const paid = flags['paid'] === true
  if (kill && paid) throw new UsageError('--paid compares routes that stand; leave --kill out')
  const oracle = flags['oracle'] === true
  if (oracle && model !== 'tiny') throw new UsageError('--oracle is for the tiny model')
  const layers = model === 'tiny' ? wholeNumber(flags, 'layers', TINY_LAYERS, SMOLLM2_LAYERS) : SMOLLM2_LAYERS
  const shared = Math.ceil(layers / Math.ceil(layers / stages))
  if (shared !== stages)
    throw new UsageError(`${layers} layers are not shared by ${stages} tabs: ${shared} have room for all of them`)
  if (tokens < 2) throw new UsageError('--tokens is 1; a speed takes 2')
  if (kill && tokens < TOKENS_FOR_KILL) throw new UsageError(`--kill takes --tokens ${TOKENS_FOR_KILL} or more`)
  return {
    stages,
    model,
    layers,
    tokens,
    kill,
    paid,
    oracle,
    streams: wholeNumber(flags, 'streams', 1, 8),
    syntheticMs: numberUpTo(flags, 'synthetic-ms', 1_000) ?? 0,
    network: networkOf(numberUpTo(flags, 'rtt', 1_000), numberUpTo(flags, 'loss', 20)),
  }
}

/** A tenth of the way is jitter: far networks are never still. */
function networkOf(rttMs: number | null, lossPercent: number | null): Network | null {
  if (rttMs === null && lossPercent === null) return null
  return { rttMs: rttMs ?? 0, jitterMs: (rttMs ?? 0) / 20, lossPercent: lossPercent ?? 0 }
}

async function serve({ model, layers }: Wish, appDir: string): Promise<Bench> {
  if (model === 'smollm2') {
    prepareModel()
    const server = await startTestServer({ dataDir: SHARED_DATA, appDir })
    const [modelId = ''] = sharedModels()
    return { server, modelId }
  }
  const file = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 1024, layers })
  const server = await serveModels({ tiny: file }, appDir)
  return { server, modelId: server.ids[0] ?? '' }
}

/** `name`: of the tab, for the relay. */
type OpenTab = (name: string) => Promise<MeshTabPage>

async function contributors(open: OpenTab, modelId: string, wish: Wish): Promise<readonly MeshTabPage[]> {
  const { stages, layers, kill, syntheticMs } = wish
  const tabs: MeshTabPage[] = []
  for (let index = 0; index < (kill ? 2 : 1) * stages; index += 1) {
    const tab = await open(`worker ${index}`)
    await tab.call('timeFrames', syntheticMs)
    const served = await tab.call('contribute', modelId, layers, Math.ceil(layers / stages))
    if (!served.ok) throw new Error(`a tab does not serve: ${served.code} ${served.detail}`)
    tabs.push(tab)
  }
  return tabs
}

type Measured = RouteResult & { readonly paid: PaidResult | null }

async function run(browser: Browser, { server, modelId }: Bench, open: OpenTab, wish: Wish): Promise<Measured> {
  const { streams, tokens, kill, paid } = wish
  const request = (stream: number) => [QUESTION, tokens, TEMPERATURE, SEED + stream] as const
  // The reference first, in a tab that then lets its GPU memory go.
  const alone = await openMeshTab(browser, pageOf(server.url, wish))
  const whole: Answer[] = []
  for (let stream = 0; stream < streams; stream += 1)
    whole.push(await alone.call('askAlone', modelId, ...request(stream)))
  await alone.context.close()
  const workers = await contributors(open, modelId, wish)
  const asker = await openAsker(open, 'asker', modelId)
  const ask = (stream: number) => asker.call('ask', ...request(stream))
  const route = await measureRoute({ asker, workers, whole, ask, kill })
  if (!paid) return { ...route, paid: null }
  const payer = await openAsker(open, 'payer', modelId)
  const given = await payer.call('firstCredits')
  if (!given.ok) throw new Error(given.code)
  return { ...route, paid: await comparePaid({ asker, payer, workers, ask: (tab) => tab.call('ask', ...request(0)) }) }
}

async function openAsker(open: OpenTab, name: string, modelId: string): Promise<MeshTabPage> {
  const asker = await open(name)
  const loaded = await asker.call('loadHead', modelId)
  if (!loaded.ok) throw new Error(loaded.code)
  return asker
}

function pageOf(url: string, { oracle }: Wish): string {
  return oracle ? `${url}/?stage=oracle` : url
}

async function main(): Promise<void> {
  const flags = readFlags(ARGS, SPEC)
  const wish = readWish(flags)
  const { model, layers, tokens, streams, oracle, syntheticMs: syntheticMsAsked, network } = wish
  const built = await buildPage('mesh-page')
  const bench = await serve(wish, built.appDir)
  const relay = network && new UdpRelay(network)
  const browser = await launchChromium({ args: relay ? [...RELAY_FLAGS] : [] })
  const open: OpenTab = (name) =>
    openMeshTab(browser, pageOf(bench.server.url, wish), async (context) => {
      if (relay) await viaRelay(context, relay, name)
    })
  let result: Measured
  try {
    result = await run(browser, bench, open, wish)
  } finally {
    await browser.close()
    relay?.close()
    await bench.server.close()
    await built.remove()
  }
  const all = { model, layers, tokens, streams, oracle, syntheticMsAsked, network, ...result, ...provenance() }
  process.stdout.write(`${JSON.stringify(all, null, flags['json'] === true ? 0 : 2)}\n`)
}

await runCommand(HELP, ARGS, main)
