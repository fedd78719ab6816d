/**
 * The conversations of a person: the list, the one that is open with its branches, and the answers that are being written
 * in any of them. Nothing shown is lost: what cannot be kept is said in `trouble` and stays. No DOM, no wording.
 */
import { type Asker, answering } from './answering.ts'
import type { ConversationsView, OpenConversation, Running } from './app-conversations-view.ts'
import { ConversationFiles } from './conversation-files.ts'
import { ConversationKeeper } from './conversation-keeper.ts'
import { beginAnswer, canGoOn } from './rules/answer.ts'
import { branchTo, childrenByParent, newestLeafBelow, promptOf, titleFrom } from './rules/conversation.ts'
import type { Changed, ConversationStore, Hit } from './store/conversation-store.ts'
import type { Writers } from './store/writers.ts'
import type { ChatMessage } from './wire/chat.ts'
import {
  type Answer,
  type Attachment,
  type Conversation,
  type ConversationSettings,
  type Message,
  type Preset,
  type Question,
  type Scope,
  WHOLE_WINDOW,
} from './wire/conversation.ts'
import type { WholeConversation } from './wire/conversation-file.ts'
import { DELETED_KEPT_MS, NAME_CHARACTERS_MAX, SEARCH_HITS_MAX } from './wire/limits.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'
import { foldForSearch } from './wire/search.ts'

export interface ConversationsParts {
  readonly store: Promise<ConversationStore>
  readonly writers: Writers
  readonly asker: Asker
  readonly nowMs: () => number
  readonly newId: () => string
  readonly newSeed: () => bigint
  /** Of new conversations, until a person changes them. */
  readonly settings: ConversationSettings
}

interface RunningAnswer {
  readonly abort: AbortController
  readonly conversationId: string
  state: Running
}

export class Conversations {
  readonly files: ConversationFiles
  readonly #parts: ConversationsParts
  readonly #listeners = new Set<(view: ConversationsView) => void>()
  readonly #closed = new AbortController()
  readonly #running = new Map<string, RunningAnswer>()
  /** Answers of other tabs whose end is waited for. */
  readonly #awaited = new Set<string>()
  #store: ConversationStore | null = null
  #keeper: ConversationKeeper | null = null
  #started: Promise<void> | null = null
  #trouble: Failure | null = null
  #all = new Map<string, Conversation>()
  #list: readonly Conversation[] | null = null
  #deletedIds: readonly string[] = []
  #defaults: ConversationSettings
  #presets: readonly Preset[] = []
  #current: Conversation
  #isNew = true
  /** Of the current conversation. */
  #tree = new Map<string, Message>()
  #shape: Pick<OpenConversation, 'branch' | 'children'> = { branch: [], children: new Map() }
  #view: ConversationsView

  constructor(parts: ConversationsParts) {
    this.#parts = parts
    const { nowMs, newId } = parts
    this.files = new ConversationFiles({
      ready: () => this.start(),
      listed: () => this.#listed(),
      conversation: (id) => this.#all.get(id),
      messagesOf: (id) => this.#messagesOf(id),
      add: (whole) => this.#add(whole),
      nowMs,
      newId,
    })
    this.#defaults = parts.settings
    this.#current = this.#fresh(parts.settings)
    this.#view = this.#compose()
  }

  get view(): ConversationsView {
    return this.#view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: ConversationsView) => void): () => void {
    this.#listeners.add(listener)
    listener(this.#view)
    return () => this.#listeners.delete(listener)
  }

  /** Reads what is kept. Idempotent. */
  start(): Promise<void> {
    this.#started ??= this.#begin()
    return this.#started
  }

  /** Refusals: `conversation-unknown`, and those of the store. */
  async show(id: string): Promise<Result<null>> {
    await this.start()
    if (id === this.#current.id) return ok(null)
    const conversation = this.#all.get(id)
    if (!conversation || conversation.deletedMs !== null) return fail('conversation-unknown', '')
    const messages = await this.#messagesOf(id)
    if (!messages.ok) return messages
    this.#adopt(conversation, messages.value)
    return ok(null)
  }

  /** An empty one, kept from its first message on. What is written goes on. */
  startNew(settings: ConversationSettings = this.#defaults): void {
    this.#current = this.#fresh(settings)
    this.#isNew = true
    this.#tree = new Map()
    this.#reshape()
  }

  /** Asks; resolves when the answer has ended. Does nothing while this conversation is being answered. */
  async send(text: string, attachments: readonly Attachment[] = []): Promise<void> {
    await this.start()
    if (this.#runningHere) return
    const question = this.#question(this.#current.leafId, text, attachments)
    await this.#answer([question], beginAnswer(this.#node(question.id)))
  }

  /** What the model would be sent for this question here; for none, what was said so far. */
  prompt(text: string, attachments: readonly Attachment[]): readonly ChatMessage[] {
    const question =
      text === '' && attachments.length === 0 ? [] : [this.#question(this.#current.leafId, text, attachments)]
    return promptOf(this.#current.settings.system, [...this.#shape.branch, ...question], WHOLE_WINDOW)
  }

  /** The least that the model has to read for this question: what a window cannot leave out. */
  promptAtLeast(text: string, attachments: readonly Attachment[]): readonly ChatMessage[] {
    if (this.#current.settings.contextEnd === 'stop') return this.prompt(text, attachments)
    return promptOf(this.#current.settings.system, [this.#question(null, text, attachments)], WHOLE_WINDOW)
  }

  /** Asks a changed question beside the old one, which stays a branch. */
  async edit(questionId: string, text: string): Promise<void> {
    const old = this.#tree.get(questionId)
    if (old?.role !== 'user' || this.#runningHere) return
    const question = this.#question(old.parentId, text, old.attachments)
    await this.#answer([question], beginAnswer(this.#node(question.id)))
  }

  /** Answers the same question again beside the old answer, which stays a branch. */
  async regenerate(answerId: string): Promise<void> {
    const old = this.#tree.get(answerId)
    if (old?.role !== 'assistant' || this.#runningHere) return
    // One that said nothing is not worth a branch.
    const node = this.#node(old.parentId)
    await this.#answer([], beginAnswer(old.text === '' ? { ...node, id: old.id, createdMs: old.createdMs } : node))
  }

  /** Goes on with an answer that was cut, from its text. */
  async goOn(answerId: string): Promise<void> {
    const answer = this.#tree.get(answerId)
    if (answer?.role !== 'assistant' || this.#runningHere || !canGoOn(answer)) return
    await this.#answer([], answer)
  }

  /** Ends the answer of the open conversation. */
  stop(): void {
    this.#runningHere?.abort.abort()
  }

  /** Shows the branch of this message. */
  showBranch(messageId: string): void {
    if (!this.#tree.has(messageId)) return
    void this.#change({ leafId: newestLeafBelow(this.#tree, messageId) })
  }

  async setSettings(settings: ConversationSettings): Promise<void> {
    await this.#change({ settings })
  }

  /** Of the open conversation and of no other. */
  async setScope(scope: Scope): Promise<void> {
    await this.#change({ scope })
  }

  /** Of conversations that are begun from now on, and of one that has no message yet. */
  setDefaults(settings: ConversationSettings): void {
    this.#defaults = settings
    if (this.#isNew) void this.#change({ settings })
  }

  async rename(id: string, title: string): Promise<void> {
    const conversation = this.#all.get(id)
    const clean = title.replace(/\s+/g, ' ').trim().slice(0, NAME_CHARACTERS_MAX)
    if (conversation && clean !== '') await this.#put({ ...conversation, title: clean, titledBy: 'person' })
  }

  /** Marks them; they can be brought back for `DELETED_KEPT_MS`. Answers that are being written in them end. */
  async remove(ids: readonly string[]): Promise<void> {
    const removed = ids.flatMap((id) => this.#all.get(id) ?? []).filter(({ deletedMs }) => deletedMs === null)
    if (removed.length === 0) return
    this.#deletedIds = removed.map(({ id }) => id)
    for (const { abort, conversationId } of this.#running.values()) {
      if (this.#deletedIds.includes(conversationId)) abort.abort()
    }
    const deletedMs = this.#parts.nowMs()
    if (this.#deletedIds.includes(this.#current.id)) this.startNew()
    setTimeout(() => {
      for (const { id } of removed) void this.#erase(id, deletedMs)
    }, DELETED_KEPT_MS)
    await Promise.all(removed.map((conversation) => this.#put({ ...conversation, deletedMs })))
  }

  async restore(ids: readonly string[]): Promise<void> {
    const restored = ids.flatMap((id) => this.#all.get(id) ?? []).filter(({ deletedMs }) => deletedMs !== null)
    this.#deletedIds = this.#deletedIds.filter((id) => !ids.includes(id))
    await Promise.all(restored.map((conversation) => this.#put({ ...conversation, deletedMs: null })))
  }

  /** In titles and messages, whatever the case and the accents. */
  async search(query: string, signal: AbortSignal): Promise<Result<readonly Hit[]>> {
    await this.start()
    const wanted = foldForSearch(query.trim())
    if (wanted === '') return ok([])
    const shown = (id: string) => this.#all.get(id)?.deletedMs === null
    return this.#ready.search(
      ({ conversationId, text }) => shown(conversationId) && foldForSearch(text).includes(wanted),
      SEARCH_HITS_MAX,
      signal,
    )
  }

  async keepPreset(name: string, settings: ConversationSettings): Promise<Result<null>> {
    await this.start()
    const kept = await this.#ready.keepPreset({
      id: this.#parts.newId(),
      name: name.slice(0, NAME_CHARACTERS_MAX),
      settings,
    })
    await this.#readPresets()
    return kept
  }

  async forgetPreset(id: string): Promise<Result<null>> {
    const forgotten = await this.#ready.forgetPreset(id)
    await this.#readPresets()
    return forgotten
  }

  /** Before the page goes away: whatever an answer has come to is kept. */
  async flush(): Promise<void> {
    await this.#keeper?.flushNow()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    for (const { abort } of this.#running.values()) abort.abort()
    this.#listeners.clear()
    await this.flush()
    this.#keeper?.close()
    this.#store?.close()
  }

  get #ready(): ConversationStore {
    if (!this.#store) throw new Error('start() comes first')
    return this.#store
  }

  get #runningHere(): RunningAnswer | null {
    return [...this.#running.values()].find(({ conversationId }) => conversationId === this.#current.id) ?? null
  }

  async #begin(): Promise<void> {
    const store = await this.#parts.store
    this.#store = store
    this.#keeper = new ConversationKeeper(store, (trouble) => {
      if (trouble?.code === this.#trouble?.code) return
      this.#trouble = trouble
      this.#changed()
    })
    store.watch((changed) => void this.#hear(changed))
    const all = await store.conversations()
    if (all.ok) for (const conversation of all.value) this.#hold(conversation)
    else this.#trouble = all
    for (const { id, deletedMs } of this.#all.values()) {
      if (deletedMs === null) continue
      const leftMs = Math.max(0, deletedMs + DELETED_KEPT_MS - this.#parts.nowMs())
      setTimeout(() => void this.#erase(id, deletedMs), leftMs)
    }
    await this.#readPresets()
  }

  #hold(conversation: Conversation): void {
    this.#all.set(conversation.id, conversation)
    this.#list = null
  }

  async #add({ conversation, messages }: WholeConversation): Promise<void> {
    this.#hold(conversation)
    this.#changed()
    await this.#keeper?.keep(conversation, messages)
  }

  #drop(id: string): void {
    this.#all.delete(id)
    this.#list = null
  }

  async #readPresets(): Promise<void> {
    const presets = await this.#ready.presets()
    if (presets.ok) this.#presets = [...presets.value].sort((a, b) => a.name.localeCompare(b.name))
    this.#changed()
  }

  /** Another tab may have brought it back, and deleted it again. */
  async #erase(id: string, deletedMs: number): Promise<void> {
    if (this.#closed.signal.aborted || this.#all.get(id)?.deletedMs !== deletedMs) return
    this.#drop(id)
    this.#deletedIds = this.#deletedIds.filter((other) => other !== id)
    this.#keeper?.forget(id)
    await this.#ready.erase([id])
    this.#changed()
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

  #node(parentId: string | null) {
    const { newId, nowMs } = this.#parts
    return { id: newId(), conversationId: this.#current.id, parentId, createdMs: nowMs() }
  }

  #question(parentId: string | null, text: string, attachments: readonly Attachment[]): Question {
    return { ...this.#node(parentId), role: 'user', text, attachments }
  }

  async #answer(questions: readonly Question[], begun: Answer): Promise<void> {
    const abort = new AbortController()
    const first = questions[0]
    const title = this.#isNew && first ? titleFrom(first) : this.#current.title
    for (const message of [...questions, begun]) this.#tree.set(message.id, message)
    this.#current = { ...this.#current, title, leafId: begun.id, changedMs: this.#parts.nowMs() }
    const conversation = this.#current
    this.#isNew = false
    this.#hold(conversation)
    const running: RunningAnswer = {
      abort,
      conversationId: conversation.id,
      state: { answer: begun, phase: { state: 'waiting' } },
    }
    this.#running.set(begun.id, running)
    const release = this.#parts.writers.hold(begun.id)
    this.#reshape()
    const branch = branchTo(this.#tree, begun.parentId)
    const { settings, scope, summaries } = conversation
    // One that goes on draws on.
    const seed = begun.committed ? BigInt(begun.committed.seed) : this.#parts.newSeed()
    const task = { settings, scope, summaries, branch, answer: begun, seed }
    try {
      void this.#keeper?.keep(conversation, [...questions, { ...begun, state: 'writing' }])
      for await (const { answer, phase, summary } of answering(this.#parts.asker, task, abort.signal)) {
        running.state = { answer, phase }
        if (summary) await this.#keepSummary(conversation.id, summary)
        if (answer.state === 'writing' && answer.text !== '') this.#keeper?.keepSoon(answer)
        this.#changed()
      }
    } finally {
      this.#running.delete(begun.id)
      const { answer } = running.state
      const ended: Answer = answer.state === 'writing' ? { ...answer, state: 'interrupted' } : answer
      if (this.#current.id === conversation.id) this.#tree.set(ended.id, ended)
      this.#reshape()
      await this.#keeper?.keep(null, [ended])
      release()
    }
  }

  async #keepSummary(id: string, summary: Conversation['summaries'][number]): Promise<void> {
    const conversation = this.#all.get(id)
    if (!conversation || conversation.summaries.some(({ upToId }) => upToId === summary.upToId)) return
    await this.#put({ ...conversation, summaries: [...conversation.summaries, summary] })
  }

  async #change(change: Partial<Conversation>): Promise<void> {
    const conversation = { ...this.#current, ...change }
    if (this.#isNew) {
      this.#current = conversation
      this.#reshape()
    } else await this.#put(conversation)
  }

  async #put(conversation: Conversation): Promise<void> {
    this.#hold(conversation)
    if (this.#current.id === conversation.id) this.#current = conversation
    this.#reshape()
    await this.#keeper?.keep(conversation)
  }

  #adopt(conversation: Conversation, messages: readonly Message[]): void {
    this.#current = conversation
    this.#isNew = false
    this.#tree = new Map(
      messages.map((message) => [message.id, this.#running.get(message.id)?.state.answer ?? message]),
    )
    for (const { state } of this.#running.values()) {
      if (state.answer.conversationId === conversation.id) this.#tree.set(state.answer.id, state.answer)
    }
    this.#reshape()
    this.#awaitWriters()
  }

  /** An answer that says it is being written, by another tab: it is, until that tab is gone. */
  #awaitWriters(): void {
    for (const message of this.#tree.values()) {
      if (message.role !== 'assistant' || message.state !== 'writing') continue
      if (!this.#running.has(message.id) && !this.#awaited.has(message.id)) void this.#awaitWriter(message.id)
    }
  }

  async #awaitWriter(answerId: string): Promise<void> {
    this.#awaited.add(answerId)
    await this.#parts.writers.gone(answerId, this.#closed.signal)
    this.#awaited.delete(answerId)
    const kept = await this.#ready.message(answerId)
    if (!kept.ok || kept.value?.role !== 'assistant' || this.#running.has(answerId)) return
    const answer: Answer = kept.value.state === 'writing' ? { ...kept.value, state: 'interrupted' } : kept.value
    if (this.#tree.has(answerId)) this.#tree.set(answerId, answer)
    this.#reshape()
    if (answer !== kept.value) await this.#keeper?.keep(null, [answer])
  }

  /** Another tab wrote. */
  async #hear({ conversationIds, messageIds }: Changed): Promise<void> {
    for (const id of conversationIds) {
      const kept = await this.#ready.conversation(id)
      if (!kept.ok) continue
      if (kept.value) this.#hold(kept.value)
      else this.#drop(id)
      if (id === this.#current.id) await this.#hearOfCurrent(kept.value, messageIds)
    }
    this.#changed()
  }

  async #hearOfCurrent(kept: Conversation | null, messageIds: readonly string[]): Promise<void> {
    if (!kept || kept.deletedMs !== null) return this.#runningHere ? undefined : this.startNew()
    for (const id of messageIds) {
      const message = await this.#ready.message(id)
      if (message.ok && message.value && !this.#running.has(id)) this.#tree.set(id, message.value)
    }
    // A reader stays on the branch they read; one that only grew is followed.
    const grown = branchTo(this.#tree, kept.leafId).some(({ id }) => id === this.#current.leafId)
    const follow = !this.#runningHere && (grown || this.#current.leafId === null)
    this.#current = { ...kept, leafId: follow ? kept.leafId : this.#current.leafId }
    this.#reshape()
    this.#awaitWriters()
  }

  /** What is kept of a conversation, and what is shown of it but could not be kept. */
  async #messagesOf(id: string): Promise<Result<readonly Message[]>> {
    await this.#keeper?.flush()
    const kept = await this.#ready.messagesOf(id)
    const shown = id === this.#current.id ? [...this.#tree.values()] : []
    const unwritten = this.#keeper?.unwritten(id) ?? []
    if (!kept.ok && shown.length + unwritten.length === 0) return kept
    const all = [...shown, ...(kept.ok ? kept.value : []), ...unwritten]
    return ok([...new Map(all.map((one) => [one.id, one])).values()])
  }

  /** The same array until one of them changes: an answer that grows must cost no list. */
  #listed(): readonly Conversation[] {
    this.#list ??= [...this.#all.values()]
      .filter(({ deletedMs }) => deletedMs === null)
      .sort((a, b) => b.changedMs - a.changedMs)
    return this.#list
  }

  /** The branch or its neighbours changed. */
  #reshape(): void {
    this.#shape = {
      branch: branchTo(this.#tree, this.#current.leafId),
      children: childrenByParent(this.#tree.values()),
    }
    this.#changed()
  }

  #compose(): ConversationsView {
    const running = this.#runningHere
    const deleted = this.#deletedIds.flatMap((id) => this.#all.get(id) ?? [])
    return {
      state: this.#store ? 'ready' : 'opening',
      refusal: this.#store?.refusal ?? null,
      trouble: this.#trouble,
      list: this.#listed(),
      answering: new Set([...this.#running.values()].map(({ conversationId }) => conversationId)),
      open: {
        conversation: this.#current,
        isNew: this.#isNew,
        ...this.#shape,
        running: running ? running.state : null,
      },
      deleted: deleted.filter(({ deletedMs }) => deletedMs !== null),
      presets: this.#presets,
    }
  }

  #changed(): void {
    this.#view = this.#compose()
    for (const listener of [...this.#listeners]) listener(this.#view)
  }
}
