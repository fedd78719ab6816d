/** What only the operator may read over HTTP: the server's figures, and what was done as the operator. */
import { ok } from '../../web/wire/result.ts'
import { AUDIT_PAGE_MAX } from '../config.ts'
import type { Audit } from './audit.ts'
import { type DoorParts, letsIn, type OperatorAsk } from './door.ts'
import type { OperatorEndpoint } from './router.ts'

/** For `/metrics`. */
export async function serveMetrics(parts: DoorParts, ask: OperatorAsk): Promise<void> {
  if (!letsIn(parts, ask)) return
  const { response } = ask
  const { metrics } = parts.watch
  const text = await metrics.read()
  response.setHeader('Content-Type', metrics.contentType)
  response.setHeader('Cache-Control', 'no-store')
  response.end(text)
}

/** `/operator/audit?before=<number>`: the newest lines, or those before this one. That it was read is one as well. */
export function auditEndpoint(audit: Audit): OperatorEndpoint {
  return {
    method: 'GET',
    path: /^audit$/,
    async answer({ query }) {
      const said = query.get('before') ?? ''
      const lines = audit.read(/^\d{1,15}$/.test(said) ? Number(said) : null, AUDIT_PAGE_MAX)
      const kept = await audit.record('audit-read')
      return kept.ok ? ok({ lines, damagedAt: audit.damagedAt }) : kept
    },
  }
}
