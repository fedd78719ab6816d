/**
 * What the server says of the key in the frame's address. Asks once and carries nothing of the visitor but that somebody asks.
 */

import { SOURCE_ANSWER_MS_MAX } from '../wire/limits/models.ts'
import { isPartnerKey, type PartnerView, parsePartnerView } from '../wire/partner-keys.ts'
import { fail, type Result } from '../wire/result.ts'

const REFUSED = { 404: 'partner-unknown', 410: 'partner-revoked' } as const

/** Refusals: `partner-unknown`, `partner-revoked`, `ledger-away`, `source-unreachable`, `source-error-page`, `request-invalid`. */
export async function lookAtPartner(baseUrl: string, key: string): Promise<Result<PartnerView>> {
  if (!isPartnerKey(key)) return fail('partner-unknown', '')
  const url = new URL('partner.json', baseUrl)
  url.searchParams.set('key', key)
  try {
    const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(SOURCE_ANSWER_MS_MAX) })
    const { status } = response
    if (status === 404 || status === 410) return fail(REFUSED[status], '')
    if (status === 503 && (await codeOf(response)) === 'ledger-away') return fail('ledger-away', '')
    if (!response.ok) return fail('source-error-page', `${url.pathname} answered ${status}.`)
    return parsePartnerView(await response.json())
  } catch (error) {
    if (error instanceof SyntaxError) return fail('source-error-page', `${url.pathname} is not JSON.`)
    return fail('source-unreachable', `No answer from ${url.host}.`)
  }
}

/** What stands between this page and the server may answer with a page of its own. */
async function codeOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null)
  return typeof body === 'object' && body !== null && 'code' in body ? body.code : null
}
