/**
 * Which part of a branch the model is sent when all of it is too long. Pure but for counting, which an engine does: it is
 * asked a logarithmic number of times. Decides nothing about what a person wants; that is `ContextEnd`.
 */
import type { Message } from '../wire/conversation.ts'

/** Prompt tokens of the branch from this message on; null where nobody can count. */
export type CountFrom = (fromIndex: number) => Promise<number | null>

/** Positions kept free for the answer: what it may take, but at most a quarter of the context. */
export function answerRoom(contextPositions: number, answerTokensMax: number): number {
  return Math.min(answerTokensMax, Math.floor(contextPositions / 4))
}

/** Questions with files before that message, the oldest first: they are pinned, so that a window leaves out words only. */
export function filesBefore(branch: readonly Message[], fromIndex: number): readonly string[] {
  return branch
    .slice(0, fromIndex)
    .flatMap((message) => (message.role === 'user' && message.attachments.length > 0 ? [message.id] : []))
}

/**
 * Index of the first message to send, so that prompt and answer fit: 0 where all fits, null where not even the last
 * question does (or nobody can count). A window begins with a question, so that the template's order holds.
 */
export async function firstThatFits(
  branch: readonly Message[],
  promptTokensMax: number,
  count: CountFrom,
): Promise<number | null> {
  const starts = branch.flatMap(({ role }, index) => (role === 'user' ? [index] : []))
  const fits = async (index: number) => {
    const tokens = await count(index)
    return tokens !== null && tokens <= promptTokensMax
  }
  const last = starts.length - 1
  if (last < 0) return null
  if (await fits(starts[0] ?? 0)) return 0
  if (!(await fits(starts[last] ?? 0))) return null
  // Fewer messages never take more tokens: the first start that fits is found by halving.
  let low = 0
  let high = last
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (await fits(starts[middle] ?? 0)) high = middle
    else low = middle
  }
  return starts[high] ?? null
}
