/** Who stands where after another plan: who keeps its place, who is new, who is still dead. */
import { describe, expect, it } from 'vitest'
import { RouteLine, type RoutePlan } from '../../../web/schedule/route-line.ts'
import { fail } from '../../../web/wire/result.ts'

const GONE = fail('link-closed', '')

/** `a 0 2 b`: `a` with the layers 0 to 2, for which `b` stands by. */
function planOf(...stages: readonly string[]): RoutePlan {
  const read = stages.map((stage) => {
    const [peer = '', first, last, standby = null] = stage.split(' ')
    return { peer, span: { first: Number(first), last: Number(last) }, standby }
  })
  return { stages: read, tickets: new Map() }
}

const lineOf = (...stages: readonly string[]) => new RouteLine(planOf(...stages), () => true)

describe('another plan', () => {
  it('leaves those alone who have the same layers in both, wherever they stand', () => {
    const line = lineOf('a 0 2', 'b 2 3', 'c 3 4')
    line.die('a', GONE)
    const fresh = new Set<number>()
    expect(line.promote(fresh)).toBe(false)
    expect(line.lay(planOf('d 0 1', 'e 1 2', 'b 2 3', 'c 3 4'), line.dead, fresh)).toEqual(['a'])
    expect([...fresh]).toEqual([0, 1])
    expect(line.peers).toEqual(['d', 'e', 'b', 'c'])
    expect(line.dead).toEqual([])
  })

  it('has everybody new whose layers are others, and who stepped in and was not brought up', () => {
    const line = lineOf('a 0 1 s', 'b 1 3', 'c 3 4')
    line.die('a', GONE)
    line.die('c', GONE)
    const fresh = new Set<number>()
    expect(line.promote(fresh)).toBe(false)
    expect(line.peers).toEqual(['s', 'b', 'c'])
    line.lay(planOf('s 0 1', 'b 1 2', 'd 2 4'), line.dead, fresh)
    expect([...fresh]).toEqual([0, 1, 2])
  })

  it('takes one that was lost and is there again, but not one that died while it was made', () => {
    const line = lineOf('a 0 1', 'b 1 2', 'c 2 3')
    line.die('a', GONE)
    const known = line.dead
    line.die('b', GONE)
    const fresh = new Set<number>()
    line.lay(planOf('a 0 1', 'b 1 2', 'c 2 3'), known, fresh)
    expect(line.dead).toEqual(['b'])
    expect([...fresh]).toEqual([0, 1])
  })
})
