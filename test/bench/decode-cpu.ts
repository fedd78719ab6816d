/**
 * `bench:decode --engine cpu`: the CPU engine through its door, worker and mirror, by turns with bare wllama of the same
 * build. Medians of rounds; the order changes each round, so that a machine that slows down slows both.
 */
import { cpuInWords } from '../../web/cpu/threads.ts'
import { openBenchApp } from './bench-app.ts'
import type { CpuBench, CpuRound, CpuRoundOptions } from './cpu-page.ts'
import { type BenchModel, mirrorOf, packageVersion } from './models.ts'
import { median, provenance, round } from './report.ts'

export interface CpuOptions {
  readonly tokens: number
  readonly prompt: number
  readonly rounds: number
  readonly against: boolean
}

const WORDS = 'sea land wind river stone bird night light road field hand time house fire word day'.split(' ')

/** About so many tokens, and never the same twice: what was computed for one round must not serve the next. */
function questionOf(tokens: number, seed: number): string {
  const words = Array.from(
    { length: Math.max(4, tokens - 24) },
    (_, at) => WORDS[(at * 7 + seed * (at + 3)) % 16] ?? '',
  )
  return `${seed}: write a very long story with these words: ${words.join(' ')}`
}

const decodeSpeed = (rounds: readonly CpuRound[]) =>
  median(rounds.map(({ tokens, decodeMs }) => ((tokens - 1) * 1000) / decodeMs))

function report(rounds: readonly CpuRound[]) {
  return {
    decodeTokensPerSecond: round(decodeSpeed(rounds)),
    prefillTokensPerSecond: round(
      median(rounds.map(({ prefillTokens, firstTokenMs }) => (prefillTokens * 1000) / firstTokenMs)),
    ),
    firstTokenMs: round(median(rounds.map(({ firstTokenMs }) => firstTokenMs))),
    promptTokens: rounds[0]?.promptTokens ?? 0,
    tokens: Math.min(...rounds.map(({ tokens }) => tokens)),
  }
}

export async function measureCpu(model: BenchModel, options: CpuOptions) {
  const mirror = await mirrorOf(model)
  const app = await openBenchApp('cpu.html', 'software', mirror.dataDir)
  try {
    const { adapter, contextPositions, coldLoadMs, warmLoadMs } = await app.call<Awaited<ReturnType<CpuBench['load']>>>(
      'load',
      mirror.id,
    )
    const bare = options.against ? await app.call<{ threads: number }>('bareLoad', mirror.id, contextPositions) : null
    const play = (name: 'round' | 'bareRound', seed: number, tokens: number) =>
      app.call<CpuRound>(name, { question: questionOf(options.prompt, seed), tokens } satisfies CpuRoundOptions)
    // Untimed: the first answer pays for what the browser compiles late.
    await play('round', 0, Math.min(8, options.tokens))
    if (bare) await play('bareRound', 0, Math.min(8, options.tokens))
    const ours: CpuRound[] = []
    const theirs: CpuRound[] = []
    for (let index = 1; index <= options.rounds; index += 1) {
      const turns = [
        async () => ours.push(await play('round', index, options.tokens)),
        async () => bare && theirs.push(await play('bareRound', index, options.tokens)),
      ]
      for (const turn of index % 2 === 1 ? turns : turns.reverse()) await turn()
    }
    return {
      bench: 'decode',
      engine: 'cpu',
      ...provenance(),
      model: model.name,
      modelId: mirror.id,
      runtime: `Chromium ${app.browserVersion}`,
      adapter,
      rounds: ours.length,
      sampling: 'greedy',
      ...report(ours),
      coldLoadMs: round(coldLoadMs),
      warmLoadMs: round(warmLoadMs),
      ...(bare && {
        against: {
          name: 'wllama',
          version: packageVersion('@wllama/wllama'),
          adapter: cpuInWords(bare.threads, true),
          ...report(theirs),
        },
        ratio: round(decodeSpeed(ours) / decodeSpeed(theirs)),
      }),
    }
  } finally {
    await app.close()
    await mirror.remove()
    model.close()
  }
}
