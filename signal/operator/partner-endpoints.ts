/** Partner keys over HTTP, for the operator: `/operator/partners` and what is below it. What a key means is not decided here. */

import { PARTNER_DAYS_MAX } from '../../web/wire/limits/partners.ts'
import type { PartnerRecord } from '../../web/wire/partner-keys.ts'
import { isPartnerKey, parsePartnerWish, writePartner, writePartnerDay } from '../../web/wire/partner-keys.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { newPartnerKey, type Partners } from '../partners/partners.ts'
import type { OperatorDeed, OperatorEndpoint } from './router.ts'

const DAYS = 30

export function partnerEndpoints(
  partners: Pick<Partners, 'list' | 'days' | 'make' | 'change' | 'revoke'>,
): readonly OperatorEndpoint[] {
  const deed = (action: OperatorDeed['action'], subject: string, act: () => Promise<Result<PartnerRecord>>) => {
    return ok({ action, subject, act: () => written(act()) })
  }
  return [
    {
      method: 'GET',
      path: /^partners$/,
      async answer() {
        const list = await partners.list()
        return list.ok ? ok({ partners: list.value.map(writePartner) }) : list
      },
    },
    {
      method: 'GET',
      path: /^partners\/([\w-]+)\/usage$/,
      async answer({ names: [key], query }) {
        const many = Number(query.get('days') ?? DAYS)
        if (!isPartnerKey(key)) return fail('partner-unknown', '')
        if (!Number.isInteger(many) || many < 1 || many > PARTNER_DAYS_MAX)
          return fail('request-invalid', `\`days\` is not 1 to ${PARTNER_DAYS_MAX}.`)
        const days = await partners.days(key, many)
        return days.ok ? ok({ days: days.value.map(writePartnerDay) }) : days
      },
    },
    {
      method: 'POST',
      path: /^partners$/,
      deed({ body }) {
        const wish = parsePartnerWish(body)
        const key = newPartnerKey()
        return wish.ok ? deed('partner-made', key, () => partners.make(key, wish.value)) : wish
      },
    },
    {
      method: 'POST',
      path: /^partners\/([\w-]+)$/,
      deed({ names: [key], body }) {
        const wish = parsePartnerWish(body)
        if (!isPartnerKey(key)) return fail('partner-unknown', '')
        return wish.ok ? deed('partner-changed', key, () => partners.change(key, wish.value)) : wish
      },
    },
    {
      method: 'POST',
      path: /^partners\/([\w-]+)\/revoke$/,
      deed({ names: [key] }) {
        return isPartnerKey(key)
          ? deed('partner-revoked', key, () => partners.revoke(key))
          : fail('partner-unknown', '')
      },
    },
  ]
}

async function written(done: Promise<Result<PartnerRecord>>): Promise<Result<object>> {
  const result = await done
  return result.ok ? ok(writePartner(result.value)) : result
}
