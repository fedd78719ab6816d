/**
 * Every kernel by name: which files make its source, what it binds, how its params are laid out. The only place that
 * knows file names of kernels. A test compares `bindings` and `params` with the WGSL. Sources are passed in, because a
 * bundler, a test and plain Node each read files in their own way.
 */

import type { Layout } from '../../weights/repack.ts'
import { assert } from '../../wire/result.ts'

export type KernelName = 'embed' | 'matvec' | 'matmul' | 'norm' | 'rope_kv' | 'attention' | 'mask' | 'sample'
export type Reduction = 'workgroup' | 'subgroup'
/** File name without `.wgsl` -> text. */
export type KernelSources = Readonly<Record<string, string>>

type Binding = 'uniform' | 'read' | 'write'
type Field = readonly [name: string, type: 'u32' | 'f32']

export interface KernelSpec {
  /** Reads a matrix: one `weights_*` file is part of it. */
  readonly weights: boolean
  /** Entered through `reduce_*`, which defines the entry point, WORKGROUP and the reductions. */
  readonly reduces: boolean
  readonly bindings: readonly Binding[]
  readonly params: readonly Field[]
}

export const KERNELS: Readonly<Record<KernelName, KernelSpec>> = {
  embed: {
    weights: true,
    reduces: true,
    bindings: ['uniform', 'uniform', 'read', 'read', 'read', 'write'],
    params: [
      ['first', 'u32'],
      ['rows', 'u32'],
      ['units', 'u32'],
    ],
  },
  matvec: {
    weights: true,
    reduces: true,
    bindings: ['uniform', 'uniform', 'read', 'read', 'read', 'read', 'read', 'write'],
    params: [
      ['units', 'u32'],
      ['outputs', 'u32'],
      ['offset', 'u32'],
      ['stride', 'u32'],
      ['epsilon', 'f32'],
    ],
  },
  matmul: {
    weights: true,
    reduces: false,
    bindings: ['uniform', 'uniform', 'read', 'read', 'read', 'read', 'write'],
    params: [
      ['units', 'u32'],
      ['outputs', 'u32'],
      ['offset', 'u32'],
      ['stride', 'u32'],
    ],
  },
  norm: {
    weights: false,
    reduces: true,
    bindings: ['uniform', 'uniform', 'read', 'read', 'write'],
    params: [
      ['units', 'u32'],
      ['epsilon', 'f32'],
    ],
  },
  rope_kv: {
    weights: false,
    reduces: true,
    bindings: ['uniform', 'uniform', 'write', 'read', 'read', 'write', 'write'],
    params: [
      ['heads', 'u32'],
      ['kv_heads', 'u32'],
      ['epsilon', 'f32'],
    ],
  },
  attention: {
    weights: false,
    reduces: true,
    bindings: ['uniform', 'uniform', 'read', 'read', 'read', 'write'],
    params: [
      ['heads', 'u32'],
      ['kv_heads', 'u32'],
      ['scale', 'f32'],
    ],
  },
  mask: {
    weights: false,
    reduces: false,
    bindings: ['uniform', 'uniform', 'write', 'read'],
    params: [['vocabulary', 'u32']],
  },
  sample: {
    weights: false,
    reduces: true,
    bindings: ['uniform', 'uniform', 'uniform', 'write', 'write', 'read'],
    params: [['vocabulary', 'u32']],
  },
}

/** Fields of `Sampler` in `sample.wgsl`. */
export const SAMPLER_FIELDS: readonly Field[] = [
  ['inverse_temperature', 'f32'],
  ['log_min_p', 'f32'],
  ['top_p', 'f32'],
  ['penalty', 'f32'],
  ['top_k', 'u32'],
  ['seed_low', 'u32'],
  ['seed_high', 'u32'],
]

/** What distinguishes the sources of one kernel. */
export interface SourceVariant {
  readonly reduction: Reduction
  /** `weights_*_half`: needs `shader-f16`. */
  readonly half: boolean
}

const ENABLE = /^enable .*;$/gm

/** Source of a kernel: what it enables first, then reduction, shared helpers, weights, the kernel itself. */
export function kernelSource(
  sources: KernelSources,
  name: KernelName,
  variant: SourceVariant,
  layout: Layout | null,
): string {
  const spec = KERNELS[name]
  assert(spec.weights === (layout !== null), `${name} and its layout`)
  const weights = layout === null ? null : `weights_${layout}${variant.half && layout !== 'f32' ? '_half' : ''}`
  const pieces = [spec.reduces ? `reduce_${variant.reduction}` : null, 'common', weights, name]
  const text = pieces
    .filter((piece) => piece !== null)
    .map((piece) => {
      const source = sources[piece]
      assert(source !== undefined, `kernel file ${piece}.wgsl is missing`)
      return source
    })
    .join('\n')
  const enabled = new Set(text.match(ENABLE) ?? [])
  return [...enabled, text.replace(ENABLE, '')].join('\n')
}

/** Values of a uniform struct in field order, padded to 16 bytes. All fields are four bytes. */
export function packFields(
  fields: readonly Field[],
  values: Readonly<Record<string, number>>,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(Math.ceil(fields.length / 4) * 16))
  fields.forEach(([name, type], index) => {
    const value = values[name]
    assert(value !== undefined, `no value for ${name}`)
    if (type === 'u32') view.setUint32(index * 4, value, true)
    else view.setFloat32(index * 4, value, true)
  })
  return new Uint8Array(view.buffer)
}
