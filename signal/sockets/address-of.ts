/** The network address of who connects, where the server stands behind proxies that say for whom they ask. Pure. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** `forwarded`: the header `X-Forwarded-For`. `proxies`: how many of its last entries are written by proxies of the operator. */
export function addressOf(remote: string, forwarded: string | undefined, proxies: number): string {
  if (proxies === 0 || forwarded === undefined) return remote
  const entries = forwarded.split(',').map((entry) => entry.trim())
  // What stands before those that the operator's proxies wrote, anybody may have written.
  return entries.at(-proxies) || remote
}

/** `X-Forwarded-For`, in one line. */
export function forwardedOf({ 'x-forwarded-for': said }: IncomingHttpHeaders): string | undefined {
  return Array.isArray(said) ? said.join(',') : said
}

/** Of who sent an HTTP request, also of one for a socket. */
export function remoteOf({ socket, headers }: IncomingMessage, proxies: number): string {
  return addressOf(socket.remoteAddress ?? '', forwardedOf(headers), proxies)
}
