/** Credits of a server that has no ledger: all work is free, and every wish of credits fails. */
import type { HubParts } from '../../signal/sockets/hub.ts'
import { fail } from '../../web/wire/result.ts'

export const NO_CREDITS: HubParts['credits'] = {
  terms: {
    affords: async () => true,
    async agree({ room, outputTokens }, tickets) {
      return tickets.map((_, part) => ({ part, pay: { kind: room === null ? 'unpaid' : 'room' }, outputTokens }))
    },
  },
  wish: async () => fail('hold-unknown', 'This server has no ledger.'),
}
