/**
 * The models that this project knows by digest, each with its sources in the order they are tried. Parsed once at the
 * edge from `catalogue.json`; tests parse their own. A name is a convenience, the digest is the pin.
 */
import { readFile } from 'node:fs/promises'
import { MODEL_BYTES_MAX, NAME_CHARACTERS_MAX } from '../../web/wire/limits/models.ts'
import { isModelId } from '../../web/wire/model.ts'
import { assert, fail, ok, type Result } from '../../web/wire/result.ts'
import { type ModelSource, parseSource } from './source.ts'

export interface CatalogueEntry {
  /** What an operator types. */
  readonly key: string
  readonly name: string
  readonly license: string
  readonly bytes: number
  readonly sha256: string
  readonly sources: readonly ModelSource[]
}

export interface Catalogue {
  readonly entries: readonly CatalogueEntry[]
  /** What an empty mirror adds by itself; null adds nothing. */
  readonly defaultEntry: CatalogueEntry | null
}

const ENTRIES_MAX = 1_000
const SOURCES_MAX = 10

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : null
}

function text(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARACTERS_MAX
}

function parseEntry(value: unknown): Result<CatalogueEntry> {
  const item = record(value)
  if (!item) return fail('manifest-invalid', 'A catalogue entry is not an object.')
  const { key, name, license, bytes, sha256, sources } = item
  if (!text(key) || !text(name) || !text(license)) return fail('manifest-invalid', 'A catalogue entry has no name.')
  const bad = (what: string) => fail('manifest-invalid', `Catalogue entry ${key}: ${what}.`)
  // A file's SHA-256 has the form of a model id.
  if (!isModelId(sha256)) return bad('sha256 is not a digest')
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes <= 0 || bytes > MODEL_BYTES_MAX) {
    return bad('bytes is not a size')
  }
  if (!Array.isArray(sources) || sources.length === 0 || sources.length > SOURCES_MAX) return bad('it has no sources')
  const parsed: ModelSource[] = []
  for (const entry of sources) {
    const source = parseSource(String(entry))
    if (!source.ok) return source
    parsed.push(source.value)
  }
  return ok({ key, name, license, bytes, sha256, sources: parsed })
}

export function parseCatalogue(value: unknown): Result<Catalogue> {
  const item = record(value)
  const models = item?.['models']
  if (!Array.isArray(models) || models.length > ENTRIES_MAX)
    return fail('manifest-invalid', 'The catalogue has no list.')
  const entries: CatalogueEntry[] = []
  for (const model of models) {
    const entry = parseEntry(model)
    if (!entry.ok) return entry
    if (entries.some(({ key }) => key === entry.value.key)) {
      return fail('manifest-invalid', `The catalogue names ${entry.value.key} twice.`)
    }
    entries.push(entry.value)
  }
  const key = item?.['default'] ?? null
  const defaultEntry = entries.find((entry) => entry.key === key) ?? null
  if (key !== null && !defaultEntry) return fail('manifest-invalid', 'The default of the catalogue is not in it.')
  return ok({ entries, defaultEntry })
}

/** The catalogue that ships with the server: one that does not parse is a bug. */
export async function readCatalogue(): Promise<Catalogue> {
  const text = await readFile(new URL('./catalogue.json', import.meta.url), 'utf8')
  const catalogue = parseCatalogue(JSON.parse(text))
  assert(catalogue.ok, catalogue.ok ? '' : catalogue.detail)
  return catalogue.value
}

/** An entry by key or name, whole or by a beginning that only it has. */
export function findEntry(catalogue: Catalogue, words: string): CatalogueEntry | null {
  const wanted = words.toLowerCase()
  const exact = catalogue.entries.find(({ key, name }) => key === wanted || name.toLowerCase() === wanted)
  if (exact) return exact
  const begun = catalogue.entries.filter(
    ({ key, name }) => wanted !== '' && (key.startsWith(wanted) || name.toLowerCase().startsWith(wanted)),
  )
  return begun.length === 1 ? (begun[0] ?? null) : null
}
