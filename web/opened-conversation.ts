/**
 * The conversation that is open in this tab: its messages as a tree, the branch that is shown, and what a model would read
 * of it. Holds what is shown and nothing else: it keeps nothing, asks nobody, and knows no other conversation.
 */
import type { OpenConversation } from './app-conversations-view.ts'
import { branchTo, childrenByParent, newestLeafBelow, promptOf } from './rules/conversation.ts'
import type { ChatMessage } from './wire/chat.ts'
import {
  type Attachment,
  type Conversation,
  type ConversationSettings,
  type Message,
  type Question,
  WHOLE_WINDOW,
} from './wire/conversation.ts'

export interface OpenedConversationParts {
  readonly nowMs: () => number
  readonly newId: () => string
  readonly settings: ConversationSettings
  readonly changed: () => void
}

export class OpenedConversation {
  readonly #parts: OpenedConversationParts
  #current: Conversation
  #isNew = true
  #tree = new Map<string, Message>()
  #shape: Pick<OpenConversation, 'branch' | 'children'> = { branch: [], children: new Map() }

  constructor(parts: OpenedConversationParts) {
    this.#parts = parts
    this.#current = this.#fresh(parts.settings)
  }

  get current(): Conversation {
    return this.#current
  }

  /** Not kept before its first message. */
  get isNew(): boolean {
    return this.#isNew
  }

  get view(): Omit<OpenConversation, 'running'> {
    return { conversation: this.#current, isNew: this.#isNew, ...this.#shape }
  }

  get messages(): readonly Message[] {
    return [...this.#tree.values()]
  }

  message(id: string): Message | undefined {
    return this.#tree.get(id)
  }

  /** Puts a message in, in the place of what it was. `reshape` shows it. */
  set(message: Message): void {
    this.#tree.set(message.id, message)
  }

  /** What is said of the conversation itself is newer. `reshape` shows it. */
  become(conversation: Conversation): void {
    this.#current = conversation
  }

  /** It is kept from now on. */
  keep(conversation: Conversation): void {
    this.#current = conversation
    this.#isNew = false
  }

  startNew(settings: ConversationSettings): void {
    this.#current = this.#fresh(settings)
    this.#isNew = true
    this.#tree = new Map()
    this.reshape()
  }

  adopt(conversation: Conversation, messages: readonly Message[]): void {
    this.keep(conversation)
    this.#tree = new Map(messages.map((message) => [message.id, message]))
    this.reshape()
  }

  branchTo(leafId: string | null): readonly Message[] {
    return branchTo(this.#tree, leafId)
  }

  newestLeafBelow(messageId: string): string {
    return newestLeafBelow(this.#tree, messageId)
  }

  /** What every new message here has. */
  node(parentId: string | null) {
    const { newId, nowMs } = this.#parts
    return { id: newId(), conversationId: this.#current.id, parentId, createdMs: nowMs() }
  }

  question(parentId: string | null, text: string, attachments: readonly Attachment[]): Question {
    return { ...this.node(parentId), role: 'user', text, attachments }
  }

  /** What the model would be sent for this question here; for none, what was said so far. */
  prompt(text: string, attachments: readonly Attachment[]): readonly ChatMessage[] {
    const question =
      text === '' && attachments.length === 0 ? [] : [this.question(this.#current.leafId, text, attachments)]
    return promptOf(this.#current.settings.system, [...this.#shape.branch, ...question], WHOLE_WINDOW)
  }

  /** The least that the model has to read for this question: what a window cannot leave out. */
  promptAtLeast(text: string, attachments: readonly Attachment[]): readonly ChatMessage[] {
    if (this.#current.settings.contextEnd === 'stop') return this.prompt(text, attachments)
    return promptOf(this.#current.settings.system, [this.question(null, text, attachments)], WHOLE_WINDOW)
  }

  /** The branch or its neighbours changed. */
  reshape(): void {
    this.#shape = {
      branch: branchTo(this.#tree, this.#current.leafId),
      children: childrenByParent(this.#tree.values()),
    }
    this.#parts.changed()
  }

  #fresh(settings: ConversationSettings): Conversation {
    const now = this.#parts.nowMs()
    return {
      id: this.#parts.newId(),
      title: '',
      titledBy: 'first-message',
      createdMs: now,
      changedMs: now,
      settings,
      scope: 'device',
      leafId: null,
      summaries: [],
      deletedMs: null,
    }
  }
}
