/**
 * Where the files of one MLC model lie: a repository of the hub or a folder of this machine. It finds and brings files;
 * what they say and whether they are right is judged elsewhere.
 */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { isMlcPath } from '../../web/wire/mlc-model.ts'
import { spdxOf } from '../../web/wire/model-facts.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import type { PrebuiltModel } from '../../web/wire/webllm-prebuilt.ts'
import { MLC_JSON_BYTES_MAX } from '../config.ts'
import { errorCode, fileBytes } from './disk.ts'
import { copyFile } from './fetch-file.ts'
import { fetchUrl } from './fetch-url.ts'
import { type HubRepoName, hubRepoFileUrl, licenseOf, listHubRepo } from './hub.ts'
import type { MlcSource } from './mlc-source.ts'
import type { FetchJob, FetchResult, SourceTools } from './tools.ts'

/** What is known of a file before it is brought. */
export interface OriginFile {
  readonly bytes: number
  readonly sha256: string | null
  readonly blobId: string | null
}

export interface MlcOrigin {
  readonly name: string
  readonly license: string
  /** The entry of WebLLM's own list for this model, null where it has none. */
  readonly prebuilt: PrebuiltModel | null
  /** Compiled libraries that lie beside the weights. */
  readonly libraries: readonly string[]
  /** True where an unfinished fetch is worth keeping. */
  readonly remote: boolean
  /** Null where there is no such file. `path` is a checked one. */
  find(path: string): Promise<OriginFile | null>
  bring(path: string, job: FetchJob): FetchResult
}

export function openOrigin(source: MlcSource, tools: SourceTools, signal: AbortSignal): Promise<Result<MlcOrigin>> {
  return source.kind === 'hub' ? openHub(source, tools, signal) : openFolder(resolve(source.path), tools)
}

const isLibrary = (path: string) => path.endsWith('.wasm') && !path.includes('/') && isMlcPath(path)

async function openHub(name: HubRepoName, tools: SourceTools, signal: AbortSignal): Promise<Result<MlcOrigin>> {
  const listed = await listHubRepo(name, tools, signal)
  if (!listed.ok) return listed
  const { commit, license, files } = listed.value
  return ok({
    name: name.repo,
    license: spdxOf(license),
    prebuilt: tools.prebuiltOf(`${name.owner}/${name.repo}`),
    libraries: [...files.keys()].filter(isLibrary),
    remote: true,
    find: async (path) => files.get(path) ?? null,
    bring: (path, job) => fetchUrl(hubRepoFileUrl(tools.hubUrl, name, commit, path), job, tools),
  })
}

async function openFolder(folder: string, tools: SourceTools): Promise<Result<MlcOrigin>> {
  let names: readonly string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw error
    return fail('source-missing', `No folder at ${folder}.`)
  }
  const name = basename(folder)
  return ok({
    name,
    license: spdxOf(licenseOf(await readCard(join(folder, 'README.md')))),
    // A checkout of a repository has its name; the owner is that of the list.
    prebuilt: tools.prebuiltOf(`mlc-ai/${name}`),
    libraries: names.filter(isLibrary),
    remote: false,
    find: async (path) => {
      const bytes = await fileBytes(join(folder, path))
      return bytes === null ? null : { bytes, sha256: null, blobId: null }
    },
    bring: (path, job) => copyFile(join(folder, path), job),
  })
}

/** The plain fields of a model card's front matter: `key: value` lines between two rules at its very beginning. */
async function readCard(path: string): Promise<Readonly<Record<string, string>> | null> {
  const bytes = await fileBytes(path)
  if (bytes === null || bytes > MLC_JSON_BYTES_MAX) return null
  const [, front] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(await readFile(path, 'utf8')) ?? []
  if (front === undefined) return null
  const fields = [...front.matchAll(/^(\w+):[ \t]*["']?([^"'\r\n]*)["']?[ \t]*$/gm)]
  return Object.fromEntries(fields.map(([, key = '', value = '']) => [key, value]))
}
