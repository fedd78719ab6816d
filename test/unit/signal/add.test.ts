/** Adding a model from files and addresses: what is taken, what is refused, what is kept, what comes next. */
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { blobSource } from '../../../web/weights/blob-source.ts'
import { readDirectory } from '../../../web/weights/gguf.ts'
import { manifestId, manifestOfFile } from '../../../web/weights/manifest.ts'
import { CHUNK_BYTES } from '../../../web/wire/limits/models.ts'
import { parseManifest } from '../../../web/wire/model.ts'
import { type GgufMetadata, text, u32, writeGguf } from '../../fixtures/gguf-writer.ts'
import { smallGguf } from '../../support/small-gguf.ts'
import { add, everything, openStore, QUICK_TOOLS, request, serve, sha256, temporaryFolder } from './support.ts'

/** Two chunks and a bit. */
const LARGE = smallGguf({ rows: 36_000, name: 'Large' })
const SMALL = smallGguf()
const pinOf = (bytes: Uint8Array) => ({ sha256: sha256(bytes), bytes: bytes.length })

async function fileOf(bytes: Uint8Array, name = 'tiny.gguf'): Promise<string> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, bytes)
  return path
}

/** Its directory lists tensors in another order than they lie in, and one has a name that a careless decoder changes. */
function scattered(more: GgufMetadata): Uint8Array<ArrayBuffer> {
  const data = (value: number) => new Uint8Array(128).fill(value)
  const tensor = (name: string, value: number) => ({ name, type: 'F32', shape: [32], data: data(value) }) as const
  const counts = { 'llama.block_count': u32(1), 'llama.context_length': u32(512) }
  const metadata = { 'general.architecture': text('llama'), ...counts, ...more }
  const tensors = [tensor('token_embd.weight', 1), tensor('blk.0.attn_norm.weight', 2), tensor('\ufeffmark', 3)]
  const file = writeGguf(metadata, tensors)
  // The offset of a tensor follows its name, the number of its dimensions, one dimension and its type.
  const view = new DataView(file.buffer)
  const offsetAt = (name: string) => Buffer.from(file).indexOf(name) + name.length + 4 + 8 + 4
  view.setBigUint64(offsetAt('token_embd.weight'), 128n, true)
  view.setBigUint64(offsetAt('blk.0.attn_norm.weight'), 0n, true)
  return file
}

describe('a file on this machine', () => {
  it('becomes a model whose manifest names every byte', async () => {
    const store = await openStore()
    const { result } = await add(store, request([await fileOf(LARGE)]))
    if (!result.ok) throw new Error(result.detail)
    const { id, manifest, created } = result.value
    expect(created).toBe(true)
    expect(manifest).toMatchObject({ name: 'Large', license: 'unknown', architecture: 'llama', layers: 2 })
    expect(manifest.fileSha256).toBe(sha256(LARGE))
    const chunks = [0, 1, 2].map((index) => sha256(LARGE.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)))
    expect(manifest.chunks).toEqual(chunks)
    expect(manifest.layerBytes).toEqual([64 * 65 * 4, 64 * 65 * 4])
    expect(parseManifest(JSON.parse(JSON.stringify(manifest))).ok).toBe(true)
    expect((await store.list()).map((model) => model.id)).toEqual([id])
    expect(await everything(store)).toEqual([id, `${id}/manifest.json`, `${id}/model.gguf`])
  })

  it('is added once: the same bytes and names are the same model', async () => {
    const store = await openStore()
    const path = await fileOf(SMALL)
    const first = await add(store, request([path]))
    const second = await add(store, request([path]))
    expect(first.result.ok && second.result.ok && first.result.value.id === second.result.value.id).toBe(true)
    expect(second.result).toMatchObject({ value: { created: false } })
    expect(await store.list()).toHaveLength(1)
  })

  it('takes the names it is given, else those of a pin with its digest, else its own', async () => {
    const store = await openStore()
    const path = await fileOf(SMALL)
    const entry = { key: 'k', name: 'Known', license: 'MIT', ...pinOf(SMALL), sources: [] }
    const names = []
    for (const more of [{ name: 'Mine', license: 'X' }, { known: [entry] }, {}]) {
      const { result } = await add(store, request([path], more))
      names.push(result.ok && [result.value.manifest.name, result.value.manifest.license])
    }
    expect(names).toEqual([
      ['Mine', 'X'],
      ['Known', 'MIT'],
      ['Unnamed llama model', 'unknown'],
    ])
  })

  it.each([
    ['that says all', scattered({ 'general.name': text('Tiny'), 'general.license': text('apache-2.0') })],
    ['without a name or a license', scattered({})],
    [
      'with a basename and a license without SPDX id',
      scattered({ 'general.basename': text('Tïny '), 'general.license': text('gemma') }),
    ],
    ['of several chunks', LARGE],
  ])('%s gets the id that a page gives it', async (_what, bytes) => {
    const blob = new Blob([bytes])
    const directory = await readDirectory(blobSource(blob))
    if (!directory.ok) throw new Error(directory.detail)
    const manifest = await manifestOfFile(blob, directory.value)
    if (!manifest.ok) throw new Error(manifest.detail)
    for (const name of ['one.gguf', 'other.gguf']) {
      const { result } = await add(await openStore(), request([await fileOf(bytes, name)]))
      if (!result.ok) throw new Error(result.detail)
      expect(result.value.manifest).toEqual(manifest.value)
      expect(result.value.id).toBe(await manifestId(manifest.value))
    }
  })

  it.each([
    ['missing', null, 'source-missing'],
    ['empty', new Uint8Array(0), 'gguf-truncated'],
    ['cut short', SMALL.subarray(0, SMALL.length - 1), 'gguf-truncated'],
    ['something else', Buffer.from('PK and more than twenty-four bytes of it'), 'gguf-not-gguf'],
  ])('that is %s is refused and leaves nothing', async (_what, bytes, code) => {
    const store = await openStore()
    const path = bytes === null ? '/nowhere/tiny.gguf' : await fileOf(bytes)
    const { result } = await add(store, request([path]))
    expect(result).toMatchObject({ ok: false, code })
    expect(await everything(store)).toEqual([])
  })

  it('of an architecture that the engine does not run is added with a note', async () => {
    const store = await openStore()
    const { result, events } = await add(store, request([await fileOf(smallGguf({ architecture: 'mamba' }))]))
    expect(result.ok).toBe(true)
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'warning',
        failure: expect.objectContaining({ code: 'architecture-unsupported' }),
      }),
    )
  })
})

describe('an address', () => {
  it('is fetched with progress', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    const { result, events } = await add(store, request([server.url()]))
    expect(result.ok).toBe(true)
    const last = events.findLast((event) => event.kind === 'progress' && event.phase === 'fetch')
    expect(last).toMatchObject({ doneBytes: LARGE.length, totalBytes: LARGE.length })
  })

  it('goes on where it was cut, asking for the rest of the same version', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    server.manners = [{ kind: 'cut', afterBytes: 5_000_000 }, { kind: 'status', status: 503 }, { kind: 'good' }]
    const { result } = await add(store, request([server.url()], { pin: pinOf(LARGE) }))
    expect(result.ok).toBe(true)
    expect(server.seen[0]).toEqual({ range: undefined, ifRange: undefined })
    expect(server.seen).toHaveLength(3)
    const resumed = /^bytes=(\d+)-$/.exec(server.seen[2]?.range ?? '')
    expect(Number(resumed?.[1])).toBeGreaterThan(0)
    expect(server.seen[2]?.ifRange).toBe('"one"')
  })

  it('that goes silent half way is cut by us and resumed', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    server.manners = [{ kind: 'stall', afterBytes: 5_000_000 }, { kind: 'good' }]
    const { result } = await add(store, request([server.url()]), { ...QUICK_TOOLS, idleMs: 300 })
    expect(result.ok).toBe(true)
    expect(server.seen.length).toBeGreaterThan(1)
  })

  it('that changed meanwhile starts over', async () => {
    const store = await openStore()
    const server = await serve(smallGguf({ rows: 36_000, seed: 9 }))
    server.manners = [{ kind: 'cut', afterBytes: 5_000_000 }, { kind: 'good' }]
    server.onAnswer = () => {
      server.bytes = LARGE
      server.etag = '"two"'
    }
    const { result } = await add(store, request([server.url()], { pin: pinOf(LARGE) }))
    expect(result.ok).toBe(true)
  })

  it('without a version starts over rather than mixing two files', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    server.etag = null
    server.manners = [{ kind: 'cut', afterBytes: 5_000_000 }, { kind: 'good' }]
    const { result } = await add(store, request([server.url()]))
    expect(result.ok).toBe(true)
    expect(server.seen.map(({ range }) => range)).toEqual([undefined, undefined])
  })

  it('that is cut for ever is given up, and its part is kept for the next command', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    server.manners = [
      { kind: 'cut', afterBytes: 5_000_000 },
      { kind: 'cut', afterBytes: 0 },
    ]
    const wanted = request([server.url()])
    const first = await add(store, wanted)
    expect(first.result).toMatchObject({ ok: false, code: 'source-unreachable' })
    expect(await store.list()).toEqual([])
    server.manners = [{ kind: 'good' }]
    server.seen.length = 0
    expect((await add(store, wanted)).result.ok).toBe(true)
    expect(server.seen).toHaveLength(1)
    expect(server.seen[0]?.range).toMatch(/^bytes=[1-9]\d*-$/)
    expect(await everything(store)).toHaveLength(3)
  })

  it.each([
    ['an error page', { kind: 'page', type: 'text/html; charset=utf-8' }, 'source-error-page'],
    ['a page that claims to be a file', { kind: 'page', type: 'application/octet-stream' }, 'source-error-page'],
    ['404', { kind: 'status', status: 404 }, 'source-error-page'],
    ['500', { kind: 'status', status: 500 }, 'source-error-page'],
    ['a way out of https', { kind: 'moved', to: 'http://example.org/model.gguf' }, 'source-unreachable'],
    ['a circle', { kind: 'moved', to: '/model.gguf' }, 'source-unreachable'],
  ] as const)('that answers with %s is refused', async (_what, manner, code) => {
    const store = await openStore()
    const server = await serve(SMALL)
    server.manners = [manner]
    const { result } = await add(store, request([server.url()]))
    expect(result).toMatchObject({ ok: false, code })
    expect(await everything(store)).toEqual([])
  })

  it('that moved is followed', async () => {
    const store = await openStore()
    const [old, now] = [await serve(SMALL), await serve(SMALL)]
    old.manners = [{ kind: 'moved', to: now.url('/elsewhere.gguf') }]
    expect((await add(store, request([old.url()]))).result.ok).toBe(true)
  })

  it('of a file that is no model is refused on its first bytes', async () => {
    const store = await openStore()
    const server = await serve(new Uint8Array(20_000_000).fill(7))
    server.manners = [{ kind: 'stall', afterBytes: 100_000 }]
    expect((await add(store, request([server.url()]))).result).toMatchObject({ ok: false, code: 'gguf-not-gguf' })
  })

  it('on a hub is where the hub says', async () => {
    const store = await openStore()
    const paths: string[] = []
    const hub = createServer((asked, response) => {
      paths.push(asked.url ?? '')
      response.end(SMALL)
    })
    await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve))
    const address = hub.address()
    const hubUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    const { result } = await add(store, request(['hf:owner/repo/a/tiny.gguf@abc']), { ...QUICK_TOOLS, hubUrl })
    hub.closeAllConnections()
    await new Promise((resolve) => hub.close(resolve))
    expect(result).toMatchObject({ value: { manifest: { name: 'Unnamed llama model', fileSha256: sha256(SMALL) } } })
    expect(paths).toEqual(['/owner/repo/resolve/abc/a/tiny.gguf'])
  })
})

describe('several sources', () => {
  it('are tried in order, each failure told, until one gives the pinned bytes', async () => {
    const store = await openStore()
    const page = await serve(SMALL)
    page.manners = [{ kind: 'page', type: 'text/html' }]
    const other = await serve(smallGguf({ seed: 5 }))
    const short = await serve(SMALL.subarray(0, 400))
    const good = await serve(SMALL)
    const urls = [page, other, short, good].map((server) => server.url())
    const { result, failed } = await add(store, request(urls, { pin: pinOf(SMALL) }))
    expect(failed).toEqual(['source-error-page', 'source-changed', 'source-changed'])
    expect(result.ok && result.value.manifest.fileSha256).toBe(sha256(SMALL))
    expect(await everything(store)).toHaveLength(3)
  })

  it('do not wait for one that does not answer', async () => {
    const store = await openStore()
    const silent = await serve(SMALL)
    silent.manners = [{ kind: 'silent' }]
    const wanted = request([silent.url(), await fileOf(SMALL)])
    const { result, failed } = await add(store, wanted, { ...QUICK_TOOLS, answerMs: 100 })
    expect(failed).toEqual(['source-unreachable'])
    expect(result.ok).toBe(true)
  })

  it('that all fail add nothing and say why, one by one', async () => {
    const store = await openStore()
    const server = await serve(SMALL)
    server.manners = [{ kind: 'status', status: 403 }]
    const { result } = await add(store, request([server.url('/a.gguf'), server.url('/b.gguf')]))
    expect(result).toMatchObject({ ok: false, code: 'source-error-page' })
    expect(!result.ok && result.detail).toMatch(/a\.gguf: .*403.*b\.gguf: .*403/)
  })

  it('are not asked for a model that is here', async () => {
    const store = await openStore()
    const server = await serve(SMALL)
    const wanted = request([server.url()], { pin: pinOf(SMALL) })
    await add(store, wanted)
    expect((await add(store, wanted)).result).toMatchObject({ ok: true, value: { created: false } })
    expect(server.seen).toHaveLength(1)
  })
})

describe('an add that is stopped', () => {
  it('keeps its part, lists nothing, and is resumed', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    server.manners = [{ kind: 'stall', afterBytes: 5_000_000 }, { kind: 'good' }]
    const stop = new AbortController()
    server.onAnswer = () => stop.abort()
    const wanted = request([server.url()])
    const first = await add(store, wanted, QUICK_TOOLS, stop.signal)
    expect(first.result).toMatchObject({ ok: false, code: 'aborted' })
    expect(await store.list()).toEqual([])
    expect((await add(store, wanted)).result.ok).toBe(true)
    expect(await everything(store)).toHaveLength(3)
  })

  it('keeps others of the same model away while it runs', async () => {
    const store = await openStore()
    const server = await serve(LARGE)
    server.manners = [{ kind: 'stall', afterBytes: 10 }]
    const stop = new AbortController()
    const answered = new Promise<void>((resolve) => {
      server.onAnswer = resolve
    })
    const wanted = request([server.url()])
    const first = add(store, wanted, QUICK_TOOLS, stop.signal)
    await answered
    expect((await add(store, wanted)).result).toMatchObject({ ok: false, code: 'model-busy' })
    stop.abort()
    await first
    server.manners = [{ kind: 'good' }]
    expect((await add(store, wanted)).result.ok).toBe(true)
  })
})
