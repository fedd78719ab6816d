/** Kernel files read from disk, for plain Node; the bundler's way is `web/engine/kernels/sources.ts`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KernelSources } from '../../web/engine/kernels/table.ts'

const FOLDER = join(import.meta.dirname, '../../web/engine/kernels')

export function kernelSources(): KernelSources {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.wgsl'))
  return Object.fromEntries(
    files.map((name) => [name.slice(0, -'.wgsl'.length), readFileSync(join(FOLDER, name), 'utf8')]),
  )
}
