/** What the tests of the mirror share: a throw-away data folder, quick patience, and one way to add. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type AddRequest, addModel } from '../../../signal/models/add.ts'
import type { AddEvent } from '../../../signal/models/progress.ts'
import { type ModelSource, parseSource } from '../../../signal/models/source.ts'
import { ModelStore } from '../../../signal/models/store.ts'
import { SOURCE_TOOLS, type SourceTools } from '../../../signal/models/tools.ts'
import { assert } from '../../../web/wire/result.ts'
import { SourceServer } from '../../support/source-server.ts'

/** Waits that a test can afford to run into, and none between tries. */
export const QUICK_TOOLS: SourceTools = { ...SOURCE_TOOLS, retryMs: 0 }

export const never = new AbortController().signal

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-mirror-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function openStore(): Promise<ModelStore> {
  const store = new ModelStore(await temporaryFolder())
  await store.open()
  return store
}

export async function serve(bytes: Uint8Array): Promise<SourceServer> {
  const server = await new SourceServer(bytes).start()
  onTestFinished(() => server.stop())
  return server
}

export function source(text: string): ModelSource {
  const parsed = parseSource(text)
  assert(parsed.ok, parsed.ok ? '' : parsed.detail)
  return parsed.value
}

export function request(texts: readonly string[], more: Partial<AddRequest> = {}): AddRequest {
  return { name: null, license: null, pin: null, known: [], sources: texts.map(source), ...more }
}

/** Adds and keeps what was told on the way. */
export async function add(store: ModelStore, wanted: AddRequest, tools = QUICK_TOOLS, signal = never) {
  const events: AddEvent[] = []
  const result = await addModel(store, wanted, tools, (event) => events.push(event), signal)
  const failed = events.filter((event) => event.kind === 'source-failed').map(({ failure }) => failure.code)
  return { result, events, failed }
}

/** Every name under the models folder, unfinished work included. */
export async function everything(store: ModelStore): Promise<readonly string[]> {
  return (await readdir(store.folder, { recursive: true })).sort()
}
