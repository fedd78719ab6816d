/** A search for another route: how often it asks, how long it rests, and what ends it. */
import { expect, it } from 'vitest'
import { RouteSearch } from '../../../web/schedule/route-search.ts'
import { REPLAN_MS, REPLAN_MS_MAX, REPLANS_MAX } from '../../../web/wire/limits/mesh.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'
import { SimClock } from '../../support/sim-clock.ts'

function search(answers: (tries: number) => Result<string> | Promise<Result<string>>, chance = 0) {
  const clock = new SimClock()
  const askedMs: number[] = []
  const looking = new RouteSearch({ every: clock.every, chance: () => chance })
  let found: Result<string> | null = null
  void looking
    .find(async () => {
      askedMs.push(clock.nowMs)
      return answers(askedMs.length)
    })
    .then((result) => {
      found = result
    })
  return { clock, askedMs, looking, found: () => found }
}

it.each([0, 1])('asks at once, then after rests that double up to a bound, with a chance of %i', async (chance) => {
  const { clock, askedMs, found } = search(() => fail('no-holder', ''), chance)
  await clock.until(() => found() !== null)
  expect(found()).toMatchObject({ ok: false, code: 'no-holder' })
  expect(askedMs).toHaveLength(REPLANS_MAX)
  const rests = askedMs.slice(1).map((atMs, index) => atMs - (askedMs[index] ?? 0))
  const expected = rests.map((_, index) => Math.min(REPLAN_MS * 2 ** index, REPLAN_MS_MAX) * (1 + chance / 2))
  expect(rests).toEqual(expected)
  expect(askedMs[0]).toBe(0)
})

it('ends with the first that can be walked, and at once where nobody can mend it', async () => {
  const third = search((tries) => (tries === 3 ? ok('route') : fail('unreachable', '')))
  await third.clock.until(() => third.found() !== null)
  expect([third.found(), third.askedMs.length]).toEqual([ok('route'), 3])
  const none = search(() => fail('route-broken', ''))
  await none.clock.until(() => none.found() !== null)
  expect([none.found(), none.askedMs.length]).toEqual([fail('route-broken', ''), 1])
})

it.each([
  ['while it rests', false],
  ['while somebody is asked who never answers', true],
])('stops %s', async (_, silent) => {
  const { clock, looking, askedMs, found } = search(() => (silent ? new Promise(() => {}) : fail('no-holder', '')))
  await clock.until(() => askedMs.length === 1)
  expect(found()).toBeNull()
  looking.stop()
  await clock.until(() => found() !== null)
  expect(found()).toEqual(fail('aborted', ''))
  expect(askedMs).toHaveLength(1)
})
