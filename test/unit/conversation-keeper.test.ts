/** What could not be written: it is tried again by itself, stays in an export and on the screen, and goes out last of all. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Conversations } from '../../web/app-conversations.ts'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import { ConversationKeeper } from '../../web/conversation-keeper.ts'
import type { Change } from '../../web/store/conversation-store.ts'
import { MemoryConversations } from '../../web/store/memory-conversations.ts'
import { parseConversationFile } from '../../web/wire/conversation-file.ts'
import { KEEP_RETRY_MS } from '../../web/wire/limits/conversations.ts'
import { type Failure, fail, type Result } from '../../web/wire/result.ts'
import { answerOf, conversationOf } from '../support/conversation-records.ts'
import { FakeAsker } from '../support/fake-asker.ts'

const FULL = fail('conversations-full', '')

/** Memory that can be full, and slow. */
class NarrowStore extends MemoryConversations {
  full = false
  readonly writes: Change[] = []
  gate: Promise<void> | null = null

  override async write(change: Change): Promise<Result<null>> {
    this.writes.push(change)
    const { full } = this
    await this.gate
    return full ? FULL : super.write(change)
  }
}

let store: NarrowStore
let troubles: (Failure | null)[]

beforeEach(() => {
  store = new NarrowStore(null)
  troubles = []
})

afterEach(() => {
  vi.useRealTimers()
})

describe('the keeper', () => {
  it('tries again by itself what had no room, until it has', async () => {
    vi.useFakeTimers()
    const keeper = new ConversationKeeper(store, (trouble) => troubles.push(trouble))
    store.full = true
    await keeper.keep(conversationOf('c'), [answerOf('a', null)])
    await vi.advanceTimersByTimeAsync(KEEP_RETRY_MS)
    expect(troubles.map((one) => one?.code)).toEqual(['conversations-full', 'conversations-full'])
    expect(keeper.unwritten('c').map(({ id }) => id)).toEqual(['a'])
    store.full = false
    await vi.advanceTimersByTimeAsync(KEEP_RETRY_MS)
    expect(troubles.at(-1)).toBeNull()
    expect(keeper.unwritten('c')).toEqual([])
    expect(await store.message('a')).toMatchObject({ value: { id: 'a' } })
    await vi.advanceTimersByTimeAsync(10 * KEEP_RETRY_MS)
    expect(store.writes.length).toBe(3)
  })

  it('gives up when it is closed', async () => {
    vi.useFakeTimers()
    const keeper = new ConversationKeeper(store, () => {})
    store.full = true
    await keeper.keep(conversationOf('c'))
    keeper.close()
    await vi.advanceTimersByTimeAsync(10 * KEEP_RETRY_MS)
    expect(store.writes.length).toBe(1)
  })

  it('begins the last write before it returns, also behind one that is under way', async () => {
    const keeper = new ConversationKeeper(store, () => {})
    let open = () => {}
    store.gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const first = keeper.keep(null, [answerOf('a', null, { text: 'Half' })])
    keeper.keepSoon(answerOf('a', null, { text: 'Half and more' }))
    const last = keeper.flushNow()
    expect(store.writes.map(({ messages }) => messages?.map(({ text }) => text))).toEqual([['Half'], ['Half and more']])
    open()
    await Promise.all([first, last])
    expect(await store.message('a')).toMatchObject({ value: { text: 'Half and more' } })
  })
})

describe('a conversation that has no room', () => {
  it('is whole in an export, and on the screen after a look at another one', async () => {
    const asker = new FakeAsker()
    let ids = 0
    const conversations = new Conversations({
      store: Promise.resolve(store),
      writers: { hold: () => () => {}, gone: async () => {} },
      asker,
      nowMs: () => ids,
      newId: () => `id${ids++}`,
      newSeed: () => 7n,
      settings: DEFAULT_SETTINGS,
    })
    await conversations.send('One')
    store.full = true
    await conversations.send('Two')
    const { id } = conversations.view.open.conversation
    conversations.startNew()
    await conversations.show(id)
    const shown = conversations.view.open.branch.map(({ text }) => text)
    expect(shown).toEqual(['One', 'Fine.', 'Two', 'Fine.'])
    const file = await conversations.files.write()
    const read = file.ok ? parseConversationFile(file.value) : file
    expect(read.ok && read.value.flatMap(({ messages }) => messages.map(({ text }) => text)).sort()).toEqual(
      shown.sort(),
    )
    await conversations.close()
  })
})
