/**
 * Adds one MLC model: settings and list of shards first, then the library, then every shard, each checked as it comes,
 * and publishes them in one step. Whatever ends it, nothing half-fetched is ever listed; what a hub's add had brought
 * when it was cut or stopped is kept for the next one.
 */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MLC_FILES_MAX, MODEL_BYTES_MAX } from '../../web/wire/limits/models.ts'
import {
  MLC_CONFIG,
  MLC_TENSOR_LISTS,
  type MlcFile,
  type MlcManifest,
  mlcPathsCollide,
} from '../../web/wire/mlc-model.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { MLC_JSON_BYTES_MAX, PROGRESS_MS } from '../config.ts'
import type { Added } from './add.ts'
import { errorCode, roomFor, writeFailure } from './disk.ts'
import { takeLock } from './lock.ts'
import { filesOf } from './manifest.ts'
import { describeMlc } from './mlc-facts.ts'
import { type MlcConfig, readMlcConfig, readTensorList, type TensorList } from './mlc-files.ts'
import { checkLibrary, findLibrary } from './mlc-library.ts'
import { type MlcOrigin, openOrigin } from './mlc-origin.ts'
import { describeMlcSource, type LibrarySource, lastPart, type MlcSource } from './mlc-source.ts'
import { MlcWork, type WantedFile } from './mlc-work.ts'
import { type OnAddEvent, type OnBytes, progressReporter } from './progress.ts'
import type { ModelStore } from './store.ts'
import { judgePage, type SourceTools } from './tools.ts'

export interface AddMlcRequest {
  readonly source: MlcSource
  /** Null: the one that belongs to it. */
  readonly library: LibrarySource | null
  readonly name: string | null
  readonly license: string | null
}

/** The tokenizer's other halves and the newest models' own description: taken where they are there. */
const WELCOME = ['tokenizer.json', 'tokenizer.model', 'tokenizer_config.json', 'mlc-model-manifest.json']
/** After these an add may go on where it was. */
const RESUMABLE: readonly string[] = ['aborted', 'source-unreachable']

export async function addMlcModel(
  store: ModelStore,
  request: AddMlcRequest,
  tools: SourceTools,
  onEvent: OnAddEvent,
  signal: AbortSignal,
): Promise<Result<Added<MlcManifest>>> {
  await mkdir(store.folder, { recursive: true })
  const source = describeMlcSource(request.source)
  const folder = store.addingFolder(createHash('sha256').update(source).digest('hex').slice(0, 16))
  const lock = await takeLock(`${folder}.lock`)
  if (!lock) return fail('model-busy', '')
  let keep = false
  try {
    onEvent({ kind: 'source', source, name: request.name ?? lastPart(source) })
    const origin = await openOrigin(request.source, tools, signal)
    // A hub that does not answer today takes nothing from what it sent yesterday.
    keep = request.source.kind === 'hub' && !origin.ok && RESUMABLE.includes(origin.code)
    if (!origin.ok) return origin
    const work = new MlcWork(folder, await filesBySha256(store), signal)
    await mkdir(work.files, { recursive: true })
    const added = await new Adding(store, request, origin.value, work, tools, onEvent).run()
    keep = origin.value.remote && !added.ok && RESUMABLE.includes(added.code)
    return added
  } catch (error) {
    return writeFailure(error)
  } finally {
    if (keep) await tidy(folder)
    else await rm(folder, { recursive: true, force: true })
    await lock.release()
  }
}

/** One add from its first file to its publishing; the steps in the order they stand. */
class Adding {
  readonly #store: ModelStore
  readonly #request: AddMlcRequest
  readonly #origin: MlcOrigin
  readonly #work: MlcWork
  readonly #tools: SourceTools
  readonly #onEvent: OnAddEvent
  readonly #done: MlcFile[] = []

  constructor(
    store: ModelStore,
    request: AddMlcRequest,
    origin: MlcOrigin,
    work: MlcWork,
    tools: SourceTools,
    onEvent: OnAddEvent,
  ) {
    this.#store = store
    this.#request = request
    this.#origin = origin
    this.#work = work
    this.#tools = tools
    this.#onEvent = onEvent
  }

  async run(): Promise<Result<Added<MlcManifest>>> {
    const config = await this.#readConfig()
    if (!config.ok) return config
    const tensors = await this.#readTensors()
    if (!tensors.ok) return tensors
    // A model without a library is refused before its gigabytes are fetched.
    const library = await findLibrary(this.#request.library, this.#origin, this.#tools)
    if (!library.ok) return library
    const rest = await this.#plan(config.value, tensors.value, library.value)
    if (!rest.ok) return rest
    const taken = await this.#takeAll(library.value, rest.value)
    if (!taken.ok) return taken
    await this.#work.keepOnly(new Set(this.#done.map(({ path }) => path)))
    const name = this.#request.name ?? this.#origin.name
    const license = this.#request.license ?? this.#origin.license
    const parts = { name, license, config: config.value, tensors: tensors.value, prebuilt: this.#origin.prebuilt }
    const manifest = describeMlc({ ...parts, library: library.value.path, files: this.#done })
    if (!manifest.ok) return manifest
    const { id, created } = await this.#store.publish(this.#work.files, manifest.value)
    return ok({ id, manifest: manifest.value, created })
  }

  async #readConfig(): Promise<Result<MlcConfig>> {
    const text = await this.#takeText(MLC_CONFIG, MLC_CONFIG)
    return text.ok ? readMlcConfig(text.value) : text
  }

  /** A list under its older name is kept under the one that WebLLM asks for; what is in it did not change. */
  async #readTensors(): Promise<Result<TensorList>> {
    const [newer, older] = MLC_TENSOR_LISTS
    const from = (await this.#origin.find(newer)) === null && (await this.#origin.find(older)) ? older : newer
    const text = await this.#takeText(newer, from)
    return text.ok ? readTensorList(text.value, from) : text
  }

  async #takeText(path: string, from: string): Promise<Result<string>> {
    const wanted = await this.#wanted(path, from)
    if (!wanted.ok) return wanted
    const taken = await this.#take({ ...wanted.value, bytesMax: MLC_JSON_BYTES_MAX, judgeStart: judgePage })
    return taken.ok ? ok(await readFile(this.#work.place(path), 'utf8')) : taken
  }

  async #take(file: WantedFile, onFetch?: OnBytes): Promise<Result<MlcFile>> {
    if ((file.bytes ?? 0) > file.bytesMax) {
      return fail('mlc-invalid', `${file.path} has ${file.bytes} bytes; at most ${file.bytesMax} are taken.`)
    }
    const taken = await this.#work.take(file, onFetch)
    if (taken.ok) this.#done.push(taken.value)
    return taken
  }

  /** A file of the origin as far as it is known beforehand. Refusal: `source-missing`. */
  async #wanted(path: string, from = path): Promise<Result<WantedFile>> {
    const known = await this.#origin.find(from)
    if (known === null) return fail('source-missing', `${this.#origin.name} has no ${from}.`)
    const { bytes, sha256, blobId } = known
    const wrong = this.#origin.remote ? 'source-changed' : 'mlc-invalid'
    const bring: WantedFile['bring'] = (job) => this.#origin.bring(from, job)
    const judgeStart = () => null
    return ok({ path, bytes, bytesMax: MODEL_BYTES_MAX, sha256, blobId, md5: null, wrong, judgeStart, bring })
  }

  /** Everything but settings, list and library, if it can be held and there is room for it. */
  async #plan(config: MlcConfig, tensors: TensorList, library: WantedFile): Promise<Result<readonly WantedFile[]>> {
    const files = new Map<string, WantedFile>()
    for (const path of new Set([config.tokenizer, ...WELCOME])) {
      const wanted = await this.#wanted(path)
      if (wanted.ok) files.set(path, wanted.value)
      else if (path === config.tokenizer) return wanted
    }
    for (const { path, bytes, md5 } of tensors.shards) {
      const wanted = await this.#wanted(path)
      if (!wanted.ok) return fail('source-missing', `The list of shards names ${path}, which is not there.`)
      if (wanted.value.bytes !== bytes) {
        return fail('mlc-invalid', `${path} has ${wanted.value.bytes} bytes, the list of shards says ${bytes}.`)
      }
      // Where a digest is announced, that one is the word of the source; else this is all there is.
      const { sha256, blobId } = wanted.value
      files.set(path, { ...wanted.value, md5: sha256 === null && blobId === null ? md5 : null })
    }
    const paths = [...files.keys(), ...this.#done.map(({ path }) => path), library.path]
    if (mlcPathsCollide(paths)) return fail('mlc-invalid', 'Two of its files have one name.')
    let totalBytes = 0
    let missingBytes = 0
    for (const file of files.values()) {
      totalBytes += file.bytes ?? 0
      missingBytes += (file.bytes ?? 0) - (await this.#work.keptBytes(file))
    }
    if (totalBytes > MODEL_BYTES_MAX || paths.length > MLC_FILES_MAX) {
      return fail('mlc-invalid', `It has ${paths.length} files of ${totalBytes} bytes: more than the mirror takes.`)
    }
    const room = await roomFor(this.#store.folder, Math.max(0, missingBytes))
    return room.ok ? ok([...files.values()]) : room
  }

  /** One progress over the library and all the rest, in this order. */
  async #takeAll(library: WantedFile, rest: readonly WantedFile[]): Promise<Result<null>> {
    const [fetch, hash] = (['fetch', 'hash'] as const).map((phase) =>
      progressReporter(phase, this.#onEvent, this.#tools.nowMs, PROGRESS_MS),
    )
    const files = [library, ...rest]
    let totalBytes = files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0)
    let beforeBytes = 0
    for (const file of files) {
      let fetched = false
      const taken = await this.#take(file, (doneBytes, fileBytes) => {
        fetched = true
        // A library from elsewhere says its size only now.
        const more = file.bytes === null ? fileBytes : 0
        fetch?.(beforeBytes + doneBytes, more === null ? null : totalBytes + more)
      })
      if (!taken.ok) return taken
      if (file.bytes === null) totalBytes += taken.value.bytes
      beforeBytes += taken.value.bytes
      // What an earlier try brought was only looked at: as arrived bytes it would make a wrong speed.
      if (!fetched) hash?.(beforeBytes, totalBytes)
      const checked = file === library ? await checkLibrary(this.#work.place(file.path), file.path) : ok(null)
      if (!checked.ok) return checked
    }
    return ok(null)
  }
}

async function filesBySha256(store: ModelStore): Promise<ReadonlyMap<string, string>> {
  const places = new Map<string, string>()
  for (const { id, manifest } of await store.list()) {
    for (const { path, sha256 } of filesOf(manifest)) places.set(sha256, store.filePath(id, path))
  }
  return places
}

/** Keeps whole files and parts that can be resumed. */
async function tidy(folder: string): Promise<void> {
  let names: readonly string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  for (const name of names) {
    const part = name.endsWith('.part') && names.includes(`${name}.json`)
    const note = name.endsWith('.part.json') && names.includes(name.slice(0, -'.json'.length))
    if (name !== 'files' && !part && !note) await rm(join(folder, name), { recursive: true, force: true })
  }
}
