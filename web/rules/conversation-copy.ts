/** A conversation from a file, as it comes in here: settled, beside what is here already, and open to nobody. Pure. */
import type { Message } from '../wire/conversation.ts'
import type { WholeConversation } from '../wire/conversation-file.ts'

/** `isTaken`: a conversation of this id is here, so that the copy gets new ones; an import never overwrites. */
export function copyOf(
  { conversation, messages }: WholeConversation,
  isTaken: boolean,
  newId: () => string,
): WholeConversation {
  const settled = messages.map(
    (message): Message =>
      message.role === 'assistant' && message.state === 'writing' ? { ...message, state: 'interrupted' } : message,
  )
  // Who may answer is chosen here, not by a file.
  const shown = { ...conversation, deletedMs: null, scope: 'device' as const }
  if (!isTaken) return { conversation: shown, messages: settled }
  const conversationId = newId()
  const ids = new Map(settled.map(({ id }) => [id, newId()]))
  const moved = (id: string | null) => (id === null ? null : (ids.get(id) ?? null))
  return {
    conversation: {
      ...shown,
      id: conversationId,
      leafId: moved(conversation.leafId),
      summaries: conversation.summaries.map(({ text, upToId }) => ({ text, upToId: moved(upToId) ?? upToId })),
    },
    messages: settled.map((message): Message => {
      const node = { id: moved(message.id) ?? message.id, conversationId, parentId: moved(message.parentId) }
      if (message.role === 'user') return { ...message, ...node }
      return { ...message, ...node, window: { ...message.window, fromId: moved(message.window.fromId) } }
    }),
  }
}
