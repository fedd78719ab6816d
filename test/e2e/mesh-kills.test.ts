/**
 * A stage dies in the middle of an answer, as tabs do: closed, its worker gone, its network gone, frozen; while the route is
 * made, while the prompt is read, in the middle of the answer, and while another one's place is being taken. The asker sees
 * the text of one undisturbed tab, and no token twice or not at all. Each of three stages, each phase, each death.
 */
import { describe, it } from 'vitest'
import { cellsOf, useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix(3)

describe('a stage that dies costs no token:', () => {
  it.each(cellsOf(3))('number $stage of three in $phase, $death', (cell) => matrix().play(cell))
})
