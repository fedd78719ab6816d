/** Numeric classes by name: a GPU finds its own again, and takes none that it has not the means for. */
import { expect, it } from 'vitest'
import { candidates, numericClassOf, tuningOf } from '../../../web/engine/gpu/variants.ts'

const ADAPTER = 'some gpu 5/x'
const ALL = ['subgroups', 'shader-f16']

it('a class names one set of variants', () => {
  const tunings = candidates(ALL).flatMap((tuning) => [tuning, { ...tuning, tiled: false }])
  const names = tunings.map((tuning) => numericClassOf(ADAPTER, tuning))
  expect(new Set(names).size).toBe(names.length)
  for (const [index, name] of names.entries()) expect(tuningOf(name, ADAPTER, ALL)).toEqual(tunings[index])
})

it('another adapter, features that are not there, and nonsense have none', () => {
  const [plain] = candidates([])
  if (!plain) throw new Error('there is always a plain one')
  const name = numericClassOf(ADAPTER, plain)
  expect(tuningOf(name, ADAPTER, [])).toEqual(plain)
  expect(tuningOf(name, 'another gpu', ALL)).toBeNull()
  expect(tuningOf(numericClassOf(ADAPTER, { ...plain, reduction: 'subgroup' }), ADAPTER, [])).toBeNull()
  expect(tuningOf('', ADAPTER, ALL)).toBeNull()
})
