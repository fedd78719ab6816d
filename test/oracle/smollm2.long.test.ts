/**
 * SmolLM2 against llama.cpp on the same natural text: the same best token. llama.cpp rounds activations to 8 bits before
 * a product with quantized weights, the engine does not, so near-ties may fall either way: they are counted and printed.
 * Long because a software GPU takes minutes for 500 positions.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NATURAL_TEXT } from '../fixtures/natural-text.ts'
import { type EngineApp, openEngineApp } from '../support/engine-app.ts'
import { type Oracle, openOracle } from '../support/oracle.ts'
import { smolLm2Path } from '../support/smollm2.ts'

const POSITIONS_MIN = 500
const AGREEMENT_MIN = 0.99
/** A miss does not count where the oracle itself sees both tokens this close, in nat. */
const NEAR_TIE = 0.1

let oracle: Oracle
let app: EngineApp

beforeAll(async () => {
  oracle = await openOracle()
  app = await openEngineApp()
})
afterAll(async () => {
  await app?.close()
  await oracle?.close()
})

describe('SmolLM2', () => {
  test(`the best token at ${POSITIONS_MIN} positions or more of natural text`, async () => {
    const path = smolLm2Path()
    const facts = await oracle.load(path)
    const ids = await oracle.tokenize(NATURAL_TEXT, false)
    expect(ids.length).toBeGreaterThanOrEqual(POSITIONS_MIN)
    const theirs = await oracle.forced(ids, 200)
    await app.load(path, [0, facts.layers - 1, facts.layers])
    const ours = await app.call('best', ids)

    const misses = ours.flatMap((id, position) => {
      const { topId = -1, top = [] } = theirs[position] ?? {}
      if (id === topId) return []
      const log = (wanted: number) => top.find(([candidate]) => candidate === wanted)?.[1] ?? Number.NEGATIVE_INFINITY
      return [{ position, ours: id, theirs: topId, margin: log(topId) - log(id) }]
    })
    const counted = misses.filter(({ margin }) => !(margin <= NEAR_TIE))
    const agreement = 1 - counted.length / ids.length
    console.info(
      `SmolLM2, ${ids.length} positions: raw agreement ${(100 * (1 - misses.length / ids.length)).toFixed(2)} %, ` +
        `${misses.length} misses, ${counted.length} beyond ${NEAR_TIE} nat: ${(100 * agreement).toFixed(2)} %; margins ` +
        misses.map(({ position, margin }) => `${position}: ${margin.toFixed(3)}`).join(', '),
    )
    expect(ours.length).toBe(ids.length)
    expect(agreement).toBeGreaterThanOrEqual(AGREEMENT_MIN)
  })
})
