/**
 * The decode loop under seeded faults: whatever frames lose the device, on whole and split routes, over several turns,
 * the tokens are those of an undisturbed run. Prints its seed; a seed that fails becomes a named test.
 */
import { expect, it } from 'vitest'
import { planStage } from '../../web/engine/plan.ts'
import { StageCpu } from '../../web/engine/stage-cpu.ts'
import { Session } from '../../web/schedule/session.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { REPLAYS_MAX } from '../../web/wire/limits/engine.ts'
import { Random } from '../fixtures/random.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { FaultyHop } from '../support/faulty-hop.ts'
import { MemorySource } from '../support/memory-source.ts'

const RUNS = 2_000
const SEED = Number(process.env['WEFT_FUZZ_SEED'] ?? Date.now() % 1e9)
const LAYERS = 2

async function load(file: Uint8Array): Promise<StageCpu> {
  const source = new MemorySource(file)
  const directory = await readDirectory(source)
  if (!directory.ok) throw new Error(directory.detail)
  const plan = planStage(directory.value, { first: 0, last: LAYERS })
  if (!plan.ok) throw new Error(plan.detail)
  const stage = await StageCpu.load(plan.value, source)
  if (!stage.ok) throw new Error(stage.detail)
  return stage.value
}

it('gives the tokens of an undisturbed run whatever is lost', async () => {
  console.log(`seed ${SEED}, ${RUNS} runs`)
  const random = new Random(SEED)
  const upTo = (limit: number) => random.bits() % limit
  const stage = await load(
    tinyModel({
      architecture: 'llama',
      types: 'F32',
      seed: 4,
      layers: LAYERS,
      width: 32,
      heads: 2,
      kvHeads: 1,
      ffn: 64,
    }),
  )
  let losses = 0
  for (let run = 0; run < RUNS; run += 1) {
    const sampler = {
      temperature: upTo(2),
      topK: upTo(20),
      topP: 0.9,
      minP: 0,
      repetitionPenalty: 1.1,
      seed: BigInt(upTo(1e6)),
    }
    const prompt = Array.from({ length: 1 + upTo(50) }, () => 3 + upTo(250))
    const maxTokens = 1 + upTo(12)
    const answers = async (hop: StageCpu | FaultyHop) => {
      const session = new Session(1, [hop], 128)
      const all: number[] = []
      let turn = [...prompt]
      for (let count = 0; count < 2; count += 1) {
        const request = { prompt: turn, sampler, maxTokens, endTokens: new Set<number>() }
        for await (const event of session.generate(request, new AbortController().signal)) {
          if (event.kind === 'token') all.push(event.id)
          if (event.kind === 'notice') losses += 1
          if (event.kind === 'end') expect(event.reason, `run ${run} of seed ${SEED}`).toBe('length')
        }
        turn = [...turn, ...all.slice(-maxTokens), 5, 6]
      }
      await session.close()
      return all
    }
    const expected = await answers(stage)
    const faults = Array.from({ length: 1 + upTo(REPLAYS_MAX) }, () => upTo(30))
    expect(await answers(new FaultyHop(stage, faults)), `run ${run} of seed ${SEED}`).toEqual(expected)
  }
  expect(losses).toBeGreaterThan(RUNS / 2)
}, 1_800_000)
