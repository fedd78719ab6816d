/**
 * Which answers may be kept and given again, by what they are known, and which go first when room is short. Pure: hashing
 * and storage are elsewhere. Only an answer without chance in it (temperature 0) that came to its own end is one to keep.
 */
import type { ChatRequest, EngineName } from '../wire/chat.ts'
import { RESULTS_BYTES_MAX, RESULTS_KEPT_MAX } from '../wire/limits/conversations.ts'

/** The seed draws nothing at temperature 0, and an answer that goes on is none of its own. */
export function keepable({ sampling, resume }: ChatRequest): boolean {
  return sampling.temperature === 0 && resume === undefined
}

/** The same text for the same question to the same model on the same kind of engine, and for no other. */
export function resultKeyText(modelId: string, engine: EngineName, request: ChatRequest): string {
  const { messages, sampling, maxTokens, stop, schema } = request
  const { topK, topP, minP, repetitionPenalty } = sampling
  const said = messages.map(({ role, content }) => [role, content])
  return JSON.stringify([
    'weft-result/1',
    modelId,
    engine,
    said,
    [topK, topP, minP, repetitionPenalty],
    maxTokens,
    stop,
    ...(schema === undefined ? [] : [schema]),
  ])
}

/** One kept answer, as its store counts it. */
export interface ResultUse {
  readonly key: string
  readonly bytes: number
  readonly usedMs: number
}

/** Keys of those that go: the least recently used, until the rest fits. */
export function resultsToDrop(uses: readonly ResultUse[]): readonly string[] {
  let count = uses.length
  let bytes = uses.reduce((sum, use) => sum + use.bytes, 0)
  const dropped: string[] = []
  for (const use of [...uses].sort((a, b) => a.usedMs - b.usedMs)) {
    if (count <= RESULTS_KEPT_MAX && bytes <= RESULTS_BYTES_MAX) break
    dropped.push(use.key)
    count -= 1
    bytes -= use.bytes
  }
  return dropped
}
