/**
 * Finds the proof of work of a first grant in slices, between which the page can be used. Waits on a message and not on a timer,
 * since timers of a hidden tab run once a second.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { searchProof } from './rules/grant-proof.ts'
import type { GrantPuzzle } from './wire/credit-events.ts'
import type { Result } from './wire/result.ts'

/** Half a frame. */
const SLICE_MS = 8

/** Refusals: `grant-proof`. */
export async function findProof(puzzle: GrantPuzzle): Promise<Result<string>> {
  const utf8 = new TextEncoder()
  const { port1, port2 } = new MessageChannel()
  let began = performance.now()
  const hash = (text: string) => sha256(utf8.encode(text))
  const search = searchProof(puzzle, hash, () => performance.now() - began > SLICE_MS)
  try {
    for (;;) {
      const step = search.next()
      if (step.done) return step.value
      await new Promise<void>((resolve) => {
        port1.onmessage = () => resolve()
        port2.postMessage(null)
      })
      began = performance.now()
    }
  } finally {
    port1.close()
  }
}
