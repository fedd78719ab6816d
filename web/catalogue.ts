/**
 * `Catalogue` over HTTP: the list of the mirror and the settings of the server, fetched fresh each time. Decides nothing
 * and keeps nothing; weights do not pass here.
 */
import type { Catalogue } from './app-shelf.ts'
import { SOURCE_ANSWER_MS_MAX } from './wire/limits/models.ts'
import { parseMirrorIndex, parsePageConfig } from './wire/mirror.ts'
import { fail, ok, type Result } from './wire/result.ts'

async function fetchJson(url: URL, signal: AbortSignal): Promise<Result<unknown>> {
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(SOURCE_ANSWER_MS_MAX)])
    const response = await fetch(url, { signal: deadline, cache: 'no-store' })
    if (!response.ok) return fail('source-error-page', `${url.pathname} answered ${response.status}.`)
    const isJson = (response.headers.get('content-type') ?? '').includes('json')
    if (!isJson) return fail('source-error-page', `${url.pathname} is not JSON.`)
    return ok(await response.json())
  } catch (error) {
    if (signal.aborted) return fail('aborted', '')
    if (error instanceof SyntaxError) return fail('source-error-page', `${url.pathname} is not JSON.`)
    return fail('source-unreachable', `No answer from ${url.host}.`)
  }
}

export function httpCatalogue(base: string): Catalogue {
  return {
    async index(signal) {
      const json = await fetchJson(new URL('models/index.json', base), signal)
      return json.ok ? parseMirrorIndex(json.value) : json
    },
    async config(signal) {
      const json = await fetchJson(new URL('config.json', base), signal)
      return json.ok ? parsePageConfig(json.value) : json
    },
  }
}
