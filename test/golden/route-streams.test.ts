/**
 * One answer over a far route and several at once, in the time of a clock in memory: stages take 20 ms a frame, one frame at
 * a time. Nothing is waited for but frames and trips; S stages are busy with S answers, and each says what it would alone.
 */
import { expect, it } from 'vitest'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import { Session } from '../../web/schedule/session.ts'
import { type Answer, togetherPerSecond } from '../bench/mesh-answers.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { slowed } from '../support/timed-stage.ts'
import { loadCpu, SEEDED } from '../support/tiny-stage.ts'

const STAGES = 4
const POSITIONS = 128
const TOKENS = 24
const PROMPT = [3, 17, 42, 7, 99]
const FRAME_MS = 20

async function answers(count: number, linkMs = 1): Promise<readonly Answer[]> {
  const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: STAGES })
  const mesh = new MemoryMesh({ delayMs: () => linkMs })
  const { clock } = mesh
  const { exchange } = mesh.join('asker')
  const stages: RouteStage[] = []
  for (let first = 0; first < STAGES; first += 1) {
    const span = { first, last: first + 1 }
    const wait = (ms: number) => new Promise<void>((resolve) => clock.later(ms, resolve))
    mesh.join(`stage${first}`, slowed(await loadCpu(file, span), FRAME_MS, wait))
    stages.push({ span, peer: `stage${first}`, standby: null })
  }
  const running = Array.from({ length: count }, async (_, stream) => {
    const request = stream.toString(16).padStart(32, '0')
    const onEvent = () => {}
    const time = { nowMs: () => clock.nowMs, every: clock.every }
    const hop = new RouteHop({ request, stages, tickets: new Map(), exchange, onEvent, clock: time })
    const session = new Session(1, [hop], POSITIONS)
    const sampler = { ...SEEDED, seed: BigInt(stream) }
    const wish = { prompt: PROMPT, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
    const [tokens, atMs]: [number[], number[]] = [[], []]
    for await (const event of session.generate(wish, new AbortController().signal)) {
      if (event.kind !== 'token') continue
      tokens.push(event.id)
      atMs.push(clock.nowMs)
    }
    await session.close()
    return { text: '', tokens, atMs, end: null }
  })
  let all: readonly Answer[] | null = null
  void Promise.all(running).then((done) => {
    all = done
  })
  await clock.until(() => all !== null)
  return all ?? []
}

it.each([2, 3, 4])('%i answers over four stages are as many times as fast as one', async (count) => {
  const [alone] = await answers(1)
  const together = await answers(count)
  const [one, all] = [togetherPerSecond(alone ? [alone] : []), togetherPerSecond(together)]
  expect(together[0]?.tokens).toEqual(alone?.tokens)
  expect(new Set(together.map(({ tokens }) => tokens.join())).size).toBe(count)
  expect((all ?? 0) / (one ?? 1)).toBeGreaterThanOrEqual(0.98 * count)
})

it.each([1, 10, 25, 50])(
  'a token takes one frame and one trip of %i ms for each stage, and no more',
  async (linkMs) => {
    const [alone] = await answers(1, linkMs)
    const rate = togetherPerSecond(alone ? [alone] : []) ?? 0
    // Less than 1 % beyond: bytes take their time too.
    expect((rate * STAGES * (FRAME_MS + linkMs)) / 1000).toBeGreaterThan(0.99)
  },
)
