/**
 * What a visitor's browser asks for on a partner's page: `/partner.json`, what its key says, and `/widget.html`, the frame. A page
 * that the key does not name, and a key that is good for nothing, get a page that runs nothing and says why. Which pages may show
 * the frame is in its headers: a browser keeps to that, whatever it was told of where it comes from.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CODES, type Code } from '../../web/wire/codes.ts'
import { isPartnerKey, type PartnerKey, viewOfPartner } from '../../web/wire/partner-keys.ts'
import { fail, type Result } from '../../web/wire/result.ts'
import { setRefusedFrameHeaders, setWidgetHeaders } from '../headers.ts'
import type { HttpRefusal } from '../http-routes.ts'
import type { KeptPartner } from '../ledger/partner-keys.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { sendJson } from '../models/routes.ts'
import { type Partners, stateOfPartner } from './partners.ts'

/** Of the app, by the name of its file; null where there is none. */
export type PageReader = (name: string) => Promise<string | null>

export interface PartnerHttpParts {
  readonly partners: Pick<Partners, 'find' | 'takes' | 'takesOf' | 'retrySeconds'>
  readonly page: PageReader
  readonly metrics: Metrics
  /** The network of who asks. */
  readonly from: string
  readonly refuse: (response: ServerResponse, refusal: HttpRefusal) => void
}

const STATUSES: Readonly<Partial<Record<Code, number>>> = {
  'partner-unknown': 404,
  'partner-revoked': 410,
  'partner-origin': 403,
  'ledger-away': 503,
}
const HEAD_END = '</head>'

export function isPartnerPath(pathname: string): pathname is '/partner.json' | '/widget.html' {
  return pathname === '/partner.json' || pathname === '/widget.html'
}

export async function servePartners(
  parts: PartnerHttpParts,
  pathname: '/partner.json' | '/widget.html',
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return sendJson(response, 405, { code: 'request-invalid', message: CODES['request-invalid'][0] }, 'no-store')
  }
  const { partners, metrics, from, refuse } = parts
  const key = new URLSearchParams(request.url?.split('?', 2)[1] ?? '').get('key')
  const limited = isPartnerKey(key) ? limitOf(partners, from, key) : null
  if (limited !== null) {
    metrics.limited(limited)
    response.setHeader('Retry-After', partners.retrySeconds)
    return refuse(response, 'too-many-requests')
  }
  const found = isPartnerKey(key) ? await partners.find(key) : fail('partner-unknown', '')
  if (pathname === '/widget.html') return sendFrame(parts, fromOrigin(found, request.headers.referer), response)
  if (found.ok)
    return sendJson(response, 200, viewOfPartner(found.value.record, stateOfPartner(found.value)), 'no-store')
  const { code } = found
  sendJson(response, STATUSES[code] ?? 500, { code, message: CODES[code][0] }, 'no-store')
}

/** Where it is too much; null where it is not. */
function limitOf(partners: PartnerHttpParts['partners'], from: string, key: PartnerKey) {
  if (!partners.takesOf(from, 'partner-address')) return 'partner-address'
  return partners.takes(key, 'partner-http') ? null : 'partner-http'
}

/** Refused where the page that asks says that it is another one; one that says nothing is left to its browser. */
function fromOrigin(found: Result<KeptPartner>, referer: string | undefined): Result<KeptPartner> {
  if (!found.ok || referer === undefined) return found
  const origin = URL.canParse(referer) ? new URL(referer).origin : ''
  return found.value.record.origins.includes(origin) ? found : fail('partner-origin', '')
}

async function sendFrame({ page, refuse }: PartnerHttpParts, found: Result<KeptPartner>, response: ServerResponse) {
  const text = await page(found.ok ? 'widget.html' : 'widget-refused.html')
  if (text === null) return refuse(response, 'nothing-here')
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.setHeader('Cache-Control', 'no-store')
  if (found.ok) {
    setWidgetHeaders(response, found.value.record.origins)
    response.end(text)
    return
  }
  setRefusedFrameHeaders(response)
  response.statusCode = STATUSES[found.code] ?? 500
  response.end(text.replace(HEAD_END, `<meta name="weft-refused" content="${found.code}">${HEAD_END}`))
}
