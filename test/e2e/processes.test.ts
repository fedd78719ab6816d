/**
 * One address, two real processes of the server behind it, Debian's Redis and PostgreSQL between them: a route of real tabs whose
 * stages are at different processes, one of which is killed in the middle of an answer.
 */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { addModel } from '../support/add-model.ts'
import { type BuiltPage, buildPage } from '../support/build-page.ts'
import { launchChromium } from '../support/chromium.ts'
import { KilledServer } from '../support/killed-server.ts'
import { type MeshTabPage, openMeshTab } from '../support/mesh-app.ts'
import { Postgres } from '../support/postgres.ts'
import { Redis } from '../support/redis.ts'
import { serverConfig } from '../support/server-config.ts'
import { TcpFront } from '../support/tcp-front.ts'

const LAYERS = 4
const TOKENS = 200
const AT_TOKEN = 20
const QUESTION = 'Tell me about warp and weft.'
const PATIENT = { timeout: 30_000 }
const TOKEN = 'operator-of-two-processes'

let folder: string
let modelId: string
let built: BuiltPage
let postgres: Postgres
let redis: Redis
let front: TcpFront
let browser: Browser
let here: KilledServer
let there: KilledServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-processes-'))
  const path = join(folder, 'tiny.gguf')
  await writeFile(
    path,
    tinyModel({ architecture: 'llama', types: 'Q8_0', seed: 5, contextLength: 512, layers: LAYERS }),
  )
  modelId = addModel(join(folder, 'here'), path)
  await cp(join(folder, 'here'), join(folder, 'there'), { recursive: true })
  built = await buildPage('mesh-page')
  postgres = await Postgres.start()
  redis = await Redis.start()
  front = await TcpFront.start()
}, 180_000)
beforeEach(async () => {
  const url = await postgres.fresh()
  const startIn = (name: string) => {
    const settings = { appDir: built.appDir, operatorToken: TOKEN, redisUrl: redis.url }
    return new KilledServer(serverConfig(join(folder, name), { ...settings, ledger: { kind: 'server', url } })).start()
  }
  here = await startIn('here')
  there = await startIn('there')
  browser = await launchChromium()
}, 60_000)
afterEach(async () => {
  await browser?.close()
  await Promise.all([here?.end('SIGKILL'), there?.end('SIGKILL')])
})
afterAll(async () => {
  await front?.close()
  await redis?.close()
  await postgres?.close()
  await built?.remove()
  await rm(folder, { recursive: true, force: true })
})

/** Behind the one address, at this process. */
async function tabAt(server: KilledServer): Promise<MeshTabPage> {
  front.ports = [server.port]
  return openMeshTab(browser, `http://127.0.0.1:${front.port}/`)
}

async function stageAt(server: KilledServer): Promise<MeshTabPage> {
  const tab = await tabAt(server)
  expect(await tab.call('contribute', modelId, LAYERS, LAYERS / 2)).toMatchObject({ ok: true })
  return tab
}

const ask = (tab: MeshTabPage) => tab.call('ask', QUESTION, TOKENS, 0.8, 11)

/** Of this process alone. */
async function tabsOf({ url }: KilledServer): Promise<number> {
  const answer = await fetch(`${url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } })
  return Number(/^weft_peers_connected (\d+)$/m.exec(await answer.text())?.[1])
}

it('a process that is killed in the middle of an answer changes nothing for it, and its tabs go to the other', async () => {
  const [first, last] = [await stageAt(here), await stageAt(there)]
  const asker = await tabAt(here)
  expect(await asker.call('loadHead', modelId)).toMatchObject({ ok: true })
  expect([await tabsOf(here), await tabsOf(there)]).toEqual([2, 1])
  const undisturbed = await ask(asker)
  expect(undisturbed.end).toMatchObject({ reason: 'length' })
  expect(undisturbed.tokens).toHaveLength(TOKENS)

  const answering = ask(asker)
  await asker.until(`(await mesh.streamed()).tokens > ${AT_TOKEN}`)
  front.ports = [here.port, there.port]
  await here.end('SIGKILL')
  expect((await asker.call('streamed')).tokens).toBeLessThan(TOKENS)
  const answer = await answering
  expect({ text: answer.text, tokens: answer.tokens }).toEqual({ text: undisturbed.text, tokens: undisturbed.tokens })

  await expect.poll(() => tabsOf(there), PATIENT).toBe(3)
  const again = await ask(asker)
  expect({ text: again.text, tokens: again.tokens }).toEqual({ text: undisturbed.text, tokens: undisturbed.tokens })
  expect([first, last, asker].flatMap(({ complaints }) => complaints)).toEqual([])
})
