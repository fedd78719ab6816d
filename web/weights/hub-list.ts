/**
 * Asks a hub which GGUF files a repository has, each with the size and the SHA-256 that it announces. Fetches no weight
 * and keeps nothing. Every answer of the hub is checked here, once.
 */
import { HUB_LIST_PAGES_MAX, MANIFEST_BYTES_MAX, MODEL_BYTES_MAX } from '../wire/limits.ts'
import { isModelId } from '../wire/model.ts'
import { spdxOf } from '../wire/model-facts.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { getBytes } from './http.ts'
import { type HubGguf, type HubName, isCommit, isHubPath, isWholeGguf, parseHubName } from './hub-gguf.ts'
import { parseJson } from './manifest.ts'

/** Unless a page is told another one. */
const HUB_HOST = 'huggingface.co'
const LICENSE_CHARACTERS_MAX = 100
/** Hubs say 401 for what is not there as well: they do not tell strangers the names of private repositories. */
const API_REFUSALS = { 401: 'source-missing', 403: 'source-gated', 404: 'source-missing' } as const

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : {}
}

async function getJson(url: string, name: HubName, signal?: AbortSignal): Promise<Result<unknown>> {
  const ask = { url, bytesMax: MANIFEST_BYTES_MAX, signal, cache: 'no-store', refusals: API_REFUSALS } as const
  const body = await getBytes(ask)
  if (!body.ok) return body.code === 'source-missing' ? fail(body.code, `The hub shows no ${name.repo}.`) : body
  const value = parseJson(body.value)
  return value.ok ? value : fail('source-error-page', `${url} is not JSON.`)
}

/** `other` is no license but a hint that the next field names one. */
function licenseOf(card: Item): string {
  const said = card['license']
  const first: unknown = Array.isArray(said) ? said[0] : said
  const named = card['license_name']
  const license = first === 'other' && typeof named === 'string' ? named : first
  return spdxOf(typeof license === 'string' ? license.trim().slice(0, LICENSE_CHARACTERS_MAX) : '')
}

/** Null for an entry that is no GGUF file to load, or that has no digest to compare with. */
function ggufOf(entry: unknown, about: Pick<HubGguf, 'repo' | 'commit' | 'license'>, hub: string): HubGguf | null {
  const { type, path, lfs } = record(entry)
  const { oid, size } = record(lfs)
  if (type !== 'file' || !isHubPath(path) || !isWholeGguf(path)) return null
  const fileSha256 = String(oid).replace(/^sha256:/, '')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size <= 0 || size > MODEL_BYTES_MAX) return null
  if (!isModelId(fileSha256)) return null
  const parts = path.split('/').map(encodeURIComponent).join('/')
  const url = `${hub}/${about.repo}/resolve/${about.commit}/${parts}`
  return { format: 'weft-hub-gguf/1', ...about, path, url, fileBytes: size, fileSha256 }
}

/**
 * The GGUF files of what a person named, smallest first; exactly one where they named the file. Refusals: `source-spec`,
 * `source-missing`, `source-gated`, `gguf-missing`, `source-unreachable`, `source-error-page`, `aborted`.
 */
export async function listHubGgufs(
  text: string,
  hubUrl?: string,
  signal?: AbortSignal,
): Promise<Result<readonly HubGguf[]>> {
  const name = parseHubName(text)
  if (!name.ok) return name
  const { repo, revision, path } = name.value
  const hub = (hubUrl ?? `https://${HUB_HOST}`).replace(/\/$/, '')
  const api = `${hub}/api/models/${repo}`
  const about = await getJson(`${api}/revision/${encodeURIComponent(revision)}`, name.value, signal)
  if (!about.ok) return about
  const { sha, cardData, gated } = record(about.value)
  if (!isCommit(sha)) return fail('source-error-page', `The hub names no commit of ${repo}.`)
  if (gated !== undefined && gated !== false) return fail('source-gated', `${repo} asks everybody to accept its terms.`)
  const facts = { repo, commit: sha, license: licenseOf(record(cardData)) }
  const entries = await listTree(`${api}/tree/${sha}?recursive=true`, name.value, signal)
  if (!entries.ok) return entries
  const found = entries.value.map((entry) => ggufOf(entry, facts, hub)).filter((file) => file !== null)
  const wanted = path === null ? found : found.filter((file) => file.path === path)
  if (wanted.length > 0) return ok(wanted.sort((a, b) => a.fileBytes - b.fileBytes))
  const listed = entries.value.some((entry) => record(entry)['path'] === path)
  if (path !== null)
    return fail(listed ? 'gguf-missing' : 'source-missing', `${repo} has no ${path} to load by itself.`)
  return fail('gguf-missing', `${repo} lists ${entries.value.length} files.`)
}

/** All pages of the list. A page names the next one in its `Link` header, which must stay at the same host. */
async function listTree(first: string, name: HubName, signal?: AbortSignal): Promise<Result<readonly unknown[]>> {
  const entries: unknown[] = []
  let next: string | null = first
  for (let page = 0; next !== null; page += 1) {
    if (page === HUB_LIST_PAGES_MAX) return fail('source-error-page', `Its list has more than ${page} pages.`)
    let link: string | null = null
    const url: string = next
    const ask = { url, bytesMax: MANIFEST_BYTES_MAX, signal, cache: 'no-store', refusals: API_REFUSALS } as const
    const body = await getBytes({ ...ask, onAnswer: (headers) => (link = headers.get('link')) })
    if (!body.ok) return body
    const value = parseJson(body.value)
    if (!value.ok || !Array.isArray(value.value)) {
      return fail('source-error-page', `The hub lists no files of ${name.repo}.`)
    }
    entries.push(...value.value)
    next = nextPage(link, url)
    if (next !== null && new URL(next).origin !== new URL(first).origin)
      return fail('source-error-page', 'Its list goes on at another host.')
  }
  return ok(entries)
}

/** Of `Link: <...>; rel="next"`. */
function nextPage(link: string | null, url: string): string | null {
  const [, target] = /<([^>]+)>;\s*rel="next"/.exec(link ?? '') ?? []
  return target !== undefined && URL.canParse(target, url) ? new URL(target, url).href : null
}
