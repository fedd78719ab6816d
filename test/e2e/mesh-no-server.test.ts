/**
 * A takeover needs no server: it is gone in the middle of an answer, then a stage closes, and the text goes on over the
 * standby, over links that stood before.
 */
import { it } from 'vitest'
import { useKillMatrix } from '../support/kill-matrix.ts'

const matrix = useKillMatrix(3)

it('a stage that dies while the server is away costs no token', () => matrix().playWithoutServer(1))
