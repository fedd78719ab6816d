/**
 * Our real server for tests, in process, on a free port of this machine, with a data folder of its own unless the test
 * shares one. It never adds a model by itself: a test that wants that says so. `appDir` is what `buildApp` made.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type InlineConfig } from 'vite'
import type { Config } from '../../signal/config.ts'
import { type RunningServer, type ServerParts, startServer } from '../../signal/server.ts'
import { serverConfig } from './server-config.ts'

const root = join(import.meta.dirname, '../..')

export interface TestServer {
  /** `http://localhost:<port>`, without a slash at the end. */
  readonly url: string
  readonly dataDir: string
  readonly server: RunningServer
  /** Also deletes the data folder, where it was made here. */
  close(): Promise<void>
}

/** Builds the app as `npm start` does and returns the folder. Once in a run: later calls, and other files, share it. */
export async function buildApp(): Promise<string> {
  const folder = join(root, 'dist')
  if (process.env[BUILT] === 'yes') return folder
  built ??= buildForProduction({ logLevel: 'warn' }).then(() => buildSdk(join(folder, 'sdk')))
  await built
  return folder
}

/** Vitest calls this once before the files of a project that serve the app: two of them at once would build over another. */
export default async function setup(): Promise<void> {
  await buildApp()
  process.env[BUILT] = 'yes'
}

/**
 * With our configuration and these settings on top. A test runner says in its environment that this is a test, and a build
 * believes that before its mode: it would be one for developers, without a service worker.
 */
export async function buildForProduction(settings: InlineConfig): Promise<void> {
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  try {
    await build({ configFile: join(root, 'vite.config.ts'), mode: 'production', ...settings })
  } finally {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  }
}

/** The SDK's module, without its types. */
export async function buildSdk(outDir: string): Promise<void> {
  await buildForProduction({ mode: 'sdk', logLevel: 'warn', build: { outDir } })
}

const BUILT = 'WEFT_TEST_APP_BUILT'
let built: Promise<void> | null = null

export async function startTestServer(settings: Partial<Config> = {}, parts: ServerParts = {}): Promise<TestServer> {
  const own = settings.dataDir === undefined ? await mkdtemp(join(tmpdir(), 'weft-test-')) : null
  const config = serverConfig(own ?? '', { appDir: join(root, 'dist'), ...settings })
  const server = await startServer(config, parts)
  const close = async () => {
    await server.close()
    if (own !== null) await rm(own, { recursive: true, force: true })
  }
  // The server says localhost; this names the interface it listens on, which needs no resolver.
  return { url: server.url.replace('localhost', '127.0.0.1'), dataDir: config.dataDir, server, close }
}
