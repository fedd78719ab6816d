/** The GGUF reader: equal to the library on whole files, and a named refusal on every kind of broken one. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readDirectory } from '../../../web/weights/gguf.ts'
import type { ByteSource } from '../../../web/weights/source.ts'
import { CHUNK_BYTES, GGUF_HEADER_BYTES_MAX, METADATA_ITEMS_MAX, TENSORS_MAX } from '../../../web/wire/limits/models.ts'
import { ok } from '../../../web/wire/result.ts'
import { FIXTURES, fixture } from '../../fixtures/fixtures.ts'
import {
  type GgufMetadata,
  type GgufValue,
  layoutGguf,
  numbers,
  text,
  texts,
  u32,
  writeGguf,
} from '../../fixtures/gguf-writer.ts'
import { libraryDirectory } from '../../support/library-gguf.ts'
import { MemorySource } from '../../support/memory-source.ts'

const parse = (file: Uint8Array) => readDirectory(new MemorySource(file))
const tensor = (name: string, elements = 32) => {
  return { name, type: 'F32' as const, shape: [elements], data: new Uint8Array(4 * elements) }
}

/** A file written by hand, so that it can lie. Tensors: name, dimensions, type, offset. */
interface Raw {
  readonly version?: number
  readonly tensorCount?: bigint
  readonly pairs?: bigint
  /** Bytes of the pairs. */
  readonly metadata?: readonly number[]
  readonly tensors?: readonly (readonly [name: string, shape: readonly bigint[], type: number, offset: bigint])[]
  readonly dataBytes?: number
}

const le = (value: bigint | number, bytes: number) =>
  Array.from({ length: bytes }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 255n))
const string = (value: string) => [...le(value.length, 8), ...Buffer.from(value)]

function raw({
  version = 3,
  metadata = [],
  tensors = [['t', [32n], 0, 0n]],
  dataBytes = 128,
  ...given
}: Raw): Uint8Array {
  const count = given.tensorCount ?? BigInt(tensors.length)
  const bytes = [...Buffer.from('GGUF'), ...le(version, 4), ...le(count, 8), ...le(given.pairs ?? 0n, 8), ...metadata]
  for (const [name, shape, type, offset] of tensors) {
    bytes.push(...string(name), ...le(shape.length, 4), ...shape.flatMap((size) => le(size, 8)))
    bytes.push(...le(type, 4), ...le(offset, 8))
  }
  const file = new Uint8Array(Math.ceil(bytes.length / 32) * 32 + dataBytes)
  file.set(bytes)
  return file
}

const u8 = (key: string) => [...string(key), ...le(0, 4), 1]
const array = (key: string, of: number, count: bigint | number, ...items: number[]) => [
  ...string(key),
  ...le(9, 4),
  ...le(of, 4),
  ...le(count, 8),
  ...items,
]

describe('whole files', () => {
  it.each(FIXTURES.map(({ name }) => name))('%s reads as the library reads it', async (name) => {
    const file = fixture(name).build()
    const ours = await parse(file)
    const theirs = await libraryDirectory(file)
    expect(ours.ok && { ...ours.value, tensors: ours.value.tensors.map(({ bytes: _, ...entry }) => entry) }).toEqual(
      theirs,
    )
  })

  it('of every metadata kind read as the library reads them', async () => {
    const value = fc.oneof<fc.Arbitrary<GgufValue>[]>(
      fc.record({ kind: fc.constantFrom('u8', 'u16', 'u32'), value: fc.nat(255) }),
      fc.record({ kind: fc.constantFrom('i8', 'i16', 'i32'), value: fc.integer({ min: -128, max: 127 }) }),
      fc.record({ kind: fc.constantFrom('f32', 'f64'), value: fc.float({ noNaN: true }) }),
      fc.record({ kind: fc.constant('u64'), value: fc.bigInt(0n, 2n ** 64n - 1n) }),
      fc.record({ kind: fc.constant('i64'), value: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) }),
      fc.record({ kind: fc.constant('bool'), value: fc.boolean() }),
      fc
        .string({ unit: 'grapheme', maxLength: 60 })
        .filter((words) => !words.startsWith('\ufeff'))
        .map(text),
      fc.array(fc.string(), { maxLength: 5 }).map(texts),
      fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 5 }).map((list) => numbers('i16', list)),
    )
    const added = ['version', 'tensor_count', 'kv_count', 'general.alignment', '__proto__']
    const key = fc.string({ maxLength: 30 }).filter((name) => !added.includes(name))
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, value, { noNullPrototype: true }), async (metadata: GgufMetadata) => {
        const file = writeGguf(metadata, [tensor('a'), tensor('b', 7)])
        const ours = await parse(file)
        expect(ours.ok && ours.value.metadata).toEqual((await libraryDirectory(file)).metadata)
      }),
    )
  })

  it('keep what the library loses: a byte order mark, and a key that names a prototype', async () => {
    const file = writeGguf(
      Object.fromEntries([
        ['m', text('\ufeffx')],
        ['__proto__', u32(5)],
      ]),
      [tensor('a')],
    )
    const ours = await parse(file)
    expect(ours.ok && Object.entries(ours.value.metadata)).toEqual([
      ['m', '\ufeffx'],
      ['__proto__', 5],
    ])
  })

  it('with a header of several chunks: the last text is whole wherever a chunk ends', async () => {
    const last = 'b'.repeat(400)
    for (const tokens of [209_700, 209_710, 209_715]) {
      const list = [...Array.from({ length: tokens }, () => 'twelve bytes'), last]
      const ours = await parse(writeGguf({ 'tokenizer.ggml.tokens': texts(list) }, [tensor('a')]))
      expect(ours.ok && ours.value.metadata['tokenizer.ggml.tokens']).toEqual(list)
      expect(ours.ok && ours.value.dataOffset).toBeGreaterThan(CHUNK_BYTES)
    }
  })

  it('of another alignment have their tensors there', async () => {
    const metadata = { 'general.alignment': u32(256) }
    const ours = await parse(writeGguf(metadata, [tensor('a', 3), tensor('b', 3)], 256))
    expect(ours.ok && ours.value.tensors.map(({ offset }) => offset % 256)).toEqual([0, 0])
  })

  it('are read no further than their header', async () => {
    let furthest = 0
    const file = writeGguf({}, [tensor('a', 2 * CHUNK_BYTES)])
    const counted: ByteSource = {
      size: file.length,
      read: async (offset, length) => {
        furthest = Math.max(furthest, offset + length)
        return ok(file.slice(offset, offset + length))
      },
    }
    expect((await readDirectory(counted)).ok).toBe(true)
    expect(furthest).toBe(CHUNK_BYTES)
  })
})

describe('broken files', () => {
  it.each<[string, Uint8Array, string, string?]>([
    ['an empty file', new Uint8Array(0), 'gguf-truncated'],
    ['a page', Buffer.from('<!doctype html>'), 'gguf-not-gguf'],
    ['the magic cut short', Buffer.from('GGU'), 'gguf-truncated'],
    ['three other bytes', Buffer.from('GGM'), 'gguf-not-gguf'],
    ['nothing after the magic', Buffer.from('GGUF'), 'gguf-truncated'],
    ['version 1', raw({ version: 1 }), 'gguf-invalid', 'Version 1'],
    ['version 4', raw({ version: 4 }), 'gguf-invalid', 'Version 4'],
    ['big-endian', raw({ version: 0x03000000 }), 'gguf-invalid', 'big-endian'],
    ['no tensors', raw({ tensors: [] }), 'gguf-invalid', 'no tensors'],
    ['too many tensors', raw({ tensorCount: BigInt(TENSORS_MAX + 1) }), 'gguf-invalid', 'tensors'],
    ['more tensors than the file can name', raw({ tensorCount: 60_000n }), 'gguf-truncated'],
    ['2^64 - 1 tensors', raw({ tensorCount: 2n ** 64n - 1n }), 'gguf-invalid', 'out of range'],
    ['2^64 - 1 keys', raw({ pairs: 2n ** 64n - 1n }), 'gguf-invalid', 'out of range'],
    ['more keys than the file can hold', raw({ pairs: 1000n }), 'gguf-truncated'],
    ['a key twice', raw({ pairs: 2n, metadata: [...u8('k'), ...u8('k')] }), 'gguf-invalid', '"k"'],
    [
      'an unknown metadata type',
      raw({ pairs: 1n, metadata: [...string('key!'), ...le(13, 4), 1, 1] }),
      'gguf-invalid',
      '13',
    ],
    ['an unknown item type', raw({ pairs: 1n, metadata: array('k', 99, 1, 0) }), 'gguf-invalid', '99'],
    ['a text beyond the file', raw({ pairs: 1n, metadata: [...le(5000, 8), 0, 0, 0, 0, 0] }), 'gguf-truncated'],
    [
      'a text beyond reason',
      raw({ pairs: 1n, metadata: [...le(2n ** 40n, 8), 0, 0, 0, 0, 0] }),
      'gguf-invalid',
      String(GGUF_HEADER_BYTES_MAX),
    ],
    ['an array beyond the file', raw({ pairs: 1n, metadata: array('k', 8, 1_000_000) }), 'gguf-truncated'],
    [
      'an array beyond reason',
      raw({ pairs: 1n, metadata: array('k', 0, METADATA_ITEMS_MAX + 1) }),
      'gguf-invalid',
      'metadata items',
    ],
    [
      'arrays in arrays',
      raw({
        pairs: 1n,
        metadata: array('k', 9, 1, ...Array.from({ length: 9 }, () => [...le(9, 4), ...le(1, 8)]).flat()),
      }),
      'gguf-invalid',
      'nested',
    ],
    ['an odd alignment', writeGguf({ 'general.alignment': u32(48) }, [tensor('a')]), 'gguf-invalid', 'alignment'],
    ['no alignment', writeGguf({ 'general.alignment': u32(0) }, [tensor('a')]), 'gguf-invalid', 'alignment'],
    [
      'an alignment in words',
      writeGguf({ 'general.alignment': text('32') }, [tensor('a')]),
      'gguf-invalid',
      'alignment',
    ],
    ['a tensor twice', writeGguf({}, [tensor('same'), tensor('same')]), 'gguf-invalid', 'same'],
    ['no name', writeGguf({}, [tensor('')]), 'gguf-invalid', 'name'],
    ['a long name', writeGguf({}, [tensor('n'.repeat(201))]), 'gguf-invalid', 'name'],
    ['no dimensions', raw({ tensors: [['t', [], 0, 0n]], dataBytes: 999 }), 'gguf-invalid', 't has 0'],
    ['five dimensions', raw({ tensors: [['t', [1n, 1n, 1n, 1n, 1n], 0, 0n]] }), 'gguf-invalid', 't has 5'],
    ['an empty dimension', raw({ tensors: [['t', [32n, 0n], 0, 0n]] }), 'gguf-invalid', 't is empty'],
    ['a dimension past counting', raw({ tensors: [['t', [2n ** 60n], 0, 0n]] }), 'gguf-invalid', 'dimension of t'],
    [
      'dimensions that overflow together',
      raw({ tensors: [['t', [2n ** 31n, 2n ** 31n], 0, 0n]] }),
      'gguf-invalid',
      't cannot',
    ],
    ['half a block', raw({ tensors: [['t', [33n], 2, 0n]] }), 'gguf-invalid', 'Q4_0'],
    ['an unknown tensor type', raw({ tensors: [['t', [32n], 77, 0n]] }), 'tensor-type-unsupported', 'type 77'],
    ['an offset between the lines', raw({ tensors: [['t', [8n], 0, 8n]] }), 'gguf-invalid', 't is not aligned'],
    ['an offset past counting', raw({ tensors: [['t', [8n], 0, 2n ** 63n]] }), 'gguf-invalid', 'offset of t'],
    ['an offset past the file', raw({ tensors: [['t', [8n], 0, 2n ** 40n]] }), 'gguf-truncated', 'Tensor t'],
    [
      'tensors on one another',
      raw({
        tensors: [
          ['t', [32n], 0, 0n],
          ['u', [8n], 0, 96n],
        ],
      }),
      'gguf-invalid',
      'overlaps',
    ],
    [
      'a tensor that reaches over the next one and past the file',
      raw({
        tensors: [
          ['t', [2n ** 31n], 0, 0n],
          ['u', [8n], 0, 96n],
        ],
      }),
      'gguf-invalid',
      'u overlaps',
    ],
  ])('%s', async (_what, file, code, detail = '') => {
    const answer = await parse(file)
    expect(answer).toMatchObject({ ok: false, code })
    expect(answer.ok ? '' : answer.detail).toContain(detail)
  })

  it('cut anywhere are cut short, and never something else', async () => {
    const file = fixture('llama-q4_1').build()
    const whole = await parse(file)
    const last = whole.ok ? Math.max(...whole.value.tensors.map(({ offset, bytes }) => offset + bytes)) : 0
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: last - 1 }), async (length) => {
        const answer = await parse(file.slice(0, length))
        return !answer.ok && answer.code === 'gguf-truncated'
      }),
      { numRuns: 300 },
    )
  })
})

describe('bytes from anybody', () => {
  const seedFile = writeGguf(
    { 'general.architecture': text('llama'), 'a': texts(['x', 'yy']), 'n': numbers('f64', [1, 2]), 'u': u32(1) },
    [tensor('one'), tensor('two', 5)],
  )
  const headerBytes = layoutGguf({}, []).header.length
  const codes = new Set(['gguf-not-gguf', 'gguf-truncated', 'gguf-invalid', 'tensor-type-unsupported'])
  const named = async (file: Uint8Array) => {
    const answer = await parse(file)
    if (answer.ok) {
      for (const { offset, bytes } of answer.value.tensors) if (offset + bytes > file.length) return false
      return true
    }
    return codes.has(answer.code)
  }

  it('random after the magic are read or refused by a name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), (rest) =>
        named(new Uint8Array([...Buffer.from('GGUF'), 3, 0, 0, 0, ...rest])),
      ),
      { numRuns: 2_000 },
    )
  })

  it('flipped in a whole file are read or refused by a name', async () => {
    let read = 0
    const flip = fc.tuple(fc.nat(seedFile.length - 1), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.array(flip, { minLength: 1, maxLength: 6 }), fc.nat(seedFile.length), async (flips, cut) => {
        const file = seedFile.slice(0, Math.max(headerBytes, cut))
        for (const [at, byte] of flips) if (at < file.length) file[at] = byte
        if ((await parse(file)).ok) read += 1
        return named(file)
      }),
      { numRuns: 3_000 },
    )
    expect(read).toBeGreaterThan(0)
  })

  it('put over eight bytes at once, as counts and lengths are, are read or refused by a name', async () => {
    const word = fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(2n ** 53n, 2n ** 32n, 2n ** 31n - 1n, 65_536n))
    await fc.assert(
      fc.asyncProperty(fc.nat(seedFile.length - 8), word, (at, value) => {
        const file = seedFile.slice()
        new DataView(file.buffer).setBigUint64(at, value, true)
        return named(file)
      }),
      { numRuns: 3_000 },
    )
  })
})
