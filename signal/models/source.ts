/**
 * Where a model file comes from, parsed once from what an operator typed or the catalogue says. Pure: it looks at the
 * text only and never at the disk or the network.
 */
import { fail, ok, type Result } from '../../web/wire/result.ts'

export type ModelSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }
  | {
      readonly kind: 'hub'
      readonly owner: string
      readonly repo: string
      readonly file: string
      readonly revision: string
    }
  | { readonly kind: 'wheel'; readonly name: string; readonly version: string; readonly member: string }

export const HUB_URL = 'https://huggingface.co'

const SEGMENT = '[A-Za-z0-9][A-Za-z0-9._-]{0,95}'
const HUB = new RegExp(`^hf:(${SEGMENT})/(${SEGMENT})/([^@?#\\\\\\s]{1,300}\\.gguf)(?:@([A-Za-z0-9][\\w./-]{0,95}))?$`)
const WHEEL = new RegExp(`^wheel:(${SEGMENT})==([A-Za-z0-9][A-Za-z0-9.!+_-]{0,63})/([^\\\\\\s]{1,300}\\.gguf)$`)

/** No `..`, no empty part: such a path would name something else than it says. */
function isPlainPath(path: string): boolean {
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

/** `https:` anywhere; `http:` only on this machine, where nobody can change the bytes on their way. */
export function allowedUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url) return null
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)) ? url : null
}

export function parseSource(text: string): Result<ModelSource> {
  const bad = (why: string) => fail('source-spec', `"${text.slice(0, 300)}": ${why}`)
  if (text.startsWith('hf:')) {
    const [, owner, repo, file, revision] = HUB.exec(text) ?? []
    if (!owner || !repo || !file || !isPlainPath(file)) return bad('hf: wants owner/repo/file.gguf[@revision].')
    return ok({ kind: 'hub', owner, repo, file, revision: revision ?? 'main' })
  }
  if (text.startsWith('wheel:')) {
    const [, name, version, member] = WHEEL.exec(text) ?? []
    if (!name || !version || !member || !isPlainPath(member)) {
      return bad('wheel: wants package==version/path-inside.gguf.')
    }
    return ok({ kind: 'wheel', name, version, member })
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) {
    const url = allowedUrl(text)
    if (!url) return bad('only https:// addresses are fetched (http:// on this machine).')
    if (url.username !== '' || url.password !== '') return bad('an address must not hold a password.')
    return ok({ kind: 'url', url: url.href })
  }
  if (!text.toLowerCase().endsWith('.gguf')) return bad('a local file must end in .gguf.')
  return ok({ kind: 'file', path: text })
}

/** The canonical text of a source: what progress lines show and what an unfinished fetch is found again by. */
export function describeSource(source: ModelSource): string {
  switch (source.kind) {
    case 'file':
      return source.path
    case 'url':
      return source.url
    case 'hub': {
      const revision = source.revision === 'main' ? '' : `@${source.revision}`
      return `hf:${source.owner}/${source.repo}/${source.file}${revision}`
    }
    case 'wheel':
      return `wheel:${source.name}==${source.version}/${source.member}`
    default:
      return source satisfies never
  }
}

/** The address of a file on a model hub. */
export function hubFileUrl(hubUrl: string, source: Extract<ModelSource, { kind: 'hub' }>): string {
  const file = source.file.split('/').map(encodeURIComponent).join('/')
  return `${hubUrl}/${source.owner}/${source.repo}/resolve/${encodeURIComponent(source.revision)}/${file}`
}

/** A model name where nobody gave one: the file name without its ending. */
export function nameFromSource(source: ModelSource): string {
  const path =
    source.kind === 'url'
      ? new URL(source.url).pathname
      : source.kind === 'hub'
        ? source.file
        : source.kind === 'wheel'
          ? source.member
          : source.path
  const last = path.split(/[/\\]/).pop() ?? ''
  let name = last
  try {
    name = decodeURIComponent(last)
  } catch {
    // A stray % in a file name: the raw text is as good a name.
  }
  return name.replace(/\.gguf$/i, '') || 'model'
}
