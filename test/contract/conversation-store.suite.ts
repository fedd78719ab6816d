/** The contract of `ConversationStore`, for every store there is. */
import { describe, expect, it } from 'vitest'
import type { ConversationStore } from '../../web/store/conversation-store.ts'
import type { Result } from '../../web/wire/result.ts'
import { answerOf, conversationOf, questionOf } from '../support/conversation-records.ts'

function value<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
  return result.value
}

const never = new AbortController().signal
const all = () => true

/** `open` gives an empty store each time. */
export function conversationStoreSuite(name: string, open: () => Promise<ConversationStore>): void {
  describe(`conversations ${name}`, () => {
    it('come back as they were written', async () => {
      const store = await open()
      const conversation = conversationOf('c', { leafId: 'a', summaries: [{ text: 'So far.', upToId: 'a' }] })
      const messages = [questionOf('q', null, { attachments: [{ name: 'f', text: 't' }] }), answerOf('a', 'q')]
      value(await store.write({ conversations: [conversation], messages }))
      expect(value(await store.conversations())).toEqual([conversation])
      expect(value(await store.conversation('c'))).toEqual(conversation)
      expect(value(await store.messagesOf('c')).toSorted((a, b) => a.id.localeCompare(b.id))).toEqual(
        messages.toReversed(),
      )
      expect(value(await store.message('a'))).toEqual(messages[1])
      store.close()
    })

    it('are null or empty where there is nothing', async () => {
      const store = await open()
      expect(value(await store.conversations())).toEqual([])
      expect(value(await store.conversation('c'))).toBeNull()
      expect(value(await store.message('m'))).toBeNull()
      expect(value(await store.messagesOf('c'))).toEqual([])
      store.close()
    })

    it('are replaced by a later record, in the order of writing', async () => {
      const store = await open()
      const writes = Array.from({ length: 20 }, (_, index) =>
        store.write({ messages: [answerOf('a', null, { text: `Text ${index}` })] }),
      )
      for (const written of writes) value(await written)
      expect(value(await store.message('a'))?.text).toBe('Text 19')
      store.close()
    })

    it('are erased with all their messages and no other', async () => {
      const store = await open()
      const conversations = [conversationOf('c'), conversationOf('d')]
      const messages = [questionOf('q', null), answerOf('a', 'q'), questionOf('r', null, { conversationId: 'd' })]
      value(await store.write({ conversations, messages }))
      value(await store.erase(['c']))
      expect(value(await store.conversations()).map(({ id }) => id)).toEqual(['d'])
      expect(value(await store.messagesOf('c'))).toEqual([])
      expect(value(await store.messagesOf('d')).map(({ id }) => id)).toEqual(['r'])
      store.close()
    })

    it('are searched message by message, up to a limit, until aborted', async () => {
      const store = await open()
      const messages = Array.from({ length: 30 }, (_, index) =>
        questionOf(`q${index}`, null, { text: `n ${index % 3}` }),
      )
      value(await store.write({ conversations: [conversationOf('c')], messages }))
      expect(value(await store.search(({ text }) => text === 'n 1', 50, never)).length).toBe(10)
      expect(value(await store.search(all, 7, never)).length).toBe(7)
      expect(value(await store.search(all, 50, AbortSignal.abort()))).toEqual([])
      store.close()
    })

    it('have presets, which can be replaced and forgotten', async () => {
      const store = await open()
      const preset = { id: 'p', name: 'Brief', settings: conversationOf('c').settings }
      value(await store.keepPreset(preset))
      value(await store.keepPreset({ ...preset, name: 'Short' }))
      expect(value(await store.presets())).toEqual([{ ...preset, name: 'Short' }])
      value(await store.forgetPreset('p'))
      expect(value(await store.presets())).toEqual([])
      store.close()
    })
  })
}
