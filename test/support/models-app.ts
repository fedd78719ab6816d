/**
 * Builds `models-page.ts` as the app is built, once for a file of tests, and puts it on a `ModelServer`, which then
 * plays the mirror and a hub as well. Knows no test.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildRig } from './build-page.ts'
import type { MirrorModel } from './mirror-model.ts'
import type { ModelServer } from './model-server.ts'

let built: Promise<string> | null = null

/** Serves the page at `/`. */
export async function putModelsPage(server: ModelServer): Promise<void> {
  built ??= buildRig('models-page')
  const outDir = await built
  server.pages.set('/', ['text/html', await readFile(join(outDir, 'models-page.html'), 'utf8')])
  for (const name of await readdir(join(outDir, 'assets'))) {
    server.pages.set(`/assets/${name}`, ['text/javascript', await readFile(join(outDir, 'assets', name), 'utf8')])
  }
}

const COMMIT = 'c0'.repeat(20)

export interface HubEntry {
  readonly path: string
  readonly size: number
  readonly sha256: string
}

/** A repository at `/hub`. Files that are announced here are the server's one file, whatever they are said to be. */
export function putRepository(server: ModelServer, repo: string, entries: readonly HubEntry[], more = {}): void {
  const json = (value: unknown) => ['application/json', JSON.stringify(value)] as const
  const api = `/hub/api/models/${repo}`
  server.pages.set(`${api}/revision/main`, json({ sha: COMMIT, cardData: { license: 'apache-2.0' }, ...more }))
  const tree = entries.map(({ path, size, sha256 }) => ({ type: 'file', path, size, lfs: { oid: sha256, size } }))
  server.pages.set(`${api}/tree/${COMMIT}`, json(tree))
  for (const { path } of entries) server.files.add(`/hub/${repo}/resolve/${COMMIT}/${path}`)
}

/** How a hub announces the file of this model. */
export function entryFor({ file, manifest }: MirrorModel, path: string): HubEntry {
  return { path, size: file.length, sha256: manifest.fileSha256 }
}
