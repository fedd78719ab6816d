/**
 * The state of the chat screen: what `App` and its conversations say, the draft, the files on it. Components read it and
 * call its verbs; it talks to `App` only. It draws nothing and words nothing but what a screen reader hears.
 */
import type { App } from '../app.ts'
import type { ConversationsView, OpenConversation, Running } from '../app-conversations-view.ts'
import type { AppView, ModelEntry } from '../app-view.ts'
import type { EngineName } from '../wire/chat.ts'
import type { Attachment, ConversationSettings, Message } from '../wire/conversation.ts'
import { ATTACHMENTS_MAX } from '../wire/limits/conversations.ts'
import { CONTEXT_POSITIONS_DEFAULT } from '../wire/limits/engine.ts'
import { type Failure, fail } from '../wire/result.ts'
import { Announcer } from './announcer.svelte.ts'
import { AnswerSpeech } from './answer-speech.ts'
import { type ChatHost, OWN_PAGE } from './chat-host.ts'
import { ChatWays } from './chat-ways.svelte.ts'
import { formatCount } from './format.ts'
import { LeavingPrompt } from './leaving.svelte.ts'
import { Router } from './route.svelte.ts'
import { TokenCount } from './token-count.svelte.ts'

/** Messages that are drawn at first, and how many more each time a reader gets to the top. */
const SHOWN_AT_ONCE = 60

export class Chat {
  readonly announcer = new Announcer()
  readonly router: Router
  readonly tokens: TokenCount
  readonly ways: ChatWays
  readonly leaving: LeavingPrompt
  readonly #app: App
  readonly #host: ChatHost
  readonly #ends: readonly (() => void)[]
  #draft = $state('')
  #attachments = $state.raw<readonly Attachment[]>([])
  #view: AppView
  #kept: ConversationsView
  #trouble = $state.raw<Failure | null>(null)
  #shown = $state(SHOWN_AT_ONCE)
  #waiting = false
  /** A long message is counted before it is sent; the page around may have to be asked. */
  #checking = $state(false)
  readonly #forever = new AbortController().signal
  readonly #speech = new AnswerSpeech(this.announcer)

  constructor(app: App, host = OWN_PAGE) {
    this.#app = app
    this.#host = host
    this.#view = $state.raw(app.view)
    this.#kept = $state.raw(app.conversations.view)
    this.router = new Router((route) => {
      if (route.screen === 'chat') void this.#follow(route.conversationId)
    }, host.follows)
    this.ways = new ChatWays(app)
    this.leaving = new LeavingPrompt((messages) => app.ways.leaves(messages, this.ways.scope))
    this.tokens = new TokenCount((messages, signal) => app.ways.count(messages, signal, this.ways.scope))
    this.#ends = [
      app.subscribe((view) => {
        this.#view = view
        this.tokens.loaded = view.load.state === 'ready' ? view.load.loaded.contextPositions : null
      }),
      app.conversations.subscribe(() => this.#soon()),
    ]
    void this.#begin()
  }

  get view(): AppView {
    return this.#view
  }

  get conversations(): ConversationsView {
    return this.#kept
  }

  get open(): OpenConversation {
    return this.#kept.open
  }

  /** The branch, without its oldest part in a long conversation. */
  get messages(): readonly Message[] {
    const { branch } = this.open
    return branch.length > this.#shown ? branch.slice(-this.#shown) : branch
  }

  get hidden(): number {
    return Math.max(0, this.open.branch.length - this.#shown)
  }

  get running(): Running | null {
    return this.open.running
  }

  get answering(): boolean {
    return this.running !== null
  }

  /** Another conversation is being answered, which goes first. */
  get queued(): boolean {
    return [...this.#kept.answering].some((id) => id !== this.open.conversation.id)
  }

  get draft(): string {
    return this.#draft
  }

  set draft(text: string) {
    this.#draft = text
    this.#app.preferences.keepDraft(this.#draftKey, text)
  }

  get attachments(): readonly Attachment[] {
    return this.#attachments
  }

  /** Why the last file was not taken. */
  get trouble(): Failure | null {
    return this.#trouble
  }

  get selected(): ModelEntry | null {
    return this.#view.entries.find((entry) => entry.key === this.#view.selectedKey) ?? null
  }

  get loadingEntry(): ModelEntry | null {
    const { load, entries } = this.#view
    return load.state === 'loading' ? (entries.find((entry) => entry.key === load.key) ?? null) : null
  }

  /** The engine that would run it; null while nobody knows. */
  engineOf({ fit }: ModelEntry): EngineName | null {
    return fit.state === 'known' ? fit.engine : null
  }

  /** False for a model that is known to run nowhere that this conversation may use, and where the page around forbids it. */
  get usable(): boolean {
    return this.ways.choice.ok && this.#host.permits()
  }

  get sendable(): boolean {
    if (!this.usable || this.answering || this.#checking || this.#writtenElsewhere) return false
    return this.#draft.trim() !== '' || this.#attachments.length > 0
  }

  async send(): Promise<void> {
    if (!this.sendable) return
    this.#trouble = null
    if (!(await this.#hosted()) || !this.sendable) return
    if (this.ways.over && !(await this.ways.cleared())) return
    if (this.#mayBeTooLong && !(await this.#fits())) return
    const { draft, attachments } = { draft: this.#draft.trim(), attachments: this.#attachments }
    this.draft = ''
    this.#attachments = []
    const answered = this.#app.conversations.send(draft, attachments)
    this.#now()
    await answered
  }

  async edit(questionId: string, text: string): Promise<void> {
    if (this.usable && text.trim() !== '' && (await this.#cleared()))
      await this.#app.conversations.edit(questionId, text.trim())
  }

  async regenerate(answerId: string): Promise<void> {
    if (this.usable && (await this.#cleared())) await this.#app.conversations.regenerate(answerId)
  }

  async goOn(answerId: string): Promise<void> {
    if (this.usable && (await this.#cleared())) await this.#app.conversations.goOn(answerId)
  }

  showBranch(messageId: string): void {
    this.#app.conversations.showBranch(messageId)
  }

  stop(): void {
    this.#app.conversations.stop()
  }

  startNew(): void {
    this.#app.conversations.startNew()
    this.router.go({ screen: 'chat', conversationId: null })
    this.#entered()
  }

  async show(id: string): Promise<void> {
    this.router.go({ screen: 'chat', conversationId: id })
    await this.#follow(id)
  }

  /** From another screen, to the conversation that was open. */
  goBack(): void {
    this.router.go({ screen: 'chat', conversationId: this.open.isNew ? null : this.open.conversation.id })
  }

  showEarlier(): void {
    this.#shown += SHOWN_AT_ONCE
  }

  setSettings(settings: ConversationSettings): void {
    void this.#app.conversations.setSettings(settings)
    // The next change of the same moment builds on this one.
    this.#now()
  }

  /** Adds files to the message, in order. The first that is refused is told. */
  attach(files: readonly { readonly name: string; readonly text: string }[]): void {
    this.#trouble = null
    const room = ATTACHMENTS_MAX - this.#attachments.length
    if (files.length > room) this.#trouble = fail('attachments-too-many', `${ATTACHMENTS_MAX} are allowed.`)
    this.#attachments = [...this.#attachments, ...files.slice(0, room)]
  }

  detach(index: number): void {
    this.#attachments = this.#attachments.filter((_, at) => at !== index)
  }

  /** A GGUF file is a model; anything else is read with the message. */
  async takeFiles(files: readonly File[]): Promise<void> {
    for (const file of files) {
      if (/\.gguf$/i.test(file.name)) await this.openFile(file)
      else {
        const read = await this.#app.readAttachment(file)
        if (read.ok) this.attach([read.value])
        else this.#trouble = read
      }
    }
  }

  async loadModel(key: string): Promise<void> {
    this.#trouble = null
    this.#app.pick(key)
    if (this.ways.choice.ok && !this.ways.over) await this.#app.load(key)
  }

  pickEngine(engine: EngineName | null): void {
    this.#app.pickEngine(engine)
  }

  cancelLoad(): void {
    this.stop()
    this.#app.cancelLoad()
  }

  async openFile(file: File): Promise<void> {
    this.#trouble = null
    const added = await this.#app.openFile(file)
    if (added.ok) await this.loadModel(added.value.key)
    else this.#trouble = added
  }

  async lookAgain(): Promise<void> {
    await this.#app.lookAgain()
  }

  /** Hears of nothing any more. */
  close(): void {
    for (const end of this.#ends) end()
    for (const part of [this.router, this.ways, this.tokens, this.leaving]) part.close()
  }

  async #cleared(): Promise<boolean> {
    return (await this.#hosted()) && this.ways.cleared()
  }

  /** By the page around this one, if there is any. */
  async #hosted(): Promise<boolean> {
    this.#checking = true
    const cleared = await this.#host.cleared()
    this.#checking = false
    return cleared && this.usable
  }

  /** Another tab is answering here: a question that is asked now would be read with half of an answer before it. */
  get #writtenElsewhere(): boolean {
    const last = this.open.branch.at(-1)
    return !this.answering && last?.role === 'assistant' && last.state === 'writing'
  }

  /** Positions of the model that would answer, also before it is loaded. */
  get #positions(): number {
    const stated = this.selected?.model.contextLength || CONTEXT_POSITIONS_DEFAULT
    return this.tokens.context ?? Math.min(stated, CONTEXT_POSITIONS_DEFAULT)
  }

  /** A token has a byte at least, a character three at most: a short message needs no counting. */
  get #mayBeTooLong(): boolean {
    const characters = this.#attachments.reduce((sum, { text }) => sum + text.length, this.#draft.length)
    return characters * 3 > this.#positions / 2
  }

  /** A message that no model here can read is refused while its text can still be shortened. */
  async #fits(): Promise<boolean> {
    const { conversation } = this.open
    this.#checking = true
    // Counting waits for no answer; loading does.
    const { scope } = this.ways
    const loaded = this.tokens.context === null ? await this.#app.ways.ready(this.#forever, scope) : null
    const messages = this.#app.conversations.promptAtLeast(this.#draft.trim(), this.#attachments)
    const counted = loaded?.ok === false ? loaded : await this.#app.ways.count(messages, this.#forever, scope)
    this.#checking = false
    // Another conversation is shown by now: its draft is another one.
    if (conversation.id !== this.open.conversation.id) return false
    // Why a model did not load is said where it was to come; where nobody can count, the engine says what is too long.
    if (!counted.ok && counted.code !== 'context-full') return counted !== loaded
    const positions = this.#positions
    if (counted.ok && counted.value < positions) return true
    const takes = counted.ok ? `This takes ${formatCount(counted.value)} tokens` : 'Nobody counts that many tokens'
    const detail = `${takes}; the model reads ${formatCount(positions)}. Your text is still here.`
    this.#trouble = fail('context-full', detail)
    return false
  }

  get #draftKey(): string {
    return this.open.isNew ? '' : this.open.conversation.id
  }

  async #begin(): Promise<void> {
    await this.#app.conversations.start()
    const { route } = this.router
    if (route.screen === 'chat') await this.#follow(route.conversationId)
    const { shared } = this.#app.launch
    if (shared !== null) this.draft = this.#draft === '' ? shared : `${this.#draft}\n\n${shared}`
  }

  /** The address names a conversation, or none. */
  async #follow(id: string | null): Promise<void> {
    if (id === null) {
      if (!this.#app.conversations.view.open.isNew) this.#app.conversations.startNew()
    } else {
      const shown = await this.#app.conversations.show(id)
      if (!shown.ok) {
        this.#trouble = shown
        this.#app.conversations.startNew()
        this.router.rename({ screen: 'chat', conversationId: null })
      }
    }
    this.#entered()
  }

  /** As it would be sent now. */
  readonly prompt = () => this.#app.conversations.prompt(this.#draft.trim(), this.#attachments)

  /** The prompt has changed, or would with the draft. */
  recount(): void {
    this.tokens.follow(this.prompt)
    this.leaving.follow(this.prompt)
  }

  /** Another conversation is shown. */
  #entered(): void {
    this.#now()
    this.#shown = SHOWN_AT_ONCE
    this.#draft = this.#app.preferences.draft(this.#draftKey)
    this.#attachments = []
    this.#speech.clear()
  }

  /** Once a frame at most: a small model writes many tokens in one. A hidden page has no frames and nobody to draw for. */
  #soon(): void {
    if (document.visibilityState === 'hidden') this.#now()
    else if (!this.#waiting) {
      this.#waiting = true
      requestAnimationFrame(() => this.#now())
    }
  }

  #now(): void {
    this.#waiting = false
    const before = this.#kept.open
    this.#kept = this.#app.conversations.view
    const { conversation, isNew } = this.#kept.open
    // The first message gives a conversation its address.
    if (!isNew && before.isNew && before.conversation.id === conversation.id) {
      const { route } = this.router
      if (route.screen === 'chat') this.router.rename({ screen: 'chat', conversationId: conversation.id })
    }
    this.#speech.follow(this.#kept.open)
  }
}
