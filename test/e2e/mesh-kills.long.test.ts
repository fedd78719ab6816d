/** Every cell of the kill matrix: each of three stages, in each phase, by each death. Prints the table. */
import { describe, it } from 'vitest'
import { ALL_CELLS, useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix()

describe('a stage that dies costs no token:', () => {
  it.each(ALL_CELLS)('number $stage of three in $phase, $death', (cell) => matrix().play(cell))
})
