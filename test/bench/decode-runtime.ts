/**
 * One measured answer, the same in a page and in Node: the product's own `Session` drives a stage that it knows as a
 * hop. Times rounds, and counts in a round of its own what a decoded token costs. Prints nothing.
 */
import type { SamplerSpec } from '../../web/engine/stage.ts'
import type { Hop } from '../../web/schedule/hop.ts'
import { Session } from '../../web/schedule/session.ts'
import type { CompileTime, KernelTime, MeterApi } from './gpu-meter.ts'

/** Every method of `T` as it looks from the other side of a worker. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> | R : never
}

export type Sampling = 'greedy' | 'sampled'

export interface RoundOptions {
  readonly prompt: readonly number[]
  readonly tokens: number
  readonly sampling: Sampling
}

export interface Round {
  /** From the request to the first token, with the session's buffers made. */
  readonly firstTokenMs: number
  /** From the first frame to the first token. */
  readonly prefillMs: number
  /** From the first token to the last. */
  readonly decodeMs: number
  readonly tokens: number
  readonly prefillFrames: readonly number[]
}

export interface Counted {
  readonly dispatchesPerToken: number
  readonly submitsPerToken: number
  readonly readbacksPerToken: number
  readonly blockingReadbacksPerToken: number
}

export interface LoadReport {
  readonly adapter: string
  readonly softwareAdapter: boolean
  /** Names the kernel variants that the engine picked. */
  readonly numericClass: string
  readonly vocabulary: number
  readonly positions: number
  readonly coldLoadMs: number
  readonly warmLoadMs: number
  /** Milliseconds of each phase of the two loads, by the engine's own progress reports. */
  readonly coldPhases: Readonly<Record<string, number>>
  readonly warmPhases: Readonly<Record<string, number>>
  readonly compile: {
    readonly modules: readonly CompileTime[]
    readonly pipelines: readonly CompileTime[]
  }
}

/** One machine room in which decode is measured. `load` comes first, once. */
export interface DecodeRuntime {
  load(): Promise<LoadReport>
  round(options: RoundOptions): Promise<Round>
  count(options: RoundOptions): Promise<Counted>
  profile(options: RoundOptions): Promise<readonly KernelTime[]>
}

export interface Target {
  readonly hop: Hop
  readonly meter: Remote<MeterApi>
  readonly positions: number
}

const SAMPLERS: Readonly<Record<Sampling, SamplerSpec>> = {
  greedy: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
  /** Every part of the sampler at work. */
  sampled: { temperature: 0.7, topK: 40, topP: 0.95, minP: 0.05, repetitionPenalty: 1.1, seed: 1n },
}
/** Tokens of the two counting rounds; their difference is free of prefill and of the ends. */
const COUNT_SHORT = 2
const COUNT_LONG = 10

let sessions = 0

export async function playRound(target: Target, options: RoundOptions, onFirst?: () => unknown): Promise<Round> {
  const { hop, positions } = target
  const prefillFrames: number[] = []
  let sentAt: number | null = null
  const watched: Hop = {
    open: (request) => hop.open(request),
    truncate: (session, epoch, position, sampler) => hop.truncate(session, epoch, position, sampler),
    close: (session) => hop.close(session),
    run(frame) {
      sentAt ??= performance.now()
      if (frame.mode === 'prefill') prefillFrames.push(frame.count)
      return hop.run(frame)
    },
  }
  sessions += 1
  const session = new Session(sessions, [watched], Math.min(positions, options.prompt.length + options.tokens + 1))
  const request = {
    prompt: options.prompt,
    sampler: SAMPLERS[options.sampling],
    maxTokens: options.tokens,
    endTokens: new Set<number>(),
  }
  const began = performance.now()
  let [firstAt, lastAt, tokens] = [0, 0, 0]
  for await (const event of session.generate(request, new AbortController().signal)) {
    if (event.kind === 'token') {
      lastAt = performance.now()
      tokens += 1
      if (tokens === 1) {
        firstAt = lastAt
        await onFirst?.()
      }
    } else if (event.kind === 'end' && event.failure) {
      throw new Error(`${event.failure.code}: ${event.failure.detail}`)
    }
  }
  await session.close()
  if (tokens !== options.tokens) throw new Error(`${tokens} tokens came instead of ${options.tokens}`)
  return {
    firstTokenMs: firstAt - began,
    prefillMs: firstAt - (sentAt ?? began),
    decodeMs: lastAt - firstAt,
    tokens,
    prefillFrames,
  }
}

export async function countRound(target: Target, options: RoundOptions): Promise<Counted> {
  const { meter } = target
  const counted = async (tokens: number) => {
    await meter.reset(true)
    await playRound(target, { ...options, tokens })
    const counts = await meter.counts()
    await meter.reset(false)
    return counts
  }
  const short = await counted(COUNT_SHORT)
  const long = await counted(COUNT_LONG)
  const per = (pick: (counts: typeof long) => number) => (pick(long) - pick(short)) / (COUNT_LONG - COUNT_SHORT)
  return {
    dispatchesPerToken: per((counts) => counts.dispatches),
    submitsPerToken: per((counts) => counts.submits),
    readbacksPerToken: per((counts) => counts.readbacks),
    // All of them, not the difference: a wait at either end would count too.
    blockingReadbacksPerToken: long.blockingReadbacks / COUNT_LONG,
  }
}

/** GPU time by kernel of the frames after the first token, per token. */
export async function profileRound(target: Target, options: RoundOptions): Promise<readonly KernelTime[]> {
  await playRound(target, { ...options, tokens: Math.min(options.tokens, 12) }, () => target.meter.startProfile())
  const times = await target.meter.profile()
  const frames = times.find(({ kernel }) => kernel === 'sample')?.dispatches ?? 1
  return times.map(({ kernel, dispatches, ms }) => ({ kernel, dispatches: dispatches / frames, ms: ms / frames }))
}
