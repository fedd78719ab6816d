/** As `credits-kill.test.ts`, ten times as often. */
import { it } from 'vitest'
import { expectNothingLostByKills } from '../support/server-kills.ts'

it('fifty kills of the server lose no receipt, and pay none twice', () => expectNothingLostByKills(50))
