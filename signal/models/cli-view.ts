/**
 * How the mirror's command and `npm start` draw: sizes, times, the table of models, the progress of an add. Pure text in,
 * text out; it writes to no stream.
 */
import { summariseModel } from './manifest.ts'
import type { AddEvent } from './progress.ts'
import type { StoredModel } from './store.ts'

const BAR_CELLS = 24

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = -1
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000
    unit++
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}

type ProgressEvent = Extract<AddEvent, { kind: 'progress' }>

const PHASES = { fetch: 'fetching', extract: 'unpacking', hash: 'checking' } as const

/** `fetching  45 %  44 MB of 98 MB  12 MB/s  5 s left`, with as much of it as is known. */
export function progressText(event: ProgressEvent): string {
  const { phase, doneBytes, totalBytes, bytesPerSecond } = event
  const parts: string[] = [PHASES[phase]]
  if (totalBytes === null) parts.push(formatBytes(doneBytes))
  else {
    parts.push(`${share(doneBytes, totalBytes)} %`, `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`)
  }
  if (bytesPerSecond > 0) {
    parts.push(`${formatBytes(Math.round(bytesPerSecond))}/s`)
    if (totalBytes !== null && totalBytes > doneBytes) {
      parts.push(`${formatSeconds((totalBytes - doneBytes) / bytesPerSecond)} left`)
    }
  }
  return parts.join('  ')
}

/** The same with a bar before it, cut to the width of a terminal. */
export function progressBar(event: ProgressEvent, columns: number): string {
  const { doneBytes, totalBytes } = event
  const full = totalBytes === null ? 0 : Math.floor((Math.min(1, doneBytes / totalBytes) || 0) * BAR_CELLS)
  const bar = totalBytes === null ? '' : `${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}  `
  return `${bar}${progressText(event)}`.slice(0, Math.max(20, columns - 1))
}

function share(done: number, total: number): number {
  return total <= 0 ? 100 : Math.min(100, Math.floor((done / total) * 100))
}

/** Tells which progress events deserve a line of their own where lines cannot be drawn over: one a tenth. */
export class LineThinner {
  #phase = ''
  #step = -1

  shows(event: ProgressEvent): boolean {
    const { phase, doneBytes, totalBytes } = event
    const step = totalBytes === null ? Math.floor(doneBytes / 20e6) : Math.floor(share(doneBytes, totalBytes) / 10)
    if (phase === this.#phase && step <= this.#step) return false
    this.#phase = phase
    this.#step = step
    return true
  }
}

export function modelTable(models: readonly StoredModel[]): string {
  const head = ['id', 'name', 'format', 'size', 'architecture', 'layers', 'context', 'license']
  const rows = models.map(({ id, manifest }) => {
    const { name, format, fileBytes, architecture, layers, contextLength, license } = summariseModel(id, manifest)
    const size = formatBytes(fileBytes)
    const counts = [layers, contextLength].map((count) => (count === 0 ? '?' : String(count)))
    return [id.slice(0, 12), plain(name), format, size, plain(architecture), ...counts, plain(license)]
  })
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)].join('\n')
}

/** Names come from model files: a control character in one must not reach a terminal. */
export function plain(text: string): string {
  return text.replace(/\p{C}/gu, '?')
}
