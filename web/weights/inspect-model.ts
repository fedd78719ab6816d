/**
 * What a model is, before a byte of its weights is fetched: from the manifest of the mirror, or from the header of a
 * file. Whether an engine can run it is that engine's question.
 */
import { type Manifest, type ModelSummary, summarise } from '../wire/model.ts'
import { factsFromDirectory } from '../wire/model-facts.ts'
import { ok, type Result } from '../wire/result.ts'
import { blobSource } from './blob-source.ts'
import { readDirectory } from './gguf.ts'
import { type ModelSpec, manifestFromMirror } from './open-model.ts'
import { openShelf } from './shelf.ts'

export interface InspectedModel {
  readonly model: ModelSummary
  readonly tensors: Manifest['tensors']
}

/** Refusals: those of the manifest, or of the header. The id of a file is empty: only loading hashes it. */
export async function inspectModel(spec: ModelSpec): Promise<Result<InspectedModel>> {
  return spec.kind === 'mirror' ? inspectMirror(spec) : inspectFile(spec.file)
}

async function inspectMirror(spec: ModelSpec & { kind: 'mirror' }): Promise<Result<InspectedModel>> {
  const shelf = await openShelf()
  try {
    const manifest = await manifestFromMirror(spec, shelf.ok ? shelf.value : null)
    return manifest.ok ? ok({ model: summarise(spec.id, manifest.value), tensors: manifest.value.tensors }) : manifest
  } finally {
    if (shelf.ok) shelf.value.close()
  }
}

async function inspectFile(file: Blob): Promise<Result<InspectedModel>> {
  const directory = await readDirectory(blobSource(file))
  if (!directory.ok) return directory
  const facts = factsFromDirectory(directory.value)
  if (!facts.ok) return facts
  const { tensors, dataOffset: _dataOffset, ...rest } = facts.value
  return ok({ model: { id: '', format: 'gguf', fileBytes: file.size, ...rest }, tensors })
}
