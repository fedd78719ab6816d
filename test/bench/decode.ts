/**
 * `npm run bench:decode`: how fast one model answers, what a token costs, and how far that is from the GPU's bandwidth.
 * One JSON object on standard output, or a table. It measures the product: its worker, session, server and mirror.
 */
import { planStage, type StagePlan } from '../../web/engine/plan.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { type BenchApp, type GpuChoice, openBenchApp } from './bench-app.ts'
import { measureCpu } from './decode-cpu.ts'
import { must, NodeRuntime } from './decode-node.ts'
import type { DecodeRuntime, Round, RoundOptions } from './decode-runtime.ts'
import { type FlagSpec, positiveNumber, readFlags, runCommand, UsageError, usage, wholeNumber, word } from './flags.ts'
import type { KernelTime } from './gpu-meter.ts'
import { type BenchModel, benchModel, MODELS, mirrorOf, packageVersion } from './models.ts'
import { underSoftwareDriver } from './node-gpu.ts'
import { median, provenance, round, table } from './report.ts'

const SPEC = {
  engine: { type: 'string', of: ['stage', 'cpu'], words: 'default stage; cpu is llama.cpp as WASM, in chromium' },
  model: { type: 'string', of: MODELS, words: 'default smollm2; llama1b-shape is made on the spot' },
  tokens: { type: 'string', words: 'tokens to decode, default 64' },
  prompt: { type: 'string', words: 'tokens of the prompt, default 128' },
  rounds: { type: 'string', words: 'answers measured, default 3, fewer where they are slow; medians' },
  sampling: { type: 'string', of: ['greedy', 'sampled'], words: 'default greedy' },
  runtime: { type: 'string', of: ['chromium', 'node'], words: 'default chromium, headless' },
  gpu: { type: 'string', of: ['software', 'real'], words: 'default: software in chromium, real in node' },
  against: { type: 'string', of: ['wllama'], words: 'interleave with llama.cpp as WASM on the same file' },
  'bandwidth-gbs': { type: 'string', words: 'memory bandwidth of the GPU in GB/s, for shareOfBandwidth' },
  profile: { type: 'boolean', words: 'add GPU time by kernel' },
  json: { type: 'boolean', words: 'one JSON object instead of a table' },
  help: { type: 'boolean', words: 'this text' },
} as const satisfies FlagSpec

const HELP = usage('bench:decode', 'Measures one model end to end: load, prefill, decode.', SPEC)

interface Rival {
  round(options: RoundOptions): Promise<Round>
  readonly adapter: string
}

/** Ids that no tokenizer would put in this order: speed does not depend on them, and no cache can know them. */
function promptOf(count: number, vocabulary: number, seed: number): number[] {
  let state = (seed * 2_654_435_761) >>> 0
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return 3 + ((state >>> 8) % (Math.min(vocabulary, 258) - 3))
  })
}

/** Weights that one token reads, each once, and the KV that it reads at this position. */
export function bytesPerToken(plan: StagePlan, meanPosition: number): number {
  const row = plan.embedding ? plan.embedding.bytes / plan.embedding.rows.length : 0
  const inHead = plan.embedding === plan.head ? 0 : (plan.embedding?.bytes ?? 0)
  return plan.weightBytes - inHead + row + plan.kvBytesPerPosition * meanPosition
}

/** Dispatches of a token that belong to no layer: embedding and head, one a slice, and the sampler. */
function dispatchesOutside({ embedding, head }: StagePlan): number {
  return (embedding ? embedding.cuts.length - 1 : 0) + (head ? head.cuts.length - 1 : 0) + 1
}

/** No further round begins after this: a software GPU needs a minute for one. */
const ROUNDS_MS_MAX = 30_000

const perSecond = (count: number, ms: number) => (count * 1000) / ms

async function measure(model: BenchModel, runtime: DecodeRuntime, rival: Rival | null, flags: Options) {
  const plan = must(planStage(must(await readDirectory(model.source))))
  const loaded = await runtime.load()
  const options = (seed: number, tokens = flags.tokens): RoundOptions => ({
    prompt: promptOf(flags.prompt, loaded.vocabulary, seed),
    tokens,
    sampling: flags.sampling,
  })
  // Untimed: the first answer pays for whatever the driver does late.
  await runtime.round({ ...options(0), prompt: options(0).prompt.slice(0, 32), tokens: Math.min(4, flags.tokens) })
  const ours: Round[] = []
  const theirs: Round[] = []
  const began = performance.now()
  for (let index = 1; index <= flags.rounds; index += 1) {
    if (index > 1 && performance.now() - began > ROUNDS_MS_MAX) break
    ours.push(await runtime.round(options(index)))
    if (rival) theirs.push(await rival.round(options(index)))
  }
  const counted = await runtime.count({ ...options(99), prompt: options(99).prompt.slice(0, 16) })
  const profile = flags.profile ? await runtime.profile(options(98)) : null
  const decode = (rounds: readonly Round[]) =>
    median(rounds.map(({ tokens, decodeMs }) => perSecond(tokens - 1, decodeMs)))
  const prefill = (rounds: readonly Round[]) =>
    median(rounds.map(({ prefillMs }) => perSecond(flags.prompt, prefillMs)))
  const bytes = bytesPerToken(plan, flags.prompt + flags.tokens / 2)
  const speed = decode(ours)
  const { bandwidthGbs } = flags
  return {
    bench: 'decode',
    ...provenance(),
    model: model.name,
    modelId: model.id,
    runtime: flags.runtimeText,
    adapter: loaded.adapter,
    softwareAdapter: loaded.softwareAdapter,
    numericClass: loaded.numericClass,
    promptTokens: flags.prompt,
    tokens: flags.tokens,
    rounds: ours.length,
    sampling: flags.sampling,
    decodeTokensPerSecond: round(speed),
    prefillTokensPerSecond: round(prefill(ours)),
    firstTokenMs: round(median(ours.map(({ firstTokenMs }) => firstTokenMs))),
    prefillFrames: ours[0]?.prefillFrames ?? [],
    dispatchesPerLayer: round((counted.dispatchesPerToken - dispatchesOutside(plan)) / plan.shape.layers),
    ...counted,
    bytesPerToken: Math.round(bytes),
    bandwidthGbs,
    shareOfBandwidth: bandwidthGbs === null ? null : round((bytes * speed) / (bandwidthGbs * 1e9)),
    coldLoadMs: round(loaded.coldLoadMs),
    warmLoadMs: round(loaded.warmLoadMs),
    coldPhasesMs: rounded(loaded.coldPhases),
    warmPhasesMs: rounded(loaded.warmPhases),
    compileMs: {
      modules: round(loaded.compile.modules.reduce((sum, { ms }) => sum + ms, 0)),
      pipelines: rounded(sumByLabel(loaded.compile.pipelines)),
    },
    ...(profile && { profile: profile.map(roundedKernel) }),
    ...(rival && {
      against: {
        name: 'wllama',
        version: packageVersion('wllama-oracle'),
        adapter: rival.adapter,
        decodeTokensPerSecond: round(decode(theirs)),
        prefillTokensPerSecond: round(prefill(theirs)),
        firstTokenMs: round(median(theirs.map(({ firstTokenMs }) => firstTokenMs))),
      },
      ratio: round(speed / decode(theirs)),
    }),
  }
}

function roundedKernel({ kernel, dispatches, ms }: KernelTime) {
  return { kernel, dispatchesPerToken: round(dispatches), msPerToken: round(ms) }
}

function rounded(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, round(value)]))
}

function sumByLabel(items: readonly { readonly label: string; readonly ms: number }[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { label, ms } of items) sums[label] = (sums[label] ?? 0) + ms
  return sums
}

interface Options {
  readonly tokens: number
  readonly prompt: number
  readonly rounds: number
  readonly sampling: 'greedy' | 'sampled'
  readonly bandwidthGbs: number | null
  readonly profile: boolean
  readonly runtimeText: string
}

interface Measured {
  readonly bench: string
  readonly profile?: readonly ReturnType<typeof roundedKernel>[]
}

function print(measured: Measured, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`)
    return
  }
  const cell = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value))
  const rows = Object.entries(measured).filter(([name]) => name !== 'profile')
  process.stdout.write(table(rows.map(([name, value]) => [name, cell(value)])))
  if (!measured.profile) return
  const head = ['kernel', 'dispatches a token', 'ms a token']
  const lines = measured.profile.map((item) => [item.kernel, String(item.dispatchesPerToken), String(item.msPerToken)])
  process.stdout.write(`\n${table([head, ...lines])}`)
}

function runtimeOfPage(app: BenchApp, id: string): DecodeRuntime {
  return {
    load: () => app.call('load', id),
    round: (options) => app.call('round', options),
    count: (options) => app.call('count', options),
    profile: (options) => app.call('profile', options),
  }
}

async function openRival(app: BenchApp, id: string, positions: number, gpu: GpuChoice): Promise<Rival> {
  const { threads } = await app.call<{ threads: number }>('wllamaLoad', id, positions)
  const why = gpu === 'software' ? '; on software WebGPU llama.cpp stays on the CPU' : ''
  return {
    adapter: `CPU, WASM, ${threads} threads${why}`,
    round: (options) => app.call('wllamaRound', options),
  }
}

await runCommand(HELP, process.argv.slice(2), async () => {
  const flags = readFlags(process.argv.slice(2), SPEC)
  const runtimeName = word(flags, 'runtime', SPEC.runtime.of, 'chromium')
  const gpu = word(flags, 'gpu', SPEC.gpu.of, runtimeName === 'node' ? 'real' : 'software')
  const name = word(flags, 'model', MODELS, 'smollm2')
  const options = {
    tokens: wholeNumber(flags, 'tokens', 64, 2_048),
    prompt: wholeNumber(flags, 'prompt', 128, 2_000),
    rounds: wholeNumber(flags, 'rounds', 3, 100),
    sampling: word(flags, 'sampling', SPEC.sampling.of, 'greedy'),
    bandwidthGbs: positiveNumber(flags, 'bandwidth-gbs'),
    profile: flags['profile'] === true,
  }
  const against = flags['against'] === 'wllama'
  const json = flags['json'] === true
  const onCpu = word(flags, 'engine', SPEC.engine.of, 'stage') === 'cpu'
  if (onCpu && runtimeName === 'node') throw new UsageError('--engine cpu runs in chromium only')
  if (runtimeName === 'node' && gpu === 'software') underSoftwareDriver()
  const model = benchModel(name)
  if (onCpu) return print(await measureCpu(model, { ...options, against }), json)
  const needsPage = runtimeName === 'chromium' || against
  const mirror = needsPage ? await mirrorOf(model) : null
  const app = mirror ? await openBenchApp('decode.html', gpu, mirror.dataDir) : null
  const node = runtimeName === 'node' ? new NodeRuntime(model) : null
  try {
    const runtime = app && mirror && !node ? runtimeOfPage(app, mirror.id) : node
    if (!runtime) throw new Error('no runtime')
    const positions = options.prompt + options.tokens + 1
    const rival = against && app && mirror ? await openRival(app, mirror.id, positions, gpu) : null
    const runtimeText = node
      ? `Node ${process.version}, webgpu ${packageVersion('webgpu')}`
      : `Chromium ${app?.browserVersion}`
    print(await measure({ ...model, id: mirror?.id ?? model.id }, runtime, rival, { ...options, runtimeText }), json)
  } finally {
    await node?.close()
    await app?.close()
    await mirror?.remove()
    model.close()
  }
})
