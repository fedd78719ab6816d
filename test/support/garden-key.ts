/** Credits of a server that has no ledger and one partner key, of a garden shop: for what a visitor may do beside asking. */
import { PARTNER_RATES } from '../../signal/config.ts'
import { newPartnerKey, Partners } from '../../signal/partners/partners.ts'
import type { HubParts } from '../../signal/sockets/hub.ts'
import type { PartnerKey, PartnerRecord } from '../../web/wire/partner-keys.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { NO_CREDITS } from './no-credits.ts'

export function gardenCredits(): { readonly key: PartnerKey; readonly credits: HubParts['credits'] } {
  const key = newPartnerKey()
  const record: PartnerRecord = {
    id: key,
    madeMs: 0,
    revokedMs: null,
    site: 'Garden',
    origins: ['https://garden.example'],
    models: [],
    scope: 'any',
    system: '',
    suggested: [],
    payer: null,
    dailyMicro: 0n,
  }
  const partners = new Partners({
    tried: async () => fail('ledger-away', ''),
    nowMs: Date.now,
    rates: PARTNER_RATES,
  })
  partners.find = async (id) => (id === key ? ok({ record, leftMicro: 0n }) : fail('partner-unknown', ''))
  return { key, credits: { ...NO_CREDITS, partners } }
}
