/**
 * A stage dies, as tabs do: closed, its worker gone, its network gone, frozen; while the route is made, and while the prompt is
 * read. The asker sees the text of one undisturbed tab, and no token twice or not at all. Each of three stages.
 */
import { describe, it } from 'vitest'
import { cellsOf, useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix(3)

describe('a stage that dies costs no token:', () => {
  it.each(cellsOf(3, ['connect', 'prefill']))('number $stage of three in $phase, $death', (cell) => matrix().play(cell))
})
