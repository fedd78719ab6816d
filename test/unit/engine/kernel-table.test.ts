/** The table of kernels against the WGSL: bindings in order and kind, uniform structs field by field, layouts of sources. */
import { describe, expect, test } from 'vitest'
import {
  KERNELS,
  type KernelName,
  kernelSource,
  packFields,
  SAMPLER_FIELDS,
} from '../../../web/engine/kernels/table.ts'
import type { Layout } from '../../../web/weights/repack.ts'
import { kernelSources } from '../../support/kernel-sources.ts'

const NAMES = Object.keys(KERNELS) as KernelName[]
const LAYOUTS: readonly Layout[] = ['q4', 'q8', 'f16', 'f32']
const HALVES = ['q4', 'q8', 'f16'].map((layout) => `weights_${layout}_half`)
const sources = kernelSources()
const code = (text: string) => text.replace(/\/\/.*$/gm, '')

/** Binding number -> kind, of everything that a source declares. */
function bindingsOf(text: string): Map<number, string> {
  const found = new Map<number, string>()
  const declaration = /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<\s*(uniform|storage)\s*(?:,\s*(read|read_write)\s*)?>/g
  for (const [, group, binding, space, access] of code(text).matchAll(declaration)) {
    expect(group).toBe('0')
    expect(found.has(Number(binding)), `binding ${binding} twice`).toBe(false)
    found.set(Number(binding), space === 'uniform' ? 'uniform' : access === 'read_write' ? 'write' : 'read')
  }
  return found
}

function fieldsOf(text: string, struct: string): [string, string][] {
  const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(code(text))?.[1] ?? ''
  return [...body.matchAll(/(\w+):\s*(\w+)/g)].map(([, name = '', type = '']) => [name, type])
}

describe.each(NAMES)('%s', (name) => {
  const spec = KERNELS[name]
  const layouts = spec.weights ? LAYOUTS : [null]

  const kinds = layouts.flatMap((layout) => [false, true].map((half) => ({ layout, half })))
  test.each(kinds)('bindings, layout $layout, half $half', ({ layout, half }) => {
    const found = bindingsOf(kernelSource(sources, name, { reduction: 'workgroup', half }, layout))
    for (const [binding, kind] of spec.bindings.entries()) {
      // Layouts without scales do not declare their binding; it is bound all the same.
      if (!found.has(binding) && spec.weights && binding === 3) continue
      expect(found.get(binding), `binding ${binding}`).toBe(kind)
    }
    expect(Math.max(...found.keys())).toBe(spec.bindings.length - 1)
  })

  test('params', () => {
    expect(fieldsOf(sources[name] ?? '', 'Params')).toEqual(spec.params)
  })

  test('reductions are in the source where the kernel is entered through them', () => {
    const text = code(sources[name] ?? '')
    expect(/fn run\(/.test(text)).toBe(spec.reduces)
    expect(/@compute/.test(text)).toBe(!spec.reduces)
    const [plain, subgroup] = (['workgroup', 'subgroup'] as const).map((kind) =>
      kernelSource(sources, name, { reduction: kind, half: false }, layouts[0] ?? null),
    )
    expect((plain?.match(/@compute/g) ?? []).length).toBe(1)
    expect(plain === subgroup).toBe(!spec.reduces)
    if (spec.reduces) expect(subgroup?.startsWith('enable subgroups;')).toBe(true)
  })
})

test('half sources enable what they need, first', () => {
  const text = kernelSource(sources, 'matvec', { reduction: 'subgroup', half: true }, 'q8')
  const enabled = text.match(/enable \w+;/g)
  expect(new Set(enabled)).toEqual(new Set(['enable subgroups;', 'enable f16;']))
  expect(text.indexOf('enable f16;')).toBeLessThan(text.indexOf('fn '))
  expect(kernelSource(sources, 'matvec', { reduction: 'workgroup', half: true }, 'f32')).not.toContain('f16;')
})

test('every kernel file belongs to a kernel', () => {
  const parts = [
    'common',
    'reduce_workgroup',
    'reduce_subgroup',
    ...LAYOUTS.map((layout) => `weights_${layout}`),
    ...HALVES,
  ]
  expect(Object.keys(sources).sort()).toEqual([...NAMES, ...parts].sort())
})

test('the sampler struct and the frame', () => {
  expect(fieldsOf(sources['sample'] ?? '', 'Sampler')).toEqual(SAMPLER_FIELDS)
  expect(fieldsOf(sources['common'] ?? '', 'Frame')).toEqual([
    ['position', 'u32'],
    ['rows', 'u32'],
  ])
})

test('fields are packed in order, four bytes each, padded to sixteen', () => {
  const bytes = packFields(SAMPLER_FIELDS, {
    inverse_temperature: 0.5,
    log_min_p: -1,
    top_p: 1,
    penalty: 2,
    top_k: 40,
    seed_low: 0xffff_ffff,
    seed_high: 7,
  })
  const view = new DataView(bytes.buffer)
  expect(bytes.byteLength).toBe(32)
  expect([0, 4, 8, 12].map((offset) => view.getFloat32(offset, true))).toEqual([0.5, -1, 1, 2])
  expect([16, 20, 24, 28].map((offset) => view.getUint32(offset, true))).toEqual([40, 0xffff_ffff, 7, 0])
  expect(() => packFields(SAMPLER_FIELDS, {})).toThrow('inverse_temperature')
})
