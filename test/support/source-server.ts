/**
 * A place to fetch one file from that behaves as it is told: whole, in parts, cut half way, silent, an error page,
 * moved. Remembers every request. A real HTTP server on a free port.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How one request is answered; the last one of the list goes on. `cut` sends that many bytes and breaks the line. */
export type Manner =
  | { readonly kind: 'good' }
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'stall'; readonly afterBytes: number }
  | { readonly kind: 'silent' }
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
  const from = startOf(request, version)
  const body = bytes.subarray(from)
  const etag: Record<string, string> = version === null ? {} : { etag: version }
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': body.length,
    ...(from > 0 ? { 'content-range': range } : {}),
    ...etag,
  })
  if (manner.kind === 'good') return void response.end(body)
  response.write(body.subarray(0, manner.afterBytes), () => {
    if (manner.kind === 'cut') response.destroy()
    onAnswer()
  })
}

function startOf(request: IncomingMessage, version: string | null): number {
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const condition = request.headers['if-range']
  return condition !== undefined && condition !== version ? 0 : first
}
