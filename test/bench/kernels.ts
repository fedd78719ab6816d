/**
 * `npm run bench:kernels`: GFLOP/s and GB/s of every kernel and layout at the sizes of a real model, beside a naive
 * kernel and beside onnxruntime-web's 4-bit product. One JSON object on standard output, or a table.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernelSources } from '../support/kernel-sources.ts'
import { openBenchApp } from './bench-app.ts'
import { type FlagSpec, positiveNumber, readFlags, runCommand, usage, wholeNumber, word } from './flags.ts'
import { type ShapeName, SIZES } from './kernel-cases.ts'
import { benchKernels, type KernelOptions, type KernelReport, type KernelRow } from './kernel-run.ts'
import { packageVersion } from './models.ts'
import { nodeGpu, underSoftwareDriver } from './node-gpu.ts'
import { provenance, round, table } from './report.ts'

const SHAPES = Object.keys(SIZES) as ShapeName[]

const SPEC = {
  shape: { type: 'string', of: SHAPES, words: 'sizes of which model, default smollm2' },
  rounds: { type: 'string', words: 'measurements of each kernel, default 5; medians are printed' },
  runtime: { type: 'string', of: ['chromium', 'node'], words: 'default chromium, headless' },
  gpu: { type: 'string', of: ['software', 'real'], words: 'default: software in chromium, real in node' },
  'bandwidth-gbs': { type: 'string', words: 'memory bandwidth of the GPU in GB/s, for shareOfBandwidth' },
  json: { type: 'boolean', words: 'one JSON object instead of a table' },
  help: { type: 'boolean', words: 'this text' },
} as const satisfies FlagSpec

const HELP = usage('bench:kernels', 'Measures each kernel of the stage engine alone.', SPEC)

interface Onnx {
  readonly ms: number | null
  readonly reason: string | null
}

async function inChromium(options: KernelOptions, gpu: 'software' | 'real') {
  const app = await openBenchApp('kernels.html', gpu)
  try {
    const report = await app.call<KernelReport>('kernels', options)
    const onnx = await app.call<Onnx>('onnx', options)
    return { report, onnx, runtime: `Chromium ${app.browserVersion}` }
  } finally {
    await app.close()
  }
}

async function inNode(options: KernelOptions) {
  const naive = readFileSync(join(import.meta.dirname, 'naive_matmul.wgsl'), 'utf8')
  const report = await benchKernels(nodeGpu().gpu, { ...kernelSources(), naive_matmul: naive }, options)
  const onnx: Onnx = { ms: null, reason: 'onnxruntime-web runs in a browser only: use --runtime chromium' }
  return { report, onnx, runtime: `Node ${process.version}, webgpu ${packageVersion('webgpu')}` }
}

function printed({ ms, gflops, gbs, naiveMs, ...rest }: KernelRow, bandwidthGbs: number | null) {
  return {
    ...rest,
    ms: round(ms),
    gflops: round(gflops),
    gbs: round(gbs),
    shareOfBandwidth: bandwidthGbs === null ? null : round(gbs / bandwidthGbs),
    naiveMs: naiveMs === null ? null : round(naiveMs),
    timesNaive: naiveMs === null ? null : round(naiveMs / ms),
  }
}

await runCommand(HELP, process.argv.slice(2), async () => {
  const flags = readFlags(process.argv.slice(2), SPEC)
  const runtimeName = word(flags, 'runtime', SPEC.runtime.of, 'chromium')
  const gpu = word(flags, 'gpu', SPEC.gpu.of, runtimeName === 'node' ? 'real' : 'software')
  const options = { shape: word(flags, 'shape', SHAPES, 'smollm2'), rounds: wholeNumber(flags, 'rounds', 5, 1_000) }
  const bandwidthGbs = positiveNumber(flags, 'bandwidth-gbs')
  if (runtimeName === 'node' && gpu === 'software') underSoftwareDriver()
  const { report, onnx, runtime } = runtimeName === 'node' ? await inNode(options) : await inChromium(options, gpu)
  const { rows, squareMs, ...facts } = report
  const { width } = SIZES[options.shape]
  const kernels = rows.map((row) => printed(row, bandwidthGbs))
  const result = {
    bench: 'kernels',
    ...provenance(),
    runtime,
    ...options,
    bandwidthGbs,
    ...facts,
    kernels,
    onnx: {
      version: packageVersion('onnxruntime-web'),
      what: `MatMulNBits, 4 bits, blocks of 32, f32, [${width}, ${width}] x 1, wall time in a chain`,
      ms: onnx.ms === null ? null : round(onnx.ms),
      oursMs: round(squareMs),
      reason: onnx.reason,
    },
  }
  if (flags['json'] === true) {
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
    return
  }
  const cell = (value: unknown) => (value === null ? '-' : String(value))
  const head = ['kernel', 'layout', 'variant', 'what', 'ms', 'GFLOP/s', 'GB/s', 'of bandwidth', 'x naive']
  const lines = kernels.map(({ kernel, layout, variant, what, ms, gflops, gbs, shareOfBandwidth, timesNaive }) =>
    [kernel, layout, variant, what, ms, gflops, gbs, shareOfBandwidth, timesNaive].map(cell),
  )
  process.stdout.write(`${facts.adapter}, ${runtime}, ${facts.timing}\n\n${table([head, ...lines])}\n`)
  process.stdout.write(`onnxruntime-web: ${JSON.stringify(result.onnx)}\n`)
})
