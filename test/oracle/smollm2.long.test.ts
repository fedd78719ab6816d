/**
 * SmolLM2 against llama.cpp on the same natural text: the same best token. llama.cpp rounds activations to 8 bits before
 * a product with quantized weights, the engine does not, so llama.cpp is asked twice. On the same weights widened to F32,
 * where it does not round, the aim of 99 % holds, and no miss is excused but a near-tie. On the very file no engine that
 * does not round can reach it for certain: llama.cpp itself, rounding, misses llama.cpp, not rounding, about as often
 * (docs/PERFORMANCE.md has the figures). There the engine may miss a little more often than that, and no more. Long
 * because a software GPU takes minutes for 500 positions.
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NATURAL_TEXT } from '../fixtures/natural-text.ts'
import { type EngineApp, openEngineApp } from '../support/engine-app.ts'
import { exactFile } from '../support/exact-file.ts'
import { type Oracle, type OraclePosition, openOracle } from '../support/oracle.ts'
import { smolLm2Path } from '../support/smollm2.ts'

const POSITIONS = 512
const AGREEMENT_MIN = 0.99
/** How much more often the engine may miss the very file than llama.cpp's own unrounded run does: 2 of 512 positions. */
const SLACK = 0.005
/** A miss does not count where the oracle itself sees both tokens this close, in nat. */
const NEAR_TIE = 0.1
/** Of each position: enough for our token to be among them. */
const TOP = 200

interface Miss {
  readonly position: number
  readonly ours: number
  readonly margin: number
}

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

function missesOf(ours: readonly number[], theirs: readonly OraclePosition[]): Miss[] {
  return theirs.flatMap(({ topId, top }, position) => {
    const id = ours[position] ?? -1
    if (id === topId) return []
    const log = (wanted: number) => top.find(([candidate]) => candidate === wanted)?.[1] ?? Number.NEGATIVE_INFINITY
    return [{ position, ours: id, margin: log(topId) - log(id) }]
  })
}

const percent = (misses: number) => `${(100 * (1 - misses / POSITIONS)).toFixed(2)} %`

function report(name: string, misses: readonly Miss[], counted: readonly Miss[]): void {
  const margins = misses.map(({ position, margin }) => `${position}: ${margin.toFixed(3)}`).join(', ')
  console.info(
    `SmolLM2, ${name}, ${POSITIONS} positions: raw agreement ${percent(misses.length)}, ${misses.length} misses, ` +
      `${counted.length} counted: ${percent(counted.length)}; margins in nat: ${margins || 'none'}`,
  )
}

test(`SmolLM2: the best token at ${POSITIONS} positions of natural text`, async () => {
  const path = smolLm2Path()
  const { layers } = await oracle.load(path, { threads: 1 })
  const ids = (await oracle.tokenize(NATURAL_TEXT, false)).slice(0, POSITIONS)
  expect(ids.length).toBe(POSITIONS)
  const same = await oracle.forced(ids, TOP)
  await oracle.load(await exactFile(readFileSync(path)), { threads: 1 })
  const exact = await oracle.forced(ids, TOP)

  await app.load(path, [0, layers - 1, layers])
  const ours = await app.call('best', ids)
  expect(ours.length).toBe(POSITIONS)

  const beyond = ({ margin }: Miss) => !(margin <= NEAR_TIE)
  const fromExact = missesOf(ours, exact)
  const strict = fromExact.filter(beyond)
  report('weights widened to F32', fromExact, strict)
  const fromSame = missesOf(ours, same)
  const counted = fromSame.filter(beyond)
  report('the very file', fromSame, counted)
  const rounding = missesOf(
    exact.map(({ topId }) => topId),
    same,
  )
  const lost = rounding.filter(beyond)
  report('llama.cpp on the very file against itself on F32', rounding, lost)

  expect(1 - strict.length / POSITIONS).toBeGreaterThanOrEqual(AGREEMENT_MIN)
  expect(counted.length / POSITIONS).toBeLessThanOrEqual(lost.length / POSITIONS + SLACK)
})
