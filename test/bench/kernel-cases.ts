/**
 * What `bench:kernels` runs: each kernel at the sizes of a real model, with its grid, its inputs and the arithmetic and
 * bytes that it cannot avoid. Data only; `kernel-run.ts` makes buffers of it and takes the time.
 */
import type { KernelName } from '../../web/engine/kernels/table.ts'
import { type Layout, quantBytesPerRow } from '../../web/weights/repack.ts'

export interface Sizes {
  readonly width: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly ffn: number
  readonly vocabulary: number
  readonly rows: number
  readonly held: number
}

export const SIZES = {
  llama1b: { width: 2_048, heads: 32, kvHeads: 8, headDim: 64, ffn: 8_192, vocabulary: 128_256, rows: 64, held: 1_024 },
  smollm2: { width: 576, heads: 9, kvHeads: 3, headDim: 64, ffn: 1_536, vocabulary: 49_152, rows: 32, held: 512 },
  tiny: { width: 64, heads: 4, kvHeads: 2, headDim: 16, ffn: 128, vocabulary: 303, rows: 32, held: 128 },
} as const satisfies Record<string, Sizes>
export type ShapeName = keyof typeof SIZES

/** How a buffer is filled. `weights` follow the layout of the case; all values stay small and finite. */
export type Fill = 'weights' | 'scales' | 'floats' | 'halves' | 'zeros' | 'noise'

export interface KernelCase {
  readonly kernel: KernelName
  readonly layout: Layout | null
  readonly what: string
  readonly frame: { readonly position: number; readonly rows: number }
  readonly params: Readonly<Record<string, number>>
  readonly overrides: Readonly<Record<string, number>>
  /** After frame and params, in binding order. */
  readonly bound: readonly { readonly fill: Fill; readonly bytes: number }[]
  readonly sampler?: 'greedy' | 'full'
  readonly grid: readonly [x: number, y: number]
  readonly flops: number
  readonly bytes: number
  /** Grid of the naive kernel, where there is one. */
  readonly naiveGrid: readonly [x: number, y: number] | null
}

export const LAYOUTS: readonly Layout[] = ['q4', 'q8', 'f16', 'f32']

interface Matrix {
  readonly quants: number
  readonly scales: number
}

function matrixBytes(layout: Layout, outputs: number, columns: number): Matrix {
  const scaled = layout === 'q4' || layout === 'q8'
  return { quants: outputs * quantBytesPerRow(layout, columns), scales: scaled ? (outputs * columns) / 8 : 16 }
}

function product(
  sizes: Sizes,
  layout: Layout,
  rows: number,
  outputs: number,
  columns: number,
  what: string,
): KernelCase {
  const { quants, scales } = matrixBytes(layout, outputs, columns)
  const tiled = rows > 1
  const moved = rows * (columns + outputs) * 4
  const params = { units: columns / 8, outputs, offset: 0, stride: outputs }
  const before = [
    { fill: 'weights', bytes: quants },
    { fill: 'scales', bytes: scales },
    { fill: 'floats', bytes: rows * columns * 4 },
  ] as const
  const filler = { fill: 'zeros', bytes: 16 } as const
  const out = { fill: 'zeros', bytes: rows * outputs * 4 } as const
  return {
    kernel: tiled ? 'matmul' : 'matvec',
    layout,
    what: `${what} [${outputs}, ${columns}] x ${rows}`,
    frame: { position: sizes.held - 1, rows },
    params: tiled ? params : { ...params, epsilon: 1e-5 },
    overrides: layout === 'q8' ? { SCALE_UNITS: 4 } : {},
    bound: tiled ? [...before, filler, out] : [...before, filler, filler, out],
    grid: tiled ? [Math.ceil(rows / 32), Math.ceil(outputs / 64)] : [1, Math.ceil(outputs / 4)],
    flops: 2 * rows * outputs * columns,
    bytes: quants + scales + moved,
    naiveGrid: [Math.ceil(outputs / 64), rows],
  }
}

/** One square product of a row: what is set beside other engines. */
export function squareCase(shape: ShapeName): KernelCase {
  const sizes = SIZES[shape]
  return product(sizes, 'q4', 1, sizes.width, sizes.width, 'square')
}

function attention({ heads, kvHeads, headDim, held }: Sizes): KernelCase {
  const cache = held * kvHeads * headDim * 2
  const qkv = (heads + 2 * kvHeads) * headDim * 4
  const out = heads * headDim * 4
  return {
    kernel: 'attention',
    layout: null,
    what: `1 row, ${held} positions`,
    frame: { position: held - 1, rows: 1 },
    params: { heads, kv_heads: kvHeads, scale: headDim ** -0.5 },
    overrides: { HEAD_DIM: headDim },
    bound: [
      { fill: 'floats', bytes: qkv },
      { fill: 'halves', bytes: cache },
      { fill: 'halves', bytes: cache },
      { fill: 'zeros', bytes: out },
    ],
    grid: [1, heads],
    flops: 4 * heads * headDim * held,
    bytes: 2 * cache + qkv + out,
    naiveGrid: null,
  }
}

function ropeKv({ heads, kvHeads, headDim, held }: Sizes): KernelCase {
  const qkv = (heads + 2 * kvHeads) * headDim * 4
  const cache = held * kvHeads * headDim * 2
  return {
    kernel: 'rope_kv',
    layout: null,
    what: '1 row',
    frame: { position: held - 1, rows: 1 },
    params: { heads, kv_heads: kvHeads, epsilon: 1e-5 },
    overrides: { HEAD_DIM: headDim },
    bound: [
      { fill: 'floats', bytes: qkv },
      { fill: 'floats', bytes: held * headDim * 4 },
      { fill: 'floats', bytes: headDim * 8 },
      { fill: 'zeros', bytes: cache },
      { fill: 'zeros', bytes: cache },
    ],
    grid: [1, heads + 2 * kvHeads],
    flops: 3 * (heads + kvHeads) * headDim,
    bytes: qkv + heads * headDim * 4 + 4 * kvHeads * headDim,
    naiveGrid: null,
  }
}

function norm({ width, rows, held }: Sizes): KernelCase {
  return {
    kernel: 'norm',
    layout: null,
    what: `[${rows}, ${width}]`,
    frame: { position: held - 1, rows },
    params: { units: width / 8, epsilon: 1e-5 },
    overrides: {},
    bound: [
      { fill: 'floats', bytes: rows * width * 4 },
      { fill: 'floats', bytes: width * 4 },
      { fill: 'zeros', bytes: rows * width * 4 },
    ],
    grid: [rows, 1],
    flops: 4 * rows * width,
    bytes: (2 * rows + 1) * width * 4,
    naiveGrid: null,
  }
}

function embed({ width, rows, held }: Sizes, layout: Layout): KernelCase {
  const vocabulary = 256
  const { quants, scales } = matrixBytes(layout, vocabulary, width)
  return {
    kernel: 'embed',
    layout,
    what: `${rows} rows of ${width}`,
    frame: { position: held - 1, rows },
    params: { first: 0, rows: vocabulary, units: width / 8 },
    overrides: layout === 'q8' ? { SCALE_UNITS: 4 } : {},
    bound: [
      { fill: 'weights', bytes: quants },
      { fill: 'scales', bytes: scales },
      { fill: 'zeros', bytes: (held + rows) * 4 },
      { fill: 'zeros', bytes: rows * width * 4 },
    ],
    grid: [rows, Math.ceil(width / 8 / 64)],
    flops: 2 * rows * width,
    bytes: (rows / vocabulary) * (quants + (scales > 16 ? scales : 0)) + rows * width * 4,
    naiveGrid: null,
  }
}

function sample({ vocabulary, held }: Sizes, sampler: 'greedy' | 'full'): KernelCase {
  return {
    kernel: 'sample',
    layout: null,
    what: `${vocabulary} logits, ${sampler === 'full' ? 'top-k, top-p, min-p, penalty' : 'greedy'}`,
    frame: { position: held - 1, rows: 1 },
    params: { vocabulary },
    overrides: { WORKGROUP: 256 },
    sampler,
    bound: [
      { fill: 'floats', bytes: vocabulary * 4 },
      { fill: 'zeros', bytes: (held + 1) * 4 },
      { fill: 'noise', bytes: 0 },
    ],
    grid: [1, 1],
    flops: vocabulary,
    bytes: vocabulary * 4,
    naiveGrid: null,
  }
}

export function kernelCases(shape: ShapeName): readonly KernelCase[] {
  const sizes = SIZES[shape]
  const { width, ffn, rows } = sizes
  return [
    ...LAYOUTS.map((layout) => product(sizes, layout, 1, 2 * ffn, width, 'gate and up')),
    ...LAYOUTS.map((layout) => product(sizes, layout, rows, 2 * ffn, width, 'gate and up')),
    attention(sizes),
    ropeKv(sizes),
    norm(sizes),
    ...LAYOUTS.map((layout) => embed(sizes, layout)),
    sample(sizes, 'greedy'),
    sample(sizes, 'full'),
  ]
}
