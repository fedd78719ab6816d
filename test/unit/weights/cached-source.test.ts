/** Chunks between a mirror that misbehaves and a cache that forgets: what is fetched, how often, and what comes back. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { CachedSource, type FetchProgress } from '../../../web/weights/cached-source.ts'
import { blobOrigin, mirrorOrigin, type RetryClock, retryWaitMs } from '../../../web/weights/chunk-origin.ts'
import { patient } from '../../../web/weights/patience.ts'
import {
  CHUNK_BYTES,
  CHUNK_FETCHES_MAX,
  CHUNK_TRIES_MAX,
  CHUNKS_IN_MEMORY_MAX,
  SOURCE_ANSWER_MS_MAX,
} from '../../../web/wire/limits/models.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { MemoryChunkCache } from '../../support/memory-chunk-cache.ts'
import { type MirrorModel, mirrorModel } from '../../support/mirror-model.ts'
import { type Fault, ModelServer } from '../../support/model-server.ts'

let model: MirrorModel
let server: ModelServer
let cache: MemoryChunkCache
/** Waits of the retries, in order. */
let waits: number[]

beforeAll(async () => {
  model = await mirrorModel(12)
})
beforeEach(async () => {
  server = new ModelServer(model)
  await server.start()
  cache = new MemoryChunkCache()
  waits = []
})
afterEach(() => server.stop())

const clock: RetryClock = { wait: async (ms) => void waits.push(ms), random: () => 1 }
const open = (kept = cache) => new CachedSource(model.manifest, mirrorOrigin(server.fileUrl), ok(kept), clock)
const chunk = (index: number) => ({ offset: index * CHUNK_BYTES, length: CHUNK_BYTES })
const whole = () => [{ offset: 0, length: model.file.length }]
const read = (source: CachedSource, index: number, signal?: AbortSignal) =>
  source.read(index * CHUNK_BYTES, CHUNK_BYTES, signal)
const bytesOf = (index: number) => model.file.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)
const sameBytes = (result: Awaited<ReturnType<typeof read>>, index: number) =>
  result.ok && Buffer.compare(result.value, bytesOf(index)) === 0

describe('what is fetched', () => {
  it('is what covers the wanted ranges, and nothing again after a reload', async () => {
    const reports: FetchProgress[] = []
    const wanted = [chunk(1), { offset: 2 * CHUNK_BYTES - 5, length: 10 }, { offset: 5 * CHUNK_BYTES, length: 1 }]
    expect(await open().prefetch(wanted, (progress) => reports.push(progress))).toEqual(ok(null))
    expect([...server.chunks].sort()).toEqual([1, 2, 5])
    expect(reports.at(0)).toEqual({ doneBytes: 0, totalBytes: 3 * CHUNK_BYTES })
    expect(reports.at(-1)).toEqual({ doneBytes: 3 * CHUNK_BYTES, totalBytes: 3 * CHUNK_BYTES })
    expect(reports.length).toBeGreaterThan(4)
    const again = open()
    expect(await again.prefetch(wanted)).toEqual(ok(null))
    expect(sameBytes(await read(again, 1), 1)).toBe(true)
    expect(server.chunks.length).toBe(3)
  })

  it('is the rest after half was kept', async () => {
    await open().prefetch([{ offset: 0, length: 5 * CHUNK_BYTES }])
    server.chunks.length = 0
    const reports: FetchProgress[] = []
    await open().prefetch(whole(), (progress) => reports.push(progress))
    expect([...server.chunks].sort((a, b) => a - b)).toEqual(model.manifest.chunks.map((_, index) => index).slice(5))
    expect(reports.at(0)).toEqual({ doneBytes: 5 * CHUNK_BYTES, totalBytes: model.file.length })
  })

  it('is one request for many readers, and a few requests at once', async () => {
    const source = open()
    const answers = await Promise.all([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7].map((index) => read(source, index)))
    expect(answers.every((answer) => answer.ok)).toBe(true)
    expect([...server.chunks].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(server.busiest).toBeLessThanOrEqual(CHUNK_FETCHES_MAX)
  })

  it('is found in memory by the next reader, as long as it is recent', async () => {
    const source = open()
    await read(source, 0)
    await read(source, 0)
    expect(cache.reads).toBe(0)
    for (let index = 1; index <= CHUNKS_IN_MEMORY_MAX; index += 1) await read(source, index)
    expect(sameBytes(await read(source, 0), 0)).toBe(true)
    expect(cache.reads).toBe(1)
    expect(server.chunks.filter((index) => index === 0)).toEqual([0])
  })
})

describe('damage', () => {
  it('in the cache is found, thrown away and fetched again', async () => {
    await open().prefetch(whole())
    server.chunks.length = 0
    const kept = cache.kept.get(3)
    kept?.fill(0, 17, 18)
    cache.kept.set(4, new Uint8Array(12))
    const source = open()
    expect(sameBytes(await read(source, 3), 3)).toBe(true)
    expect(sameBytes(await read(source, 4), 4)).toBe(true)
    expect(server.chunks).toEqual([3, 4])
    expect(Buffer.compare(cache.kept.get(3) ?? new Uint8Array(), bytesOf(3))).toBe(0)
  })

  it('on the way is tried once more, then named', async () => {
    server.faults.set(2, ['damaged'])
    expect(sameBytes(await read(open(), 2), 2)).toBe(true)
    server.faults.set(5, ['damaged', 'always'])
    expect(await read(open(), 5)).toMatchObject({ ok: false, code: 'chunk-hash-mismatch' })
    expect(server.chunks).toEqual([2, 2, 5, 5])
    expect(cache.has(5)).toBe(false)
  })
})

describe('a source that fails', () => {
  it.each<[Fault, string, number]>([
    ['page', 'source-error-page', 1],
    ['whole', 'source-error-page', 1],
    ['short', 'source-error-page', 1],
    ['long', 'source-error-page', 1],
    ['forbidden', 'source-error-page', 1],
    ['busy', 'source-unreachable', CHUNK_TRIES_MAX],
    ['cut', 'source-unreachable', CHUNK_TRIES_MAX],
  ])('%s: %s after %i tries', async (fault, code, tries) => {
    server.faults.set(1, [fault, 'always'])
    expect(await read(open(), 1)).toMatchObject({ ok: false, code })
    expect(server.chunks.length).toBe(tries)
    expect(waits).toEqual(Array.from({ length: tries - 1 }, (_, index) => retryWaitMs(index + 1, 1)))
  })

  it('and comes back is forgiven, and the progress ends at the whole', async () => {
    server.faults.set(1, ['busy', 'cut', 'damaged'])
    const reports: FetchProgress[] = []
    expect(await open().prefetch([chunk(1)], (progress) => reports.push(progress))).toEqual(ok(null))
    expect(reports.every(({ doneBytes }) => doneBytes <= CHUNK_BYTES)).toBe(true)
    expect(reports.at(-1)?.doneBytes).toBe(CHUNK_BYTES)
  })

  it('does not know the model', async () => {
    const source = new CachedSource(model.manifest, mirrorOrigin(`${server.baseUrl}/models/no`), ok(cache), clock)
    expect(await read(source, 0)).toMatchObject({ ok: false, code: 'model-unknown' })
  })

  it('is silent', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      server.faults.set(0, ['silent', 'always'])
      const answer = read(open(), 0)
      for (let tries = 1; tries <= CHUNK_TRIES_MAX; tries += 1) {
        await vi.waitUntil(() => server.chunks.length === tries)
        await vi.advanceTimersByTimeAsync(SOURCE_ANSWER_MS_MAX)
      }
      expect(await answer).toMatchObject({ ok: false, code: 'source-unreachable' })
    } finally {
      vi.useRealTimers()
    }
  })

  it('is gone', async () => {
    const source = open()
    await server.stop()
    expect(await read(source, 0)).toMatchObject({ ok: false, code: 'source-unreachable' })
    expect(waits.length).toBe(CHUNK_TRIES_MAX - 1)
  })
})

describe('leaving', () => {
  it('ends the wait of one reader and not that of another', async () => {
    let openGate = () => {}
    server.gate = new Promise((resolve) => {
      openGate = resolve
    })
    const source = open()
    const [one, two] = [new AbortController(), new AbortController()]
    const first = read(source, 0, one.signal)
    const second = read(source, 0, two.signal)
    await vi.waitUntil(() => server.chunks.length === 1)
    one.abort()
    expect(await first).toMatchObject({ ok: false, code: 'aborted' })
    openGate()
    expect(sameBytes(await second, 0)).toBe(true)
    expect(server.chunks).toEqual([0])
  })

  it('takes the request along when nobody else waits, and a later reader begins anew', async () => {
    server.faults.set(0, ['silent'])
    const source = open()
    const abort = new AbortController()
    const first = read(source, 0, abort.signal)
    await vi.waitUntil(() => server.chunks.length === 1)
    abort.abort()
    expect(await first).toMatchObject({ ok: false, code: 'aborted' })
    await vi.waitUntil(() => server.busy === 0)
    expect(sameBytes(await read(source, 0), 0)).toBe(true)
  })

  it('ends a prefetch', async () => {
    server.faults.set(2, ['silent', 'always'])
    const abort = new AbortController()
    const prefetch = open().prefetch(whole(), undefined, abort.signal)
    await vi.waitUntil(() => server.chunks.includes(2))
    abort.abort()
    expect(await prefetch).toMatchObject({ ok: false, code: 'aborted' })
    expect(await open().prefetch(whole(), undefined, AbortSignal.abort())).toMatchObject({ code: 'aborted' })
  })
})

describe('storage', () => {
  it('without room refuses before anything is fetched, with the numbers, and takes a second try', async () => {
    cache.free = 2 * CHUNK_BYTES
    const source = open()
    const refused = await source.prefetch(whole())
    expect(refused).toMatchObject({ ok: false, code: 'storage-full' })
    expect(!refused.ok && refused.detail).toBe('It needs 41 MB more, there is room for 8 MB.')
    expect(server.chunks).toEqual([])
    expect(await source.prefetch([chunk(0)])).toEqual(ok(null))
    expect(source.notice).toBeNull()
    expect(cache.has(0)).toBe(true)
  })

  it('that fills up on the way refuses too, and what was read stays right', async () => {
    cache.refusal = fail('storage-full', 'test')
    const source = open()
    expect(await source.prefetch(whole())).toMatchObject({ ok: false, code: 'storage-full' })
    expect(sameBytes(await read(source, 8), 8)).toBe(true)
    expect(source.notice?.code).toBe('storage-full')
    cache.refusal = ok(null)
    expect(await source.prefetch(whole())).toEqual(ok(null))
    expect(cache.kept.size).toBe(model.manifest.chunks.length)
  })

  it('without room still reads a file from disk', async () => {
    cache.free = 0
    const source = new CachedSource(model.manifest, blobOrigin(new Blob([model.file])), ok(cache), clock)
    expect(await source.prefetch(whole())).toEqual(ok(null))
    expect(source.notice?.code).toBe('storage-full')
    expect(sameBytes(await read(source, 1), 1)).toBe(true)
    expect(cache.kept.size).toBe(0)
  })

  it('that is denied still reads from the mirror', async () => {
    const denied = fail('storage-denied', 'test')
    const source = new CachedSource(model.manifest, mirrorOrigin(server.fileUrl), denied, clock)
    expect(source.notice).toEqual(denied)
    expect(await source.prefetch(whole())).toEqual(ok(null))
    expect(server.chunks).toEqual([])
    expect(sameBytes(await read(source, 1), 1)).toBe(true)
  })

  it('does not keep a file that changed on disk', async () => {
    const changed = model.file.slice()
    changed[CHUNK_BYTES + 1] = (changed[CHUNK_BYTES + 1] ?? 0) ^ 1
    const source = new CachedSource(model.manifest, blobOrigin(new Blob([changed])), ok(cache), clock)
    expect(sameBytes(await read(source, 0), 0)).toBe(true)
    expect(await read(source, 1)).toMatchObject({ ok: false, code: 'chunk-hash-mismatch' })
    const shorter = new CachedSource(model.manifest, blobOrigin(new Blob([changed.slice(0, 99)])), ok(cache), clock)
    expect(await read(shorter, 2)).toMatchObject({ ok: false, code: 'source-changed' })
  })
})

describe('a storage that falls silent', () => {
  it('ends no load: its bytes are used without being kept, and that is said', async () => {
    cache.silent = true
    const source = new CachedSource(model.manifest, mirrorOrigin(server.fileUrl), ok(patient(cache, 5)), clock)
    expect(await source.prefetch(whole())).toEqual(ok(null))
    expect(source.notice).toMatchObject({ code: 'storage-denied' })
    expect(sameBytes(await read(source, 3), 3)).toBe(true)
  })

  it('gives what it kept before by another way', async () => {
    await open().prefetch(whole())
    const source = new CachedSource(model.manifest, mirrorOrigin(server.fileUrl), ok(patient(cache, 5)), clock)
    const fetched = server.chunks.length
    cache.silent = true
    expect(sameBytes(await read(source, 4), 4)).toBe(true)
    expect(server.chunks.length).toBe(fetched + 1)
  })
})
