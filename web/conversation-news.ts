/**
 * What another tab of this browser wrote, taken into what this one shows: the list, and the open conversation without
 * taking a reader off the branch they read. Writes nothing itself.
 */
import type { ConversationAnswers } from './conversation-answers.ts'
import type { KnownConversations } from './known-conversations.ts'
import type { OpenedConversation } from './opened-conversation.ts'
import type { Changed, ConversationStore } from './store/conversation-store.ts'
import type { Conversation } from './wire/conversation.ts'

export interface Shown {
  readonly store: Pick<ConversationStore, 'conversation' | 'message'>
  readonly list: KnownConversations
  readonly opened: OpenedConversation
  readonly answers: ConversationAnswers
  readonly startNew: () => void
  readonly changed: () => void
}

export async function hearOtherTab({ conversationIds, messageIds }: Changed, shown: Shown): Promise<void> {
  const { store, list, opened, changed } = shown
  for (const id of conversationIds) {
    const kept = await store.conversation(id)
    if (!kept.ok) continue
    if (kept.value) list.hold(kept.value)
    else list.drop(id)
    if (id === opened.current.id) await hearOfOpened(kept.value, messageIds, shown)
  }
  changed()
}

async function hearOfOpened(
  kept: Conversation | null,
  messageIds: readonly string[],
  { store, opened, answers, startNew }: Shown,
): Promise<void> {
  if (!kept || kept.deletedMs !== null) return answers.here ? undefined : startNew()
  for (const id of messageIds) {
    const message = await store.message(id)
    if (message.ok && message.value && !answers.isWriting(id)) opened.set(message.value)
  }
  // A reader stays on the branch they read; one that only grew is followed.
  const { leafId } = opened.current
  const grown = opened.branchTo(kept.leafId).some(({ id }) => id === leafId)
  const follow = !answers.here && (grown || leafId === null)
  opened.become({ ...kept, leafId: follow ? kept.leafId : leafId })
  opened.reshape()
  answers.awaitOthers()
}
