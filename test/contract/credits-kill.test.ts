/** The server is killed while tabs hold, work and settle: nothing that it said it has is lost, and every outbox empties. */
import { it } from 'vitest'
import { expectNothingLostByKills } from '../support/server-kills.ts'

it('five kills of the server lose no receipt, and pay none twice', () => expectNothingLostByKills(5))
