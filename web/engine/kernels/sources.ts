/** Kernel files as the bundler sees them. Plain Node reads the same files from disk: `test/support/kernel-sources.ts`. */
import type { KernelSources } from './table.ts'

const files = import.meta.glob<string>('./*.wgsl', { query: '?raw', import: 'default', eager: true })

export const KERNEL_SOURCES: KernelSources = Object.fromEntries(
  Object.entries(files).map(([path, text]) => [path.slice(2, -'.wgsl'.length), text]),
)
