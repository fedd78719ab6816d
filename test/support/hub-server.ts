/**
 * Plays a model hub: what a revision is, the list of files by pages, and the files by way of another address. Each path
 * may misbehave as `SourceServer` does. Remembers every request. `Hub` answers, `HubServer` is one on a port of its own.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { MlcFiles } from '../fixtures/mlc-model.ts'
import { answerAs, type Manner, nextManner } from './source-server.ts'

/** Files above this size are announced by SHA-256, smaller ones by Git's id. */
const LARGE_BYTES = 2_000

export interface HubRequest {
  readonly path: string
  readonly range: string | undefined
}

export class Hub {
  /** Files of each repository, by `owner/name`. */
  readonly repos = new Map<string, MlcFiles>()
  readonly seen: HubRequest[] = []
  /** By path of a file, or `revision` and `tree` for what the hub says itself. */
  readonly manners = new Map<string, Manner[]>()
  /** What is sent instead of what was announced. */
  readonly lies = new Map<string, Uint8Array>()
  /** Sizes that are announced in place of the right ones. */
  readonly sizes = new Map<string, number>()
  card: unknown = { license: 'apache-2.0' }
  commit = 'c0'.repeat(20)
  filesPerPage = 4
  /** Where the list goes on; its own address unless a test says otherwise. */
  nextHost: string | null = null
  onAnswer: () => void = () => {}

  /** Requests for the content of files, in order. */
  get fetched(): readonly string[] {
    return this.seen.filter(({ path }) => path.startsWith('/cdn/')).map(({ path }) => path.slice('/cdn/'.length))
  }

  /** `root`: where this hub stands, without a slash at the end. */
  answer(root: string, request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', root)
    const path = decodeURIComponent(url.pathname).slice(new URL(root).pathname.replace(/\/$/, '').length)
    this.seen.push({ path, range: request.headers.range })
    const [, repo = '', what = ''] = /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\//.exec(path) ?? []
    const files = this.repos.get(repo)
    const resolved = `/${repo}/resolve/${this.commit}/`
    if (path.startsWith('/cdn/'))
      this.#sendFile(path.slice('/cdn/'.length), url.searchParams.get('of'), request, response)
    else if (files && what === 'revision')
      this.#send('revision', { id: repo, sha: this.commit, cardData: this.card }, request, response)
    else if (files && path === `/api/models/${repo}/tree/${this.commit}`) {
      const entries = entriesOf(files, this.sizes)
      const first = Number(url.searchParams.get('cursor') ?? 0)
      const next = first + this.filesPerPage
      const more = `<${this.nextHost ?? root}${path}?recursive=true&cursor=${next}>; rel="next"`
      if (next < entries.length) response.setHeader('link', more)
      this.#send('tree', entries.slice(first, next), request, response)
    } else if (files && path.startsWith(resolved))
      response.writeHead(302, { location: `${root}/cdn/${path.slice(resolved.length)}?of=${repo}` }).end()
    else missing(response)
  }

  #sendFile(name: string, repo: string | null, request: IncomingMessage, response: ServerResponse): void {
    const bytes = this.lies.get(name) ?? this.repos.get(repo ?? '')?.get(name)
    if (!bytes) return void missing(response)
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
    answerAs(this.#manner(name), bytes, etag, request, response, () => this.onAnswer())
  }

  #send(key: string, value: unknown, request: IncomingMessage, response: ServerResponse): void {
    const bytes = new TextEncoder().encode(JSON.stringify(value))
    response.setHeader('content-type', 'application/json')
    answerAs(this.#manner(key), bytes, null, request, response, () => this.onAnswer())
  }

  #manner(key: string): Manner {
    return nextManner(this.manners.get(key) ?? [])
  }
}

function missing(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
}

function entriesOf(files: MlcFiles, sizes: ReadonlyMap<string, number>): readonly unknown[] {
  const listed = [...files].map(([path, bytes]) => {
    const size = sizes.get(path) ?? bytes.length
    // A large file is kept elsewhere; the id of its blob is that of a pointer, which names no content.
    if (size > LARGE_BYTES) {
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      return { type: 'file', oid: '0'.repeat(40), size, path, lfs: { oid: sha256, size, pointerSize: 130 } }
    }
    const oid = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
    return { type: 'file', oid, size, path }
  })
  return [...listed, { type: 'directory', oid: '1'.repeat(40), size: 0, path: 'logs' }]
}

export class HubServer extends Hub {
  readonly #server = createServer((request, response) => this.answer(this.url, request, response))

  constructor(repo: string, files: MlcFiles) {
    super()
    this.repos.set(repo, files)
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
}
