/**
 * What the server gets to see of a whole job: a real worker and a real asker, all that they and the server say to each other
 * recorded on the way, the server a process of its own whose log and data folder are searched as well. Neither prompt nor
 * answer is in any of it, in no way of writing; and where one is put there, the same search of the same recordings finds it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Config } from '../../signal/config.ts'
import { createCodec } from '../../web/tokens/create-codec.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { addModel } from '../support/add-model.ts'
import { type BuiltPage, buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { findLeaks, type Haystack, type Secret } from '../support/leak-search.ts'
import { MemorySource } from '../support/memory-source.ts'
import { openMeshTab } from '../support/mesh-app.ts'
import { type RecordingProxy, recordBefore } from '../support/recording-proxy.ts'
import { serverConfig } from '../support/server-config.ts'

const PROMPT = 'The lapwing’s nest lies seven steps east of "Aunt Mary\'s" gate.'
const LAYERS = 4
const TOKENS = 80
const root = join(import.meta.dirname, '../..')

let folder: string
let built: BuiltPage
let server: ChildProcess
let log: Buffer[]
let proxy: RecordingProxy
let browser: Browser
let secrets: readonly Secret[]
/** As it was when the answer had ended. */
let recorded: readonly Haystack[]

/** Settings of the server; its log is kept from its first byte. */
async function startServer(config: Config): Promise<number> {
  server = spawn(
    process.execPath,
    ['--import', 'tsx', join(root, 'test/support/server-process.ts'), JSON.stringify(config)],
    { cwd: root, env: { ...process.env, WEFT_LOG_LEVEL: 'debug' } },
  )
  log = []
  return new Promise((resolve, reject) => {
    for (const stream of [server.stdout, server.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        log.push(chunk)
        const url = /http:\/\/localhost:(\d+)/.exec(Buffer.concat(log).toString())
        if (url) resolve(Number(url[1]))
      })
    }
    server.once('exit', (code) => reject(new Error(`it ended with ${code}: ${Buffer.concat(log)}`)))
  })
}

/** Every file that it keeps, but the model, which it had before. */
async function kept(dataDir: string): Promise<readonly Haystack[]> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.gguf'))
  return Promise.all(
    files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name)
      return { name: `data folder, ${entry.name}`, bytes: await readFile(path) }
    }),
  )
}

const haystacks = async (): Promise<readonly Haystack[]> => [
  ...proxy.recorded(),
  { name: 'log', bytes: Buffer.concat(log) },
  ...(await kept(join(folder, 'data'))),
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-leaks-'))
  const [dataDir, path] = [join(folder, 'data'), join(folder, 'tiny.gguf')]
  const model = tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512, layers: LAYERS })
  await writeFile(path, model)
  const id = addModel(dataDir, path)
  built = await buildPage('mesh-page')
  // In memory: a database of its own makes thousands of files, and knows nothing that did not come over the sockets.
  const port = await startServer(serverConfig(dataDir, { appDir: built.appDir }))
  proxy = await recordBefore(port)
  browser = await launchChromium()
  const url = `http://127.0.0.1:${proxy.port}/`
  const [worker, asker] = [await openMeshTab(browser, url), await openMeshTab(browser, url)]
  const offered = await worker.call('offerJobs', id, LAYERS, 1)
  if (!offered.ok) throw new Error(offered.code)
  const given = await asker.call('firstCredits')
  if (!given.ok) throw new Error(given.code)
  const ask = () => asker.call('askPaidJob', id, LAYERS, PARAMETERS, PROMPT, TOKENS, 0.8, 11)
  let answer = await ask()
  // What a worker offers is told to the server a moment later.
  const lateMs = Date.now() + 60_000
  while (answer.end?.code === 'no-holder' && Date.now() < lateMs) answer = await ask()
  if (answer.tokens.length < TOKENS) throw new Error(`it said ${JSON.stringify(answer)}`)
  // Its receipt goes by the server too.
  await vi.waitFor(async () => expect((await worker.call('credits'))?.escrow).not.toBe('0'), { timeout: 60_000 })
  const directory = await readDirectory(new MemorySource(model))
  const codec = directory.ok ? createCodec(directory.value.metadata) : directory
  if (!codec.ok) throw new Error(codec.code)
  secrets = [
    { name: 'prompt', text: PROMPT, ids: codec.value.encode(PROMPT) },
    { name: 'answer', text: answer.text, ids: answer.tokens },
  ]
  recorded = await haystacks()
})
afterAll(async () => {
  await browser?.close()
  await proxy?.close()
  const ended = new Promise((resolve) => server?.once('exit', resolve))
  if (server?.kill('SIGTERM')) await ended
  await built?.remove()
  await rm(folder, { recursive: true, force: true })
})

/** Of the model, as its asker says. */
const PARAMETERS = 1_000_000_000
const sha = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest()
const idBytes = ({ ids }: Secret) => Buffer.from(Uint32Array.from(ids).buffer)
/** Each way in which it could be written. */
const WAYS: Readonly<Record<string, (secret: Secret) => Buffer | string>> = {
  text: ({ text }) => text,
  'text in JSON': ({ text }) => JSON.stringify({ content: text }),
  base64: ({ text }) => Buffer.from(`x${text}`).toString('base64'),
  'token ids in JSON': ({ ids }) => JSON.stringify(ids),
  'token ids in bytes': idBytes,
  'token ids in base64': (secret) => idBytes(secret).toString('base64'),
  'a hash of the text': ({ text }) => sha(text).toString('hex'),
  'a hash of the token ids': (secret) => sha(idBytes(secret)),
}

describe('the server of a whole job', () => {
  it('has seen that there was one, and nothing of what was asked or said', () => {
    const said = Buffer.concat(recorded.map(({ bytes }) => bytes)).toString('latin1')
    // The job itself went by it: who asked whom, with a ticket, and that it was done.
    for (const word of ['"job"', '"jobNews"', '"leased"', '"done"', '"promptTokens"', '"settle"', '"askerSignature"'])
      expect(said).toContain(word)
    expect(recorded.map(({ name }) => name)).toContain('log')
    expect(recorded.filter(({ name }) => name.startsWith('data folder')).length).toBeGreaterThan(0)
    expect(secrets.map(({ ids }) => ids.length >= 20)).toEqual([true, true])
    expect(findLeaks(recorded, secrets)).toEqual([])
  })

  it.each(Object.entries(WAYS))(
    'would not have hidden %s: planted in any of the recordings it is found',
    (_, write) => {
      for (const secret of secrets) {
        const planted = recorded.map(({ name, bytes }) => {
          const middle = bytes.length >> 1
          return {
            name,
            bytes: Buffer.concat([bytes.subarray(0, middle), Buffer.from(write(secret)), bytes.subarray(middle)]),
          }
        })
        const found = new Set(findLeaks(planted, [secret]).map(({ where }) => where))
        expect(found).toEqual(new Set(recorded.map(({ name }) => name)))
      }
    },
  )

  it('is found out where it is told, where it writes it down and where it logs it', async () => {
    const [prompt] = secrets
    const page = browser.contexts()[0]?.pages()[0]
    await page?.evaluate(
      (text) => fetch(`/healthz?q=${encodeURIComponent(text)}`).then((answer) => answer.text()),
      PROMPT,
    )
    await writeFile(join(folder, 'data', 'notes.txt'), `asked: ${PROMPT}`)
    log.push(Buffer.from(`asked: ${JSON.stringify({ content: PROMPT })}\n`))
    const where = new Set(findLeaks(await haystacks(), prompt ? [prompt] : []).map((leak) => leak.where))
    expect([...where].map((name) => name.replace(/\d+/, 'n'))).toEqual(
      expect.arrayContaining(['connection n to the server', 'log', 'data folder, notes.txt']),
    )
  })
})
