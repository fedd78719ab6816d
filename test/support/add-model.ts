/** Adds a model to a mirror by the real command, as a person would; `npm run models -- add`. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The model's id in the mirror of `dataDir`. Throws what the command said where it refused. */
export function addModel(dataDir: string, ...what: readonly string[]): string {
  const ended = spawnSync(join(root, 'node_modules/.bin/tsx'), ['signal/models/cli.ts', 'add', ...what], {
    cwd: root,
    env: { ...process.env, WEFT_DATA: dataDir },
    encoding: 'utf8',
  })
  const id = /[0-9a-f]{64}/.exec(ended.stdout ?? '')?.[0]
  if (ended.status !== 0 || id === undefined)
    throw new Error(`add ${what[0]} ended with ${ended.status}: ${ended.stderr || ended.stdout}`)
  return id
}
