/** Writes a made-up MLC model to a folder and adds it to a mirror by the real command. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LIBRARY, type MlcModel } from '../fixtures/mlc-model.ts'
import { addModel } from './add-model.ts'

/** The model's id in that mirror. Throws what the command said where it refused. */
export async function addMlcFolder(model: MlcModel, dataDir: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-mlc-'))
  try {
    for (const [path, bytes] of model.files) await writeFile(join(folder, path), bytes)
    return addModel(dataDir, `mlc:${folder}`, `--library=${join(folder, LIBRARY)}`, '--license=MIT')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
