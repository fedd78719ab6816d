/**
 * The rest of the kill matrix (`mesh-kills-early.test.ts`): a stage dies in the middle of the answer, and while another one's
 * place is being taken.
 */
import { describe, it } from 'vitest'
import { cellsOf, useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix(3)

describe('a stage that dies costs no token:', () => {
  it.each(cellsOf(3, ['decode', 'hand-over']))('number $stage of three in $phase, $death', (cell) =>
    matrix().play(cell),
  )
})
