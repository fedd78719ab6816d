/** The queue of downloads as a state machine: a played source, a clock that the test moves, and no storage at all. */
import { beforeEach, describe, expect, it } from 'vitest'
import { type DownloadStep, Downloads, type DownloadsParts } from '../../web/downloads.ts'
import { DOWNLOAD_RETRY_MS, DOWNLOAD_RETRY_MS_MAX, DOWNLOADS_MAX } from '../../web/wire/limits/models.ts'
import { type Failure, fail, ok, type Result } from '../../web/wire/result.ts'

/** One try of a download, which the test ends. */
interface Try {
  readonly key: string
  readonly step: (doneBytes: number, phase?: DownloadStep['phase']) => void
  readonly end: (result: Result<unknown>) => void
  readonly signal: AbortSignal
}

const TOTAL = 1_000
const AWAY: Failure = fail('source-unreachable', 'gone')

let downloads: Downloads
let tries: Try[]
let waits: { readonly ms: number; readonly end: () => void }[]
let nowMs: number
let done: string[]
let stopped: number

/** Lets everything that only waits for promises come to rest. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Gives `aborted` with the signal, else what it is ended with. */
function untilEnded<T>(aborted: T, signal: AbortSignal, begin: (end: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve) => {
    const ended = new AbortController()
    const end = (value: T) => {
      ended.abort()
      resolve(value)
    }
    signal.addEventListener('abort', () => end(aborted), { signal: ended.signal })
    begin(end)
  })
}

function fetchOf(key: string, onStep: (step: DownloadStep) => void, signal: AbortSignal): Promise<Result<unknown>> {
  return untilEnded<Result<unknown>>(fail('aborted', ''), signal, (end) => {
    const step = (doneBytes: number, phase: DownloadStep['phase'] = 'fetch') =>
      onStep({ phase, doneBytes, totalBytes: TOTAL })
    tries.push({ key, step, end, signal })
  })
}

beforeEach(() => {
  tries = []
  waits = []
  nowMs = 0
  done = []
  stopped = 0
  const parts: DownloadsParts = {
    fetch: fetchOf,
    hold: (_key, _signal, work) => work(),
    wait: (ms, signal) =>
      untilEnded<void>(undefined, signal, (end) => {
        waits.push({ ms, end: () => end() })
      }),
    now: () => nowMs,
    changed: () => {},
    done: (key) => done.push(key),
    stopped: () => {
      stopped += 1
    },
  }
  downloads = new Downloads(parts)
})

const start = (key: string) => downloads.start(key, key.toUpperCase(), 0, TOTAL)
const states = () => downloads.views.map(({ key, state }) => `${key} ${state}`)
const last = () => {
  const found = tries.at(-1)
  if (!found) throw new Error('nothing was tried')
  return found
}

describe('a download', () => {
  it('says how fast it is and how long it takes, and is checked before it is here', () => {
    start('a')
    last().step(0)
    nowMs = 1_000
    last().step(250)
    expect(downloads.views).toMatchObject([{ state: 'fetching', doneBytes: 250, bytesPerSecond: 250, secondsLeft: 3 }])
    last().step(TOTAL, 'check')
    expect(states()).toEqual(['a checking'])
  })

  it('waits twice as long each time while the source is away, from the start again after a byte came', async () => {
    start('a')
    for (let tried = 0; tried < 8; tried += 1) {
      last().end(AWAY)
      await settle()
      expect(downloads.views).toMatchObject([{ state: 'waiting', code: 'source-unreachable', bytesPerSecond: null }])
      waits.at(-1)?.end()
      await settle()
    }
    const doubled = waits.map(({ ms }) => ms)
    expect(doubled.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * DOWNLOAD_RETRY_MS))
    expect(Math.max(...doubled)).toBe(DOWNLOAD_RETRY_MS_MAX)
    last().step(10)
    last().end(AWAY)
    await settle()
    expect(waits.at(-1)?.ms).toBe(DOWNLOAD_RETRY_MS)
  })

  it('that fails for good says why, and may be tried again', async () => {
    start('a')
    last().end(fail('storage-full', 'no room'))
    await settle()
    expect(downloads.views).toMatchObject([{ state: 'failed', code: 'storage-full', detail: 'no room' }])
    expect(stopped).toBe(1)
    // What was on the way is lost: what is kept is said anew.
    downloads.note('a', 'A', 400, TOTAL)
    expect(downloads.views).toMatchObject([{ state: 'failed', doneBytes: 400 }])
    expect(start('a')).toEqual(ok(null))
    last().end(ok('id'))
    await settle()
    expect(done).toEqual(['a'])
    expect(downloads.views).toEqual([])
  })

  it('is paused at once and keeps its place for the bytes that came', async () => {
    start('a')
    last().step(300)
    await downloads.pause('a')
    expect(last().signal.aborted).toBe(true)
    expect(downloads.views).toMatchObject([{ state: 'paused', doneBytes: 300 }])
    // A step that was on its way says nothing any more.
    last().step(900)
    expect(downloads.views).toMatchObject([{ state: 'paused', doneBytes: 300 }])
  })

  it('that waits for the network can be paused too', async () => {
    start('a')
    last().end(AWAY)
    await settle()
    await downloads.pause('a')
    expect(states()).toEqual(['a paused'])
    expect(tries).toHaveLength(1)
  })
})

describe('the queue', () => {
  it('lets one through at a time, in order', async () => {
    for (const key of ['a', 'b', 'c']) start(key)
    expect(states()).toEqual(['a fetching', 'b queued', 'c queued'])
    last().end(ok('id'))
    await settle()
    expect(states()).toEqual(['b fetching', 'c queued'])
    expect(start('b')).toEqual(ok(null))
    expect(tries).toHaveLength(2)
  })

  it('goes on with the next when one is paused, dropped or fails', async () => {
    for (const key of ['a', 'b', 'c', 'd']) start(key)
    await downloads.pause('a')
    await settle()
    await downloads.drop('b')
    await settle()
    last().end(fail('chunk-hash-mismatch', ''))
    await settle()
    expect(states()).toEqual(['a paused', 'c failed', 'd fetching'])
    start('a')
    expect(states()).toEqual(['c failed', 'd fetching', 'a queued'])
  })

  it('lets others through while the source of one is away, and then that one again, in its place', async () => {
    for (const key of ['a', 'b', 'c']) start(key)
    last().end(AWAY)
    await settle()
    expect(states()).toEqual(['a waiting', 'b fetching', 'c queued'])
    waits.at(-1)?.end()
    await settle()
    expect(states()).toEqual(['a queued', 'b fetching', 'c queued'])
    last().end(ok('id'))
    await settle()
    expect(states()).toEqual(['a fetching', 'c queued'])
    expect(tries.map(({ key }) => key)).toEqual(['a', 'b', 'a'])
    last().end(AWAY)
    await settle()
    last().end(AWAY)
    await settle()
    expect(states()).toEqual(['a waiting', 'c waiting'])
    for (const { end } of waits.splice(0)) end()
    await settle()
    expect(states()).toEqual(['a fetching', 'c queued'])
    await downloads.pause('c')
    await downloads.drop('a')
    await settle()
    expect(states()).toEqual(['c paused'])
    start('c')
    last().end(ok('id'))
    await settle()
    expect(done).toEqual(['b', 'c'])
  })

  it('has an end', () => {
    for (let at = 0; at < DOWNLOADS_MAX; at += 1) expect(start(`m${at}`)).toEqual(ok(null))
    expect(start('more')).toMatchObject({ ok: false, code: 'queue-full' })
  })

  it('shows what an earlier visit left, until it is gone or whole', () => {
    downloads.note('a', 'A', 100, TOTAL)
    downloads.note('b', 'B', 200, TOTAL)
    downloads.forgetLeft((key) => key === 'b')
    expect(downloads.views).toMatchObject([{ key: 'b', state: 'paused', doneBytes: 200, here: true }])
  })
})
