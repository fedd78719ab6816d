/** What a paid stage counts: prompts, steps, what is taken back and what the asker had by then; and its chains by epochs. */
import { sha256 } from '@noble/hashes/sha2.js'
import { expect, it } from 'vitest'
import { Chain } from '../../../web/rules/chain.ts'
import { WorkMeter } from '../../../web/schedule/receipts/work-meter.ts'
import { encodePeerFrame, type StageFrame } from '../../../web/wire/peer-frame.ts'

const SALT = new Uint8Array(16).fill(3)
const HASHES = { sha256, digest: async (bytes: Uint8Array) => sha256(bytes) }
const meter = () => new WorkMeter(SALT, HASHES)
const rows = (position: number, count = 1, rebuild = false) => ({ position, count, rebuild })
const token = (position: number): StageFrame => ({
  ...{ type: 'token', request: '0'.repeat(32), epoch: 1, position, id: position },
})

it('counts rows that come together as a prompt, single ones as steps, and those of a rebuild as neither', () => {
  const one = meter()
  one.ran(rows(0, 7))
  for (const position of [7, 8, 9]) one.ran(rows(position))
  one.ran(rows(10, 1, true))
  expect([one.promptTokens, one.steps]).toEqual([8, 3])
})

it('takes back what could not be computed', () => {
  const one = meter()
  one.ran(rows(0, 7))
  one.ran(rows(7))
  one.failed(rows(7))
  one.failed(rows(0, 7))
  expect([one.promptTokens, one.steps]).toEqual([0, 0])
})

it.each([
  ['nobody had', 0, 2],
  ['the asker had a part of', 4, 4],
  ['the asker had all of', 9, 6],
])('forgets steps beyond a cut that %s', (_, acknowledged, steps) => {
  const one = meter()
  for (let position = 10; position < 16; position += 1) one.ran(rows(position))
  one.cut(12, acknowledged)
  expect(one.steps).toBe(steps)
  one.ran(rows(12))
  expect(one.steps).toBe(steps + 1)
})

it('asks for no more than its asker has, and for what it heard of after a cut too', () => {
  const one = meter()
  for (let position = 10; position < 16; position += 1) one.ran(rows(position))
  expect([one.outputTokens(0), one.outputTokens(5), one.outputTokens(9)]).toEqual([0, 5, 6])
  one.cut(12, 0)
  expect([one.outputTokens(1), one.outputTokens(5), one.outputTokens(9)]).toEqual([1, 5, 6])
})

it('chains frames in their order, of the newest epoch alone, however long each hash takes', async () => {
  const held: (() => void)[] = []
  const late = (bytes: Uint8Array) => new Promise<Uint8Array>((resolve) => held.unshift(() => resolve(sha256(bytes))))
  const one = new WorkMeter(SALT, { sha256, digest: late })
  one.received(token(1))
  one.cut(0, 0)
  one.received(token(2))
  one.received(token(3))
  // The last first.
  for (const release of held) release()
  await one.settled()
  const chain = new Chain(SALT, sha256)
  for (const position of [2, 3]) chain.addFrame(encodePeerFrame(token(position)))
  expect(one.chainIn).toBe(chain.head)
  expect(one.chainOut).toBe(new Chain(SALT, sha256).head)
})
