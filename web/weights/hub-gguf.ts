/**
 * What a hub announces of one GGUF file: its size and its SHA-256 at one commit. It is kept until every byte is here and
 * the digest was compared; then the file has a manifest like any other (`hub-download.ts`). Pure: fetches nothing.
 */
import { MODEL_BYTES_MAX, NAME_CHARACTERS_MAX } from '../wire/limits/models.ts'
import { isModelId, type ModelSummary } from '../wire/model.ts'
import { fail, ok, type Result } from '../wire/result.ts'

export interface HubGguf {
  readonly format: 'weft-hub-gguf/1'
  /** `owner/repo`. */
  readonly repo: string
  /** All bytes come from this commit, whatever the repository becomes. */
  readonly commit: string
  readonly path: string
  readonly url: string
  readonly fileBytes: number
  readonly fileSha256: string
  /** What the model card says, else `unknown`. */
  readonly license: string
}

/** What a person wrote. `path` is null where only a repository is named. */
export interface HubName {
  readonly repo: string
  readonly path: string | null
  readonly revision: string
}

const PART = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
const SEGMENT = /^[A-Za-z0-9_(][A-Za-z0-9._+()@, -]*$/
const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/
const URL_CHARACTERS_MAX = 2_000
/** Parts of one file, which this does not join. */
const SPLIT = /-\d{5}-of-\d{5}\.gguf$/i
/** Weights of a vision tower, which is no model of its own. */
const PROJECTOR = /(^|\/)mmproj/i

export function isHubPath(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > NAME_CHARACTERS_MAX) return false
  return value.split('/').every((part) => SEGMENT.test(part) && !part.endsWith('.'))
}

export const isCommit = (value: unknown): value is string => typeof value === 'string' && COMMIT.test(value)

/** A GGUF file that can be loaded by itself. */
export function isWholeGguf(path: string): boolean {
  return /\.gguf$/i.test(path) && !SPLIT.test(path) && !PROJECTOR.test(path)
}

/**
 * `owner/repo`, `owner/repo/path/file.gguf`, `hf:owner/repo`, or the address of either on a hub (its host is not used: the
 * hub is a setting of the page). Refusal: `source-spec`.
 */
export function parseHubName(text: string): Result<HubName> {
  const said = text.trim()
  const bad = fail('source-spec', `"${said.slice(0, 80)}" names no repository.`)
  const address = /^https?:\/\//i.test(said) && URL.canParse(said) ? new URL(said) : null
  const plain = address ? decodePath(address.pathname) : said.replace(/^hf:(\/\/)?/i, '')
  if (plain === null) return bad
  const [owner, repo, ...rest] = plain.split('/').filter((part) => part !== '')
  if (owner === undefined || repo === undefined || !PART.test(owner) || !PART.test(repo)) return bad
  const [verb, revision, ...inside] = rest
  const isAddress = verb === 'resolve' || verb === 'blob' || verb === 'tree' || verb === 'raw'
  const path = (isAddress ? inside : rest).join('/')
  const at = isAddress && revision !== undefined ? revision : 'main'
  if (!/^[\w.-]+$/.test(at) || (path !== '' && !isHubPath(path))) return bad
  // A folder of a repository is looked at as the whole repository.
  return ok({ repo: `${owner}/${repo}`, path: /\.gguf$/i.test(path) ? path : null, revision: at })
}

function decodePath(pathname: string): string | null {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return null
  }
}

/** What IndexedDB gives back is checked like any other input. Refusal: `manifest-invalid`. */
export function parseHubGguf(value: unknown): Result<HubGguf> {
  const bad = fail('manifest-invalid', 'What was kept of the hub is damaged.')
  if (value === null || typeof value !== 'object') return bad
  const { format, repo, commit, path, url, fileBytes, fileSha256, license } = value as Readonly<Record<string, unknown>>
  if (format !== 'weft-hub-gguf/1' || !isHubPath(repo) || !isHubPath(path) || !isCommit(commit)) return bad
  if (typeof url !== 'string' || url.length > URL_CHARACTERS_MAX || !URL.canParse(url)) return bad
  if (typeof fileBytes !== 'number' || !Number.isSafeInteger(fileBytes)) return bad
  if (fileBytes <= 0 || fileBytes > MODEL_BYTES_MAX || !isModelId(fileSha256)) return bad
  if (typeof license !== 'string' || license.length > NAME_CHARACTERS_MAX) return bad
  return ok({ format, repo, commit, path, url, fileBytes, fileSha256, license })
}

/** All that is known before the header of the file was read. `id` is that of the announcement, not of the model. */
export function summariseHubGguf(id: string, { path, license, fileBytes, fileSha256 }: HubGguf): ModelSummary {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.gguf$/i, '')
  const unknown = { architecture: 'unknown', parameters: 0, layers: 0, contextLength: 0 }
  return { id, format: 'gguf', name, license, fileBytes, fileSha256, ...unknown }
}
