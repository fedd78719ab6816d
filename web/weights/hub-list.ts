/**
 * Which GGUF files a repository has that can be loaded by themselves, each with the size and the SHA-256 that its hub
 * announces. Fetches no weight and keeps nothing.
 */
import { fail, ok, type Result } from '../wire/result.ts'
import { type HubGguf, isWholeGguf, parseHubName } from './hub-gguf.ts'
import { readRepository } from './hub-repository.ts'

/**
 * The GGUF files of what a person named, smallest first; exactly one where they named the file. Refusals: `source-spec`,
 * `gguf-missing`, and those of `readRepository`.
 */
export async function listHubGgufs(
  text: string,
  hubUrl?: string,
  signal?: AbortSignal,
): Promise<Result<readonly HubGguf[]>> {
  const name = parseHubName(text)
  if (!name.ok) return name
  const { repo, path } = name.value
  const repository = await readRepository(name.value, hubUrl, signal)
  if (!repository.ok) return repository
  const { commit, license, files } = repository.value
  // A file without a SHA-256 is a pointer or a text: nothing that could be compared with what comes.
  const found = files.flatMap(({ path: at, url, bytes, digest }): HubGguf[] => {
    if (!isWholeGguf(at) || !digest.startsWith('sha256:')) return []
    const fileSha256 = digest.slice('sha256:'.length)
    return [{ format: 'weft-hub-gguf/1', repo, commit, path: at, url, fileBytes: bytes, fileSha256, license }]
  })
  const wanted = path === null ? found : found.filter((file) => file.path === path)
  if (wanted.length > 0) return ok(wanted.sort((a, b) => a.fileBytes - b.fileBytes))
  if (path === null) return fail('gguf-missing', `${repo} lists ${files.length} files.`)
  const isListed = files.some((file) => file.path === path)
  return fail(isListed ? 'gguf-missing' : 'source-missing', `${repo} has no ${path} to load by itself.`)
}
