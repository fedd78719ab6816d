/** Whom a route waits for before it begins, under a clock that the test moves. */
import { expect, it } from 'vitest'
import { linkAll } from '../../web/schedule/route-links.ts'
import { CONNECT_LATE_MS, CONNECT_MS_MAX } from '../../web/wire/limits/links.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { SimClock } from '../support/sim-clock.ts'

/** After how long each is linked; who is not named answers that it cannot be reached when all time is over. */
async function linking(linkedMs: Readonly<Record<string, number>>, standby: string | null) {
  const clock = new SimClock()
  const connect = (peer: string) =>
    new Promise<ReturnType<typeof fail> | ReturnType<typeof ok<null>>>((resolve) => {
      const ms = linkedMs[peer]
      clock.later(ms ?? CONNECT_MS_MAX, () => resolve(ms === undefined ? fail('link-failed', '') : ok(null)))
    })
  let missing: readonly string[] | null = null
  const stages = [{ peer: 'first', standby: standby === null ? null : { peer: standby, ticket: '' } }]
  void linkAll(stages, { connect, every: clock.every }).then((who) => {
    missing = who
  })
  await clock.until(() => missing !== null)
  return { missing, tookMs: clock.nowMs }
}

it('waits for the one that answers, and for nobody else', async () => {
  expect(await linking({ first: 300 }, 'second')).toEqual({ missing: [], tookMs: 300 })
})

it('leaves a peer out that is late, once its standby is linked', async () => {
  expect(await linking({ second: 200 }, 'second')).toEqual({ missing: [], tookMs: 200 + CONNECT_LATE_MS })
})

it('waits for a slow peer whose standby is not there', async () => {
  expect(await linking({ first: CONNECT_MS_MAX - 1 }, 'second')).toEqual({ missing: [], tookMs: CONNECT_MS_MAX - 1 })
})

it('names both where neither can be reached, and the one that has no standby', async () => {
  expect(await linking({}, 'second')).toEqual({ missing: ['first', 'second'], tookMs: CONNECT_MS_MAX })
  expect(await linking({}, null)).toEqual({ missing: ['first'], tookMs: CONNECT_MS_MAX })
})
