/** Says the first change at once, and those that come within the gap after it together at its end. */
import { PRESENCE_GAP_MS } from '../wire/limits/mesh.ts'

/** `every`: calls again and again until told to stop. Returns what to call at each change. */
export function soon(every: (ms: number, run: () => void) => () => void, say: () => void): () => void {
  let rest: (() => void) | null = null
  let changed = false
  return () => {
    changed = true
    if (rest) return
    const look = () => {
      if (changed) {
        changed = false
        say()
        return
      }
      rest?.()
      rest = null
    }
    rest = every(PRESENCE_GAP_MS, look)
    look()
  }
}
