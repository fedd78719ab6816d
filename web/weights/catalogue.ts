/** The mirror's list of models: `GET /models/index.json`, checked at the edge. Asked anew each time; keeps nothing. */
import { MIRROR_INDEX_BYTES_MAX } from '../wire/limits/models.ts'
import { parseMirrorIndex } from '../wire/mirror.ts'
import type { MirrorIndex } from '../wire/model.ts'
import type { Result } from '../wire/result.ts'
import { getBytes } from './http.ts'
import { mirrorUrl, parseJson } from './manifest.ts'

/** Refusals: `source-unreachable`, `source-error-page`, `manifest-invalid`, `aborted`. */
export async function fetchIndex(baseUrl: string, signal?: AbortSignal): Promise<Result<MirrorIndex>> {
  const url = mirrorUrl(baseUrl, 'index.json')
  const body = await getBytes({ url, bytesMax: MIRROR_INDEX_BYTES_MAX, signal, cache: 'no-store' })
  if (!body.ok) return body
  const value = parseJson(body.value)
  return value.ok ? parseMirrorIndex(value.value) : value
}
