/**
 * Where tests find SmolLM2-135M-Instruct: `npm test` has added it to the mirror under `WEFT_DATA` before they run, or
 * `WEFT_TEST_SMOLLM2` names the file. A missing model is an error with the remedy, never a silent skip.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export function smolLm2Path(): string {
  const named = process.env['WEFT_TEST_SMOLLM2']
  if (named !== undefined && existsSync(named)) return named
  const models = join(process.env['WEFT_DATA'] ?? join(import.meta.dirname, '../../data'), 'models')
  for (const id of existsSync(models) ? readdirSync(models) : []) {
    const manifest = join(models, id, 'manifest.json')
    const file = join(models, id, 'model.gguf')
    if (!existsSync(manifest) || !existsSync(file)) continue
    const { name }: { name?: unknown } = JSON.parse(readFileSync(manifest, 'utf8'))
    if (/smollm2.*135m/i.test(String(name))) return file
  }
  throw new Error(`SmolLM2 is neither in ${models} nor named by WEFT_TEST_SMOLLM2; npm test adds it to the mirror`)
}
