/** The store in the browser's own database: the contract, older schemas, damaged records, other tabs. */
import { deleteDB, openDB } from 'idb'
import { beforeEach, describe, expect, it } from 'vitest'
import { CONVERSATION_DATABASE, openConversationDatabase } from '../../web/store/conversation-database.ts'
import type { Changed } from '../../web/store/conversation-store.ts'
import { KeptConversations, openConversations } from '../../web/store/kept-conversations.ts'
import { conversationStoreSuite } from '../contract/conversation-store.suite.ts'
import { answerOf, conversationOf, questionOf } from '../support/conversation-records.ts'

beforeEach(() => deleteDB(CONVERSATION_DATABASE))

conversationStoreSuite('in the browser', () => KeptConversations.open({ channel: null }))

describe('the database', () => {
  it('of the first version becomes today’s and loses nothing', async () => {
    const old = await openConversationDatabase(() => {}, 1)
    expect([...old.objectStoreNames]).toEqual(['conversations', 'messages'])
    await old.put('conversations', conversationOf('c'))
    await old.put('messages', questionOf('q', null))
    old.close()
    const store = await KeptConversations.open({ channel: null })
    expect(await store.conversations()).toEqual({ ok: true, value: [conversationOf('c')] })
    expect(await store.messagesOf('c')).toEqual({ ok: true, value: [questionOf('q', null)] })
    expect(await store.presets()).toEqual({ ok: true, value: [] })
    store.close()
  })

  it('of a newer version is left alone, and the page says so', async () => {
    const newer = await openDB(CONVERSATION_DATABASE, 1_000)
    newer.close()
    const store = await openConversations()
    expect(store.refusal?.code).toBe('conversations-newer')
    store.close()
  })

  it('lets a newer page through, and refuses from then on', async () => {
    const store = await KeptConversations.open({ channel: null })
    const newer = await openDB(CONVERSATION_DATABASE, 1_000)
    newer.close()
    expect(await store.write({ conversations: [conversationOf('c')] })).toMatchObject({ code: 'conversations-newer' })
    store.close()
  })

  it('keeps a record that this version cannot read, and does not show it', async () => {
    const store = await KeptConversations.open({ channel: null })
    const raw = await openConversationDatabase(() => {})
    await raw.put('conversations', { id: 'odd' })
    await store.write({ conversations: [conversationOf('c')] })
    expect(await store.conversations()).toMatchObject({ value: [{ id: 'c' }] })
    expect(await raw.get('conversations', 'odd')).toEqual({ id: 'odd' })
    raw.close()
    store.close()
  })
})

describe('another tab', () => {
  it('hears what was written, and the writer does not', async () => {
    const channel = () => new BroadcastChannel('weft-test-conversations')
    const [mine, theirs] = await Promise.all([
      KeptConversations.open({ channel: channel() }),
      KeptConversations.open({ channel: channel() }),
    ])
    const own: Changed[] = []
    mine.watch((changed) => own.push(changed))
    const heard = new Promise<Changed>((resolve) => theirs.watch(resolve))
    await mine.write({ conversations: [conversationOf('c')], messages: [answerOf('a', null)] })
    expect(await heard).toEqual({ conversationIds: ['c'], messageIds: ['a'] })
    expect(own).toEqual([])
    mine.close()
    theirs.close()
  })
})
