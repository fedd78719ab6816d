/**
 * A frame as a guest of Weft's tabs, where a test controls the moment: it asks what is loaded there and nothing else, owns nothing,
 * and goes on alone when the owner is closed, frozen or was never there.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { ModelRunner, ModelSource } from '../../web/schedule/engine-door.ts'
import { GuestRunner } from '../../web/schedule/guest-runner.ts'
import { SharedRunner } from '../../web/schedule/shared-runner.ts'
import type { ChatRequest } from '../../web/wire/chat.ts'
import { NO_USAGE } from '../../web/wire/chat.ts'
import { OWNER_SILENT_MS_MAX } from '../../web/wire/limits/page.ts'
import { fail, ok } from '../../web/wire/result.ts'
import { type FakeTab, FakeTabs } from '../support/fake-tabs.ts'

const WORDS = 8
const WORD_MS = 250
const source: ModelSource = { kind: 'mirror', id: 'a'.repeat(64) }
const other: ModelSource = { kind: 'mirror', id: 'b'.repeat(64) }
const never = new AbortController().signal
const request: ChatRequest = {
  messages: [{ role: 'user', content: 'Hi' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1n },
  maxTokens: 64,
  stop: [],
}

let tabs: FakeTabs
/** What engines did, by the tab they run in. */
let did: string[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] })
  tabs = new FakeTabs()
  did = []
})
afterEach(() => {
  vi.useRealTimers()
})

/** Says a word each quarter of a second, with the name of the tab that says it. */
function engines(tab: FakeTab, name: string, loaded: ModelSource | null): ModelRunner {
  const note = (what: string) => did.push(`${name} ${what}`)
  const wait = () => new Promise<void>((resolve) => setTimeout(() => tab.post(resolve), WORD_MS))
  const id = (one: ModelSource) => (one.kind === 'mirror' ? one.id.slice(0, 1) : '')
  return {
    probe: async () => ok({ adapter: name, software: false }),
    cached: async () => [],
    async unload() {
      note('unload')
    },
    inspect: async () => fail('model-unknown', name),
    async load(wished, _onProgress, _signal, onlyIfIdle) {
      note(`load ${id(wished)}${onlyIfIdle ? ' if idle' : ''}`)
      return fail('model-unknown', name)
    },
    async embed() {
      note('embed')
      return fail('embeddings-unsupported', name)
    },
    async release() {
      note('release')
      return ok(null)
    },
    selfTest: async () => fail('no-adapter', name),
    count: async (wished) => (loaded && id(loaded) === id(wished) ? ok(1) : fail('not-loaded', name)),
    async *chat(_source, { resume }, signal) {
      note('chat')
      for (let word = resume?.tokens.length ?? 0; word < WORDS; word += 1) {
        await wait()
        if (signal.aborted) return yield { kind: 'end', reason: 'abort', usage: NO_USAGE }
        yield { kind: 'text', text: `${name}${word} `, tokens: [word] }
      }
      yield { kind: 'end', reason: 'stop', usage: NO_USAGE }
    },
  }
}

function openTab(name: string, loaded: ModelSource | null) {
  const tab = tabs.open()
  const parts = { locks: tabs.locks(tab), channel: tabs.channel(tab), tab: name }
  return { tab, runner: new SharedRunner({ ...parts, engines: engines(tab, name, loaded) }) }
}

function openFrame(loaded: ModelSource | null = null) {
  const tab = tabs.open()
  const parts = { locks: tabs.locks(tab), channel: tabs.channel(tab), tab: 'frame' }
  return { tab, runner: new GuestRunner({ ...parts, home: engines(tab, 'frame', loaded) }) }
}

function read(runner: ModelRunner, signal: AbortSignal = never) {
  const seen = { text: '', notices: [] as string[], end: '' }
  void (async () => {
    for await (const event of runner.chat(source, request, signal)) {
      if (event.kind === 'text') seen.text += event.text
      if (event.kind === 'notice') seen.notices.push(event.code)
      if (event.kind === 'end') seen.end = event.code ?? event.reason
    }
  })()
  return seen
}

const words = (name: string, from = 0, to = WORDS) =>
  Array.from({ length: to - from }, (_, index) => `${name}${from + index} `).join('')

it('answers by the tab that holds the model', async () => {
  openTab('weft', source)
  await vi.advanceTimersByTimeAsync(10)
  const seen = read(openFrame().runner)
  await vi.advanceTimersByTimeAsync((WORDS + 2) * WORD_MS)
  expect(seen).toEqual({ text: words('weft'), notices: [], end: 'stop' })
})

it.each([
  ['nothing', null],
  ['another model', other],
])('answers by its own engine where the tab holds %s, and has it load and unload nothing', async (_, loaded) => {
  openTab('weft', loaded)
  await vi.advanceTimersByTimeAsync(10)
  const { runner } = openFrame()
  const loading = runner.load(source, () => {}, never)
  const seen = read(runner)
  void runner.release(source, never)
  void runner.unload()
  await vi.advanceTimersByTimeAsync((WORDS + 2) * WORD_MS)
  expect((await loading).ok).toBe(false)
  expect(seen).toEqual({ text: words('frame'), notices: [], end: 'stop' })
  expect(did.filter((what) => what.startsWith('weft'))).toEqual([])
})

it('takes a load there only for what is loaded', async () => {
  openTab('weft', source)
  await vi.advanceTimersByTimeAsync(10)
  const loading = openFrame().runner.load(source, () => {}, never)
  await vi.advanceTimersByTimeAsync(100)
  await loading
  expect(did).toEqual(['weft load a if idle', 'frame load a'])
})

it('goes on alone where the tab is closed in the middle, and loses no word', async () => {
  const { tab } = openTab('weft', source)
  await vi.advanceTimersByTimeAsync(10)
  const seen = read(openFrame().runner)
  await vi.advanceTimersByTimeAsync(3.5 * WORD_MS)
  const said = seen.text
  expect(said).toMatch(/^weft0 /)
  tabs.close(tab)
  await vi.advanceTimersByTimeAsync((WORDS + 2) * WORD_MS)
  const from = said.trim().split(' ').length
  expect(seen).toEqual({ text: said + words('frame', from), notices: ['owner-changed'], end: 'stop' })
})

it('goes on alone where the tab is frozen, and leaves it its engines', async () => {
  const { tab, runner } = openTab('weft', source)
  await vi.advanceTimersByTimeAsync(10)
  const seen = read(openFrame().runner)
  await vi.advanceTimersByTimeAsync(2.5 * WORD_MS)
  tab.freeze()
  await vi.advanceTimersByTimeAsync(3 * OWNER_SILENT_MS_MAX)
  expect([seen.end, seen.notices]).toEqual(['stop', ['owner-changed']])
  tab.thaw()
  await vi.advanceTimersByTimeAsync(10)
  expect(runner.isOwner).toBe(true)
  expect(did).not.toContain('weft unload')
})

it('is asked by no tab, whether it came first or is all that is left', async () => {
  const { runner } = openFrame(source)
  await vi.advanceTimersByTimeAsync(10)
  const weft = openTab('weft', source)
  await vi.advanceTimersByTimeAsync(10)
  expect(weft.runner.isOwner).toBe(true)
  const [mine, theirs] = [read(runner), read(weft.runner)]
  await vi.advanceTimersByTimeAsync((WORDS + 2) * WORD_MS)
  expect([mine.text, theirs.text]).toEqual([words('frame'), words('weft')])
})

it('stops its own answer there', async () => {
  openTab('weft', source)
  await vi.advanceTimersByTimeAsync(10)
  const stop = new AbortController()
  const seen = read(openFrame().runner, stop.signal)
  await vi.advanceTimersByTimeAsync(2.5 * WORD_MS)
  stop.abort()
  await vi.advanceTimersByTimeAsync(2 * WORD_MS)
  expect(seen.end).toBe('abort')
  expect(did).toEqual(['weft chat'])
})

it('gives its own engines to the next frame of the site once it is closed', async () => {
  // A site's frames share their engines in a storage of their own.
  const site = new FakeTabs()
  const shared = (name: string) => {
    const tab = site.open()
    const parts = { locks: site.locks(tab), channel: site.channel(tab), tab: name }
    return new SharedRunner({ ...parts, engines: engines(tab, name, null) })
  }
  const tab = tabs.open()
  const first = new GuestRunner({
    locks: tabs.locks(tab),
    channel: tabs.channel(tab),
    tab: 'frame',
    home: shared('first'),
  })
  await vi.advanceTimersByTimeAsync(10)
  const next = shared('next')
  await vi.advanceTimersByTimeAsync(10)
  expect(next.isOwner).toBe(false)
  await first.close()
  await vi.advanceTimersByTimeAsync(10)
  expect(next.isOwner).toBe(true)
  expect(did).toContain('first unload')
})
