/**
 * One id for one file, whatever its name: a file from disk is described by its own header, the mirror may have catalogued
 * the same bytes under another name and license, and both are part of the id. So a page looks whether a manifest that it
 * can reach describes exactly these bytes, and takes that one. It adopts a name, never a byte.
 */
import { canonicalJson, type Manifest, type MirrorIndex, type ModelSummary } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'
import { fetchManifest } from './manifest.ts'
import { storageFailure } from './opfs-cache.ts'
import type { Shelf } from './shelf.ts'

export interface KnownFile {
  readonly id: string
  readonly manifest: Manifest
}

/** Models of one size, architecture and depth that are not the same file: more than these are not looked at. */
const CANDIDATES_MAX = 8

export interface KnownPlaces {
  readonly shelf: Shelf | null
  /** The mirror's root and its list; null where there is none. */
  readonly mirror: { readonly baseUrl: string; readonly index: Result<MirrorIndex> } | null
}

/** Everything but the two fields that a catalogue chooses: each byte by hash, and all that follows from the bytes. */
function bytesOf(manifest: Manifest): string {
  return canonicalJson({ ...manifest, name: '', license: '' })
}

function mayBe(own: Manifest, { format, fileBytes, architecture, layers }: ModelSummary): boolean {
  return format === 'gguf' && fileBytes === own.fileBytes && architecture === own.architecture && layers === own.layers
}

/**
 * The mirror's word first, because other pages use its id too; then what this browser keeps; null where neither knows
 * these bytes. A mirror that does not answer is no obstacle: the file then has the id of its own header.
 */
export async function knownByBytes(
  own: Manifest,
  places: KnownPlaces,
  signal?: AbortSignal,
): Promise<KnownFile | null> {
  const wanted = bytesOf(own)
  const { shelf, mirror } = places
  const listed = mirror?.index.ok ? mirror.index.value.models : []
  for (const { id } of listed.filter((model) => mayBe(own, model)).slice(0, CANDIDATES_MAX)) {
    const manifest = (await shelf?.manifest(id)) ?? (mirror ? await fetched(id, mirror.baseUrl, signal) : null)
    if (manifest && bytesOf(manifest) === wanted) return { id, manifest }
  }
  for (const id of shelf ? await keptLike(own, shelf) : []) {
    const manifest = await shelf?.manifest(id)
    if (manifest && bytesOf(manifest) === wanted) return { id, manifest }
  }
  return null
}

/** None where the storage fails: what cannot be read has no name to give. */
async function keptLike(own: Manifest, shelf: Shelf): Promise<readonly string[]> {
  try {
    return (await shelf.list()).filter(({ model }) => mayBe(own, model)).map(({ model }) => model.id)
  } catch (error) {
    storageFailure(error)
    return []
  }
}

async function fetched(id: string, baseUrl: string, signal?: AbortSignal): Promise<Manifest | null> {
  const manifest = await fetchManifest(id, baseUrl, signal)
  return manifest.ok ? manifest.value : null
}
