/** Credits of a server that has no ledger: all work is free, and every wish of credits fails. */
import { PARTNER_RATES } from '../../signal/config.ts'
import { Partners } from '../../signal/partners/partners.ts'
import type { HubParts } from '../../signal/sockets/hub.ts'
import { fail, ok } from '../../web/wire/result.ts'

export const NO_CREDITS: HubParts['credits'] = {
  terms: {
    affords: async () => ok(true),
    async agree({ room, outputTokens }, tickets) {
      return ok(tickets.map((_, part) => ({ part, pay: { kind: room === null ? 'unpaid' : 'room' }, outputTokens })))
    },
  },
  partners: new Partners({ tried: async () => fail('ledger-away', ''), nowMs: Date.now, rates: PARTNER_RATES }),
  wish: async () => fail('hold-unknown', 'This server has no ledger.'),
}
