/**
 * A mirror and a hub that misbehave on request: serves MLC models by Range, the hub's API, its files and the libraries,
 * counts what it was asked for and spoils chosen files. Serves a built page too, so that all is one origin.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { MlcModel } from '../fixtures/mlc-model.ts'

/** `damaged`: one bit is wrong. `gone`: 404. `cut`: the line breaks half way. `busy`: 503. */
export type MlcFault = 'damaged' | 'gone' | 'cut' | 'busy'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

const REVISION = '0123456789abcdef0123456789abcdef01234567'

export class MlcServer {
  readonly models = new Map<string, MlcModel>()
  /** Repositories of the hub by `owner/name`. */
  readonly repos = new Map<string, MlcModel>()
  /** Libraries by file name. */
  readonly libraries = new Map<string, Uint8Array>()
  /** By the path of a file inside its model or library folder. */
  readonly faults = new Map<string, MlcFault>()
  /** Paths of files that were asked for, in order, without the page's own. */
  readonly asked: string[] = []
  /** While set, requests for files wait for it. */
  gate: Promise<void> | null = null
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly #pageDir: string | null

  constructor(pageDir: string | null = null) {
    this.#pageDir = pageDir
  }

  add(model: MlcModel): MlcModel {
    this.models.set(model.id, model)
    return model
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://mirror').pathname)
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Allow-Headers', 'Range')
    if (request.method === 'OPTIONS') return void response.writeHead(204).end()
    const [, id = '', rest = ''] = /^\/models\/([0-9a-f]{64})\/(.+)$/.exec(path) ?? []
    const model = this.models.get(id)
    if (model && rest === 'manifest.json') return void json(response, model.manifest)
    if (model) return this.#file(request, response, rest.replace(/^files\//, ''), model.files)
    const [, repo = '', what = ''] = /^\/hub\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\//.exec(path) ?? []
    if (what !== '') return this.#hub(response, what, this.repos.get(repo))
    const [, owner = '', file = ''] = /^\/hub\/([^/]+\/[^/]+)\/resolve\/[0-9a-f]{40}\/(.+)$/.exec(path) ?? []
    if (owner !== '') return this.#file(request, response, file, this.repos.get(owner)?.files ?? new Map())
    if (path.startsWith('/libraries/')) return this.#file(request, response, path.slice(11), this.libraries)
    this.#page(response, path)
  }

  #hub(response: ServerResponse, what: string, model: MlcModel | undefined): void {
    if (!model) return void response.writeHead(404).end()
    if (what === 'revision') return void json(response, { sha: REVISION, cardData: { license: 'apache-2.0' } })
    const tree = [...model.files].map(([path, bytes]) => {
      const blob = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
      const lfs = { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 134 }
      // A hub keeps large files elsewhere; the id of the blob is then that of a pointer, which names no content.
      const entry = { type: 'file', path, size: bytes.length }
      return path.endsWith('.bin') ? { ...entry, oid: '0'.repeat(40), lfs } : { ...entry, oid: blob }
    })
    json(response, [{ type: 'directory', path: 'logs', oid: '1'.repeat(40), size: 0 }, ...tree])
  }

  async #file(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    files: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    this.asked.push(path)
    await this.gate
    const whole = files.get(path)
    const fault = this.faults.get(path)
    if (!whole || fault === 'gone') return void response.writeHead(404).end()
    if (fault === 'busy') return void response.writeHead(503).end()
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const [first, last] = range ? [Number(range[1]), Number(range[2])] : [0, whole.length - 1]
    const bytes = whole.slice(first, last + 1)
    if (fault === 'damaged') bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    response.writeHead(range ? 206 : 200, {
      'content-type': 'application/octet-stream',
      'content-length': bytes.length,
      ...(range ? { 'content-range': `bytes ${first}-${last}/${whole.length}` } : {}),
    })
    if (fault === 'cut') response.write(bytes.slice(0, bytes.length >> 1), () => response.destroy())
    else response.end(bytes)
  }

  #page(response: ServerResponse, path: string): void {
    // The page inside a page of another site (localhost), where browsers refuse storage.
    if (path === '/framed')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end(`<iframe src="${this.url}/"></iframe>`)
    if (this.#pageDir === null) return void response.writeHead(404).end()
    try {
      const bytes = readFileSync(join(this.#pageDir, path === '/' ? 'index.html' : path))
      response
        .writeHead(200, { 'content-type': TYPES[extname(path === '/' ? '.html' : path)] ?? 'text/html' })
        .end(bytes)
    } catch {
      response.writeHead(404).end()
    }
  }
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}
