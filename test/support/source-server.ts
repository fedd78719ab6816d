/**
 * A place to fetch one file from that behaves as it is told: whole, in parts, cut half way, silent, an error page,
 * moved. Remembers every request. A real HTTP server on a free port.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * How one request is answered; the last one of the list goes on. `cut` sends that many bytes and breaks the line, `damaged`
 * sends one wrong bit in the middle.
 */
export type Manner =
  | { readonly kind: 'good' }
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'page'; readonly type: string }
  | { readonly kind: 'moved'; readonly to: string }

export interface SeenRequest {
  readonly range: string | undefined
  readonly ifRange: string | undefined
}

export class SourceServer {
  readonly seen: SeenRequest[] = []
  manners: Manner[] = [{ kind: 'good' }]
  etag: string | null = '"one"'
  bytes: Uint8Array
  /** Resolves when a request has been answered as far as its manner goes. */
  onAnswer: () => void = () => {}
  readonly #server = createServer((request, response) => this.#answer(request, response))

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  url(path = '/model.gguf'): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const ifRange = request.headers['if-range']
    this.seen.push({ range: request.headers.range, ifRange: ifRange === undefined ? undefined : String(ifRange) })
    const manner = nextManner(this.manners)
    answerAs(manner, this.bytes, this.etag, request, response, () => this.onAnswer())
  }
}

export function nextManner(manners: Manner[]): Manner {
  return (manners.length > 1 ? manners.shift() : manners[0]) ?? { kind: 'good' }
}

/** Sends `bytes`, or what of them the request asks for, in this manner. */
export function answerAs(
  manner: Manner,
  bytes: Uint8Array,
  version: string | null,
  request: IncomingMessage,
  response: ServerResponse,
  onAnswer: () => void,
): void {
  if (manner.kind === 'silent') return void onAnswer()
  if (manner.kind === 'status') return void response.writeHead(manner.status).end('no')
  if (manner.kind === 'page') {
    return void response.writeHead(200, { 'content-type': manner.type }).end('<html>Sign in')
  }
  if (manner.kind === 'moved') return void response.writeHead(302, { location: manner.to }).end()
  const range = rangeOf(request, version, bytes.length)
  const { first, last } = range ?? { first: 0, last: bytes.length - 1 }
  const body = bytes.slice(first, last + 1)
  const etag: Record<string, string> = version === null ? {} : { etag: version }
  response.writeHead(range ? 206 : 200, {
    'content-length': body.length,
    ...(range ? { 'content-range': `bytes ${first}-${last}/${bytes.length}` } : {}),
    ...etag,
  })
  if (manner.kind === 'damaged') body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1
  if (manner.kind === 'good' || manner.kind === 'damaged') return void response.end(body)
  response.write(body.subarray(0, manner.afterBytes), () => {
    if (manner.kind === 'cut') response.destroy()
    onAnswer()
  })
}

/** Null for the whole: nothing less was asked for, or of another version. */
function rangeOf(request: IncomingMessage, version: string | null, length: number) {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const condition = request.headers['if-range']
  if (first === undefined || (condition !== undefined && condition !== version)) return null
  return { first: Number(first), last: last ? Number(last) : length - 1 }
}
