/**
 * Whether a request is the operator's: it brings the token of `WEFT_OPERATOR_TOKEN`, as `Authorization: Bearer`. How long the
 * comparison takes says nothing about the token. It decides nothing else about a request. Pure.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** `none`: nothing was brought, or this server has no operator's token at all. */
export type OperatorSays = 'operator' | 'wrong' | 'none'

const SCHEME = /^Bearer +([\x21-\x7e]{1,256})$/i

export function operatorOf(
  { authorization }: Pick<IncomingHttpHeaders, 'authorization'>,
  token: string | null,
): OperatorSays {
  const said = SCHEME.exec(authorization ?? '')?.[1]
  if (said === undefined || token === null) return 'none'
  // Of one length, whatever was said.
  return timingSafeEqual(digest(said), digest(token)) ? 'operator' : 'wrong'
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
