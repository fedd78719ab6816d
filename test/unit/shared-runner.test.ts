/**
 * One owner per browser where a test controls the moment: tabs that freeze, thaw, sleep and close between any two
 * messages. The engines behind say which tab they run in, so that a word from the wrong one is seen.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Locks } from '../../web/schedule/election.ts'
import type { ModelRunner, ModelSource } from '../../web/schedule/engine-door.ts'
import { SharedRunner } from '../../web/schedule/shared-runner.ts'
import type { ChatEvent, ChatRequest } from '../../web/wire/chat.ts'
import { NO_USAGE } from '../../web/wire/chat.ts'
import { OWNER_SILENT_MS_MAX, OWNERS_PER_CALL_MAX } from '../../web/wire/limits/page.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { type FakeTab, FakeTabs } from '../support/fake-tabs.ts'

const WORDS = 40
const WORD_MS = 250
const source: ModelSource = { kind: 'mirror', id: 'a'.repeat(64) }
const never = new AbortController().signal
const request: ChatRequest = {
  messages: [{ role: 'user', content: 'Hi' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
  maxTokens: 64,
  stop: [],
}

/** Counts aloud, a word each quarter of a second, and goes on where it is told. */
function countingEngines(tab: FakeTab, name: string, running: Set<string>): ModelRunner {
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(() => tab.post(resolve), ms))
  return {
    probe: async () => ok({ adapter: name, software: false }),
    cached: async () => [],
    unload: async () => {},
    inspect: async () => Promise.reject(new Error('a bug')),
    load: () => new Promise(() => {}),
    embed: async () => fail('embeddings-unsupported', ''),
    release: async () => ok(null),
    selfTest: async () => fail('no-adapter', ''),
    count: async (_source, messages, _signal, raw) => ok(messages.length + (raw ? 10 : 0)),
    async *chat(_source, { resume }, signal) {
      running.add(name)
      try {
        for (let word = resume?.tokens.length ?? 0; word < WORDS; word += 1) {
          await wait(WORD_MS)
          if (signal.aborted) return yield { kind: 'end', reason: 'abort', usage: NO_USAGE }
          yield { kind: 'text', text: `${word} `, tokens: [word] }
        }
        yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
      } finally {
        running.delete(name)
      }
    },
  }
}

let tabs: FakeTabs
/** Tabs in which an answer is being computed. */
let running: Set<string>

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] })
  tabs = new FakeTabs()
  running = new Set()
})
afterEach(() => {
  vi.useRealTimers()
})

function open(name: string) {
  const tab = tabs.open()
  const engines = countingEngines(tab, name, running)
  return { tab, runner: new SharedRunner({ engines, locks: tabs.locks(tab), channel: tabs.channel(tab), tab: name }) }
}

function read(events: AsyncIterable<ChatEvent>) {
  const seen = { text: '', notices: [] as string[], end: '' }
  void (async () => {
    for await (const event of events) {
      if (event.kind === 'text') seen.text += event.text
      if (event.kind === 'notice') seen.notices.push(event.code)
      if (event.kind === 'end') seen.end = event.code ?? event.reason
    }
  })()
  return seen
}

const WHOLE = Array.from({ length: WORDS }, (_, word) => `${word} `).join('')
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

it('a client gets the whole answer from the owner, and one tab computes', async () => {
  const a = open('a')
  await pass(50)
  const b = open('b')
  const seen = read(b.runner.chat(source, request, never))
  await pass(1_000)
  expect([...running]).toEqual(['a'])
  await pass(WORDS * WORD_MS)
  expect(seen).toEqual({ text: WHOLE, notices: [], end: 'stop' })
  expect([a.runner.isOwner, b.runner.isOwner]).toEqual([true, false])
})

it('an owner whose page goes on without engines stops them, and leaves them to another tab', async () => {
  const a = open('a')
  await pass(50)
  const b = open('b')
  const left = read(a.runner.chat(source, request, never))
  await pass(3 * WORD_MS)
  await a.runner.close()
  await pass(50)
  expect([...running]).toEqual([])
  expect(b.runner.isOwner).toBe(true)
  const seen = read(b.runner.chat(source, request, never))
  await pass(WORDS * WORD_MS * 2)
  expect(seen).toEqual({ text: WHOLE, notices: [], end: 'stop' })
  expect(left.text).not.toBe(WHOLE)
})

it('an owner that was frozen before anybody knew it does not take the engines back when it thaws', async () => {
  const a = open('a')
  await pass(50)
  a.tab.freeze()
  const b = open('b')
  const seen = read(b.runner.chat(source, request, never))
  await pass(2 * OWNER_SILENT_MS_MAX)
  expect(seen.text).not.toBe('')
  a.tab.thaw()
  await pass(WORDS * WORD_MS)
  expect(seen).toMatchObject({ text: WHOLE, end: 'stop' })
  expect([a.runner.isOwner, b.runner.isOwner]).toEqual([false, true])
  const late = b.runner.probe()
  await pass(100)
  expect(await late).toMatchObject({ value: { adapter: 'b' } })
})

it('an owner that freezes in the middle is stepped over, and nothing it says later is heard', async () => {
  const a = open('a')
  await pass(50)
  const b = open('b')
  const seen = read(b.runner.chat(source, request, never))
  await pass(2_000)
  a.tab.freeze()
  await pass(2 * OWNER_SILENT_MS_MAX)
  a.tab.thaw()
  await pass(WORDS * WORD_MS)
  expect(seen).toEqual({ text: WHOLE, notices: ['owner-changed'], end: 'stop' })
  expect([...running]).toEqual([])
})

it('a client whose timers sleep does not call a healthy owner silent', async () => {
  const a = open('a')
  await pass(50)
  const b = open('b')
  await pass(50)
  void b.runner.load(source, () => {}, never)
  // One beat a minute, as a browser allows a tab that was hidden for long: the clock runs 60 times as fast as timers.
  const now = performance.now.bind(performance)
  const fast = vi.spyOn(performance, 'now').mockImplementation(() => now() * 60)
  await pass(10_000)
  fast.mockRestore()
  expect([a.runner.isOwner, b.runner.isOwner]).toEqual([true, false])
})

it('an answer whose owners are closed one after the other loses and doubles nothing', async () => {
  const all = ['a', 'b', 'c'].map(open)
  const asker = open('asker')
  await pass(50)
  const seen = read(asker.runner.chat(source, request, never))
  for (const { tab } of all) {
    await pass(1_600)
    tabs.close(tab)
  }
  await pass(2 * WORDS * WORD_MS)
  expect(seen).toEqual({ text: WHOLE, notices: ['owner-changed', 'owner-changed', 'owner-changed'], end: 'stop' })
  expect(asker.runner.isOwner).toBe(true)
})

it('a client counts by the owner, also while its answer runs', async () => {
  open('a')
  await pass(50)
  const b = open('b')
  const seen = read(b.runner.chat(source, request, never))
  await pass(1_000)
  const counted = [false, true].map((raw) => b.runner.count(source, request.messages, never, raw))
  await pass(50)
  expect(await Promise.all(counted)).toEqual([ok(1), ok(11)])
  expect(seen.end).toBe('')
})

it('a load over which tabs are lost is not handed to every tab', async () => {
  const all = ['a', 'b', 'c', 'd', 'e'].map(open)
  const asker = open('asker')
  await pass(50)
  const loading = asker.runner.load(source, () => {}, never)
  for (const { tab } of all.slice(0, OWNERS_PER_CALL_MAX)) {
    await pass(200)
    tabs.close(tab)
  }
  await pass(200)
  expect(await loading).toMatchObject({ ok: false, code: 'worker-lost' })
})

it('a bug in the owner ends the call, here and in a client', async () => {
  const a = open('a')
  await pass(50)
  const b = open('b')
  await pass(50)
  const bugs: unknown[] = []
  const keep = (error: unknown) => bugs.push(error)
  process.on('unhandledRejection', keep)
  const asked = [a.runner.inspect(source, never), b.runner.inspect(source, never)]
  await pass(200)
  expect(await Promise.all(asked)).toMatchObject([{ code: 'engine-failed' }, { code: 'engine-failed' }])
  vi.useRealTimers()
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', keep)
})

it('an answer of a client that is closed is computed no further', async () => {
  open('a')
  await pass(50)
  const b = open('b')
  await pass(50)
  read(b.runner.chat(source, request, never))
  await pass(1_000)
  expect([...running]).toEqual(['a'])
  tabs.close(b.tab)
  await pass(2 * WORD_MS)
  expect([...running]).toEqual([])
})

it('a browser that refuses locks leaves the tab alone with its engines', async () => {
  const tab = tabs.open()
  const refused = () => Promise.reject(new DOMException('refused', 'SecurityError'))
  const locks = { request: refused } as unknown as Locks
  const engines = countingEngines(tab, 'alone', running)
  const runner = new SharedRunner({ engines, locks, channel: tabs.channel(tab), tab: 'alone' })
  const seen = read(runner.chat(source, request, never))
  await pass(2 * WORDS * WORD_MS)
  expect(seen).toEqual({ text: WHOLE, notices: [], end: 'stop' })
})

it('what is computed for others waits for its reader, and goes on to its end when it is stopped', async () => {
  const a = open('a')
  await pass(50)
  const stop = new AbortController()
  const courteous = { courteous: true }
  const theirs = a.runner.chat(source, request, stop.signal, courteous)[Symbol.asyncIterator]()
  const first = theirs.next()
  await pass((WORDS + 2) * WORD_MS)
  expect([...running]).toEqual(['a'])
  expect(await first).toMatchObject({ value: { text: '0 ' } })
  const second = theirs.next()
  await pass(10 * WORD_MS)
  expect(await second).toMatchObject({ value: { text: '1 ' } })
  stop.abort()
  const end = theirs.next()
  await pass(2 * WORD_MS)
  expect(await end).toMatchObject({ value: { kind: 'end', reason: 'abort' } })
  expect([...running]).toEqual([])
  // One that nobody has to be courteous for is computed whether it is read or not.
  const own = a.runner.chat(source, request, never)[Symbol.asyncIterator]()
  void own.next()
  await pass((WORDS + 2) * WORD_MS)
  expect([...running]).toEqual([])
})
