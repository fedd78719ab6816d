/** How fast a stage is: single tokens, as decoding sends them, of a session that no peer has. Nothing is kept of it. */
import type { SamplerSpec } from '../engine/stage.ts'
import { MEASURE_FRAMES } from '../wire/limits/mesh.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { ServedStage } from './hop.ts'

/** Requests of peers begin at 1. */
export const MEASURE_SESSION = 2 ** 30
const GREEDY: SamplerSpec = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 0n }

/**
 * A token through one layer, in ms; the tail's head is shared out among its layers. The first token compiles what is not
 * compiled yet and is not counted. Refusals: those of the stage; `engine-failed` where nothing came out.
 */
export async function measureStage(stage: ServedStage, now: () => number): Promise<Result<number>> {
  const { range, width, layers } = stage.facts
  const session = MEASURE_SESSION
  const positions = MEASURE_FRAMES + 1
  const opened = await stage.open({ session, epoch: 0, positions, sampler: GREEDY })
  if (!opened.ok) return opened
  let beganMs = 0
  for (let position = 0; position < positions; position += 1) {
    if (position === 1) beganMs = now()
    const ids = Uint32Array.of(0)
    const first = range.first === 0
    const done = await stage.run({
      session,
      epoch: 0,
      position,
      count: 1,
      mode: 'decode',
      input: first ? { kind: 'tokens', ids } : { kind: 'hidden', rows: new Float32Array(width).fill(0.01) },
      sample: range.last === layers,
      ...(first || range.last < layers ? {} : { ids }),
    })
    if (!done.ok) {
      await stage.close(session)
      return done
    }
  }
  const ms = (now() - beganMs) / MEASURE_FRAMES / (range.last - range.first)
  await stage.close(session)
  return Number.isFinite(ms) ? ok(ms) : fail('engine-failed', 'It could not be measured.')
}
