/**
 * The models that the benches know by name, as a source for Node and as an entry of a mirror for a browser. Uses the
 * mirror that tests share where SmolLM2 is there already; anything else goes to a temporary one.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { addModel } from '../../signal/models/add.ts'
import { ModelStore } from '../../signal/models/store.ts'
import { SOURCE_TOOLS } from '../../signal/models/tools.ts'
import type { ByteSource } from '../../web/weights/source.ts'
import { isModelId } from '../../web/wire/model.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { fixture } from '../fixtures/fixtures.ts'
import { LLAMA_1B, syntheticFile } from '../fixtures/synthetic-model.ts'
import { MemorySource } from '../support/memory-source.ts'
import { prepareModel, SHARED_DATA } from '../support/prepare.ts'
import { smolLm2Path } from '../support/smollm2.ts'

export const MODELS = ['smollm2', 'tiny', 'llama1b-shape'] as const
export type ModelName = (typeof MODELS)[number]

/** Bytes written at a time when a made model becomes a file. */
const WRITE_BYTES = 8 * 1024 * 1024

class FileSource implements ByteSource {
  readonly size: number
  private readonly handle: number

  constructor(path: string) {
    this.size = statSync(path).size
    this.handle = openSync(path, 'r')
  }

  async read(offset: number, length: number): Promise<Result<Uint8Array>> {
    const bytes = new Uint8Array(length)
    const got = readSync(this.handle, bytes, 0, length, offset)
    return got === length ? ok(bytes) : fail('gguf-truncated', `${offset}+${length} of ${this.size}`)
  }

  close(): void {
    closeSync(this.handle)
  }
}

export interface BenchModel {
  readonly name: ModelName
  readonly source: ByteSource
  /** Id in a mirror, where the file lies in one. */
  readonly id: string | null
  /** The file, where there is one. */
  readonly path: string | null
  close(): void
}

function smolLm2File(): string {
  process.env['WEFT_DATA'] ??= SHARED_DATA
  if (!existsSync(process.env['WEFT_TEST_SMOLLM2'] ?? '') && process.env['WEFT_DATA'] === SHARED_DATA) prepareModel()
  return smolLm2Path()
}

export function benchModel(name: ModelName): BenchModel {
  switch (name) {
    case 'smollm2': {
      const path = smolLm2File()
      const source = new FileSource(path)
      const folder = basename(dirname(path))
      return { name, source, id: isModelId(folder) ? folder : null, path, close: () => source.close() }
    }
    case 'tiny':
      return { name, source: new MemorySource(fixture('llama-q4_1').build()), id: null, path: null, close: () => {} }
    case 'llama1b-shape':
      return {
        name,
        source: new MemorySource(syntheticFile({ ...LLAMA_1B, type: 'Q4_0' })),
        id: null,
        path: null,
        close: () => {},
      }
    default:
      return name satisfies never
  }
}

export interface BenchMirror {
  readonly dataDir: string
  readonly id: string
  remove(): Promise<void>
}

/** A mirror that serves the model: the one it lies in, or a temporary one. */
export async function mirrorOf(model: BenchModel): Promise<BenchMirror> {
  if (model.id !== null && model.path !== null) {
    return { dataDir: dirname(dirname(dirname(model.path))), id: model.id, remove: () => Promise.resolve() }
  }
  const dataDir = await mkdtemp(join(tmpdir(), 'weft-bench-'))
  const path = model.path ?? join(dataDir, `${model.name}.gguf`)
  if (model.path === null) await writeSource(model.source, path)
  const store = new ModelStore(dataDir)
  await store.open()
  const request = { name: model.name, license: null, pin: null, sources: [{ kind: 'file', path } as const], known: [] }
  const added = await addModel(store, request, SOURCE_TOOLS, () => {}, new AbortController().signal)
  if (!added.ok) throw new Error(`${added.code}: ${added.detail}`)
  return { dataDir, id: added.value.id, remove: () => rm(dataDir, { recursive: true, force: true }) }
}

async function writeSource(source: ByteSource, path: string): Promise<void> {
  const file = await open(path, 'w')
  for (let at = 0; at < source.size; at += WRITE_BYTES) {
    const part = await source.read(at, Math.min(WRITE_BYTES, source.size - at))
    if (!part.ok) throw new Error(part.detail)
    await file.write(part.value)
  }
  await file.close()
}

/** `package.json`'s version of a package that is installed, for reports. */
export function packageVersion(name: string): string {
  const file = join(import.meta.dirname, '../../node_modules', name, 'package.json')
  const parsed: { version?: unknown } = JSON.parse(readFileSync(file, 'utf8'))
  return String(parsed.version)
}
