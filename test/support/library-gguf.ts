/**
 * `@huggingface/gguf` as the second opinion on GGUF headers. It reads through a `fetch` of ours, in the same words as
 * `readDirectory` answers, so that a test can compare them. Not used by the product: docs/decisions/0006-gguf-reader.md.
 */
import { GGMLQuantizationType, gguf } from '@huggingface/gguf'
import type { TensorEntry } from '../../web/wire/model.ts'

export interface LibraryDirectory {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly tensors: readonly Omit<TensorEntry, 'bytes'>[]
  readonly dataOffset: number
}

/** Keys that the library adds to the metadata of the file. */
const ADDED = ['version', 'tensor_count', 'kv_count']

/** Throws what the library throws. */
export async function libraryDirectory(file: Uint8Array): Promise<LibraryDirectory> {
  const fetchRange: typeof fetch = async (_url, init) => {
    const range = /^bytes=(\d+)-(\d+)$/.exec(new Headers(init?.headers).get('range') ?? '')
    const body = file.slice(Number(range?.[1]), Number(range?.[2]) + 1)
    return new Response(body, { status: 206 })
  }
  const parsed = await gguf('http://memory/', { fetch: fetchRange })
  return {
    metadata: Object.fromEntries(Object.entries(parsed.metadata).filter(([key]) => !ADDED.includes(key))),
    tensors: parsed.tensorInfos.map(({ name, shape, dtype, offset }) => ({
      name,
      type: GGMLQuantizationType[dtype] ?? '?',
      shape: shape.map(Number),
      offset: Number(parsed.tensorDataOffset + offset),
    })),
    dataOffset: Number(parsed.tensorDataOffset),
  }
}
