/** Writes a made-up MLC model to a folder and adds it to a mirror by the real command. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LIBRARY, type MlcModel } from '../fixtures/mlc-model.ts'

const root = join(import.meta.dirname, '../..')

/** The model's id in that mirror. Throws what the command said where it refused. */
export async function addMlcFolder(model: MlcModel, dataDir: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-mlc-'))
  try {
    for (const [path, bytes] of model.files) await writeFile(join(folder, path), bytes)
    const command = join(root, 'node_modules/.bin/tsx')
    const args = ['signal/models/cli.ts', 'add', `mlc:${folder}`, `--library=${join(folder, LIBRARY)}`, '--license=MIT']
    const env = { ...process.env, WEFT_DATA: dataDir }
    const ended = spawnSync(command, args, { cwd: root, env, encoding: 'utf8' })
    const id = /[0-9a-f]{64}/.exec(ended.stdout ?? '')?.[0]
    if (ended.status !== 0 || id === undefined) throw new Error(`add ended with ${ended.status}: ${ended.stderr}`)
    return id
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
