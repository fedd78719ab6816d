/**
 * The conversations of a person, as `App.conversations`: joins the list, the open one, the answers and the store, and says
 * what is true now. Nothing shown is lost: what cannot be kept is said in `trouble` and stays. No DOM, no wording.
 */
import type { Asker } from './answering.ts'
import type { ConversationsView } from './app-conversations-view.ts'
import { ConversationAnswers } from './conversation-answers.ts'
import { ConversationFiles } from './conversation-files.ts'
import { ConversationKeeper } from './conversation-keeper.ts'
import { hearOtherTab } from './conversation-news.ts'
import { ConversationPresets } from './conversation-presets.ts'
import { KnownConversations } from './known-conversations.ts'
import { OpenedConversation } from './opened-conversation.ts'
import { Shown } from './shown.ts'
import type { ConversationStore, Hit } from './store/conversation-store.ts'
import type { Writers } from './store/writers.ts'
import type { ChatMessage } from './wire/chat.ts'
import type { Attachment, Conversation, ConversationSettings, Message, Scope } from './wire/conversation.ts'
import type { WholeConversation } from './wire/conversation-file.ts'
import { SEARCH_HITS_MAX } from './wire/limits/conversations.ts'
import { NAME_CHARACTERS_MAX } from './wire/limits/models.ts'
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

export class Conversations {
  readonly files: ConversationFiles
  readonly #parts: ConversationsParts
  readonly #closed = new AbortController()
  readonly #list: KnownConversations
  readonly #opened: OpenedConversation
  readonly #answers: ConversationAnswers
  readonly #presets: ConversationPresets
  #store: ConversationStore | null = null
  #keeper: ConversationKeeper | null = null
  #started: Promise<void> | null = null
  #trouble: Failure | null = null
  #defaults: ConversationSettings
  readonly #shown: Shown<ConversationsView>

  constructor(parts: ConversationsParts) {
    this.#parts = parts
    const { nowMs, newId, settings } = parts
    const closed = this.#closed.signal
    const put = (conversation: Conversation) => this.#put(conversation)
    this.#list = new KnownConversations({ nowMs, closed, put, erase: (id) => this.#erase(id) })
    const changed = () => this.#changed()
    this.#opened = new OpenedConversation({ nowMs, newId, settings, changed })
    const store = () => this.#ready
    this.#answers = new ConversationAnswers({
      ...parts,
      ...{ closed, put, changed, store, list: this.#list, opened: this.#opened },
      keeper: () => this.#keeper,
    })
    this.#presets = new ConversationPresets({ store, newId, changed })
    this.files = new ConversationFiles({
      ready: () => this.start(),
      listed: () => this.#list.shown,
      conversation: (id) => this.#list.get(id),
      messagesOf: (id) => this.#messagesOf(id),
      add: (whole) => this.#add(whole),
      nowMs,
      newId,
    })
    this.#defaults = settings
    this.#shown = new Shown(this.#compose())
  }

  get view(): ConversationsView {
    return this.#shown.view
  }

  /** Calls back at once and after every change. Returns how to stop. */
  subscribe(listener: (view: ConversationsView) => void): () => void {
    return this.#shown.subscribe(listener)
  }

  /** Reads what is kept. Idempotent. */
  start(): Promise<void> {
    this.#started ??= this.#begin()
    return this.#started
  }

  /** Refusals: `conversation-unknown`, and those of the store. */
  async show(id: string): Promise<Result<null>> {
    await this.start()
    if (id === this.#opened.current.id) return ok(null)
    const conversation = this.#list.get(id)
    if (!conversation || conversation.deletedMs !== null) return fail('conversation-unknown', '')
    const messages = await this.#messagesOf(id)
    if (!messages.ok) return messages
    this.#opened.adopt(conversation, this.#answers.over(id, messages.value))
    this.#answers.awaitOthers()
    return ok(null)
  }

  /** An empty one, kept from its first message on. What is written goes on. */
  startNew(settings: ConversationSettings = this.#defaults): void {
    this.#opened.startNew(settings)
  }

  /** Asks; resolves when the answer has ended. Does nothing while this conversation is being answered. */
  async send(text: string, attachments: readonly Attachment[] = []): Promise<void> {
    await this.start()
    await this.#answers.send(text, attachments)
  }

  /** What the model would be sent for this question here; for none, what was said so far. */
  prompt(text: string, attachments: readonly Attachment[]): readonly ChatMessage[] {
    return this.#opened.prompt(text, attachments)
  }

  /** The least that the model has to read for this question: what a window cannot leave out. */
  promptAtLeast(text: string, attachments: readonly Attachment[]): readonly ChatMessage[] {
    return this.#opened.promptAtLeast(text, attachments)
  }

  /** Asks a changed question beside the old one, which stays a branch. */
  edit(questionId: string, text: string): Promise<void> {
    return this.#answers.edit(questionId, text)
  }

  /** Answers the same question again beside the old answer, which stays a branch. */
  regenerate(answerId: string): Promise<void> {
    return this.#answers.regenerate(answerId)
  }

  /** Goes on with an answer that was cut, from its text. */
  goOn(answerId: string): Promise<void> {
    return this.#answers.goOn(answerId)
  }

  /** Ends the answer of the open conversation. */
  stop(): void {
    this.#answers.stopHere()
  }

  /** Shows the branch of this message. */
  showBranch(messageId: string): void {
    if (!this.#opened.message(messageId)) return
    void this.#change({ leafId: this.#opened.newestLeafBelow(messageId) })
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
    if (this.#opened.isNew) void this.#change({ settings })
  }

  async rename(id: string, title: string): Promise<void> {
    const conversation = this.#list.get(id)
    const clean = title.replace(/\s+/g, ' ').trim().slice(0, NAME_CHARACTERS_MAX)
    if (conversation && clean !== '') await this.#put({ ...conversation, title: clean, titledBy: 'person' })
  }

  /** Marks them; they can be brought back for `DELETED_KEPT_MS`. Answers that are being written in them end. */
  remove(ids: readonly string[]): Promise<void> {
    return this.#list.remove(ids, (gone) => {
      this.#answers.stopIn(gone)
      if (gone.includes(this.#opened.current.id)) this.startNew()
    })
  }

  restore(ids: readonly string[]): Promise<void> {
    return this.#list.restore(ids)
  }

  /** In titles and messages, whatever the case and the accents. */
  async search(query: string, signal: AbortSignal): Promise<Result<readonly Hit[]>> {
    await this.start()
    const wanted = foldForSearch(query.trim())
    if (wanted === '') return ok([])
    return this.#ready.search(
      ({ conversationId, text }) => this.#list.isShown(conversationId) && foldForSearch(text).includes(wanted),
      SEARCH_HITS_MAX,
      signal,
    )
  }

  async keepPreset(name: string, settings: ConversationSettings): Promise<Result<null>> {
    await this.start()
    return this.#presets.keep(name, settings)
  }

  forgetPreset(id: string): Promise<Result<null>> {
    return this.#presets.forget(id)
  }

  /** Before the page goes away: whatever an answer has come to is kept. */
  async flush(): Promise<void> {
    await this.#keeper?.flushNow()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#answers.stopAll()
    this.#shown.close()
    await this.flush()
    this.#keeper?.close()
    this.#store?.close()
  }

  get #ready(): ConversationStore {
    if (!this.#store) throw new Error('start() comes first')
    return this.#store
  }

  async #begin(): Promise<void> {
    const store = await this.#parts.store
    this.#store = store
    this.#keeper = new ConversationKeeper(store, (trouble) => {
      if (trouble?.code === this.#trouble?.code) return
      this.#trouble = trouble
      this.#changed()
    })
    const shown = { store, list: this.#list, opened: this.#opened, answers: this.#answers }
    const told = { startNew: () => this.startNew(), changed: () => this.#changed() }
    store.watch((wrote) => void hearOtherTab(wrote, { ...shown, ...told }))
    const all = await store.conversations()
    if (all.ok) for (const conversation of all.value) this.#list.hold(conversation)
    else this.#trouble = all
    this.#list.eraseLeftOver()
    await this.#presets.read()
  }

  async #add({ conversation, messages }: WholeConversation): Promise<void> {
    this.#list.hold(conversation)
    this.#changed()
    await this.#keeper?.keep(conversation, messages)
  }

  async #erase(id: string): Promise<void> {
    this.#keeper?.forget(id)
    await this.#ready.erase([id])
    this.#changed()
  }

  async #change(change: Partial<Conversation>): Promise<void> {
    const conversation = { ...this.#opened.current, ...change }
    if (!this.#opened.isNew) return this.#put(conversation)
    this.#opened.become(conversation)
    this.#opened.reshape()
  }

  async #put(conversation: Conversation): Promise<void> {
    this.#list.hold(conversation)
    if (this.#opened.current.id === conversation.id) this.#opened.become(conversation)
    this.#opened.reshape()
    await this.#keeper?.keep(conversation)
  }

  /** What is kept of a conversation, and what is shown of it but could not be kept. */
  async #messagesOf(id: string): Promise<Result<readonly Message[]>> {
    await this.#keeper?.flush()
    const kept = await this.#ready.messagesOf(id)
    const shown = id === this.#opened.current.id ? this.#opened.messages : []
    const unwritten = this.#keeper?.unwritten(id) ?? []
    if (!kept.ok && shown.length + unwritten.length === 0) return kept
    const all = [...shown, ...(kept.ok ? kept.value : []), ...unwritten]
    return ok([...new Map(all.map((one) => [one.id, one])).values()])
  }

  #compose(): ConversationsView {
    return {
      state: this.#store ? 'ready' : 'opening',
      refusal: this.#store?.refusal ?? null,
      trouble: this.#trouble,
      list: this.#list.shown,
      answering: this.#answers.conversationIds,
      open: { ...this.#opened.view, running: this.#answers.here },
      deleted: this.#list.deleted,
      presets: this.#presets.all,
    }
  }

  #changed(): void {
    this.#shown.show(this.#compose())
  }
}
