/**
 * WebLLM in a real Chromium, with the real package, on models that are made up: everything up to the compiled program,
 * which no registry has. What is fetched, verified, kept, refused and said; a GPU without half precision; workers and GPU
 * processes that die. Generation: test/browser/webllm-chat.test.ts.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { CHUNK_TRIES_MAX } from '../../web/wire/limits/models.ts'
import { EMPTY_MODULE, LIBRARY, mlcModel, NO_MODULE, OTHER_MODULE } from '../fixtures/mlc-model.ts'
import { launchChromium } from '../support/chromium.ts'
import { addMlcFolder } from '../support/mlc-folder.ts'
import { MlcServer } from '../support/mlc-server.ts'
import { buildApp, startTestServer } from '../support/server.ts'
import type { Manner } from '../support/source-server.ts'
import { buildWebLlmPage, WebLlmApp } from '../support/webllm-app.ts'

let server: MlcServer
let browser: Browser
let pageDir: string
const apps: WebLlmApp[] = []

beforeAll(async () => {
  pageDir = await buildWebLlmPage()
  server = await new MlcServer(pageDir).start()
  browser = await launchChromium()
})

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
  server.manners.clear()
  server.asked.length = 0
  server.gate = null
})

afterAll(async () => {
  await browser.close()
  await server.stop()
})

/** A fresh profile: nothing is kept. */
async function open(url = server.url): Promise<WebLlmApp> {
  const app = await WebLlmApp.open(browser, url)
  apps.push(app)
  return app
}

const mirror = (id: string) => ({ kind: 'mirror', id }) as const

const DAMAGED: Manner = { kind: 'damaged' }
const GONE: Manner = { kind: 'status', status: 404 }
const CUT: Manner = { kind: 'cut', afterBytes: 40 }

/** Verified and handed over, and then no program: as far as a made-up model comes. */
const FAR = 'library-mismatch'

describe('a model from the mirror', () => {
  it('is fetched by chunks, verified, kept once, and handed over from there', async () => {
    const model = server.add(mlcModel())
    const app = await open()
    const result = await app.call('load', mirror(model.id))
    expect(result.code).toBe(FAR)
    const steps = await app.call('progress')
    const fetched = steps.filter(({ phase }) => phase === 'fetch')
    expect(fetched.at(-1)).toMatchObject({
      doneBytes: model.manifest.totalBytes,
      totalBytes: model.manifest.totalBytes,
    })
    const done = fetched.map(({ doneBytes }) => doneBytes)
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(steps.some(({ phase }) => phase === 'upload')).toBe(true)
    // Two chunks a shard, one of everything else, each once.
    expect(server.asked.filter((path) => path === 'params_shard_0.bin')).toHaveLength(2)
    expect(new Set(server.asked)).toEqual(new Set(model.files.keys()))
    expect(await app.call('cached')).toMatchObject([
      { id: model.id, format: 'mlc', fileBytes: model.manifest.totalBytes },
    ])
    // WebLLM has a cache of its own for each kind of file: none of them may exist.
    expect(await app.call('strangers')).toEqual([])
  })

  it('loads again without the network', async () => {
    const model = server.add(mlcModel({ seed: 6 }))
    const app = await open()
    await app.call('load', mirror(model.id))
    server.asked.length = 0
    server.models.delete(model.id)
    await app.visit(server.url)
    const result = await app.call('load', mirror(model.id))
    expect(result.code).toBe(FAR)
    expect(server.asked).toEqual([])
  })

  it('says what it needs at the cost of its manifest', async () => {
    const model = server.add(mlcModel({ vramBytes: 64e6 }))
    const app = await open()
    const seen = await app.call('inspect', mirror(model.id))
    expect(seen).toMatchObject({ ok: true, value: { engine: 'webllm', fits: true, gpuBytes: 64e6, reason: '' } })
    expect(server.asked).toEqual([])
  })

  it('whose mirror lies about a shard never reaches WebLLM', async () => {
    const model = server.add(mlcModel({ seed: 7 }))
    server.manners.set('params_shard_1.bin', [DAMAGED])
    const app = await open()
    const result = await app.call('load', mirror(model.id))
    expect(result).toMatchObject({ code: 'chunk-hash-mismatch' })
    expect(result.detail).toContain('params_shard_1.bin')
    expect((await app.call('progress')).some(({ phase }) => phase === 'upload')).toBe(false)
    expect(await app.call('cached')).toEqual([])
    // The engine comes back without a reload of the page, and what was right before is not fetched again.
    server.manners.clear()
    server.asked.length = 0
    expect((await app.call('load', mirror(model.id))).code).toBe(FAR)
    expect(server.asked).not.toContain('params_shard_0.bin')
  })

  it('is tried again after a cut, and named when the mirror stays away', async () => {
    const model = server.add(mlcModel({ seed: 8 }))
    const app = await open()
    server.manners.set('tokenizer.json', [CUT])
    expect(await app.call('load', mirror(model.id))).toMatchObject({ code: 'source-unreachable' })
    expect(server.asked.filter((path) => path === 'tokenizer.json')).toHaveLength(CHUNK_TRIES_MAX)
    server.manners.set('tokenizer.json', [GONE])
    expect(await app.call('load', mirror(model.id))).toMatchObject({ code: 'source-missing' })
    server.manners.clear()
    expect((await app.call('load', mirror(model.id))).code).toBe(FAR)
  })

  it('stops while WebLLM has it, and loads again', async () => {
    const model = server.add(mlcModel({ seed: 15 }))
    const app = await open()
    expect(await app.call('load', mirror(model.id), { how: 'abort', phase: 'upload' })).toMatchObject({
      code: 'aborted',
    })
    expect((await app.call('load', mirror(model.id))).code).toBe(FAR)
  })

  it('stops in the middle of the fetch, keeps what it has, and loads again', async () => {
    const model = server.add(mlcModel({ seed: 9, shards: Array(4).fill(4_259_840) }))
    const app = await open()
    expect(await app.call('load', mirror(model.id), { how: 'abort', phase: 'fetch' })).toMatchObject({
      code: 'aborted',
    })
    expect(server.asked.length).toBeLessThan(model.files.size)
    expect((await app.call('chat', 'Hello')).at(-1)).toMatchObject({ code: 'not-loaded' })
    expect((await app.call('load', mirror(model.id))).code).toBe(FAR)
  })

  it.each(['fetch', 'upload'] as const)('comes back after its worker died in %s', async (phase) => {
    const model = server.add(mlcModel({ seed: 10 }))
    const app = await open()
    expect(await app.call('load', mirror(model.id), { how: 'crash', phase })).toMatchObject({ code: 'worker-lost' })
    expect((await app.call('load', mirror(model.id))).code).toBe(FAR)
  })
})

describe('where the browser refuses storage', () => {
  it('a model is fetched, verified and handed over all the same, and not kept', async () => {
    const model = server.add(mlcModel({ seed: 16 }))
    const app = await open(`${server.url.replace('127.0.0.1', 'localhost')}/framed`)
    expect((await app.call('load', mirror(model.id))).code).toBe(FAR)
    expect(new Set((await app.call('progress')).map(({ phase }) => phase))).toEqual(new Set(['fetch']))
    expect(await app.call('cached')).toEqual([])
    server.manners.set(LIBRARY, [DAMAGED])
    expect(await app.call('load', mirror(model.id))).toMatchObject({ code: 'chunk-hash-mismatch' })
  })
})

describe('the compiled library', () => {
  it('that is gone from the mirror is library-missing', async () => {
    const model = server.add(mlcModel({ seed: 11 }))
    server.manners.set(LIBRARY, [GONE])
    const app = await open()
    expect(await app.call('load', mirror(model.id))).toMatchObject({ code: 'library-missing' })
  })

  it('that a manifest does not name is library-missing', async () => {
    const model = mlcModel({ seed: 12 })
    server.add({ ...model, manifest: { ...model.manifest, library: 'other.wasm' } })
    const app = await open()
    expect(await app.call('inspect', mirror(model.id))).toMatchObject({ ok: false, code: 'library-missing' })
  })

  it.each([
    ['is no WebAssembly', NO_MODULE, /magic word/],
    ['wants what this runtime does not have', OTHER_MODULE, /gone/],
    ['exports nothing', EMPTY_MODULE, /./],
  ])('that %s is library-mismatch', async (_, library, words) => {
    const model = server.add(mlcModel({ seed: 13, library }))
    const app = await open()
    const result = await app.call('load', mirror(model.id))
    expect(result.code).toBe('library-mismatch')
    expect(result.detail).toMatch(words)
  })
})

describe('what is refused before anything is fetched', () => {
  it.each([
    ['that asks for it', { requiredFeatures: ['shader-f16'] }],
    ['whose scheme means it', { quantization: 'q4f16_1' }],
  ])('a model %s on a GPU without half precision', async (_, options) => {
    const model = server.add(mlcModel({ seed: 14, ...options }))
    const app = await open()
    const refusal = { code: 'feature-missing', detail: 'It needs shader-f16.' }
    expect(await app.call('inspect', mirror(model.id))).toMatchObject(refusal)
    expect(await app.call('load', mirror(model.id))).toEqual(refusal)
    expect(server.asked).toEqual([])
  })

  it('a GGUF file, an id of nothing, a name of nothing', async () => {
    const app = await open()
    expect(await app.call('loadFile')).toMatchObject({ code: 'engine-mismatch' })
    expect(await app.call('load', mirror('0'.repeat(64)))).toMatchObject({ code: 'model-unknown' })
    expect(await app.call('load', { kind: 'prebuilt', name: 'no-such-MLC' })).toMatchObject({ code: 'model-unknown' })
    expect(await app.call('embed', ['Hello'])).toMatchObject({ code: 'not-loaded' })
  })
})

describe("a model of WebLLM's list", () => {
  const NAME = 'SmolLM2-135M-Instruct-q0f32-MLC'
  const source = { kind: 'prebuilt', name: NAME } as const
  const library = 'SmolLM2-135M-Instruct-q0f32_cs1k-webgpu.wasm'

  function hub(seed: number) {
    const model = mlcModel({ seed })
    const files = new Map([...model.files].filter(([path]) => path !== LIBRARY))
    server.hub.repos.set(`mlc-ai/${NAME}`, new Map([...files, ['README.md', NO_MODULE]]))
    server.libraries.set(library, EMPTY_MODULE)
    return files
  }

  it('is verified against what the hub announces, kept, and loads again without the network', async () => {
    const files = hub(20)
    const app = await open()
    expect(await app.call('load', source)).toMatchObject({ code: FAR })
    expect(new Set(server.asked)).toEqual(new Set([...files.keys(), library]))
    expect(await app.call('cached')).toMatchObject([{ name: NAME, format: 'mlc', license: 'Apache-2.0' }])
    server.asked.length = 0
    server.hub.repos.clear()
    server.libraries.clear()
    await app.visit(server.url)
    expect(await app.call('load', source)).toMatchObject({ code: FAR })
    expect(server.asked).toEqual([])
  })

  it.each(['params_shard_0.bin', 'tokenizer.json'])(
    'with another %s than announced never reaches WebLLM',
    async (path) => {
      hub(21)
      server.manners.set(path, [DAMAGED])
      const app = await open()
      const result = await app.call('load', source)
      expect(result).toMatchObject({ code: 'source-changed' })
      expect(result.detail).toContain(path)
      expect((await app.call('progress')).some(({ phase }) => phase === 'upload')).toBe(false)
      server.manners.clear()
      expect((await app.call('load', source)).code).toBe(FAR)
    },
  )

  it('names what is missing: the repository, or the library', async () => {
    hub(22)
    const app = await open()
    server.libraries.clear()
    expect(await app.call('load', source)).toMatchObject({ code: 'library-missing' })
    server.hub.repos.clear()
    expect(await app.call('load', source)).toMatchObject({ code: 'source-missing' })
  })
})

describe('in the product', () => {
  it("runs under the server's own policy on a model that the real command added", async () => {
    const real = await startTestServer({ appDir: pageDir })
    try {
      const id = await addMlcFolder(mlcModel({ seed: 30 }), real.dataDir)
      const app = await open(real.url)
      // Its last step is WebAssembly that WebLLM compiles, so the policy let the package and the library through.
      expect(await app.call('load', mirror(id))).toMatchObject({ code: FAR })
      expect(app.log.filter((line) => /policy|blocked/i.test(line))).toEqual([])
      expect(await app.call('cached')).toHaveLength(1)
      // The same id, now with a shard that somebody changed on the server's disk.
      const stranger = await open(real.url)
      await writeFile(join(real.dataDir, 'models', id, 'files/params_shard_0.bin'), new Uint8Array(4_259_840))
      expect(await stranger.call('load', mirror(id))).toMatchObject({ code: 'chunk-hash-mismatch' })
    } finally {
      await real.close()
    }
  })

  it('is no part of what the built app loads by itself', async () => {
    const dist = await buildApp()
    const read = (path: string) => readFileSync(join(dist, path), 'utf8')
    const shell = new Set(
      [...read('index.html').matchAll(/(?:src|href)="[./]*(assets\/[^"]+\.js)"/g)].map(([, path]) => path),
    )
    for (const path of shell) {
      const imports = read(String(path)).matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)
      for (const [, name] of imports) shell.add(`assets/${name}`)
    }
    const all = readdirSync(join(dist, 'assets')).filter((name) => name.endsWith('.js'))
    const packs = all.filter((name) => read(`assets/${name}`).includes('ShaderF16SupportError'))
    const large = packs.filter((name) => read(`assets/${name}`).length > 5e6)
    expect(large).toHaveLength(1)
    expect(shell.size).toBeGreaterThan(0)
    expect([...shell].filter((path) => large.some((name) => path === `assets/${name}`))).toEqual([])
    for (const path of shell) expect(read(String(path)).length, path).toBeLessThan(2e6)
  })

  it('keeps the package in a file of its own that nothing loads before a model does', async () => {
    const names = readdirSync(join(pageDir, 'assets'))
    const codes = names.map((name) => ({ name, code: readFileSync(join(pageDir, 'assets', name), 'utf8') }))
    const [pack, ...others] = codes.sort((a, b) => b.code.length - a.code.length)
    expect(pack?.code.length).toBeGreaterThan(5e6)
    for (const { name, code } of others) {
      expect(code.length, name).toBeLessThan(1e6)
      // Never by a static import.
      expect(code, name).not.toMatch(new RegExp(`(from|import)\\s*["']\\./${pack?.name}["']`))
    }
    const app = await open()
    const asked: string[] = []
    app.context.on('request', (request) => asked.push(request.url()))
    await app.call('inspect', { kind: 'prebuilt', name: 'Qwen3-0.6B-q4f32_1-MLC' })
    await app.call('cached')
    expect(asked.filter((url) => url.includes(String(pack?.name)))).toEqual([])
  })
})
