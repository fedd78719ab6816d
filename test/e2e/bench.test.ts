/**
 * The benches run to their end from the command line and say what they promise. Counts are checked, times are not.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

type Bench = 'decode' | 'kernels' | 'mesh' | 'jobs' | 'link' | 'ledger' | 'signal'

function bench(name: Bench, ...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'node_modules/.bin/tsx'), [`test/bench/${name}.ts`, ...flags], { cwd: root })
    let [out, err] = ['', '']
    child.stdout.on('data', (part: Buffer) => {
      out += part.toString()
    })
    child.stderr.on('data', (part: Buffer) => {
      err += part.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? 1, out, err }))
  })
}

async function measured(name: Bench, ...flags: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await bench(name, ...flags, '--json')
  expect(code, err).toBe(0)
  return JSON.parse(out)
}

describe('bench:decode', () => {
  it('measures a model and counts what a token costs', async () => {
    const result = await measured('decode', '--model', 'tiny', '--tokens', '8', '--prompt', '16', '--rounds', '1')
    const numbers = ['decodeTokensPerSecond', 'prefillTokensPerSecond', 'firstTokenMs', 'bytesPerToken']
    for (const name of [...numbers, 'coldLoadMs', 'warmLoadMs']) expect(result[name], name).toBeGreaterThan(0)
    for (const name of ['adapter', 'date', 'model', 'modelId']) expect(result[name], name).toEqual(expect.any(String))
    expect(result).toHaveProperty('commit')
    expect(result['shareOfBandwidth']).toBeNull()
    expect(result['dispatchesPerLayer']).toBeLessThanOrEqual(6)
    expect(result['submitsPerToken']).toBeLessThanOrEqual(1)
    expect(result['blockingReadbacksPerToken']).toBe(0)
  })

  it('measures the CPU engine by turns with bare wllama of the same build', async () => {
    const shape = ['--model', 'tiny', '--tokens', '8', '--prompt', '16', '--rounds', '1']
    const result = await measured('decode', '--engine', 'cpu', '--against', 'wllama', ...shape)
    const theirs = result['against'] as Record<string, unknown>
    for (const side of [result, theirs]) {
      expect(side).toMatchObject({ tokens: 8, promptTokens: result['promptTokens'] })
      for (const name of ['decodeTokensPerSecond', 'prefillTokensPerSecond', 'firstTokenMs'])
        expect(side[name], name).toBeGreaterThan(0)
    }
    expect(result).toMatchObject({ engine: 'cpu', ratio: expect.any(Number) })
    expect(theirs).toMatchObject({ name: 'wllama', version: '3.8.1', adapter: result['adapter'] })
    expect(await bench('decode', '--engine', 'cpu', '--runtime', 'node')).toMatchObject({ code: 2 })
  })

  it('explains itself and refuses what it does not know', async () => {
    expect(await bench('decode', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--bandwidth-gbs') })
    for (const flags of [['--speed'], ['--model', 'huge'], ['--tokens', '0']])
      expect(await bench('decode', ...flags)).toMatchObject({ code: 2, err: expect.stringContaining('Usage') })
  })
})

describe('bench:kernels', () => {
  it('measures every kernel in every layout beside a naive one', async () => {
    const result = await measured('kernels', '--shape', 'tiny', '--rounds', '1')
    const kernels = result['kernels'] as readonly Record<string, unknown>[]
    const names = kernels.map(({ kernel, layout }) => `${kernel} ${layout}`)
    for (const kernel of ['matvec', 'matmul', 'embed'])
      for (const layout of ['q4', 'q8', 'f16', 'f32']) expect(names).toContain(`${kernel} ${layout}`)
    for (const kernel of ['attention', 'rope_kv', 'norm', 'sample']) expect(names).toContain(`${kernel} null`)
    for (const { gflops, gbs, kernel, naiveMs } of kernels) {
      expect([gflops, gbs].every((value) => typeof value === 'number' && value > 0)).toBe(true)
      expect(typeof naiveMs).toBe(kernel === 'matvec' || kernel === 'matmul' ? 'number' : 'object')
    }
    // Where onnxruntime-web cannot run, the object says why.
    const onnx = result['onnx'] as Record<string, unknown>
    expect(typeof (onnx['ms'] ?? onnx['reason'])).toBe(onnx['ms'] === null ? 'string' : 'number')
  })

  it('refuses what it does not know', async () => {
    expect(await bench('kernels', '--layout', 'q4')).toMatchObject({ code: 2 })
  })
})

describe('bench:mesh', () => {
  it('measures a route beside one tab in the same run, with two answers at once', async () => {
    const shape = ['--stages', '2', '--tokens', '12', '--streams', '2', '--synthetic-ms', '2']
    const result = await measured('mesh', ...shape)
    expect(result).toMatchObject({
      stages: 2,
      streams: 2,
      tokens: 12,
      model: 'tiny',
      syntheticMsAsked: 2,
      network: null,
    })
    expect(result).toMatchObject({ identical: true, firstDivergence: null, numericClasses: 1, relayed: false })
    expect(result).toMatchObject({ recoveryMs: null, replayComputeMs: null, replacedBy: null })
    const numbers = ['tokensPerSecond', 'wholeTokensPerSecond', 'computeMs', 'roundTripMs', 'shareOfLimit']
    const together = ['aggregateTokensPerSecond', 'aggregateSpeedup', 'aggregateComputeMs']
    for (const name of [...numbers, ...together]) expect(result[name], name).toBeGreaterThan(0)
    for (const name of ['p50', 'p95', 'p99']) {
      expect(result['hopOverheadMs'], name).toHaveProperty(name, expect.any(Number))
      expect(result['doorMs'], name).toHaveProperty(name, expect.any(Number))
    }
    // Two stages that waited so long each, and a row of 64 values from one to the other at the least.
    expect(result['syntheticMs']).toBeGreaterThanOrEqual(3)
    expect(result['bytesPerToken']).toBeGreaterThan(256)
  })

  it('explains itself and refuses what it cannot measure', async () => {
    const help = await bench('mesh', '--help')
    for (const flag of ['--synthetic-ms', '--loss', '--kill'])
      expect(help).toMatchObject({ code: 0, out: expect.stringContaining(flag) })
    const refused = [
      [['--stages', '5'], '12 layers are not shared by 5 tabs: 4 have room for all of them'],
      [['--tokens', '1'], '--tokens is 1; a speed takes 2'],
      [['--kill', '--tokens', '8'], '--kill takes --tokens 24 or more'],
      [['--loss', '50'], '--loss is 50; it may be 20 at most'],
      [['--model', 'huge'], '--model is huge; it may be tiny, smollm2'],
    ] as const
    for (const [flags, words] of refused)
      expect(await bench('mesh', ...flags)).toMatchObject({ code: 2, err: expect.stringContaining(words) })
  })
})

describe('bench:jobs', () => {
  it('measures whole jobs, loses and doubles no token, and computes the same as one tab alone', async () => {
    const shape = ['--askers', '2', '--workers', '2', '--rounds', '1', '--seconds', '1', '--deaths', '1']
    const result = await measured('jobs', ...shape)
    expect(result).toMatchObject({ askers: 2, workers: 2, lost: 0, doubled: 0, unfinished: 0 })
    const spread = { p50: expect.any(Number), p95: expect.any(Number) }
    const added = { addedFirstTokenMs: spread, queueMs: spread }
    expect(result).toMatchObject({ ...added, addedPerTokenMs: spread, cold: added, crowd: added })
    const death = { p50: expect.any(Number), max: expect.any(Number) }
    expect(result['deathToNextTokenMs']).toEqual({ closed: death, killed: death, prefillMs: 40 })
    expect(result['jain']).toBeGreaterThan(0)
    // Two cold ones, two warm ones, two deaths, and what the crowd asked.
    const { jobs, shares } = result['crowd'] as { readonly jobs: number; readonly shares: readonly number[] }
    expect(result['jobs']).toBe(6 + jobs)
    expect(shares).toHaveLength(2)
    expect(result['real']).toMatchObject({ model: 'tiny', answers: 2, identical: 2, tokens: 96, lost: 0, doubled: 0 })
    for (const name of ['cores', 'tokens']) expect(result[name], name).toBeGreaterThan(0)
    expect(result['versions']).toEqual({ node: expect.any(String), chromium: expect.any(String) })
    expect(result['command']).toBe(`npm run bench:jobs -- ${shape.join(' ')} --json`)
  })

  it('explains itself and refuses what it cannot measure', async () => {
    expect(await bench('jobs', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--deaths') })
    const refused = [
      [['--workers', '1'], '--workers is 1; who dies is followed by another one'],
      [['--askers', '99'], '--askers is 99; it may be 1 to 16'],
    ] as const
    for (const [flags, words] of refused)
      expect(await bench('jobs', ...flags)).toMatchObject({ code: 2, err: expect.stringContaining(words) })
  })
})

describe('bench:link', () => {
  it('measures every slice and every limit in flight over a far link', async () => {
    const result = await measured('link', '--rtt', '2', '--trips', '1', '--rounds', '1', '--bulk', '1')
    const [link] = result['results'] as readonly {
      readonly slices: readonly { readonly tripMs: readonly number[] }[]
      readonly bulk: readonly { readonly megabytesPerSecond: number }[]
    }[]
    expect(link).toMatchObject({ rttMs: 2 })
    expect(link?.slices).toHaveLength(6)
    for (const { tripMs } of link?.slices ?? []) for (const ms of tripMs) expect(ms).toBeGreaterThan(0)
    expect(link?.bulk).toHaveLength(24)
    for (const { megabytesPerSecond } of link?.bulk ?? []) expect(megabytesPerSecond).toBeGreaterThan(0)
  })

  it('refuses what it does not know', async () => {
    expect(await bench('link', '--rtt', '5000')).toMatchObject({ code: 2 })
  })
})

describe('bench:ledger', () => {
  it('settles receipts on both databases, beside what each does alone', async () => {
    const result = await measured('ledger', '--receipts', '64', '--rounds', '2', '--postings', '4000')
    expect(result).toMatchObject({ receipts: 64, concurrency: 16, postings: 4_000 })
    for (const kind of ['pglite', 'postgres']) {
      const figures = result[kind] as Record<string, number>
      const names = [
        'settledPerSecond',
        'p99Ms',
        'bareTransfersPerSecond',
        'shareOfDatabase',
        'startMsWithMillionPostings',
      ]
      for (const name of names) expect(figures[name], `${kind} ${name}`).toBeGreaterThan(0)
    }
  })

  it('explains itself and refuses what it does not know', async () => {
    expect(await bench('ledger', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--receipts') })
    for (const flags of [
      ['--on', 'sqlite'],
      ['--concurrency', '0'],
      ['--receipts', '1'],
    ])
      expect(await bench('ledger', ...flags)).toMatchObject({ code: 2, err: expect.stringContaining('Usage') })
  })
})

describe('bench:signal', () => {
  it('says what a tab costs the server, with every tab still there at the end', async () => {
    const result = await measured('signal', '--peers', '40', '--models', '2', '--plans', '20', '--seconds', '1')
    expect(result).toMatchObject({ peers: 40, models: 2, plans: 20, processes: 1 })
    for (const name of ['heapBytesPerPeer', 'connectsPerSecond', 'relayMessagesPerSecond'])
      expect(result[name], name).toBeGreaterThan(0)
    expect(result['rssBytesPerPeer']).toEqual(expect.any(Number))
    const { p50 = 0, p99 = 0 } = result['planMs'] as Record<string, number>
    expect(p50).toBeGreaterThan(0)
    expect(p99).toBeGreaterThanOrEqual(p50)
  })

  it('explains itself and refuses what it does not know', async () => {
    expect(await bench('signal', '--help')).toMatchObject({ code: 0, out: expect.stringContaining('--peers') })
    for (const flags of [['--peers', '0'], ['--redis']])
      expect(await bench('signal', ...flags)).toMatchObject({ code: 2, err: expect.stringContaining('Usage') })
  })
})
