/** The page half of `engine-app.ts`: the GPU engine on a model that the test serves, its calls on `window.engine`. */
import { KERNEL_SOURCES } from '../../web/engine/kernels/sources.ts'
import type { Frame } from '../../web/engine/stage.ts'
import type { StageGpu } from '../../web/engine/stage-gpu.ts'
import { PREFILL_ROWS_MAX, TOKENS_IN_FLIGHT_MAX } from '../../web/wire/limits/engine.ts'
import { must } from './directory-of.ts'
import { feed, GREEDY, generate, loadGpu, rowsOf, tokenOf } from './tiny-stage.ts'

/** Enough rows for tiles to pay, few enough that a software GPU answers within seconds. */
const CHUNK_ROWS = 64
let stages: StageGpu[] = []

async function open(positions: number): Promise<void> {
  for (const stage of stages) must(await stage.open({ session: 1, epoch: 0, positions, sampler: GREEDY }))
}

async function close(): Promise<void> {
  for (const stage of stages) await stage.close(1)
}

const engine = {
  /** One stage for each pair of neighbours in `cuts`; `[0, null]` is the whole model. */
  async load(url: string, cuts: readonly (number | null)[]): Promise<string> {
    for (const stage of stages) await stage.dispose()
    stages = []
    const file = new Uint8Array(await (await fetch(url)).arrayBuffer())
    for (let i = 0; i + 1 < cuts.length; i += 1) {
      const [first, last] = [cuts[i] ?? 0, cuts[i + 1] ?? null]
      stages.push(await loadGpu(KERNEL_SOURCES, file, last === null ? {} : { range: { first, last } }))
    }
    return stages[0]?.facts.numericClass ?? ''
  },

  greedy: (prompt: readonly number[], count: number) => generate(stages, prompt, count),

  /** Logits after each of `ids`, fed one by one to a whole model. */
  async logits(ids: readonly number[]): Promise<number[][]> {
    const [whole] = stages
    if (!whole) throw new Error('no model is loaded')
    await open(ids.length)
    const out = []
    for (const [position, id] of ids.entries()) {
      await feed(stages, { session: 1, epoch: 0, position }, [id], 'decode', true)
      out.push(Array.from(await whole.readLogits()))
    }
    await close()
    return out
  },

  /** The best token after each of `ids`: prefill chunks through the first part, single rows through the tail. */
  async best(ids: readonly number[]): Promise<number[]> {
    const [first, tail] = stages
    if (!first || !tail) throw new Error('the model is loaded in two parts')
    await open(ids.length)
    const out: Promise<number>[] = []
    const rows = Math.min(CHUNK_ROWS, PREFILL_ROWS_MAX)
    for (let position = 0; position < ids.length; position += rows) {
      const chunk = ids.slice(position, position + rows)
      const hidden = rowsOf(await feed([first], { session: 1, epoch: 0, position }, chunk, 'prefill', false))
      const width = first.facts.width
      for (const [row, id] of chunk.entries()) {
        const input: Frame['input'] = { kind: 'hidden', rows: hidden.slice(row * width, (row + 1) * width) }
        const at = { session: 1, epoch: 0, position: position + row, count: 1, mode: 'decode' } as const
        out.push(
          tail.run({ ...at, input, sample: true, ids: Uint32Array.of(id) }).then((result) => tokenOf(must(result))),
        )
        await out.at(-TOKENS_IN_FLIGHT_MAX)
      }
    }
    const best = await Promise.all(out)
    await close()
    return best
  },
}

export type EnginePage = typeof engine
Object.assign(window, { engine })
document.title = 'ready'
