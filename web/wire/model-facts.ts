/**
 * What a manifest says of a model, read from its GGUF directory alone. The mirror and a page that opens a file both use
 * this, so that the same bytes get the same manifest and the same id wherever they come from. Pure.
 */
import { countParameters } from './active-parameters.ts'
import type { MetadataValue } from './gguf-cursor.ts'
import type { Directory } from './gguf-header.ts'
import { LAYERS_MAX } from './limits/models.ts'
import { layerOf, type ManifestFacts } from './model.ts'
import { plainName } from './plain-name.ts'
import { fail, ok, type Result } from './result.ts'

export type DirectoryFacts = Omit<ManifestFacts, 'fileBytes' | 'fileSha256' | 'chunks'>

const UNKNOWN_LICENSE = 'unknown'

/** Files write licenses as the hubs do; these are the SPDX ids of those that have one. Others stay as written. */
const SPDX: Readonly<Record<string, string>> = {
  'apache-2.0': 'Apache-2.0',
  'mit': 'MIT',
  'bsd-3-clause': 'BSD-3-Clause',
  'cc-by-4.0': 'CC-BY-4.0',
  'cc-by-nc-4.0': 'CC-BY-NC-4.0',
  'cc-by-sa-4.0': 'CC-BY-SA-4.0',
  'agpl-3.0': 'AGPL-3.0-only',
  'gpl-3.0': 'GPL-3.0-only',
}

/** The SPDX id of a license as hubs and files write it, else the text itself; `unknown` for none. */
export function spdxOf(license: string): string {
  return SPDX[license.toLowerCase()] ?? (license === '' ? UNKNOWN_LICENSE : license)
}

function textOf(value: MetadataValue | undefined): string {
  return typeof value === 'string' ? plainName(value) : ''
}

/** u32 or u64 in the file; null where it is missing, no number or too large. */
function countOf(value: MetadataValue | undefined, max: number): number | null {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 && number <= max ? number : null
}

/** Refusal: `gguf-invalid`. Whether the engine can run the architecture is not asked here. */
export function factsFromDirectory(directory: Directory): Result<DirectoryFacts> {
  const { metadata, tensors, dataOffset } = directory
  const architecture = textOf(metadata['general.architecture'])
  if (architecture === '') return fail('gguf-invalid', 'It names no architecture.')
  const layers = countOf(metadata[`${architecture}.block_count`], LAYERS_MAX)
  if (layers === null) return fail('gguf-invalid', 'It does not say how many layers it has.')
  const counted = tensors.reduce((most, { name }) => Math.max(most, (layerOf(name) ?? -1) + 1), 0)
  if (counted > layers) return fail('gguf-invalid', `It claims ${layers} layers and holds tensors of ${counted}.`)
  const contextLength = countOf(metadata[`${architecture}.context_length`], 2 ** 31)
  if (contextLength === null) return fail('gguf-invalid', 'It does not say how long its context is.')
  return ok({
    name: textOf(metadata['general.name']) || textOf(metadata['general.basename']) || `Unnamed ${architecture} model`,
    license: spdxOf(textOf(metadata['general.license'])),
    architecture,
    dataOffset,
    layers,
    contextLength,
    ...countParameters(directory),
    tensors,
  })
}
