/**
 * Thousands of jobs with whatever happens to them, drawn from a seed that a failure names: workers die, freeze, leave, work
 * for their owners and fail; readers are slow or go. One worker stays. No word is lost or doubled, and every job ends once.
 */
import { expect, it } from 'vitest'
import { fail } from '../../../web/wire/result.ts'
import { textOf } from '../../support/fixed-rate-runner.ts'
import { JobRig, type Shown } from '../../support/job-rig.ts'

const RUNS = 2_000
const WORDS = 6
const SPAN_MS = 300

/** Mulberry32, as a float of 0 to 1. */
function chances(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Seen {
  moved: number
  stopped: number
  byText: number
  owners: number
}

function trouble(rig: JobRig, name: string, chance: () => number, seen: Seen): void {
  const worker = rig.workers.get(name)
  const { clock } = rig.mesh
  clock.later(chance() * SPAN_MS, () => {
    const kind = Math.floor(chance() * 6)
    if (kind === 0) rig.mesh.kill(name)
    else if (kind === 1) rig.mesh.freeze(name)
    else if (kind === 2) worker?.server.stop()
    else if (kind === 3) rig.mesh.cut('a', name)
    else if (kind === 4 && worker) worker.runner.broken = fail('gpu-error', '')
    else if (worker) {
      seen.owners += 1
      worker.runner.ownerBegins()
      clock.later(chance() * SPAN_MS, () => worker.runner.ownerEnds())
    }
  })
}

async function run(seed: number, seen: Seen): Promise<void> {
  const chance = chances(seed)
  const linked = (one: string, other: string) => one === 'a' || other === 'a'
  const rig = new JobRig({ delayMs: () => 1 + Math.floor(chance() * 20), linked })
  const rate = () => ({
    engine: chance() < 0.7 ? ('stage' as const) : ('cpu' as const),
    tokenMs: 5 + chance() * 30,
    words: WORDS,
  })
  for (const name of ['w', 'x', 'stays']) rig.worker(name, rate())
  rig.asker('a')
  for (const name of ['w', 'x']) if (chance() < 0.8) trouble(rig, name, chance, seen)
  const jobs: Shown[] = []
  for (let job = 0; job <= chance() * 1.5; job += 1) {
    const shown = rig.ask('a', { readMs: chance() < 0.3 ? chance() * 40 : 0, batch: chance() < 0.3 })
    if (chance() < 0.15) rig.mesh.clock.later(chance() * SPAN_MS, shown.stop)
    jobs.push(shown)
  }
  expect(await rig.ended(...jobs), `seed ${seed} ends`).toBe(true)
  for (const { text, end, events } of jobs) {
    expect(
      events.filter(({ kind }) => kind === 'end'),
      `seed ${seed} ends once`,
    ).toHaveLength(1)
    expect(events.at(-1), `seed ${seed}`).toBe(end)
    if (end?.reason === 'abort') {
      seen.stopped += 1
      expect(textOf(WORDS).startsWith(text), `seed ${seed}: ${text}`).toBe(true)
    } else expect([end?.reason, text], `seed ${seed}`).toEqual(['stop', textOf(WORDS)])
    for (const event of events) {
      if (event.kind !== 'notice') continue
      if (event.code === 'job-moved') seen.moved += 1
      else seen.byText += 1
    }
  }
}

it('whatever happens, every job shows its whole answer once, or was stopped', async () => {
  const first = Math.floor(Math.random() * 2 ** 31)
  const seen: Seen = { moved: 0, stopped: 0, byText: 0, owners: 0 }
  for (let at = 0; at < RUNS; at += 1) await run(first + at, seen)
  // A run in which nothing went wrong has shown nothing.
  for (const [what, times] of Object.entries(seen))
    expect(times, `${what} from seed ${first}`).toBeGreaterThan(RUNS / 100)
})
