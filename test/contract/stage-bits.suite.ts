/**
 * What replays, audits and drafts rest on: n rows through the decode path have the bits of n single runs, in the output
 * and in the KV; a recorded schedule run again gives the same bits and the same tokens. Bits, not tolerances.
 */
import { describe, expect, test } from 'vitest'
import type { Frame, SamplerSpec, StageEngine } from '../../web/engine/stage.ts'
import { type Fixture, fixture } from '../fixtures/fixtures.ts'
import { Random } from '../fixtures/random.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { bitDifference } from '../support/compare.ts'
import { must } from '../support/directory-of.ts'
import { GREEDY, type LoadStage, rowsOf, SEEDED, tokenOf } from '../support/tiny-stage.ts'

/** Every GPU layout, both scale groups, biases, head norms, and two layouts in one layer. */
const MODELS = [
  'llama-f32',
  'llama-f16',
  'llama-q4_1',
  'llama-q8_0',
  'llama-q4_k',
  'llama-q6_k',
  'llama-mixed',
  'qwen2-f32',
  'qwen3-f32',
]
const BATCHES = [1, 2, 7, 64]
const ROWS = BATCHES.reduce((sum, rows) => sum + rows, 0)
const CHUNKS = [33, 12]
const DECODED = 8

interface Recorded {
  readonly tokens: readonly number[]
  /** Hidden rows of all positions, as the first part gave them. */
  readonly hidden: Float32Array
}

/** A route of two parts: gives every hidden row that passes between them. */
class Route {
  readonly first: StageEngine
  readonly tail: StageEngine
  private position = 0
  private hidden: Float32Array[] = []
  constructor(first: StageEngine, tail: StageEngine) {
    this.first = first
    this.tail = tail
  }

  async open(session: number, sampler: SamplerSpec): Promise<void> {
    this.position = 0
    this.hidden = []
    for (const part of [this.first, this.tail]) must(await part.open({ session, epoch: 0, positions: 80, sampler }))
  }

  async run(session: number, ids: readonly number[], mode: Frame['mode'], sample: boolean): Promise<number | null> {
    const base = { session, epoch: 0, position: this.position, count: ids.length, mode }
    const tokens = Uint32Array.from(ids)
    const rows = rowsOf(must(await this.first.run({ ...base, input: { kind: 'tokens', ids: tokens }, sample: false })))
    this.hidden.push(rows.slice())
    const output = must(await this.tail.run({ ...base, input: { kind: 'hidden', rows }, ids: tokens, sample }))
    this.position += ids.length
    return output.kind === 'token' ? tokenOf(output) : null
  }

  async close(session: number): Promise<Float32Array> {
    for (const part of [this.first, this.tail]) await part.close(session)
    const all = new Float32Array(this.hidden.reduce((sum, rows) => sum + rows.length, 0))
    let at = 0
    for (const rows of this.hidden) {
      all.set(rows, at)
      at += rows.length
    }
    return all
  }
}

/** Prompt in chunks; then single frames, or, where `known` is given, all known positions in one frame. */
async function play(
  route: Route,
  prompt: readonly number[],
  sampler: SamplerSpec,
  known?: readonly number[],
): Promise<Recorded> {
  await route.open(1, sampler)
  const tokens: number[] = []
  let at = 0
  for (const [i, rows] of CHUNKS.entries()) {
    const token = await route.run(1, prompt.slice(at, at + rows), 'prefill', i === CHUNKS.length - 1 && !known)
    if (token !== null) tokens.push(token)
    at += rows
  }
  if (known) {
    // The last known token is sampled again from the KV that the batch made.
    const token = await route.run(1, known.slice(0, -1), 'decode', true)
    return { tokens: [...known.slice(0, -1), token ?? -1], hidden: await route.close(1) }
  }
  while (tokens.length <= DECODED) tokens.push((await route.run(1, tokens.slice(-1), 'decode', true)) ?? -1)
  return { tokens, hidden: await route.close(1) }
}

async function rowsDoNotChangeBits(stage: StageEngine): Promise<void> {
  const { width } = stage.facts
  // Two rows more go one by one over the KV that either way made.
  const input = new Random(ROWS).normals((ROWS + 2) * width, 1)
  const through = async (session: number, batches: readonly number[]) => {
    must(await stage.open({ session, epoch: 0, positions: ROWS + 2, sampler: GREEDY }))
    const out = new Float32Array((ROWS + 2) * width)
    let position = 0
    for (const count of [...batches, 1, 1]) {
      const rows = input.slice(position * width, (position + count) * width)
      const frame: Frame = {
        session,
        epoch: 0,
        position,
        count,
        mode: 'decode',
        input: { kind: 'hidden', rows },
        sample: false,
      }
      out.set(rowsOf(must(await stage.run(frame))), position * width)
      position += count
    }
    await stage.close(session)
    return out
  }
  const single = await through(1, new Array(ROWS).fill(1))
  expect(single.every(Number.isFinite)).toBe(true)
  expect(bitDifference(await through(2, BATCHES), single)).toBeNull()
  expect(bitDifference(await through(3, [...BATCHES].reverse()), single)).toBeNull()
}

const layersOf = ({ spec }: Fixture) => spec.layers ?? 3

export function stageBits(name: string, load: LoadStage, models: readonly string[] = MODELS): void {
  describe(`bits of a stage: ${name}`, () => {
    test.each(models)('%s: 1, 2, 7 and 64 rows have the bits of single runs', async (model) => {
      const stage = await load(tinyModel({ ...fixture(model).spec, layers: 3 }), { first: 1, last: 2 })
      await rowsDoNotChangeBits(stage)
      await stage.dispose()
    })

    test.each(models)('%s: a recorded schedule again, decode positions in one frame', (model) =>
      replayOf(load, fixture(model)),
    )
  })
}

async function replayOf(load: LoadStage, item: Fixture): Promise<void> {
  const file = item.build()
  const layers = layersOf(item)
  const route = new Route(
    await load(file, { first: 0, last: layers - 1 }),
    await load(file, { first: layers - 1, last: layers }),
  )
  const length = CHUNKS.reduce((sum, rows) => sum + rows, 0)
  const prompt = Array.from({ length }, (_, i) => item.prompt[i % item.prompt.length] ?? 1)
  for (const sampler of [GREEDY, SEEDED]) {
    const once = await play(route, prompt, sampler)
    const again = await play(route, prompt, sampler, once.tokens)
    expect(again.tokens).toEqual(once.tokens)
    expect(bitDifference(again.hidden, once.hidden)).toBeNull()
  }
  await route.first.dispose()
  await route.tail.dispose()
}
