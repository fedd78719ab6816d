/** What the server answers: ranges, versions, headers, the list, and nothing outside the mirror. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseRange } from '../../../signal/models/range.ts'
import { parseMirrorIndex, parsePageConfig } from '../../../web/wire/mirror.ts'
import { parseMlcManifest, summariseMlc } from '../../../web/wire/mlc-model.ts'
import { parseManifest } from '../../../web/wire/model.ts'
import { LIBRARY } from '../../fixtures/mlc-model.ts'
import { startTestServer, type TestServer } from '../../support/server.ts'
import { smallGguf } from '../../support/small-gguf.ts'
import { addMlc, folderOf, smallMlc, toolsOf } from './mlc-support.ts'
import { add, QUICK_TOOLS, request, serve, sha256, temporaryFolder } from './support.ts'

const MODEL = smallGguf({ name: 'Tiny' })
const ETAG = `"${sha256(MODEL)}"`

let server: TestServer
let id = ''
let modelUrl = ''

async function appFolder(): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), `<!doctype html><title>App</title>${'<p>text</p>'.repeat(400)}`)
  await writeFile(join(folder, 'assets/main-abc123.js'), 'export {}')
  return folder
}

beforeAll(async () => {
  server = await startTestServer()
  const folder = join(server.dataDir, 'in')
  await mkdir(folder)
  await writeFile(join(folder, 'tiny.gguf'), MODEL)
  const { result } = await add(server.server.mirror.store, request([join(folder, 'tiny.gguf')]))
  if (!result.ok) throw new Error(result.detail)
  id = result.value.id
  modelUrl = `${server.url}/models/${id}/model.gguf`
})

afterAll(() => server.close())

/** As `fetch` would normalise a path away, this sends the target as it is. */
function rawStatus(target: string): Promise<string> {
  const port = Number(new URL(server.url).port)
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    })
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (part: string) => {
      text += part
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
  })
}

describe('a model file', () => {
  it('comes whole, versioned, for ever, to any page', async () => {
    const answer = await fetch(modelUrl)
    expect(answer.status).toBe(200)
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'etag': ETAG,
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'content-length': String(MODEL.length),
    })
    expect(Buffer.from(await answer.arrayBuffer()).equals(MODEL)).toBe(true)
  })

  it('has every range that is asked for', async () => {
    const edge = fc.nat(MODEL.length + 200)
    await fc.assert(
      fc.asyncProperty(edge, fc.option(edge), async (first, last) => {
        const answer = await fetch(modelUrl, { headers: { Range: `bytes=${first}-${last ?? ''}` } })
        const bytes = Buffer.from(await answer.arrayBuffer())
        if (last !== null && last < first) {
          expect(answer.status).toBe(200)
          return
        }
        if (first >= MODEL.length) {
          expect(answer.headers.get('content-range')).toBe(`bytes */${MODEL.length}`)
          expect(answer.status).toBe(416)
          return
        }
        const end = Math.min(last ?? MODEL.length, MODEL.length - 1)
        expect(answer.status).toBe(206)
        expect(answer.headers.get('content-range')).toBe(`bytes ${first}-${end}/${MODEL.length}`)
        expect(bytes.equals(MODEL.subarray(first, end + 1))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('has its last bytes', async () => {
    const answer = await fetch(modelUrl, { headers: { Range: 'bytes=-7' } })
    expect(answer.status).toBe(206)
    expect(Buffer.from(await answer.arrayBuffer()).equals(MODEL.subarray(-7))).toBe(true)
  })

  it.each([
    [ETAG, 206],
    ['"another"', 200],
    [`W/${ETAG}`, 200],
    ['Sat, 21 Nov 2026 00:00:00 GMT', 200],
  ])('answers If-Range %s with %i', async (condition, status) => {
    const answer = await fetch(modelUrl, { headers: { 'Range': 'bytes=0-3', 'If-Range': condition } })
    expect([answer.status, (await answer.arrayBuffer()).byteLength]).toEqual([
      status,
      status === 206 ? 4 : MODEL.length,
    ])
  })

  it('is not sent to who has it', async () => {
    expect((await fetch(modelUrl, { headers: { 'If-None-Match': `"x", ${ETAG}` } })).status).toBe(304)
  })

  it('answers HEAD with the headers of GET and no content', async () => {
    const answer = await fetch(modelUrl, { method: 'HEAD' })
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, String(MODEL.length)])
    expect((await answer.arrayBuffer()).byteLength).toBe(0)
  })

  it('lets another origin ask for ranges', async () => {
    const answer = await fetch(modelUrl, { method: 'OPTIONS' })
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-headers')).toContain('If-Range')
    expect((await fetch(modelUrl, { method: 'PUT' })).status).toBe(405)
  })
})

describe('a model of many files', () => {
  const files = smallMlc()
  const shard = files.get('params_shard_0.bin') ?? new Uint8Array()
  let mlcId = ''
  const fileUrl = (path: string) => `${server.url}/models/${mlcId}/files/${path}`

  beforeAll(async () => {
    const folder = await folderOf(files, join(server.dataDir, 'in'))
    const { result } = await addMlc(server.server.mirror.store, `mlc:${folder}`, toolsOf(null))
    if (!result.ok) throw new Error(result.detail)
    mlcId = result.value.id
  })

  it('is listed with its format, and is not the first choice where a GGUF model is', async () => {
    const index = parseMirrorIndex(await (await fetch(`${server.url}/models/index.json`)).json())
    expect(index).toMatchObject({ ok: true, value: { defaultId: id } })
    const [listed] = index.ok ? index.value.models.filter(({ format }) => format === 'mlc') : []
    expect(listed).toMatchObject({ id: mlcId, name: 'Small-q4f16_1-MLC', layers: 2, contextLength: 2048 })
  })

  it('gives the manifest whose bytes hash to the id', async () => {
    const text = await (await fetch(`${server.url}/models/${mlcId}/manifest.json`)).text()
    expect(sha256(Buffer.from(text))).toBe(mlcId)
    const manifest = parseMlcManifest(JSON.parse(text))
    expect(manifest.ok && summariseMlc(mlcId, manifest.value).fileBytes).toBeGreaterThan(5_000_000)
  })

  it('sends every file as it is, never compressed, versioned, for ever, to any page', async () => {
    for (const [path, bytes] of files) {
      if (path === 'README.md') continue
      const answer = await fetch(fileUrl(path), { headers: { 'Accept-Encoding': 'gzip, br' } })
      expect(answer.status).toBe(200)
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'etag': `"${sha256(bytes)}"`,
        'accept-ranges': 'bytes',
        'cache-control': 'public, max-age=31536000, immutable',
        'access-control-allow-origin': '*',
        'content-length': String(bytes.length),
      })
      expect(answer.headers.get('content-encoding')).toBeNull()
      expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true)
    }
    const types = [LIBRARY, 'tokenizer.json', 'params_shard_0.bin'].map(async (path) => {
      return (await fetch(fileUrl(path), { method: 'HEAD' })).headers.get('content-type')
    })
    expect(await Promise.all(types)).toEqual(['application/wasm', 'application/json', 'application/octet-stream'])
  })

  it('has ranges of a file', async () => {
    const answer = await fetch(fileUrl('params_shard_0.bin'), { headers: { Range: 'bytes=4194304-4194403' } })
    expect([answer.status, answer.headers.get('content-range')]).toEqual([206, 'bytes 4194304-4194403/5000000'])
    expect(Buffer.from(await answer.arrayBuffer()).equals(shard.subarray(4_194_304, 4_194_404))).toBe(true)
  })

  it.each([
    'files/README.md',
    'files/',
    'files',
    'files/../manifest.json',
    'files/%2e%2e/manifest.json',
    'files/params_shard_0.bin/',
    'files//params_shard_0.bin',
    'files/./params_shard_0.bin',
    'files/..\\manifest.json',
    'model.gguf',
  ])('has nothing at %s', async (target) => {
    expect(await rawStatus(`/models/${mlcId}/${target}`)).toMatch(/^HTTP\/1\.1 404 /)
  })

  it('does not send a file that lost a byte', async () => {
    const place = server.server.mirror.store.filePath(mlcId, 'files/params_shard_1.bin')
    const bytes = await readFile(place)
    await writeFile(place, bytes.subarray(1))
    expect((await fetch(fileUrl('params_shard_1.bin'))).status).toBe(404)
    expect((await fetch(`${server.url}/models/${mlcId}/manifest.json`)).status).toBe(404)
    await writeFile(place, bytes)
    expect((await fetch(fileUrl('params_shard_1.bin'))).status).toBe(200)
  })

  it('is the first choice where nothing else is', async () => {
    const own = await startTestServer()
    const { result } = await addMlc(own.server.mirror.store, `mlc:${await folderOf(files)}`, toolsOf(null))
    expect(await own.server.mirror.index()).toMatchObject({ defaultId: result.ok && result.value.id })
    await own.close()
  })
})

describe('a range header', () => {
  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'items=0-1',
    'bytes=0-1,4-5',
    'bytes=5-1',
    `bytes=${'0'.repeat(200)}-1`,
  ])('%s names the whole file', (header) => expect(parseRange(header, 10)).toBe('whole'))

  it('never leaves the file, whatever it says', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^bytes=\d{0,20}-\d{0,20}$/)),
        fc.integer({ min: 1 }),
        (header, size) => {
          const range = parseRange(header, size)
          if (typeof range === 'string') return
          expect(range.first).toBeGreaterThanOrEqual(0)
          expect(range.last).toBeGreaterThanOrEqual(range.first)
          expect(range.last).toBeLessThan(size)
        },
      ),
    )
  })
})

describe('the mirror', () => {
  it('lists its models, never cached', async () => {
    const answer = await fetch(`${server.url}/models/index.json`)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const index = parseMirrorIndex(await answer.json())
    expect(index).toMatchObject({ ok: true, value: { defaultId: id, adding: [], failed: [] } })
    expect(index.ok && index.value.models.map(({ name }) => name)).toContain('Tiny')
  })

  it('gives the manifest whose bytes hash to the id', async () => {
    const text = await (await fetch(`${server.url}/models/${id}/manifest.json`)).text()
    expect(sha256(Buffer.from(text))).toBe(id)
    expect(parseManifest(JSON.parse(text)).ok).toBe(true)
  })

  it('says model-unknown for an id that it has not', async () => {
    const answer = await fetch(`${server.url}/models/${'0'.repeat(64)}/model.gguf`)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ code: 'model-unknown', message: expect.any(String) })
  })

  it.each([
    '/models/../in/tiny.gguf',
    '/models/%2e%2e/in/tiny.gguf',
    '/models/..%2fin%2ftiny.gguf',
    '/models//../../in/tiny.gguf',
    '/models/../../../../etc/passwd',
    '/models/.adding-x/model.gguf',
    '/models/ID/../ID/manifest.json',
    '/models/ID/model.gguf/../../../in/tiny.gguf',
    '/models/ID/manifest.json%00.gguf',
    '/models/ID/lock',
    '/models',
    '/models/',
  ])('has nothing at %s', async (target) => {
    const text = await rawStatus(target.replaceAll('ID', id))
    expect(text).toMatch(/^HTTP\/1\.1 404 /)
    expect(text).toContain('model-unknown')
  })

  it('refuses a target that is no path', async () => {
    expect(await rawStatus('http://x/')).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('the app', () => {
  it('is isolated and strict', async () => {
    const own = await startTestServer({ appDir: await appFolder() })
    for (const path of ['/', '/some/place', '/models/index.json', '/healthz']) {
      const { headers } = await fetch(own.url + path)
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
      expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      const scripts = /script-src ([^;]*)/.exec(headers.get('content-security-policy') ?? '')?.[1]
      expect(scripts).toBe(`'self' 'wasm-unsafe-eval'`)
    }
    await own.close()
  })

  it('is asked for anew, its hashed files never, and text comes compressed', async () => {
    const own = await startTestServer({ appDir: await appFolder() })
    const page = await fetch(`${own.url}/some/place`)
    expect([page.status, page.headers.get('cache-control')]).toEqual([200, 'no-cache'])
    expect(page.headers.get('content-encoding')).toMatch(/^(br|gzip)$/)
    expect(await page.text()).toContain('<title>App</title>')
    const script = await fetch(`${own.url}/assets/main-abc123.js`)
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect((await fetch(`${own.url}/assets/missing-abc123.js`)).status).toBe(404)
    expect(await rawStatus('/../in/tiny.gguf')).not.toContain('GGUF')
    await own.close()
  })

  it('that is not built says what to do', async () => {
    const own = await startTestServer({ appDir: await temporaryFolder() })
    const answer = await fetch(own.url)
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('npm start')])
    await own.close()
  })

  it('has its settings and its health', async () => {
    expect(parsePageConfig(await (await fetch(`${server.url}/config.json`)).json())).toMatchObject({
      value: { allowSoftwareAdapter: true },
    })
    expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ ok: true })
  })
})

describe('an empty mirror', () => {
  const catalogue = (url: string) => {
    const sources = [{ kind: 'url', url } as const]
    const entry = { key: 'tiny', name: 'Pinned', license: 'MIT', sha256: sha256(MODEL), bytes: MODEL.length, sources }
    return { entries: [entry], defaultEntry: entry }
  }
  const index = async (own: TestServer) => {
    const parsed = parseMirrorIndex(await (await fetch(`${own.url}/models/index.json`)).json())
    if (!parsed.ok) throw new Error(parsed.detail)
    return parsed.value
  }

  it('listens first, shows what it adds, then has it', async () => {
    const source = await serve(MODEL)
    source.manners = [{ kind: 'stall', afterBytes: 100 }, { kind: 'good' }]
    const asked = new Promise<void>((resolve) => {
      source.onAnswer = resolve
    })
    const tools = { ...QUICK_TOOLS, idleMs: 400 }
    const own = await startTestServer({ addDefault: true }, { catalogue: catalogue(source.url()), tools })
    await asked
    expect(await index(own)).toMatchObject({ models: [], adding: [{ name: 'Pinned', source: source.url() }] })
    await own.server.mirror.idle()
    expect(await index(own)).toMatchObject({ models: [{ name: 'Pinned', license: 'MIT' }], adding: [], failed: [] })
    await own.close()
  })

  it('that cannot be filled says why, source by source', async () => {
    const source = await serve(MODEL)
    source.manners = [{ kind: 'page', type: 'text/html' }]
    const own = await startTestServer({ addDefault: true }, { catalogue: catalogue(source.url()), tools: QUICK_TOOLS })
    await own.server.mirror.idle()
    const failed = [{ source: source.url(), code: 'source-error-page', detail: expect.any(String) }]
    expect(await index(own)).toEqual({ models: [], adding: [], failed, defaultId: null })
    await own.close()
  })

  it('closes in the middle of an add and goes on next time', async () => {
    const source = await serve(MODEL)
    source.manners = [{ kind: 'stall', afterBytes: 100 }, { kind: 'good' }]
    const dataDir = await temporaryFolder()
    const asked = new Promise<void>((resolve) => {
      source.onAnswer = resolve
    })
    const parts = { catalogue: catalogue(source.url()), tools: QUICK_TOOLS }
    const first = await startTestServer({ addDefault: true, dataDir }, parts)
    await asked
    await first.close()
    const second = await startTestServer({ addDefault: true, dataDir }, parts)
    await second.server.mirror.idle()
    expect((await index(second)).models).toHaveLength(1)
    await second.close()
  })
})
