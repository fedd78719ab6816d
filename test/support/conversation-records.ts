/** Makes conversations and messages for tests: small, valid, with ids that say what they are. */
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import { beginAnswer } from '../../web/rules/answer.ts'
import type { Answer, Conversation, Message, Question } from '../../web/wire/conversation.ts'

export function conversationOf(id: string, more: Partial<Conversation> = {}): Conversation {
  return {
    id,
    title: `Title of ${id}`,
    titledBy: 'first-message',
    createdMs: 1_000,
    changedMs: 1_000,
    settings: DEFAULT_SETTINGS,
    scope: 'device',
    leafId: null,
    summaries: [],
    deletedMs: null,
    ...more,
  }
}

export function questionOf(id: string, parentId: string | null, more: Partial<Question> = {}): Question {
  const node = { id, conversationId: 'c', parentId, createdMs: 1_000 }
  return { ...node, role: 'user', text: `Text of ${id}`, attachments: [], ...more }
}

export function answerOf(id: string, parentId: string | null, more: Partial<Answer> = {}): Answer {
  const node = { id, conversationId: 'c', parentId, createdMs: 1_000 }
  return { ...beginAnswer(node), text: `Text of ${id}`, state: 'done', ...more }
}

export function treeOf(...messages: readonly Message[]): ReadonlyMap<string, Message> {
  return new Map(messages.map((message) => [message.id, message]))
}
