/**
 * A route of two stages on links in memory and the CPU oracle in which somebody lies, and the answer that everybody honest
 * gets all the same. What is a lie, and what it costs, is the tests'.
 */
import type { LayerRange } from '../../web/engine/stage.ts'
import { RouteHop } from '../../web/schedule/route-hop.ts'
import type { RouteStage } from '../../web/schedule/route-line.ts'
import type { RouteEvent } from '../../web/schedule/route-parts.ts'
import { Session } from '../../web/schedule/session.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import type { MemoryMesh, MemoryPeer } from './memory-mesh.ts'
import { answerOf, wholeAnswer } from './route-run.ts'
import { loadCpu, SEEDED } from './tiny-stage.ts'

const LAYERS = 4
const TOKENS = 16
export const POSITIONS = 64
export const PROMPT = [3, 17, 42, 7, 99, 5, 23]
export const HEAD: LayerRange = { first: 0, last: 1 }
export const TAIL: LayerRange = { first: 1, last: LAYERS }
const FILE = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
const ASKED = { file: FILE, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler: SEEDED }

export const load = (span?: LayerRange) => loadCpu(FILE, span)

/** What one whole stage answers. */
export const WHOLE = await wholeAnswer(ASKED)
/** Every token that the model has is below this. */
export const VOCABULARY = (await load()).facts.vocabulary

/** An honest asker. The clock of the mesh moves its answer. */
export function ask(mesh: MemoryMesh, asker: MemoryPeer, request: string, stages: readonly RouteStage[]) {
  const events: RouteEvent[] = []
  const hop = new RouteHop({
    request,
    stages,
    tickets: new Map(),
    exchange: asker.exchange,
    onEvent: (event) => events.push(event),
    clock: { nowMs: () => mesh.clock.nowMs, every: mesh.clock.every },
    vocabulary: VOCABULARY,
  })
  return { events, answering: answerOf(new Session(1, [hop], POSITIONS), ASKED) }
}
