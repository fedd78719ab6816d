/**
 * A route over numeric classes: one stage on the CPU oracle, the rest on the GPU. Its text is valid, not identical: nothing
 * is lost, doubled or taken back, and each token scores within `MARGIN` of the best where the whole model on the CPU is
 * taught the same tokens. The same where a takeover moves a stage from one class to the other in the middle.
 */
import { afterAll, expect, it } from 'vitest'
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import type { LayerRange, SamplerSpec, StageEngine } from '../../web/engine/stage.ts'
import { gumbel, noiseTable } from '../../web/rules/noise.ts'
import type { ServedStage } from '../../web/schedule/hop.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import { Session } from '../../web/schedule/session.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { MemoryMesh } from '../support/memory-mesh.ts'
import { feed, GREEDY, loadCpu, loadGpu, rowsOf } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 160
const TOKENS = 64
const PROMPT = Array.from({ length: 40 }, (_, index) => 3 + ((index * 37) % 250))
const REQUEST = '0123456789abcdef0123456789abcdef'
/** In what tokens are drawn by: logits, or logits over the temperature with their noise. The GPU rounds in another order. */
const MARGIN = 0.05
/** Nothing but the draw, so that the score of each token is known. */
const SEEDED: SamplerSpec = { ...GREEDY, temperature: 0.8, seed: 0x1234_5678_9abc_def0n }
const NOISE = noiseTable()
const FILE = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: POSITIONS, layers: LAYERS })

type Class = 'cpu' | 'gpu'
const load = (kind: Class, range: LayerRange): Promise<StageEngine> =>
  kind === 'cpu' ? loadCpu(FILE, range) : loadGpu(KERNEL_SOURCES, FILE, { range })

const rows: string[] = []
const HEAD = ['| route | dies | sampler | differing tokens | margin |', '| --- | --- | --- | --- | --- |']
afterAll(() => console.log([...HEAD, ...rows].join('\n')))

/** `dies`: the stage whose standby, of the other class, takes over when 20 tokens have come. */
async function answer(
  classes: readonly Class[],
  dies: number | null,
  sampler: SamplerSpec,
): Promise<readonly number[]> {
  const mesh = new MemoryMesh()
  const asker = mesh.join('asker')
  const stages: RouteStage[] = []
  const real = async (kind: Class, span: LayerRange): Promise<ServedStage> => {
    const stage = await load(kind, span)
    const { hold } = mesh.clock
    return {
      facts: stage.facts,
      open: (request) => hold(stage.open(request)),
      run: (frame) => hold(stage.run(frame)),
      truncate: (...what) => hold(stage.truncate(...what)),
      close: (session) => hold(stage.close(session)),
    }
  }
  for (const [first, kind] of classes.entries()) {
    const span = { first, last: first + 1 }
    mesh.join(`stage${first}`, await real(kind, span))
    const standby = dies === first ? `standby${first}` : null
    if (standby) mesh.join(standby, await real(kind === 'cpu' ? 'gpu' : 'cpu', span))
    stages.push({ span, peer: `stage${first}`, standby })
  }
  const events: string[] = []
  const hop = new RouteHop({
    request: REQUEST,
    stages,
    tickets: new Map(),
    exchange: asker.exchange,
    onEvent: ({ kind }) => events.push(kind),
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
  })
  const session = new Session(1, [hop], POSITIONS)
  const tokens: number[] = []
  let reason = ''
  const request = { prompt: PROMPT, sampler, maxTokens: TOKENS, endTokens: new Set<number>() }
  const running = (async () => {
    for await (const event of session.generate(request, new AbortController().signal)) {
      if (event.kind === 'token' && tokens.push(event.id) === 20 && dies !== null) mesh.kill(`stage${dies}`)
      if (event.kind === 'end') reason = event.failure?.code ?? event.reason
    }
  })()
  expect(await mesh.clock.until(() => reason !== '')).toBe(true)
  await running
  expect(reason).toBe('length')
  expect(events).toEqual(dies === null ? [] : ['lost', 'replaced', 'recovered'])
  return tokens
}

/** How far below the best each token stands in the whole model that is taught these tokens; and what it would have said. */
async function taught(tokens: readonly number[], sampler: SamplerSpec) {
  const whole = await loadCpu(FILE)
  await whole.open({ session: 1, epoch: 0, positions: POSITIONS, sampler: GREEDY })
  let margin = 0
  let differing = 0
  let [position, next]: [number, readonly number[]] = [0, PROMPT]
  for (const id of tokens) {
    await feed([whole], { session: 1, epoch: 0, position }, next, position === 0 ? 'prefill' : 'decode', true)
    position += next.length
    const scores = scoresOf(whole.lastLogits ?? new Float32Array(), sampler, position)
    const behind = Math.max(...scores) - (scores[id] ?? Number.NEGATIVE_INFINITY)
    margin = Math.max(margin, behind)
    if (behind > 0) differing += 1
    next = [id]
  }
  return { margin, differing }
}

function scoresOf(logits: Float32Array, { temperature, seed }: SamplerSpec, position: number): Float32Array {
  if (temperature === 0) return logits
  return logits.map((logit, id) => logit / temperature + gumbel(NOISE, seed, position, id))
}

it('the classes are two: a layer does not come to the same bits in both', async () => {
  const range = { first: 0, last: 1 }
  const outputs: Float32Array[] = []
  const names = new Set<string>()
  for (const kind of ['cpu', 'gpu'] as const) {
    const stage = await load(kind, range)
    names.add(stage.facts.numericClass)
    await stage.open({ session: 9, epoch: 0, positions: POSITIONS, sampler: GREEDY })
    outputs.push(rowsOf(await feed([stage], { session: 9, epoch: 0, position: 0 }, PROMPT, 'prefill', false)))
    await stage.dispose()
  }
  const [cpu = new Float32Array(), gpu = new Float32Array()] = outputs
  const apart = Math.max(...cpu.map((value, index) => Math.abs(value - (gpu[index] ?? 0))))
  rows.push(`| rows of the first layer: ${apart.toExponential(2)} apart | | | | |`)
  expect(names.size).toBe(2)
  expect(apart).toBeGreaterThan(0)
})

it.each([
  [['cpu', 'gpu', 'gpu'], null, 'seeded'],
  [['gpu', 'cpu', 'gpu'], null, 'greedy'],
  [['gpu', 'gpu', 'cpu'], null, 'seeded'],
  [['gpu', 'cpu', 'gpu'], 1, 'seeded'],
  [['cpu', 'gpu', 'gpu'], 2, 'greedy'],
  [['gpu', 'gpu', 'gpu'], 0, 'seeded'],
] as const)('%j, of which %s dies, %s, says nothing that the whole model would not', async (classes, dies, how) => {
  const sampler = how === 'greedy' ? GREEDY : SEEDED
  const tokens = await answer(classes, dies, sampler)
  expect(tokens).toHaveLength(TOKENS)
  const { margin, differing } = await taught(tokens, sampler)
  const figures = [`${differing} of ${TOKENS}`, margin.toExponential(2)]
  rows.push(`| ${[classes.join(', '), dies ?? '-', how, ...figures].join(' | ')} |`)
  expect(margin).toBeLessThanOrEqual(MARGIN)
})
