/** The kill matrix (`mesh-kills-early.test.ts`) over four stages, with eight tabs that give. Prints the table. */
import { describe, it } from 'vitest'
import { cellsOf, useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix(4)

describe('a stage that dies costs no token:', () => {
  it.each(cellsOf(4))('number $stage of four in $phase, $death', (cell) => matrix().play(cell))
})
