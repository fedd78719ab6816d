/**
 * A stage dies in the middle of an answer, as tabs do: closed, its worker gone, its network gone, frozen; while the route is
 * made, while the prompt is read, in the middle of the answer, and while another one's place is being taken. The asker sees
 * the text of one undisturbed tab, and no token twice or not at all. `mesh-kills.long.test.ts` plays every cell.
 */
import { describe, it } from 'vitest'
import { type Cell, useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix()

/** Each stage, each phase and each death three times at least; no pair of them twice. */
const CELLS: readonly Cell[] = [
  { stage: 0, phase: 'connect', death: 'closed' },
  { stage: 1, phase: 'connect', death: 'frozen' },
  { stage: 2, phase: 'connect', death: 'dropped' },
  { stage: 0, phase: 'prefill', death: 'worker' },
  { stage: 1, phase: 'prefill', death: 'closed' },
  { stage: 2, phase: 'prefill', death: 'frozen' },
  { stage: 0, phase: 'decode', death: 'dropped' },
  { stage: 1, phase: 'decode', death: 'worker' },
  { stage: 2, phase: 'decode', death: 'closed' },
  { stage: 0, phase: 'hand-over', death: 'frozen' },
  { stage: 1, phase: 'hand-over', death: 'dropped' },
  { stage: 2, phase: 'hand-over', death: 'worker' },
]

describe('a stage that dies costs no token:', () => {
  it.each(CELLS)('number $stage of three in $phase, $death', (cell) => matrix().play(cell))
})
