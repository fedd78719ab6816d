/**
 * The answers that are being written in any conversation: those of this tab, from question to end, and those of other
 * tabs, whose end is waited for. An answer is always kept and always ends. Draws nothing and knows no engine.
 */
import { type Asker, answering } from './answering.ts'
import type { Running } from './app-conversations-view.ts'
import type { ConversationKeeper } from './conversation-keeper.ts'
import type { KnownConversations } from './known-conversations.ts'
import type { OpenedConversation } from './opened-conversation.ts'
import { beginAnswer, canGoOn } from './rules/answer.ts'
import { titleFrom } from './rules/conversation.ts'
import type { ConversationStore } from './store/conversation-store.ts'
import type { Writers } from './store/writers.ts'
import type { Answer, Attachment, Conversation, Message, Question } from './wire/conversation.ts'

export interface ConversationAnswersParts {
  readonly asker: Asker
  readonly writers: Writers
  readonly nowMs: () => number
  readonly newSeed: () => bigint
  readonly closed: AbortSignal
  readonly opened: OpenedConversation
  readonly list: KnownConversations
  /** Null until the store is open. */
  readonly keeper: () => ConversationKeeper | null
  readonly store: () => ConversationStore
  /** Keeps a change of a conversation and shows it. */
  readonly put: (conversation: Conversation) => Promise<void>
  readonly changed: () => void
}

interface RunningAnswer {
  readonly abort: AbortController
  readonly conversationId: string
  state: Running
}

export class ConversationAnswers {
  readonly #parts: ConversationAnswersParts
  readonly #running = new Map<string, RunningAnswer>()
  /** Answers of other tabs whose end is waited for. */
  readonly #awaited = new Set<string>()

  constructor(parts: ConversationAnswersParts) {
    this.#parts = parts
  }

  /** Of the open conversation. */
  get here(): Running | null {
    return this.#here?.state ?? null
  }

  /** Conversations that are being answered, by this tab. */
  get conversationIds(): ReadonlySet<string> {
    return new Set([...this.#running.values()].map(({ conversationId }) => conversationId))
  }

  isWriting(answerId: string): boolean {
    return this.#running.has(answerId)
  }

  /** What was kept of a conversation, with what this tab is writing in it. */
  over(conversationId: string, messages: readonly Message[]): readonly Message[] {
    const known = messages.map((message) => this.#running.get(message.id)?.state.answer ?? message)
    const here = [...this.#running.values()].map(({ state }) => state.answer)
    return [...known, ...here.filter((answer) => answer.conversationId === conversationId)]
  }

  /** Of the open conversation. */
  stopHere(): void {
    this.#here?.abort.abort()
  }

  stopIn(conversationIds: readonly string[]): void {
    for (const { abort, conversationId } of this.#running.values()) {
      if (conversationIds.includes(conversationId)) abort.abort()
    }
  }

  stopAll(): void {
    for (const { abort } of this.#running.values()) abort.abort()
  }

  /** Asks in the open conversation, as all below does: resolves when the answer has ended, does nothing while one is written. */
  async send(text: string, attachments: readonly Attachment[]): Promise<void> {
    if (this.here) return
    const { opened } = this.#parts
    const question = opened.question(opened.current.leafId, text, attachments)
    await this.#write([question], beginAnswer(opened.node(question.id)))
  }

  /** Asks a changed question beside the old one. */
  async edit(questionId: string, text: string): Promise<void> {
    const { opened } = this.#parts
    const old = opened.message(questionId)
    if (old?.role !== 'user' || this.here) return
    const question = opened.question(old.parentId, text, old.attachments)
    await this.#write([question], beginAnswer(opened.node(question.id)))
  }

  /** Answers the same question again beside the old answer. */
  async regenerate(answerId: string): Promise<void> {
    const { opened } = this.#parts
    const old = opened.message(answerId)
    if (old?.role !== 'assistant' || this.here) return
    // One that said nothing is not worth a branch.
    const node = opened.node(old.parentId)
    await this.#write([], beginAnswer(old.text === '' ? { ...node, id: old.id, createdMs: old.createdMs } : node))
  }

  /** Goes on with an answer that was cut, from its text. */
  async goOn(answerId: string): Promise<void> {
    const answer = this.#parts.opened.message(answerId)
    if (answer?.role === 'assistant' && !this.here && canGoOn(answer)) await this.#write([], answer)
  }

  /** Writes an answer in the open conversation, after these questions. Resolves when it has ended. */
  async #write(questions: readonly Question[], begun: Answer): Promise<void> {
    const { opened, list, writers, asker, nowMs, newSeed, changed } = this.#parts
    const abort = new AbortController()
    const first = questions[0]
    const title = opened.isNew && first ? titleFrom(first) : opened.current.title
    for (const message of [...questions, begun]) opened.set(message)
    opened.keep({ ...opened.current, title, leafId: begun.id, changedMs: nowMs() })
    const conversation = opened.current
    list.hold(conversation)
    const running: RunningAnswer = {
      abort,
      conversationId: conversation.id,
      state: { answer: begun, phase: { state: 'waiting' } },
    }
    this.#running.set(begun.id, running)
    const release = writers.hold(begun.id)
    opened.reshape()
    const branch = opened.branchTo(begun.parentId)
    const { settings, scope, summaries } = conversation
    // One that goes on draws on.
    const seed = begun.committed ? BigInt(begun.committed.seed) : newSeed()
    const task = { settings, scope, summaries, branch, answer: begun, seed }
    try {
      void this.#parts.keeper()?.keep(conversation, [...questions, { ...begun, state: 'writing' }])
      for await (const { answer, phase, summary } of answering(asker, task, abort.signal)) {
        running.state = { answer, phase }
        if (summary) await this.#keepSummary(conversation.id, summary)
        if (answer.state === 'writing' && answer.text !== '') this.#parts.keeper()?.keepSoon(answer)
        changed()
      }
    } finally {
      this.#running.delete(begun.id)
      const { answer } = running.state
      const ended: Answer = answer.state === 'writing' ? { ...answer, state: 'interrupted' } : answer
      if (opened.current.id === conversation.id) opened.set(ended)
      opened.reshape()
      await this.#parts.keeper()?.keep(null, [ended])
      release()
    }
  }

  /** An answer that says it is being written, by another tab: it is, until that tab is gone. */
  awaitOthers(): void {
    for (const message of this.#parts.opened.messages) {
      if (message.role !== 'assistant' || message.state !== 'writing') continue
      if (!this.#running.has(message.id) && !this.#awaited.has(message.id)) void this.#awaitOther(message.id)
    }
  }

  get #here(): RunningAnswer | null {
    const { id } = this.#parts.opened.current
    return [...this.#running.values()].find(({ conversationId }) => conversationId === id) ?? null
  }

  async #awaitOther(answerId: string): Promise<void> {
    const { writers, closed, opened, store, keeper } = this.#parts
    this.#awaited.add(answerId)
    await writers.gone(answerId, closed)
    this.#awaited.delete(answerId)
    const kept = await store().message(answerId)
    if (!kept.ok || kept.value?.role !== 'assistant' || this.#running.has(answerId)) return
    const answer: Answer = kept.value.state === 'writing' ? { ...kept.value, state: 'interrupted' } : kept.value
    if (opened.message(answerId)) opened.set(answer)
    opened.reshape()
    if (answer !== kept.value) await keeper()?.keep(null, [answer])
  }

  async #keepSummary(id: string, summary: Conversation['summaries'][number]): Promise<void> {
    const conversation = this.#parts.list.get(id)
    if (!conversation || conversation.summaries.some(({ upToId }) => upToId === summary.upToId)) return
    await this.#parts.put({ ...conversation, summaries: [...conversation.summaries, summary] })
  }
}
