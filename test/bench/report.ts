/** What both benches print in the same way: medians, the state of the repository, tables. Pure but for `git`. */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Three significant digits: no bench here knows more. */
export function round(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(value >= 1000 ? 4 : 3))
}

/** The commit that was measured, with `+` where files differ from it; null outside a repository. */
function commit(): string | null {
  const git = (...args: string[]) =>
    spawnSync('git', args, { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' })
  const head = git('rev-parse', '--short=12', 'HEAD')
  if (head.status !== 0) return null
  return `${head.stdout.trim()}${git('status', '--porcelain', '--', 'web').stdout.trim() === '' ? '' : '+'}`
}

export function provenance() {
  const cores = cpus()
  return {
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    machine: `${cores.length} x ${cores[0]?.model.trim() ?? 'unknown CPU'}`,
  }
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return `${rows.map(line).join('\n')}\n`
}
