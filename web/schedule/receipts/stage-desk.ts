/** What stages and routes need of a tab's receipts: joins the desk with what is counted there. Decides nothing. */
import { sha256 } from '@noble/hashes/sha2.js'
import type { RequestId } from '../../wire/peer-frame.ts'
import { ok } from '../../wire/result.ts'
import type { Exchange } from '../exchange.ts'
import type { PayStage } from '../provider.ts'
import type { RouteClock } from '../route-parts.ts'
import type { Hashes } from './frame-chain.ts'
import { PaidStage } from './paid-stage.ts'
import type { ReceiptDesk } from './receipt-desk.ts'
import { RouteReceipts } from './route-receipts.ts'

export const BROWSER_HASHES: Hashes = {
  sha256,
  digest: async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)),
}

/** `nowMs`: the server's clock. */
export function payStages(desk: Pick<ReceiptDesk, 'work'>, hashes: Hashes, nowMs: () => number): PayStage {
  return (claims, asker, salt) => {
    const part = desk.work(claims, asker)
    return part ? PaidStage.of({ part, hashes, nowMs }, salt) : ok(null)
  }
}

export function signRoutes(
  desk: Pick<ReceiptDesk, 'newSalt' | 'ask' | 'over'>,
  hashes: Hashes,
  exchange: Pick<Exchange, 'linkTo'>,
  every: RouteClock['every'],
): (request: RequestId) => RouteReceipts {
  return (request) =>
    new RouteReceipts({
      salt: desk.newSalt(),
      hashes,
      ask: (ticket, peer) => {
        const link = exchange.linkTo(peer)
        return link && desk.ask(ticket, link)
      },
      over: () => desk.over(request),
      every,
    })
}
