/** What the tests of MLC models in the mirror share: a folder, a hub, a list of libraries, one way to add. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { addMlcModel } from '../../../signal/models/add-mlc.ts'
import { parseLibrarySource, parseMlcSource } from '../../../signal/models/mlc-source.ts'
import type { AddEvent } from '../../../signal/models/progress.ts'
import type { ModelStore } from '../../../signal/models/store.ts'
import type { SourceTools } from '../../../signal/models/tools.ts'
import { assert, ok } from '../../../web/wire/result.ts'
import type { PrebuiltModel } from '../../../web/wire/webllm-prebuilt.ts'
import { type MlcFiles, type MlcFilesOptions, mlcFiles } from '../../fixtures/mlc-model.ts'
import { HubServer } from '../../support/hub-server.ts'
import { never, QUICK_TOOLS, temporaryFolder } from './support.ts'

export const REPO = 'owner/Small-q4f16_1-MLC'

/** A model that is small but for its first shard, which is more than one chunk, and its card. */
export function smallMlc(options: MlcFilesOptions = {}): MlcFiles {
  const card = new TextEncoder().encode('---\nlibrary_name: mlc-llm\nlicense: apache-2.0\n---\n\n# Small\n')
  const files = mlcFiles({ shards: [5_000_000, 3_000], quantization: 'q4f16_1', ...options })
  return new Map([...files, ['README.md', card]])
}

/** In a folder that goes with the test, unless it is told where. */
export async function folderOf(files: MlcFiles, parent: string | null = null): Promise<string> {
  const folder = join(parent ?? (await temporaryFolder()), 'Small-q4f16_1-MLC')
  await mkdir(folder)
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), bytes)
  }
  return folder
}

export async function hubOf(files: MlcFiles): Promise<HubServer> {
  const hub = await new HubServer(REPO, files).start()
  onTestFinished(() => hub.stop())
  return hub
}

/** Nothing of WebLLM's own list, unless a test brings an entry: what it names lies on public hosts. */
export function toolsOf(hub: HubServer | null, prebuilt: PrebuiltModel | null = null): SourceTools {
  const prebuiltOf = (repo: string) => (prebuilt?.repo === repo ? prebuilt : null)
  return { ...QUICK_TOOLS, prebuiltOf, hubUrl: hub?.url ?? 'http://127.0.0.1:9' }
}

export function prebuiltEntry(library: string, more: Partial<PrebuiltModel> = {}): PrebuiltModel {
  return {
    id: 'Small-q4f16_1-MLC',
    repo: REPO,
    library,
    kind: 'chat',
    vramBytes: 123_000_000,
    bufferBytes: null,
    lowResource: true,
    requiredFeatures: [],
    contextLength: 1024,
    slidingWindow: null,
    packageManifest: null,
    ...more,
  }
}

export interface AddMlcOptions {
  readonly library?: string
  readonly name?: string
  readonly license?: string
  readonly signal?: AbortSignal
}

/** Adds and keeps what was told on the way. */
export async function addMlc(store: ModelStore, text: string, tools: SourceTools, options: AddMlcOptions = {}) {
  const source = parseMlcSource(text)
  assert(source.ok, source.ok ? '' : source.detail)
  const library = options.library === undefined ? ok(null) : parseLibrarySource(options.library)
  assert(library.ok, library.ok ? '' : library.detail)
  const { name = null, license = null, signal = never } = options
  const events: AddEvent[] = []
  const request = { source: source.value, library: library.value, name, license }
  const result = await addMlcModel(store, request, tools, (event) => events.push(event), signal)
  return { result, events }
}
