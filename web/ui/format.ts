/**
 * Numbers as a person reads them, always with their unit. Sizes are decimal (1 MB = 1,000,000 bytes), as files are sold
 * and as browsers show them. No wording beyond units.
 */
const STEPS = [
  [1e12, 'TB'],
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
] as const

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 })

/** `94 MB`, `1.1 GB`: one decimal under 10, none above. */
export function formatBytes(bytes: number): string {
  for (const [size, unit] of STEPS) {
    // What would round up to 1,000 of a unit is shown as 1.0 of the next.
    if (bytes >= size * 0.9995) return `${amount(bytes / size)} ${unit}`
  }
  return `${whole.format(bytes)} bytes`
}

/** Both in the unit of the whole, so that the text keeps its width: `12.3 of 94.3 MB`. */
export function formatShare(doneBytes: number, totalBytes: number): string {
  const [size, unit] = STEPS.find(([step]) => totalBytes >= step * 0.9995) ?? ([1, 'bytes'] as const)
  const format = size === 1 ? whole : tenths
  return `${format.format(doneBytes / size)} of ${format.format(totalBytes / size)} ${unit}`
}

export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`
}

export function formatTokensPerSecond(rate: number): string {
  return `${amount(rate)} tokens/s`
}

/** `0.42 s`, `3.1 s`, `12 s`. */
export function formatSeconds(ms: number): string {
  const seconds = ms / 1_000
  if (seconds < 1) return `${seconds.toFixed(2)} s`
  return `${amount(seconds)} s`
}

/** `12 s left`, `3 min left`; rounded up, so that it is never too hopeful. */
export function formatTimeLeft(bytesLeft: number, bytesPerSecond: number): string {
  const seconds = Math.ceil(bytesLeft / bytesPerSecond)
  return seconds < 90 ? `${seconds} s left` : `${Math.ceil(seconds / 60)} min left`
}

/** `22 November 2026`. */
export function formatDate(ms: number): string {
  return date.format(ms)
}

export function formatCount(count: number): string {
  return whole.format(count)
}

function amount(value: number): string {
  return value < 9.95 ? tenths.format(value) : whole.format(value)
}
