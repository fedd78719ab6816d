/**
 * A model of either format as the mirror holds it: one manifest, some files below the model's folder. Everything that
 * lists, serves, checks or publishes models asks here and does not care about formats. Pure; it reads no disk.
 */
import { createHash } from 'node:crypto'
import { type MlcManifest, parseMlcManifest, summariseMlc } from '../../web/wire/mlc-model.ts'
import { canonicalJson, type Manifest, type ModelSummary, parseManifest, summarise } from '../../web/wire/model.ts'
import type { Result } from '../../web/wire/result.ts'

export type ModelManifest = Manifest | MlcManifest

/** One file below `<data>/models/<id>/`. */
export interface ModelFile {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  readonly chunks: readonly string[]
}

export const GGUF_FILE = 'model.gguf'
/** The folder of an MLC model's files; its name is also their place in URLs. */
export const MLC_FOLDER = 'files'

export function manifestId(manifest: ModelManifest): string {
  return createHash('sha256').update(canonicalJson(manifest)).digest('hex')
}

export function parseModelManifest(value: unknown): Result<ModelManifest> {
  const mlc = value !== null && typeof value === 'object' && 'format' in value && value.format === 'weft-mlc/1'
  return mlc ? parseMlcManifest(value) : parseManifest(value)
}

export function filesOf(manifest: ModelManifest): readonly ModelFile[] {
  if (manifest.format === 'weft-mlc/1') {
    return manifest.files.map((file) => ({ ...file, path: `${MLC_FOLDER}/${file.path}` }))
  }
  const { fileBytes, fileSha256, chunks } = manifest
  return [{ path: GGUF_FILE, bytes: fileBytes, sha256: fileSha256, chunks }]
}

export function summariseModel(id: string, manifest: ModelManifest): ModelSummary {
  return manifest.format === 'weft-mlc/1' ? summariseMlc(id, manifest) : summarise(id, manifest)
}
