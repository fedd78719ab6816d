/**
 * Geometry of the woven cloth: which part of it is woven for a share of the bytes. Pure numbers; `Cloth.svelte` draws.
 * The shuttle runs to and fro and each row lies above the last, as on a loom.
 */
const COLUMNS = 40
export const ROWS = 10
/** Distance between threads, and how wide a thread is, in units of the drawing. */
const PITCH = 8
export const THREAD = 6
export const WIDTH = COLUMNS * PITCH
export const HEIGHT = ROWS * PITCH
/** Warp that hangs out above and below the cloth. */
export const FRINGE = 10

export interface WovenRow {
  readonly row: number
  readonly x: number
  readonly y: number
  readonly width: number
}

export interface Woven {
  readonly rows: readonly WovenRow[]
  /** Where the shuttle is; null before the first and after the last thread. */
  readonly shuttle: { readonly x: number; readonly y: number } | null
}

export function weave(share: number): Woven {
  const length = Math.min(1, Math.max(0, share)) * ROWS
  const rows: WovenRow[] = []
  let shuttle: Woven['shuttle'] = null
  for (let row = 0; row < ROWS && length > row; row++) {
    const width = Math.min(1, length - row) * WIDTH
    const rightward = row % 2 === 0
    const y = HEIGHT - (row + 1) * PITCH + (PITCH - THREAD) / 2
    rows.push({ row, x: rightward ? 0 : WIDTH - width, y, width })
    if (length < ROWS) shuttle = { x: rightward ? width : WIDTH - width, y: y + THREAD / 2 }
  }
  return { rows, shuttle }
}

function path(covers: (column: number, row: number) => boolean): string {
  const pieces: string[] = []
  for (let column = 0; column < COLUMNS; column++) {
    const x = column * PITCH + PITCH / 2
    for (let row = 0; row < ROWS; row++) {
      if (covers(column, row)) pieces.push(`M${x} ${HEIGHT - (row + 1) * PITCH}v${PITCH}`)
    }
  }
  return pieces.join('')
}

/** Upright threads that lie over the weft: a twill, two over, two under, one further each row. */
export const WARP_OVER = path((column, row) => (column + row) % 4 < 2)
const warps = Array.from({ length: COLUMNS }, (_, column) => column * PITCH + PITCH / 2)
export const WARP = warps.map((x) => `M${x} ${-FRINGE}V${HEIGHT + FRINGE}`).join('')
