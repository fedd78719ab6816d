/** Reading hostile model files: whatever the bytes are, the answer is facts that hold or a code, never a throw. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inspectGguf } from '../../../signal/models/inspect.ts'
import { ggmlTypeByName, tensorFileBytes } from '../../../web/wire/ggml-types.ts'
import { text, u32, GGML_TYPES as WRITER_TYPES, writeGguf } from '../../fixtures/gguf-writer.ts'
import { smallGguf } from '../../support/small-gguf.ts'
import { temporaryFolder } from './support.ts'

const GOOD = smallGguf()

async function inspect(bytes: Uint8Array) {
  const path = join(await temporaryFolder(), 'model.gguf')
  await writeFile(path, bytes)
  return inspectGguf(path)
}

/** Byte offset of `needle` in the good file, plus what lies between it and the field to change. */
function place(needle: string, after: number): number {
  return Buffer.from(GOOD).indexOf(needle) + needle.length + after
}

function changed(at: number, value: bigint, bytes: 4 | 8): Uint8Array {
  const copy = Buffer.from(GOOD)
  if (bytes === 4) copy.writeUInt32LE(Number(value), at)
  else copy.writeBigUInt64LE(value, at)
  return copy
}

describe('a good file', () => {
  it('says what it is', async () => {
    const facts = await inspect(smallGguf({ name: 'N', license: 'L', layers: 3 }))
    expect(facts).toMatchObject({ value: { name: 'N', license: 'L', layers: 3, contextLength: 512 } })
    expect(facts.ok && facts.value.tensors).toHaveLength(8)
    expect(facts.ok && facts.value.parameters).toBe(64 * 16 + 64 + 3 * (64 * 64 + 64))
  })
})

describe('a file that is cut', () => {
  it('anywhere is refused as cut', async () => {
    const path = join(await temporaryFolder(), 'model.gguf')
    const codes = new Set<string>()
    for (let length = 0; length < GOOD.length; length += length < 40 ? 1 : length < 900 ? 13 : 997) {
      await writeFile(path, GOOD.subarray(0, length))
      const facts = await inspectGguf(path)
      codes.add(facts.ok ? `taken at ${length}` : facts.code)
    }
    expect([...codes]).toEqual(['gguf-truncated'])
  })
})

describe('a file that lies', () => {
  const shape = place('token_embd.weight', 4)
  it.each([
    ['about its version', changed(4, 9n, 4), 'gguf-invalid'],
    ['about the byte order', changed(4, 0x03000000n, 4), 'gguf-invalid'],
    ['with no tensors', changed(8, 0n, 8), 'gguf-invalid'],
    ['with too many tensors', changed(8, 1n << 40n, 8), 'gguf-invalid'],
    ['with too many entries', changed(16, 1n << 40n, 8), 'gguf-invalid'],
    ['with a shape that overflows', changed(shape, 1n << 62n, 8), 'gguf-invalid'],
    ['with a shape of nothing', changed(shape, 0n, 8), 'gguf-invalid'],
    ['with a tensor larger than the file', changed(shape + 8, 1n << 31n, 8), 'gguf-invalid'],
    ['with five dimensions', changed(shape - 4, 5n, 4), null],
    ['with an unknown type', changed(shape + 16, 77n, 4), 'tensor-type-unsupported'],
    ['with a tensor between two places', changed(shape + 20, 4n, 8), 'gguf-invalid'],
    ['with two tensors in one place', changed(place('output_norm.weight', 16), 0n, 8), 'gguf-invalid'],
    ['with a tensor behind the end', changed(place('blk.1.attn_norm.weight', 16), 1n << 40n, 8), 'gguf-truncated'],
    ['about its layers', changed(place('llama.block_count', 4), 1n, 4), 'gguf-invalid'],
  ])('%s is refused', async (_what, bytes, code) => {
    const facts = await inspect(bytes)
    expect(facts.ok).toBe(false)
    if (code !== null) expect(!facts.ok && facts.code).toBe(code)
  })

  it('in any byte of its header never throws and never claims a tensor outside itself', async () => {
    const path = join(await temporaryFolder(), 'model.gguf')
    let refused = 0
    await fc.assert(
      fc.asyncProperty(fc.nat(900), fc.nat(255), async (at, value) => {
        const copy = Buffer.from(GOOD)
        copy[at] = value
        await writeFile(path, copy)
        const facts = await inspectGguf(path)
        if (!facts.ok) refused++
        else
          for (const { offset, bytes } of facts.value.tensors) expect(offset + bytes).toBeLessThanOrEqual(copy.length)
      }),
      { numRuns: 150 },
    )
    expect(refused).toBeGreaterThan(10)
  })
})

describe('a file that is silent', () => {
  const counts = { 'llama.block_count': u32(0), 'llama.context_length': u32(512) }
  const all = { 'general.architecture': text('llama'), ...counts }
  const tensor = { name: 'token_embd.weight', type: 'F32', shape: [8], data: new Uint8Array(32) } as const

  it('about its name and license gets words that say so', async () => {
    const facts = await inspect(writeGguf(all, [tensor]))
    expect(facts).toMatchObject({ value: { name: 'Unnamed llama model', license: 'unknown' } })
  })

  it.each(Object.keys(all))('about %s is refused', async (key) => {
    const rest = Object.fromEntries(Object.entries(all).filter(([other]) => other !== key))
    expect(await inspect(writeGguf(rest, [tensor]))).toMatchObject({ ok: false, code: 'gguf-invalid' })
  })
})

describe('the table of tensor types', () => {
  it('agrees with the writer of the fixtures', () => {
    for (const [name, [id, elements, bytes]] of Object.entries(WRITER_TYPES)) {
      const type = ggmlTypeByName(name)
      expect(type).toEqual({ name, id, blockElements: elements, blockBytes: bytes })
    }
  })

  it('sizes whole rows only', () => {
    const type = ggmlTypeByName('Q4_1')
    if (!type) throw new Error('no Q4_1')
    expect(tensorFileBytes(type, [64, 3])).toBe(6 * 20)
    expect(tensorFileBytes(type, [33, 32])).toBeNull()
  })

  it('is what the reader uses: a block type file is taken whole', async () => {
    const counts = { 'llama.block_count': u32(0), 'llama.context_length': u32(512) }
    const metadata = { 'general.architecture': text('llama'), ...counts }
    const tensor = { name: 'token_embd.weight', type: 'Q6_K', shape: [256, 2], data: new Uint8Array(420) } as const
    const facts = await inspect(writeGguf(metadata, [tensor]))
    expect(facts.ok && facts.value.tensors[0]).toMatchObject({ type: 'Q6_K', bytes: 420, shape: [256, 2] })
  })
})
