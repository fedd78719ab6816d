/**
 * The models on disk: `<data>/models/<id>/` holds `manifest.json` and `model.gguf` or `files/...`, and `<id>` is the
 * SHA-256 of the manifest's bytes. A model appears and disappears by one rename. Names that begin with a dot are
 * unfinished work and are never listed. Paths are made from ids of 64 hex digits and from what a manifest names.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MANIFEST_BYTES_MAX } from '../../web/wire/limits/models.ts'
import { isMlcPath } from '../../web/wire/mlc-model.ts'
import { canonicalJson, isModelId } from '../../web/wire/model.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import { PART_KEEP_MS } from '../config.ts'
import { errorCode, fileBytes, syncToDisk } from './disk.ts'
import { isLocked } from './lock.ts'
import {
  filesOf,
  GGUF_FILE,
  MLC_FOLDER,
  type ModelFile,
  type ModelManifest,
  manifestId,
  parseModelManifest,
} from './manifest.ts'

export interface StoredModel {
  readonly id: string
  readonly manifest: ModelManifest
}

export interface StoredFile {
  readonly file: ModelFile
  /** On this machine. */
  readonly place: string
}

const MANIFEST = 'manifest.json'
const ADDING = '.adding-'
const REMOVED = '.removed-'

export class ModelStore {
  readonly folder: string
  /** Manifests never change under their id. */
  readonly #manifests = new Map<string, ModelManifest>()

  constructor(dataDir: string) {
    this.folder = join(dataDir, 'models')
  }

  /** Makes the folder and throws away what dead processes left, except parts that a later add can resume. */
  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true })
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name)
      if (name.startsWith(REMOVED)) await rm(path, { recursive: true, force: true })
      if (!name.startsWith(ADDING) || name.includes('.lock')) continue
      const touched = await stat(path).catch(() => null)
      const old = touched !== null && Date.now() - touched.mtimeMs > PART_KEEP_MS
      if (old && !(await isLocked(`${path}.lock`))) await rm(path, { recursive: true, force: true })
    }
  }

  /** Where one add works until it publishes; its lock is this name with `.lock`. */
  addingFolder(key: string): string {
    return join(this.folder, `${ADDING}${key}`)
  }

  /** Of a file that the manifest names. */
  filePath(id: string, path: string): string {
    const name = path.startsWith(`${MLC_FOLDER}/`) ? path.slice(MLC_FOLDER.length + 1) : path
    assert(isModelId(id) && isMlcPath(name), 'a path is made from an id and a checked name')
    return join(this.folder, id, path)
  }

  manifestPath(id: string): string {
    assert(isModelId(id), 'a path is made from an id')
    return join(this.folder, id, MANIFEST)
  }

  async ids(): Promise<readonly string[]> {
    try {
      return (await readdir(this.folder)).filter(isModelId).sort()
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  }

  /** Every whole model, by name. One that is damaged is not listed; `verify` tells why. */
  async list(): Promise<readonly StoredModel[]> {
    const models: StoredModel[] = []
    for (const id of await this.ids()) {
      const model = await this.get(id)
      if (model.ok) models.push(model.value)
    }
    return models.sort((a, b) => a.manifest.name.localeCompare(b.manifest.name, 'en') || (a.id < b.id ? -1 : 1))
  }

  /** With every file there and of the right size. Refusals: `model-unknown`, `model-damaged`, `manifest-invalid`. */
  async get(id: string): Promise<Result<StoredModel>> {
    if ((await stat(join(this.folder, id)).catch(() => null)) === null) {
      this.#manifests.delete(id)
      return fail('model-unknown', `${id.slice(0, 12)} is not here.`)
    }
    const manifest = await this.#readManifest(id)
    if (!manifest.ok) return manifest
    for (const file of filesOf(manifest.value)) {
      const there = await this.#check(id, file)
      if (!there.ok) return there
    }
    return ok({ id, manifest: manifest.value })
  }

  /** One file of a model: the others are not looked at, so that a range costs the same in a model of a thousand files. */
  async file(id: string, path: string): Promise<Result<StoredFile>> {
    const manifest = await this.#readManifest(id)
    if (!manifest.ok) return manifest
    const file = filesOf(manifest.value).find((known) => known.path === path)
    return file ? this.#check(id, file) : fail('model-unknown', `${id.slice(0, 12)} has no such file.`)
  }

  async #check(id: string, file: ModelFile): Promise<Result<StoredFile>> {
    const place = this.filePath(id, file.path)
    const bytes = await fileBytes(place)
    if (bytes === file.bytes) return ok({ file, place })
    const has = bytes === null ? 'is missing' : `has ${bytes} bytes, the manifest says ${file.bytes}`
    return fail('model-damaged', `${file.path} ${has}.`)
  }

  async #readManifest(id: string): Promise<Result<ModelManifest>> {
    const known = this.#manifests.get(id)
    if (known) return ok(known)
    const path = this.manifestPath(id)
    const bytes = await fileBytes(path)
    if (bytes === null || bytes > MANIFEST_BYTES_MAX) return fail('manifest-invalid', 'manifest.json is missing.')
    let value: unknown
    try {
      value = JSON.parse(await readFile(path, 'utf8'))
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return fail('manifest-invalid', 'manifest.json is no JSON.')
    }
    const manifest = parseModelManifest(value)
    if (!manifest.ok) return manifest
    if (manifestId(manifest.value) !== id) return fail('manifest-invalid', 'manifest.json does not hash to its id.')
    this.#manifests.set(id, manifest.value)
    return manifest
  }

  /**
   * Moves finished work in: a GGUF file, or the folder of an MLC model's files. Durable, then visible, in this order.
   * `created` is false where it was already there.
   */
  async publish(work: string, manifest: ModelManifest): Promise<{ readonly id: string; readonly created: boolean }> {
    const id = manifestId(manifest)
    const staged = `${work}.${randomBytes(4).toString('hex')}.model`
    await mkdir(staged)
    await rename(work, join(staged, manifest.format === 'weft-mlc/1' ? MLC_FOLDER : GGUF_FILE))
    await writeFile(join(staged, MANIFEST), canonicalJson(manifest))
    await syncToDisk(join(staged, MANIFEST))
    const folders = new Set([staged])
    for (const { path } of filesOf(manifest)) {
      await syncToDisk(join(staged, path))
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.add(join(staged, folder))
    }
    for (const folder of folders) await syncToDisk(folder)
    try {
      await rename(staged, join(this.folder, id))
      await syncToDisk(this.folder)
      return { id, created: true }
    } catch (error) {
      if (errorCode(error) !== 'ENOTEMPTY' && errorCode(error) !== 'EEXIST') throw error
      await rm(staged, { recursive: true, force: true })
      return { id, created: false }
    }
  }

  /** Unlisted at once, then deleted. Downloads that run keep their open file. */
  async remove(id: string): Promise<Result<null>> {
    assert(isModelId(id), 'a path is made from an id')
    const away = join(this.folder, `${REMOVED}${id}-${randomBytes(4).toString('hex')}`)
    try {
      await rename(join(this.folder, id), away)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return fail('model-unknown', `${id.slice(0, 12)} is not here.`)
      throw error
    }
    this.#manifests.delete(id)
    await rm(away, { recursive: true, force: true })
    return ok(null)
  }

  /** The one id that begins so. */
  async resolve(prefix: string): Promise<Result<string>> {
    const ids = (await this.ids()).filter((id) => prefix !== '' && id.startsWith(prefix.toLowerCase()))
    const [id] = ids
    if (id === undefined) return fail('model-unknown', `No id begins with "${prefix.slice(0, 64)}".`)
    return ids.length === 1 ? ok(id) : fail('model-unknown', `${ids.length} ids begin with "${prefix.slice(0, 64)}".`)
  }
}
