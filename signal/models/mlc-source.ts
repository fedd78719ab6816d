/**
 * Where an MLC model and its compiled library come from, parsed once from what an operator typed. Pure: it looks at the
 * text only. A folder begins with `/`, `./` or `../` (or a drive), so that `mlc:owner/repo` is always the hub's.
 */
import { fail, ok, type Result } from '../../web/wire/result.ts'
import { allowedUrl } from './source.ts'

export type MlcSource =
  | { readonly kind: 'hub'; readonly owner: string; readonly repo: string; readonly revision: string }
  | { readonly kind: 'folder'; readonly path: string }

export type LibrarySource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }

const PREFIX = 'mlc:'
const SEGMENT = '[A-Za-z0-9][A-Za-z0-9._-]{0,95}'
const HUB = new RegExp(`^(${SEGMENT})/(${SEGMENT})(?:@([A-Za-z0-9][\\w./-]{0,95}))?$`)
const FOLDER = /^(?:\.{0,2}[\\/]|\.{1,2}$|[A-Za-z]:[\\/])/

export function isMlcSpec(text: string): boolean {
  return text.startsWith(PREFIX)
}

export function parseMlcSource(text: string): Result<MlcSource> {
  const rest = text.slice(PREFIX.length)
  if (isMlcSpec(text) && FOLDER.test(rest)) return ok({ kind: 'folder', path: rest })
  const [, owner, repo, revision] = (isMlcSpec(text) && HUB.exec(rest)) || []
  if (owner && repo) return ok({ kind: 'hub', owner, repo, revision: revision ?? 'main' })
  return fail('source-spec', `"${text.slice(0, 300)}": mlc: wants owner/repo[@revision], or a folder as ./folder.`)
}

export function parseLibrarySource(text: string): Result<LibrarySource> {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) return ok({ kind: 'file', path: text })
  const url = allowedUrl(text)
  if (url && url.username === '' && url.password === '') return ok({ kind: 'url', url: url.href })
  return fail('source-spec', `"${text.slice(0, 300)}": a library is a file or an https:// address without a password.`)
}

/** The canonical text: what progress shows and what an unfinished add is found again by. */
export function describeMlcSource(source: MlcSource): string {
  if (source.kind === 'folder') return `${PREFIX}${source.path}`
  const revision = source.revision === 'main' ? '' : `@${source.revision}`
  return `${PREFIX}${source.owner}/${source.repo}${revision}`
}

/** The last part of a path or an address. */
export function lastPart(text: string): string {
  const path = URL.canParse(text) && text.includes('://') ? new URL(text).pathname : text
  return path.split(/[\\/]/).findLast((part) => part !== '') ?? ''
}
