/**
 * What a model hub says of a repository: which commit a revision is, its license, and every file with its digest. The
 * files themselves are fetched elsewhere. Follows redirects as fetches do and believes no answer that is not its list.
 */
import { NAME_CHARACTERS_MAX } from '../../web/wire/limits/models.ts'
import { isMlcPath } from '../../web/wire/mlc-model.ts'
import { isModelId } from '../../web/wire/model.ts'
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { HUB_PAGE_BYTES_MAX, HUB_PAGES_MAX } from '../config.ts'
import { errorWords } from './disk.ts'
import { request } from './fetch-url.ts'
import type { MlcSource } from './mlc-source.ts'
import type { SourceTools } from './tools.ts'

export type HubRepoName = Extract<MlcSource, { kind: 'hub' }>

export interface HubFile {
  readonly bytes: number
  /** Of a large file. Exactly one of the two digests is there. */
  readonly sha256: string | null
  /** Git's id of a small file: SHA-1 of `blob <bytes>\0` and its content. */
  readonly blobId: string | null
}

export interface HubRepo {
  /** All files are fetched from this commit, whatever the revision names by then. */
  readonly commit: string
  /** As the hub writes it, empty where it says none. */
  readonly license: string
  readonly files: ReadonlyMap<string, HubFile>
}

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : null
}

/** Refusals: `source-missing`, `source-unreachable`, `source-error-page`, `aborted`. */
export async function listHubRepo(
  name: HubRepoName,
  tools: SourceTools,
  signal: AbortSignal,
): Promise<Result<HubRepo>> {
  const base = `${tools.hubUrl}/api/models/${name.owner}/${name.repo}`
  const label = `${name.owner}/${name.repo}@${name.revision}`
  const about = await readPage(`${base}/revision/${encodeURIComponent(name.revision)}`, label, tools, signal)
  if (!about.ok) return about
  const facts = record(about.value.body)
  const commit = facts?.['sha']
  if (typeof commit !== 'string' || !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit)) {
    return fail('source-error-page', `The hub names no commit for ${label}.`)
  }
  const files = new Map<string, HubFile>()
  let next: string | null = `${base}/tree/${commit}?recursive=true`
  for (let page = 0; next !== null; page++) {
    if (page === HUB_PAGES_MAX) return fail('source-error-page', `Its list has more than ${HUB_PAGES_MAX} pages.`)
    const list = await readPage(next, label, tools, signal)
    if (!list.ok) return list
    const bad = takeEntries(list.value.body, files)
    if (bad !== null) return fail('source-error-page', bad)
    next = list.value.next
    if (next !== null && new URL(next).origin !== new URL(base).origin) {
      return fail('source-error-page', 'Its list goes on at another host.')
    }
  }
  return ok({ commit, license: licenseOf(record(facts?.['cardData'])), files })
}

/** Where one file of one commit lies. */
export function hubRepoFileUrl(hubUrl: string, name: HubRepoName, commit: string, path: string): string {
  const parts = path.split('/').map(encodeURIComponent).join('/')
  return `${hubUrl}/${name.owner}/${name.repo}/resolve/${commit}/${parts}`
}

/** What a model card says. `other` is no license but a hint that the next field names one. */
export function licenseOf(card: Item | null): string {
  const said = card?.['license']
  const first: unknown = Array.isArray(said) ? said[0] : said
  const named = card?.['license_name']
  const license = first === 'other' && typeof named === 'string' ? named : first
  return typeof license === 'string' ? license.trim().slice(0, NAME_CHARACTERS_MAX) : ''
}

/** Adds the files of one page; says in words what is wrong with it, null when nothing is. */
function takeEntries(body: unknown, files: Map<string, HubFile>): string | null {
  if (!Array.isArray(body)) return 'It sent something else than a list of files.'
  for (const value of body) {
    const entry = record(value)
    const path = entry?.['path']
    // Folders, and files with names that no MLC model uses.
    if (entry?.['type'] !== 'file' || !isMlcPath(path)) continue
    const large = record(entry['lfs'])
    const bytes = large?.['size'] ?? entry['size']
    const digest = large ? large['oid'] : entry['oid']
    const isDigest = large ? isModelId(digest) : typeof digest === 'string' && /^[0-9a-f]{40}$/.test(digest)
    if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0 || !isDigest) {
      return `It lists ${path} without a size or a digest.`
    }
    files.set(path, { bytes, sha256: large ? String(digest) : null, blobId: large ? null : String(digest) })
  }
  return null
}

interface Page {
  readonly body: unknown
  readonly next: string | null
}

async function readPage(url: string, label: string, tools: SourceTools, outer: AbortSignal): Promise<Result<Page>> {
  const deadline = AbortSignal.timeout(tools.answerMs)
  try {
    const answer = await request(url, { Accept: 'application/json' }, AbortSignal.any([outer, deadline]))
    if (!answer.ok) return answer
    const { status, headers } = answer.value
    if (status !== 200) {
      await answer.value.body?.cancel()
      return refuse(status, label)
    }
    const text = await readText(answer.value)
    if (text === null) return fail('source-error-page', `Its list has more than ${HUB_PAGE_BYTES_MAX} bytes.`)
    return ok({ body: JSON.parse(text) as unknown, next: nextPage(headers.get('link'), url) })
  } catch (error) {
    if (outer.aborted) return fail('aborted', 'Nothing was fetched yet.')
    if (error instanceof SyntaxError) return fail('source-error-page', 'It sent something else than a list of files.')
    const late = deadline.aborted ? `No answer within ${tools.answerMs / 1000} s.` : `${errorWords(error)}.`
    return fail('source-unreachable', late)
  }
}

function refuse(status: number, label: string): Result<never> {
  // Hubs say 401 for what is not there as well: they do not tell strangers the names of private repositories.
  if (status === 401 || status === 404) {
    return fail('source-missing', `The hub shows no ${label} without a login (HTTP ${status}).`)
  }
  if (status === 429 || status >= 500) return fail('source-unreachable', `HTTP ${status}.`)
  return fail('source-error-page', `HTTP ${status}.`)
}

/** Null where it is longer than a list may be. */
async function readText(response: Response): Promise<string | null> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body ?? []) {
    bytes += part.length
    if (bytes > HUB_PAGE_BYTES_MAX) return null
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** Of `Link: <...>; rel="next"`. */
function nextPage(link: string | null, url: string): string | null {
  const [, target] = /<([^>]+)>;\s*rel="next"/.exec(link ?? '') ?? []
  return target !== undefined && URL.canParse(target, url) ? new URL(target, url).href : null
}
