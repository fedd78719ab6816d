/** The chain of the tokens that a stage has drawn: the same as its asker's, also where some were drawn twice. */
import { sha256 } from '@noble/hashes/sha2.js'
import { expect, it } from 'vitest'
import { Chain } from '../../../web/rules/chain.ts'
import { DrawnChain } from '../../../web/schedule/receipts/drawn-chain.ts'

const SALT = new Uint8Array(16).fill(3)

function headOf(ids: readonly number[]): string {
  const chain = new Chain(SALT, sha256)
  chain.addTokens(ids)
  return chain.head
}

function drawn(ids: readonly number[], from = 20): DrawnChain {
  const chain = new DrawnChain(SALT, sha256)
  for (const [index, id] of ids.entries()) chain.drew(from + index, id, 0)
  return chain
}

it('has a head at each count, in any order, and none past the last', () => {
  const chain = drawn([7, 8, 9])
  expect([2, 0, 3, 1, 4].map((count) => chain.headAt(count))).toEqual([
    headOf([7, 8]),
    headOf([]),
    headOf([7, 8, 9]),
    headOf([7]),
    null,
  ])
})

it.each([[false], [true]])(
  'what is drawn again takes the place of what stood there (looked at before: %s)',
  (looked) => {
    const chain = drawn([7, 8, 9, 10])
    if (looked) expect(chain.headAt(4)).toBe(headOf([7, 8, 9, 10]))
    chain.drew(22, 90, 1)
    expect(chain.headAt(3)).toBe(headOf([7, 8, 90]))
    expect(chain.headAt(4)).toBeNull()
    chain.drew(23, 91, 1)
    expect(chain.headAt(4)).toBe(headOf([7, 8, 90, 91]))
  },
)

it('what was acknowledged stands', () => {
  const chain = drawn([7, 8, 9])
  chain.drew(21, 80, 2)
  expect(chain.headAt(3)).toBe(headOf([7, 8, 80]))
})
