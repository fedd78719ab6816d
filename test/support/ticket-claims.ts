/** What a ticket says, for tests that need one and look at little of it; and a ticket that says it, signed by nobody. */
import { toBase64Url } from '../../web/wire/device-keys.ts'
import type { TicketClaims } from '../../web/wire/tickets.ts'

export function claimsWith(said: Partial<TicketClaims> = {}): TicketClaims {
  const id = '0'.repeat(32)
  return {
    ...{ id, request: id, part: 0, asker: 'asker', worker: 'worker', modelId: 'a'.repeat(64) },
    ...{ span: { first: 0, last: 1 }, job: null, positions: 4_096, outputTokens: 4_096, room: null },
    pay: { kind: 'unpaid' },
    ...said,
  }
}

export function ticketOf({ id, request, part, asker, worker, modelId, outputTokens, ...rest }: TicketClaims): string {
  const claims = { jti: id, request, part, sub: asker, aud: worker, model: modelId, output: outputTokens, ...rest }
  return `.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}.`
}
