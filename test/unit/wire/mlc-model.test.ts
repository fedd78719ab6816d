/** The manifest of an MLC model: what is taken, what is refused, and that nothing unsafe ever gets through. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, MLC_FILES_MAX } from '../../../web/wire/limits/models.ts'
import { isMlcPath, type MlcManifest, parseMlcManifest, summariseMlc } from '../../../web/wire/mlc-model.ts'

const HASH = 'ab'.repeat(32)

function file(path: string, bytes = 10) {
  return { path, bytes, sha256: HASH, chunks: new Array<string>(Math.ceil(bytes / CHUNK_BYTES)).fill(HASH) }
}

const FILES = [
  file('mlc-chat-config.json'),
  file('tensor-cache.json'),
  file('tokenizer.json'),
  file('params_shard_0.bin', 2 * CHUNK_BYTES + 1),
  file('lib/small.wasm'),
]
const sum = (files: readonly { readonly bytes: number }[]) => files.reduce((total, { bytes }) => total + bytes, 0)

const GOOD: MlcManifest = {
  format: 'weft-mlc/1',
  name: 'Small',
  license: 'MIT',
  architecture: 'llama',
  quantization: 'q4f16_1',
  parameters: 1,
  layers: 2,
  contextLength: 3,
  vramBytes: null,
  requiredFeatures: ['shader-f16'],
  library: 'lib/small.wasm',
  files: FILES,
  totalBytes: sum(FILES),
}

/** With other files, and a total that fits them. */
const withFiles = (files: readonly ReturnType<typeof file>[]) => ({ ...GOOD, files, totalBytes: sum(files) })
const add = (path: string) => withFiles([...FILES, file(path)])

describe('the manifest of an MLC model', () => {
  it.each([
    ['as it is', GOOD],
    ['with a kind', { ...GOOD, kind: 'embedding' }],
    ['with its memory', { ...GOOD, vramBytes: 5 }],
    [
      'with its list under the older name',
      withFiles([file('ndarray-cache.json'), ...FILES.filter((_, at) => at !== 1)]),
    ],
  ])('is taken %s, with nothing added or lost', (_what, manifest) => {
    expect(parseMlcManifest(manifest)).toEqual({ ok: true, value: manifest })
  })

  it('drops what it does not know', () => {
    expect(parseMlcManifest({ ...GOOD, extra: 1 })).toEqual({ ok: true, value: GOOD })
  })

  it('is summed up for the list', () => {
    expect(summariseMlc('id', GOOD)).toMatchObject({ id: 'id', format: 'mlc', fileBytes: GOOD.totalBytes, layers: 2 })
  })

  it.each([
    ['nothing', null],
    ['a GGUF manifest', { ...GOOD, format: 'weft-model/1' }],
    ['no name', { ...GOOD, name: 1 }],
    ['an endless name', { ...GOOD, name: 'x'.repeat(1_000) }],
    ['an unknown kind', { ...GOOD, kind: 'other' }],
    ['a negative count', { ...GOOD, layers: -1 }],
    ['half a parameter', { ...GOOD, parameters: 0.5 }],
    ['memory that is no number', { ...GOOD, vramBytes: '1' }],
    ['features that are no list', { ...GOOD, requiredFeatures: 'shader-f16' }],
    ['a feature that is no text', { ...GOOD, requiredFeatures: [1] }],
    ['endless features', { ...GOOD, requiredFeatures: new Array(100).fill('a') }],
    ['no files', withFiles([])],
    ['too many files', withFiles(Array.from({ length: MLC_FILES_MAX + 1 }, (_, at) => file(`f${at}`)))],
    ['a total that does not add up', { ...GOOD, totalBytes: GOOD.totalBytes + 1 }],
    ['an empty file', withFiles([...FILES, { ...file('empty'), bytes: 0, chunks: [] }])],
    ['a hash too few', withFiles([...FILES, { ...file('a', CHUNK_BYTES + 1), chunks: [HASH] }])],
    ['a hash that is none', withFiles([...FILES, { ...file('a'), sha256: 'x' }])],
    ['a chunk hash that is none', withFiles([...FILES, { ...file('a'), chunks: ['x'] }])],
    ['no settings', withFiles(FILES.slice(1))],
    ['no list of shards', withFiles(FILES.filter((_, at) => at !== 1))],
    ['a path twice', add('tokenizer.json')],
    ['a path twice but for case', add('Tokenizer.json')],
    ['a file as a folder', add('tokenizer.json/x')],
  ])('with %s is refused', (_what, manifest) => {
    expect(parseMlcManifest(manifest)).toMatchObject({ ok: false, code: 'manifest-invalid' })
  })

  it.each([
    ['none of its files', { ...GOOD, library: 'other.wasm' }],
    ['not compiled', { ...GOOD, library: 'tokenizer.json' }],
    ['not named', { ...GOOD, library: undefined }],
  ])('with a library that is %s is told apart', (_what, manifest) => {
    expect(parseMlcManifest(manifest)).toMatchObject({ ok: false, code: 'library-missing' })
  })
})

describe('a path', () => {
  it.each(['a', 'a/b.bin', 'params_shard_0.bin', '_x', 'a..b', 'a+b-c', 'x'.repeat(200)])('"%s" is safe', (path) => {
    expect(isMlcPath(path)).toBe(true)
  })

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    '.hidden',
    'a\\b',
    'C:a',
    'a b',
    'a%2fb',
    'a?b',
    'a#b',
    'a\0',
    'a\n',
    'a.',
    'é',
    'x'.repeat(201),
    1,
  ])('%j is not', (path) => {
    expect(isMlcPath(path)).toBe(false)
  })

  it('that is safe is itself in a URL and stays below its folder', () => {
    let safe = 0
    const near = fc.string({ unit: fc.constantFrom('a', 'B', '0', '.', '/', '\\', '%', '-', '_', ' ', ':', '?') })
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (path) => {
        if (!isMlcPath(path)) return
        safe++
        const url = new URL(`http://host/models/id/files/${path}`)
        expect(url.pathname).toBe(`/models/id/files/${path}`)
        expect(url.search + url.hash).toBe('')
      }),
      { numRuns: 5_000 },
    )
    expect(safe).toBeGreaterThan(50)
  })
})
