/**
 * The two small documents a page reads from its server: `/models/index.json` and `/config.json`. The only way they
 * enter: every field is checked here, so that nothing after it has to. No I/O.
 */
import { NAME_CHARACTERS_MAX } from './limits/models.ts'
import { type Adding, isModelId, type MirrorIndex, type ModelSummary } from './model.ts'
import { fail, ok, type Result } from './result.ts'

export interface PageConfig {
  /** `WEFT_ALLOW_SOFTWARE_ADAPTER`: a software GPU counts as a GPU. For tests; the page says so. */
  readonly allowSoftwareAdapter: boolean
}

/** More than any operator lists; a longer answer is not a mirror's. */
const ENTRIES_MAX = 1_000
const DETAIL_CHARACTERS_MAX = 2_000

type Item = Readonly<Record<string, unknown>>

function record(value: unknown): Item | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Item) : null
}

function text(value: unknown, charactersMax: number): value is string {
  return typeof value === 'string' && value.length <= charactersMax
}

function count(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function parseSummary(value: unknown): ModelSummary | null {
  const item = record(value)
  if (!item) return null
  const { id, format, name, license, architecture, fileBytes, parameters, layers, contextLength } = item
  if (format !== 'gguf' && format !== 'mlc') return null
  if (!isModelId(id) || !text(name, NAME_CHARACTERS_MAX) || !text(license, NAME_CHARACTERS_MAX)) return null
  if (!text(architecture, NAME_CHARACTERS_MAX) || !count(fileBytes) || !count(parameters)) return null
  if (!count(layers) || !count(contextLength)) return null
  const { activeParameters, fileSha256 } = item
  if (activeParameters !== undefined && (!count(activeParameters) || activeParameters > parameters)) return null
  if (fileSha256 !== undefined && !isModelId(fileSha256)) return null
  const active = activeParameters === undefined ? {} : { activeParameters }
  const counts = { fileBytes, parameters, ...active, layers, contextLength }
  const digest = fileSha256 === undefined ? {} : { fileSha256 }
  return { id, format, name, license, architecture, ...counts, ...digest }
}

function parseAdding(value: unknown): Adding | null {
  const item = record(value)
  if (!item) return null
  const { name, source, doneBytes, totalBytes, bytesPerSecond } = item
  if (!text(name, NAME_CHARACTERS_MAX) || !text(source, DETAIL_CHARACTERS_MAX)) return null
  if (!count(doneBytes) || !count(bytesPerSecond)) return null
  if (totalBytes !== null && !count(totalBytes)) return null
  return { name, source, doneBytes, totalBytes, bytesPerSecond }
}

function parseFailed(value: unknown): MirrorIndex['failed'][number] | null {
  const item = record(value)
  if (!item) return null
  const { source, code, detail } = item
  if (!text(source, DETAIL_CHARACTERS_MAX) || !text(code, NAME_CHARACTERS_MAX)) return null
  return text(detail, DETAIL_CHARACTERS_MAX) ? { source, code, detail } : null
}

function list<T>(value: unknown, parse: (entry: unknown) => T | null): T[] | null {
  if (!Array.isArray(value) || value.length > ENTRIES_MAX) return null
  const parsed: T[] = []
  for (const entry of value) {
    const item = parse(entry)
    if (item === null) return null
    parsed.push(item)
  }
  return parsed
}

export function parseMirrorIndex(value: unknown): Result<MirrorIndex> {
  const bad = (what: string) => fail('manifest-invalid', `The list of models is damaged: ${what}.`)
  const item = record(value)
  if (!item) return bad('it is not an object')
  const models = list(item['models'], parseSummary)
  if (!models) return bad('a model is malformed')
  const adding = list(item['adding'], parseAdding)
  if (!adding) return bad('a running add is malformed')
  const failed = list(item['failed'], parseFailed)
  if (!failed) return bad('a failure is malformed')
  const defaultId = item['defaultId']
  if (defaultId !== null && !isModelId(defaultId)) return bad('the default is not a model id')
  return ok({ models, adding, failed, defaultId })
}

export function parsePageConfig(value: unknown): Result<PageConfig> {
  const allowed = record(value)?.['allowSoftwareAdapter']
  if (typeof allowed !== 'boolean') return fail('manifest-invalid', 'The settings of the server are damaged.')
  return ok({ allowSoftwareAdapter: allowed })
}
