/**
 * Plays a model hub with one repository: what a revision is, the list of files by pages, and the files, large ones by way
 * of another address. Each path may misbehave as `SourceServer` does. Remembers every request.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MlcFolder } from './small-mlc.ts'
import { answerAs, type Manner, nextManner } from './source-server.ts'

/** Files above this size are announced by SHA-256, smaller ones by Git's id. */
const LARGE_BYTES = 2_000

export interface HubRequest {
  readonly path: string
  readonly range: string | undefined
}

export class HubServer {
  readonly seen: HubRequest[] = []
  /** By path of a file, or `revision` and `tree` for what the hub says itself. */
  readonly manners = new Map<string, Manner[]>()
  readonly repo: string
  /** What is announced. */
  files: MlcFolder
  /** What is sent instead. */
  readonly lies: MlcFolder = new Map()
  /** Sizes that are announced in place of the right ones. */
  readonly sizes = new Map<string, number>()
  card: unknown = { license: 'apache-2.0' }
  commit = 'c0'.repeat(20)
  filesPerPage = 4
  /** Where the list goes on; its own address unless a test says otherwise. */
  nextHost: string | null = null
  onAnswer: () => void = () => {}
  readonly #server = createServer((request, response) => this.#answer(request, response))

  constructor(repo: string, files: MlcFolder) {
    this.repo = repo
    this.files = files
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

  /** Requests for the content of files, in order. */
  get fetched(): readonly string[] {
    return this.seen.filter(({ path }) => path.startsWith('/cdn/')).map(({ path }) => path.slice('/cdn/'.length))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url)
    const path = decodeURIComponent(url.pathname)
    this.seen.push({ path, range: request.headers.range })
    const api = `/api/models/${this.repo}`
    if (path.startsWith(`${api}/revision/`)) {
      const about = { id: this.repo, sha: this.commit, cardData: this.card }
      return void this.#send('revision', about, request, response)
    }
    if (path === `${api}/tree/${this.commit}`) {
      const first = Number(url.searchParams.get('cursor') ?? 0)
      const next = first + this.filesPerPage
      const more = `<${this.nextHost ?? this.url}${url.pathname}?recursive=true&cursor=${next}>; rel="next"`
      if (next < this.files.size) response.setHeader('link', more)
      return void this.#send('tree', this.#entries().slice(first, next), request, response)
    }
    const resolved = `/${this.repo}/resolve/${this.commit}/`
    if (path.startsWith(resolved)) {
      return void response.writeHead(302, { location: `/cdn/${path.slice(resolved.length)}` }).end()
    }
    const name = path.startsWith('/cdn/') ? path.slice('/cdn/'.length) : ''
    const bytes = this.lies.get(name) ?? this.files.get(name)
    if (!bytes) return void response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
    answerAs(this.#manner(name), bytes, etag, request, response, () => this.onAnswer())
  }

  #send(key: string, value: unknown, request: IncomingMessage, response: ServerResponse): void {
    const bytes = new TextEncoder().encode(JSON.stringify(value))
    answerAs(this.#manner(key), bytes, null, request, response, () => this.onAnswer())
  }

  #manner(key: string): Manner {
    return nextManner(this.manners.get(key) ?? [])
  }

  #entries(): readonly unknown[] {
    return [...this.files].map(([path, bytes]) => {
      const size = this.sizes.get(path) ?? bytes.length
      const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const lfs = size > LARGE_BYTES ? { lfs: { oid: sha256, size, pointerSize: 130 } } : {}
      return { type: 'file', oid, size, path, ...lfs }
    })
  }
}
