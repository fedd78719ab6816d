/**
 * A model mirror that misbehaves on request: serves one model file by Range, its manifest and the list, counts what it
 * was asked for, and spoils chosen chunks in chosen ways. For the tests of `web/weights`; the real mirror has its own.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CHUNK_BYTES } from '../../web/wire/limits/models.ts'
import type { MirrorModel } from './mirror-model.ts'

/** `damaged`: one bit is wrong. `cut`: the line breaks half way. `silent`: no answer, ever. `whole`: Range is ignored. */
export type Fault = 'damaged' | 'cut' | 'page' | 'busy' | 'forbidden' | 'short' | 'long' | 'silent' | 'whole'

export class ModelServer {
  /** Faults of the next requests for a chunk, first one first; a lone `[fault, 'always']` stays. */
  readonly faults = new Map<number, (Fault | 'always')[]>()
  /** Every chunk that was asked for, in order. */
  readonly chunks: number[] = []
  readonly paths: string[] = []
  /** Anything else to serve, by path: content type and body. Comes before the model. */
  readonly pages = new Map<string, readonly [type: string, body: string]>()
  readonly #ids: Set<string>
  /** Other addresses of the same file, as a hub has them. */
  readonly files = new Set<string>()
  /** Requests being answered right now, and the most there ever were. */
  busy = 0
  busiest = 0
  /** While set, chunk requests wait for it. */
  gate: Promise<void> | null = null
  readonly #server: Server
  #port = 0
  readonly #model: MirrorModel

  constructor(model: MirrorModel) {
    this.#model = model
    this.#ids = new Set([model.id])
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  /** After a `stop` on the same port again. */
  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** The same file under another id. */
  alias(id: string): void {
    this.#ids.add(id)
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get fileUrl(): string {
    return `${this.baseUrl}/models/${this.#model.id}/model.gguf`
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', 'http://mirror').pathname
    this.paths.push(path)
    const { id, manifest, summary, file } = this.#model
    const page = this.pages.get(path)
    if (page) {
      response.writeHead(200, { 'content-type': page[0] }).end(page[1])
      return
    }
    if (path === '/models/index.json') {
      return this.#json(response, { models: [summary], adding: [], failed: [], defaultId: id })
    }
    if (path === `/models/${id}/manifest.json`) return this.#json(response, manifest)
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const fileOf = /^\/models\/([^/]+)\/model\.gguf$/.exec(path)?.[1] ?? ''
    if (!(this.#ids.has(fileOf) || this.files.has(path)) || !range) {
      response.writeHead(404).end()
      return
    }
    const [first, last] = [Number(range[1]), Number(range[2])]
    this.busy += 1
    this.busiest = Math.max(this.busiest, this.busy)
    response.on('close', () => {
      this.busy -= 1
    })
    const chunk = first / CHUNK_BYTES
    this.chunks.push(chunk)
    await this.gate
    this.#sendChunk(response, file.slice(first, last + 1), first, this.#nextFault(chunk))
  }

  #nextFault(chunk: number): Fault | null {
    const faults = this.faults.get(chunk)
    if (!faults || faults.length === 0) return null
    const next = faults[1] === 'always' ? faults[0] : faults.shift()
    return next === undefined || next === 'always' ? null : next
  }

  #json(response: ServerResponse, value: unknown): void {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }

  #sendChunk(response: ServerResponse, bytes: Uint8Array, first: number, fault: Fault | null): void {
    const { file } = this.#model
    if (fault === 'silent') return
    if (fault === 'busy') return void response.writeHead(503).end()
    if (fault === 'forbidden') return void response.writeHead(403).end()
    if (fault === 'page') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>')
    if (fault === 'whole') return void response.writeHead(200, { 'content-length': file.length }).end(file)
    let sent = bytes
    if (fault === 'damaged') sent[sent.length >> 1] = (sent[sent.length >> 1] ?? 0) ^ 1
    if (fault === 'short') sent = bytes.slice(0, -1)
    if (fault === 'long') sent = new Uint8Array(bytes.length + 1)
    response.writeHead(206, {
      'content-type': 'application/octet-stream',
      'content-range': `bytes ${first}-${first + bytes.length - 1}/${file.length}`,
      'content-length': sent.length,
    })
    if (fault === 'cut') response.write(sent.slice(0, sent.length >> 1), () => response.destroy())
    else response.end(sent)
  }
}
