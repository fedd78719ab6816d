/**
 * Asks a hub what a repository is: its commit, its license, and the files on all pages of its list, each with the size and
 * the digest that the hub announces. The one reader of a hub's own words; each answer is checked here, once. Fetches none
 * of the files and keeps nothing.
 */
import { HUB_LIST_PAGES_MAX, MANIFEST_BYTES_MAX, MODEL_BYTES_MAX } from '../wire/limits/models.ts'
import { spdxOf } from '../wire/model-facts.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import { getBytes } from './http.ts'
import { isCommit, isHubPath } from './hub-gguf.ts'
import type { HubFile } from './hub-manifest.ts'
import { parseJson } from './manifest.ts'

export interface HubRepository {
  readonly commit: string
  /** What the model card says, else `unknown`. */
  readonly license: string
  /** Their addresses are of this commit. */
  readonly files: readonly HubFile[]
}

export interface RepositoryName {
  /** `owner/repo`. */
  readonly repo: string
  readonly revision: string
}

/** Unless a page is told another one. */
const HUB_HOST = 'huggingface.co'
const LICENSE_CHARACTERS_MAX = 100
/** Hubs say 401 for what is not there as well: they do not tell strangers the names of private repositories. */
const REFUSALS = { 401: 'source-missing', 403: 'source-gated', 404: 'source-missing' } as const
const DIGEST = /^(sha256:[0-9a-f]{64}|git:[0-9a-f]{40})$/

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : {}
}

interface Answer {
  readonly value: unknown
  /** Where a list goes on. */
  readonly next: string | null
}

async function ask(url: string, repo: string, signal?: AbortSignal): Promise<Result<Answer>> {
  let link: string | null = null
  const onAnswer = (headers: Headers) => {
    link = headers.get('link')
  }
  const how = { url, bytesMax: MANIFEST_BYTES_MAX, signal, cache: 'no-store', refusals: REFUSALS, onAnswer } as const
  const body = await getBytes(how)
  if (!body.ok) return body.code === 'source-missing' ? fail(body.code, `The hub shows no ${repo}.`) : body
  const value = parseJson(body.value)
  return value.ok
    ? ok({ value: value.value, next: nextPage(link, url) })
    : fail('source-error-page', `${url} is not JSON.`)
}

/** Of `Link: <...>; rel="next"`. */
function nextPage(link: string | null, url: string): string | null {
  const [, target] = /<([^>]+)>;\s*rel="next"/.exec(link ?? '') ?? []
  return target !== undefined && URL.canParse(target, url) ? new URL(target, url).href : null
}

/** All pages of the list, which must stay at the same host. */
async function listTree(first: string, repo: string, signal?: AbortSignal): Promise<Result<readonly unknown[]>> {
  const entries: unknown[] = []
  let next: string | null = first
  for (let page = 0; next !== null; page += 1) {
    if (page === HUB_LIST_PAGES_MAX) return fail('source-error-page', `Its list has more than ${page} pages.`)
    if (new URL(next).origin !== new URL(first).origin)
      return fail('source-error-page', 'Its list goes on at another host.')
    const answer: Result<Answer> = await ask(next, repo, signal)
    if (!answer.ok) return answer
    if (!Array.isArray(answer.value.value)) return fail('source-error-page', `The hub lists no files of ${repo}.`)
    entries.push(...answer.value.value)
    next = answer.value.next
  }
  return ok(entries)
}

/** Null for a folder, and for what is announced in a way that nobody could check. */
function fileOf(entry: unknown, filesUrl: string): HubFile | null {
  const { type, path, size, oid, lfs } = record(entry)
  if (type !== 'file' || !isHubPath(path)) return null
  const large = record(lfs)
  const bytes = lfs === undefined ? size : large['size']
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes <= 0 || bytes > MODEL_BYTES_MAX) return null
  const digest = lfs === undefined ? `git:${String(oid)}` : `sha256:${String(large['oid']).replace(/^sha256:/, '')}`
  if (!DIGEST.test(digest)) return null
  const url = `${filesUrl}/${path.split('/').map(encodeURIComponent).join('/')}`
  return { path, url, bytes, digest }
}

/** `other` is no license but a hint that the next field names one. */
function licenseOf(card: Item): string {
  const said = card['license']
  const first: unknown = Array.isArray(said) ? said[0] : said
  const named = card['license_name']
  const license = first === 'other' && typeof named === 'string' ? named : first
  return spdxOf(typeof license === 'string' ? license.trim().slice(0, LICENSE_CHARACTERS_MAX) : '')
}

/** Refusals: `source-missing`, `source-gated`, `source-unreachable`, `source-error-page`, `aborted`. */
export async function readRepository(
  { repo, revision }: RepositoryName,
  hubUrl?: string,
  signal?: AbortSignal,
): Promise<Result<HubRepository>> {
  const hub = (hubUrl ?? `https://${HUB_HOST}`).replace(/\/$/, '')
  const api = `${hub}/api/models/${repo}`
  const about = await ask(`${api}/revision/${encodeURIComponent(revision)}`, repo, signal)
  if (!about.ok) return about
  const { sha, cardData, gated } = record(about.value.value)
  if (!isCommit(sha)) return fail('source-error-page', `The hub names no commit of ${repo}.`)
  if (gated !== undefined && gated !== false) return fail('source-gated', `${repo} asks everybody to accept its terms.`)
  const entries = await listTree(`${api}/tree/${sha}?recursive=true`, repo, signal)
  if (!entries.ok) return entries
  const files = entries.value.map((entry) => fileOf(entry, `${hub}/${repo}/resolve/${sha}`))
  return ok({ commit: sha, license: licenseOf(record(cardData)), files: files.filter((file) => file !== null) })
}
