/** A link whose packets stop arriving is offered again, later and later, and left alone once they arrive or it ended. */
import { describe, expect, it } from 'vitest'
import { IceRestart } from '../../../web/mesh/ice-restart.ts'
import { ICE_RESTART_MS, ICE_RESTART_MS_MAX, ICE_RESTARTS_MAX } from '../../../web/wire/limits/links.ts'
import { SimClock } from '../../support/sim-clock.ts'

function rig(chance = 0.5) {
  const clock = new SimClock()
  const restartsMs: number[] = []
  let state: RTCIceConnectionState = 'connected'
  const later = (ms: number, run: () => void) => {
    let off = false
    clock.later(ms, () => {
      if (!off) run()
    })
    return () => {
      off = true
    }
  }
  const restart = new IceRestart({
    state: () => state,
    restart: () => restartsMs.push(clock.nowMs),
    later,
    chance: () => chance,
  })
  const become = (next: RTCIceConnectionState) => {
    state = next
    restart.look()
  }
  return { clock, restart, restartsMs, become, wait: () => clock.until(() => false) }
}

describe('a link whose packets do not arrive', () => {
  it('is offered again at doubling intervals, so often and no more', async () => {
    const { become, restartsMs, wait } = rig()
    become('disconnected')
    become('checking')
    become('disconnected')
    await wait()
    expect(restartsMs).toHaveLength(ICE_RESTARTS_MAX)
    const gapsMs = restartsMs.map((atMs, index) => atMs - (restartsMs[index - 1] ?? 0))
    expect(gapsMs[0]).toBe(ICE_RESTART_MS)
    for (const [index, gapMs] of gapsMs.entries()) {
      expect(gapMs).toBeCloseTo(Math.min(ICE_RESTART_MS * 2 ** index, ICE_RESTART_MS_MAX), 6)
    }
  })

  it.each([0, 1])('is offered again sooner or later by chance (%d)', async (chance) => {
    const { become, restartsMs, wait } = rig(chance)
    become('disconnected')
    await wait()
    expect(restartsMs[0]).toBe(ICE_RESTART_MS * (0.5 + chance))
  })

  it('is left alone once they arrive again, and begins anew the next time', async () => {
    const { become, restartsMs, clock, wait } = rig()
    become('disconnected')
    await clock.until(() => restartsMs.length === 3)
    become('connected')
    await wait()
    expect(restartsMs).toHaveLength(3)
    const beganMs = clock.nowMs
    become('disconnected')
    await clock.until(() => restartsMs.length === 4)
    expect((restartsMs[3] ?? 0) - beganMs).toBe(ICE_RESTART_MS)
  })

  it('is left alone once it ended', async () => {
    const { become, restart, restartsMs, wait } = rig()
    become('disconnected')
    restart.end()
    become('disconnected')
    await wait()
    expect(restartsMs).toEqual([])
  })
})
