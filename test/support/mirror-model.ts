/**
 * A model file of several chunks with its manifest, as a mirror would hold it. Its weights are noise: it is for the rooms
 * that move and check bytes, not for the engine.
 */
import { blobSource } from '../../web/weights/blob-source.ts'
import type { Directory } from '../../web/weights/directory.ts'
import { readDirectory } from '../../web/weights/gguf.ts'
import { manifestId, manifestOfFile } from '../../web/weights/manifest.ts'
import { type Manifest, type ModelSummary, summarise } from '../../web/wire/model.ts'
import { assert } from '../../web/wire/result.ts'
import { text, texts, u32, writeGguf } from '../fixtures/gguf-writer.ts'
import { Random } from '../fixtures/random.ts'

export interface MirrorModel {
  readonly id: string
  readonly manifest: Manifest
  readonly summary: ModelSummary
  readonly directory: Directory
  readonly file: Uint8Array<ArrayBuffer>
}

/** `layers` of 3 MiB each, and as much again for the embedding: borders of tensors and chunks seldom meet. */
export async function mirrorModel(layers = 4, seed = 7): Promise<MirrorModel> {
  const random = new Random(seed)
  const rows = 768
  const noise = (name: string) => {
    const words = new Uint32Array(rows * 1024).map(() => random.bits())
    return { name, type: 'F32' as const, shape: [1024, rows], data: new Uint8Array(words.buffer) }
  }
  const names = ['token_embd.weight', ...Array.from({ length: layers }, (_, layer) => `blk.${layer}.ffn_up.weight`)]
  const metadata = {
    'general.architecture': text('llama'),
    'general.name': text(`Noise ${seed}`),
    'general.license': text('apache-2.0'),
    'llama.block_count': u32(layers),
    'llama.context_length': u32(512),
    'tokenizer.ggml.tokens': texts(Array.from({ length: rows }, (_, index) => `token ${index}`)),
  }
  const file = writeGguf(metadata, names.map(noise))
  const blob = new Blob([file])
  const directory = await readDirectory(blobSource(blob))
  assert(directory.ok, 'a written file can be read')
  const manifest = await manifestOfFile(blob, directory.value)
  assert(manifest.ok, 'a written file has a manifest')
  const id = await manifestId(manifest.value)
  return { id, manifest: manifest.value, summary: summarise(id, manifest.value), directory: directory.value, file }
}
