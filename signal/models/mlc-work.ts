/**
 * The work folder of one MLC add: brings file after file, checks each against what is known of it, and keeps the right
 * ones in `files/`, so that an add that was cut goes on with the next file. It knows no file by name.
 */
import { createHash, type Hash } from 'node:crypto'
import { link, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import type { MlcFile } from '../../web/wire/mlc-model.ts'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'
import { fileBytes } from './disk.ts'
import { type FileHashes, hashFile } from './hashes.ts'
import { MLC_FOLDER } from './manifest.ts'
import type { OnBytes } from './progress.ts'
import type { FetchJob, FetchResult } from './tools.ts'

/** One file to bring. What is null is not known beforehand. */
export interface WantedFile {
  readonly path: string
  readonly bytes: number | null
  readonly bytesMax: number
  readonly sha256: string | null
  readonly blobId: string | null
  readonly md5: string | null
  /** The code of a file that is not the one that was named. */
  readonly wrong: 'source-changed' | 'mlc-invalid'
  readonly judgeStart: (first: Uint8Array) => Failure | null
  readonly bring: (job: FetchJob) => FetchResult
}

const silent: OnBytes = () => {}

export class MlcWork {
  readonly folder: string
  readonly files: string
  readonly #twins: ReadonlyMap<string, string>
  readonly #signal: AbortSignal

  /** `twins`: files of models that are already here, by SHA-256. Nothing that is here is fetched again. */
  constructor(folder: string, twins: ReadonlyMap<string, string>, signal: AbortSignal) {
    this.folder = folder
    this.files = join(folder, MLC_FOLDER)
    this.#twins = twins
    this.#signal = signal
  }

  /** On this machine. */
  place(path: string): string {
    return join(this.files, path)
  }

  #part(path: string): string {
    return join(this.folder, `${createHash('sha256').update(path).digest('hex').slice(0, 16)}.part`)
  }

  /** What need not be fetched of a file. */
  async keptBytes({ path, bytes, sha256 }: WantedFile): Promise<number> {
    if (sha256 !== null && this.#twins.has(sha256)) return bytes ?? 0
    return (await fileBytes(this.place(path))) ?? (await fileBytes(this.#part(path))) ?? 0
  }

  /** Brings a file unless a right one is here. Refusals: those of its source, `source-changed`, `mlc-invalid`, `aborted`. */
  async take(file: WantedFile, onFetch: OnBytes = silent): Promise<Result<MlcFile>> {
    const place = this.place(file.path)
    if (file.bytes !== null && (await fileBytes(place)) === file.bytes) {
      const kept = await this.#judge(place, file)
      if (kept.ok || kept.code === 'aborted') return kept
    }
    await rm(place, { recursive: true, force: true })
    await mkdir(dirname(place), { recursive: true })
    const twin = await this.#linkTwin(file, place)
    if (twin) return twin
    const part = this.#part(file.path)
    const { bytes, bytesMax, judgeStart } = file
    const wanted = { bytes, bytesMax, judgeStart, invalid: 'mlc-invalid', truncated: 'mlc-invalid' } as const
    const scratch = join(this.folder, 'scratch')
    const fetched = await file.bring({ wanted, part, scratch, signal: this.#signal, onFetch, onExtract: silent })
    if (!fetched.ok) return { ...fetched, detail: `${file.path}: ${fetched.detail}` }
    const judged = await this.#judge(part, file)
    if (!judged.ok) return judged
    await rename(part, place)
    await rm(`${part}.json`, { force: true })
    return judged
  }

  /** One file under two names: models are never written to, only removed. Null where there is no twin, or a damaged one. */
  async #linkTwin(file: WantedFile, place: string): Promise<Result<MlcFile> | null> {
    const twin = file.sha256 === null ? undefined : this.#twins.get(file.sha256)
    if (twin === undefined) return null
    try {
      await link(twin, place)
    } catch {
      // Removed meanwhile, or a disk without links: the file is fetched.
      return null
    }
    const judged = await this.#judge(place, file)
    if (judged.ok || judged.code === 'aborted') return judged
    await rm(place, { force: true })
    return null
  }

  async #judge(path: string, file: WantedFile): Promise<Result<MlcFile>> {
    const bytes = (await fileBytes(path)) ?? 0
    if (bytes === 0) return fail('mlc-invalid', `${file.path} is empty.`)
    const blob = createHash('sha1').update(`blob ${bytes}\0`)
    const md5 = createHash('md5')
    const also = [...(file.blobId === null ? [] : [blob]), ...(file.md5 === null ? [] : [md5])]
    const hashes = await hashFile(path, () => {}, this.#signal, also)
    if (!hashes) return fail('aborted', 'What was fetched so far is kept.')
    const problem = differs(file, hashes, blob, md5)
    if (problem !== null) return fail(file.wrong, `${file.path} ${problem}.`)
    return ok({ path: file.path, bytes: hashes.bytes, sha256: hashes.fileSha256, chunks: hashes.chunks })
  }

  /** Removes what an earlier try brought and this model does not have. */
  async keepOnly(paths: ReadonlySet<string>): Promise<void> {
    for (const entry of await readdir(this.files, { withFileTypes: true, recursive: true })) {
      const place = join(entry.parentPath, entry.name)
      const path = relative(this.files, place).split(sep).join('/')
      if (!entry.isDirectory() && !paths.has(path)) await rm(place, { force: true })
    }
  }
}

/** In words what is wrong with a file, null when it is the one that was named. */
function differs(file: WantedFile, hashes: FileHashes, blob: Hash, md5: Hash): string | null {
  const short = (digest: string) => `${digest.slice(0, 16)}...`
  if (file.bytes !== null && hashes.bytes !== file.bytes) return `has ${hashes.bytes} bytes instead of ${file.bytes}`
  if (file.sha256 !== null && hashes.fileSha256 !== file.sha256) {
    return `has the SHA-256 ${short(hashes.fileSha256)}, announced was ${short(file.sha256)}`
  }
  if (file.blobId !== null && blob.digest('hex') !== file.blobId) return `is not the blob ${short(file.blobId)}`
  if (file.md5 !== null && md5.digest('hex') !== file.md5) return `has another MD5 than the list of shards says`
  return null
}
