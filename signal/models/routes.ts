/**
 * The HTTP face of the mirror: `/models/index.json`, `/models/<id>/manifest.json`, `/models/<id>/model.gguf` and, for
 * MLC models, `/models/<id>/files/<path>`. Bytes under an id never change, so they may be cached for ever and read by
 * any page. Only ids of listed models and paths that their manifests name reach the disk.
 */
import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { CODES } from '../../web/wire/codes.ts'
import { canonicalJson, isModelId } from '../../web/wire/model.ts'
import type { Mirror } from './mirror.ts'
import { parseRange } from './range.ts'
import type { StoredFile } from './store.ts'

const IMMUTABLE = 'public, max-age=31536000, immutable'
const ROUTE = /^\/models\/([^/]+)\/(manifest\.json|model\.gguf|files\/.+)$/
const FILE = /^\/models\/[^/]+\/(?:model\.gguf$|files\/)/
/** Of files that a browser starts or reads by itself; all others are bytes. */
const TYPES: readonly (readonly [ending: string, type: string])[] = [
  ['.wasm', 'application/wasm'],
  ['.json', 'application/json'],
]

/** True for everything below `/models/`: this file answers it, with a 404 where it must. */
export function isModelPath(pathname: string): boolean {
  return pathname === '/models' || pathname.startsWith('/models/')
}

/** True for paths whose answers have ranges and are therefore never compressed. */
export function isModelFilePath(pathname: string): boolean {
  return FILE.test(pathname)
}

export async function serveModels(
  mirror: Mirror,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader('Access-Control-Expose-Headers', 'Accept-Ranges, Content-Length, Content-Range, ETag')
  response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
  if (request.method === 'OPTIONS') return sendPreflight(response)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD, OPTIONS')
    return sendJson(response, 405, { code: 'request-invalid', message: CODES['request-invalid'][0] }, 'no-store')
  }
  if (pathname === '/models/index.json') return sendJson(response, 200, await mirror.index(), 'no-store')
  const [, id, path] = ROUTE.exec(pathname) ?? []
  if (!isModelId(id) || path === undefined) return sendUnknown(response)
  if (path !== 'manifest.json') {
    const stored = await mirror.store.file(id, path)
    return stored.ok ? sendFile(request, response, stored.value) : sendUnknown(response)
  }
  const model = await mirror.store.get(id)
  if (!model.ok) return sendUnknown(response)
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  response.setHeader('Cache-Control', IMMUTABLE)
  response.setHeader('ETag', `W/"${id}"`)
  if (matches(request.headers['if-none-match'], `"${id}"`)) return sendEmpty(response, 304)
  response.end(canonicalJson(model.value.manifest))
}

function sendUnknown(response: ServerResponse): void {
  sendJson(response, 404, { code: 'model-unknown', message: CODES['model-unknown'][0] }, 'no-store')
}

function sendPreflight(response: ServerResponse): void {
  response.setHeader('Access-Control-Allow-Methods', 'GET, HEAD')
  response.setHeader('Access-Control-Allow-Headers', 'Range, If-Range, If-None-Match')
  response.setHeader('Access-Control-Max-Age', '86400')
  sendEmpty(response, 204)
}

function sendEmpty(response: ServerResponse, status: number): void {
  response.statusCode = status
  response.end()
}

export function sendJson(response: ServerResponse, status: number, body: unknown, cacheControl: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'application/json; charset=utf-8')
  response.setHeader('Cache-Control', cacheControl)
  response.end(JSON.stringify(body))
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { file, place }: StoredFile,
): Promise<void> {
  const { bytes: size } = file
  const etag = `"${file.sha256}"`
  response.setHeader('Accept-Ranges', 'bytes')
  response.setHeader('Cache-Control', IMMUTABLE)
  response.setHeader('ETag', etag)
  if (matches(request.headers['if-none-match'], etag)) return sendEmpty(response, 304)
  const range = wantedRange(request, size, etag)
  if (range === 'unsatisfiable') {
    response.setHeader('Content-Range', `bytes */${size}`)
    response.setHeader('Cache-Control', 'no-store')
    return sendEmpty(response, 416)
  }
  const { first, last } = range === 'whole' ? { first: 0, last: size - 1 } : range
  response.statusCode = range === 'whole' ? 200 : 206
  const [, type = 'application/octet-stream'] = TYPES.find(([ending]) => file.path.endsWith(ending)) ?? []
  response.setHeader('Content-Type', type)
  response.setHeader('Content-Length', last - first + 1)
  if (range !== 'whole') response.setHeader('Content-Range', `bytes ${first}-${last}/${size}`)
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  await pipeline(createReadStream(place, { start: first, end: last }), response)
}

/** A range of another version is no use to anybody: then the whole file is sent. */
function wantedRange(request: IncomingMessage, size: number, etag: string) {
  const condition = request.headers['if-range']
  if (request.method !== 'GET' || (condition !== undefined && condition !== etag)) return 'whole'
  return parseRange(request.headers.range, size)
}

/** Weak comparison of If-None-Match, as RFC 9110 asks. */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || tags.includes('*')
}
