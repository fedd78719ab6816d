/**
 * A mirror, a hub and a place for libraries that misbehave on request: serves MLC models by Range, counts what it was
 * asked for and spoils chosen files. Serves a built page too, so that all is one origin.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { MlcModel } from '../fixtures/mlc-model.ts'
import { Hub } from './hub-server.ts'
import { answerAs, type Manner, nextManner } from './source-server.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}

export class MlcServer {
  readonly models = new Map<string, MlcModel>()
  readonly hub = new Hub()
  /** Libraries by file name. */
  readonly libraries = new Map<string, Uint8Array>()
  /** By the path of a file inside its model or library folder, of the hub too. */
  readonly manners: Map<string, Manner[]> = this.hub.manners
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
    if (path.startsWith('/hub/')) return this.#hub(request, response, path)
    if (path.startsWith('/libraries/')) return this.#file(request, response, path.slice(11), this.libraries)
    this.#page(response, path)
  }

  async #hub(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (path.startsWith('/hub/cdn/')) {
      this.asked.push(path.slice('/hub/cdn/'.length))
      await this.gate
    }
    this.hub.answer(`${this.url}/hub`, request, response)
  }

  async #file(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    files: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    this.asked.push(path)
    await this.gate
    const bytes = files.get(path)
    if (!bytes) return void response.writeHead(404).end()
    response.setHeader('content-type', 'application/octet-stream')
    answerAs(nextManner(this.manners.get(path) ?? []), bytes, null, request, response, () => {})
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
