/**
 * Links to everybody in a plan before its first frame. One stage needs one of two: itself, or who stands by for it. A peer
 * that does not answer is not waited for longer than `CONNECT_LATE_MS` once its standby is there: it may be frozen.
 */
import { CONNECT_LATE_MS } from '../wire/limits/links.ts'
import type { PeerId } from '../wire/peers.ts'
import type { PlannedStage } from '../wire/plan-events.ts'
import type { Result } from '../wire/result.ts'

export interface RouteLinksParts {
  readonly connect: (peer: PeerId) => Promise<Result<unknown>>
  /** Calls again and again until told to stop. */
  readonly every: (ms: number, run: () => void) => () => void
}

/** Value: who is missing where nobody can stand in. */
export async function linkAll(
  stages: readonly Pick<PlannedStage, 'peer' | 'standby'>[],
  parts: RouteLinksParts,
): Promise<readonly PeerId[]> {
  const missing = stages.map(async ({ peer, standby }) => {
    const spare = standby?.peer ?? null
    if (await isLinked(peer, spare, parts)) return []
    return [peer, ...(spare === null ? [] : [spare])]
  })
  return (await Promise.all(missing)).flat()
}

async function isLinked(peer: PeerId, spare: PeerId | null, { connect, every }: RouteLinksParts): Promise<boolean> {
  // Both at once: a standby that is linked already takes over in no time.
  const own = connect(peer).then(({ ok }) => ok)
  if (spare === null) return own
  const other = connect(spare).then(({ ok }) => ok)
  let rest = () => {}
  const late = new Promise<true>((resolve) => {
    void other.then((linked) => {
      if (linked) rest = every(CONNECT_LATE_MS, () => resolve(true))
    })
  })
  const linked = (await Promise.race([own, late])) || (await other)
  // The timer may begin only after the answer is known.
  void other.then(() => rest())
  return linked
}
