/**
 * The chat of a frame whose visitor has agreed: the app's own `Chat` within what the key allows, what is given, and one way to stop
 * all of it. Talks to `App`; says what runs to who made it.
 */
import type { App } from '../app.ts'
import type { MeshView } from '../app-mesh-view.ts'
import type { AppView, ModelEntry } from '../app-view.ts'
import { Chat } from '../ui/chat.svelte.ts'
import type { EmbedWork } from '../wire/embed-words.ts'
import type { PartnerView } from '../wire/partner-keys.ts'
import { type Failure, fail } from '../wire/result.ts'
import { OpenedWindow, type OpenedWindowParts } from './opened-window.svelte.ts'
import type { AnsweredReason, RoomSight, RoomWish } from './room-wish.ts'
import { type Running, sayRunning, sayWindow, systemOf } from './room-words.ts'

/** Answers a call of the page. `end`: its reason is the failure to end it with. */
type AnswerCall = (room: WidgetRoom, port: MessagePort, end: AbortSignal) => Promise<void>

const REASONS: Readonly<Record<string, AnsweredReason>> = { done: 'stop', length: 'length', stopped: 'aborted' }

/** What the room is given of the page that it stands in. */
export interface RoomPlace extends Pick<OpenedWindowParts, 'addressOf' | 'open'> {
  readonly answerCall: AnswerCall
  readonly sharesModels: boolean
}

export class WidgetRoom {
  readonly chat: Chat
  /** Where the visitor goes on giving, if they wish. */
  readonly window: OpenedWindow
  /** What is downloaded here is Weft's in this browser, and what Weft has here need not come again. */
  readonly sharesModels: boolean
  readonly app: App
  readonly #wish: RoomWish & RoomSight
  readonly #answerCall: AnswerCall
  #view: AppView
  #mesh: MeshView
  #suggested = $state.raw<readonly string[]>([])
  #font = $state<string | null>(null)
  #context = $state('')
  /** The last question that the page has put into the composer; and whether it is looked if the visitor sees it. */
  #put = $state('')
  #looks = $state(false)
  /** The visitor wants to give, and has not stopped it. */
  #gives = $state(false)
  /** A model that is not here yet may be downloaded for it. */
  #fetches = $state(false)
  #answering: string | null = null
  /** Of the page, under way. */
  readonly #calls = new Set<AbortController>()
  /** The chat is open within the scope of the key. */
  readonly ready: Promise<void>
  #called = $state(0)
  readonly #ends: (() => void)[]

  constructor(app: App, wish: RoomWish & RoomSight, place: RoomPlace) {
    this.app = app
    this.sharesModels = place.sharesModels
    this.#wish = wish
    this.#answerCall = place.answerCall
    this.#view = $state.raw(app.view)
    this.#mesh = $state.raw(app.mesh.view)
    this.chat = new Chat(app, { follows: false, permits: () => this.#permitted, cleared: wish.cleared })
    this.window = new OpenedWindow({ ...place, mesh: app.mesh, onPaired: () => void app.mesh.stop() })
    this.#ends = [
      () => this.window.close(),
      app.subscribe((view) => {
        this.#view = view
        this.#changed()
      }),
      app.mesh.subscribe((view) => {
        this.#mesh = view
        this.#changed()
      }),
      app.conversations.subscribe(() => this.#followAnswer()),
    ]
    this.ready = this.#begin()
  }

  get partner(): PartnerView {
    return this.#wish.partner
  }

  /** Others may be asked; not where nobody pays for them any more today. */
  get othersAllowed(): boolean {
    const { scope, state } = this.partner
    return scope !== 'own' && state === 'open'
  }

  get deviceAllowed(): boolean {
    return this.partner.scope !== 'mesh'
  }

  /** This device answers, by the visitor's choice or as the only one that may. */
  get deviceAnswers(): boolean {
    return this.chat.ways.scope === 'device' || this.#view.modeWish === 'local'
  }

  get entry(): ModelEntry | null {
    return this.chat.selected
  }

  /** What this device has to download before it answers; null for nothing. */
  get missing(): ModelEntry | null {
    const { entry } = this
    const { load } = this.#view
    if (!entry || entry.kept || !this.deviceAnswers || !this.deviceAllowed) return null
    return (load.state === 'ready' || load.state === 'loading') && load.key === entry.key ? null : entry
  }

  /** What would be downloaded to give; null where nothing would, or where that was answered. */
  get missingToGive(): ModelEntry | null {
    const { entry } = this
    return this.#gives && !this.window.rests && !this.#fetches && entry && !entry.kept ? entry : null
  }

  /** Why giving did not begin, or ended by itself. */
  get givingRefusal(): Failure | null {
    const { contribution } = this.#mesh
    return contribution.state === 'off' ? contribution.refusal : null
  }

  get signal(): MeshView['signal'] {
    return this.#mesh.signal
  }

  get suggested(): readonly string[] {
    return this.#suggested
  }

  get font(): string | null {
    return this.#font
  }

  /** What the site says to the model, as the visitor may read it. */
  get told(): string {
    return systemOf(this.partner, this.#context)
  }

  get sendable(): boolean {
    return this.chat.sendable
  }

  /** The page has put a question before the visitor, as it stands there, and it was not sent. */
  get unsent(): boolean {
    return this.#untouched && !this.#looks
  }

  get running(): Running {
    const { answering, ways, loadingEntry } = this.chat
    const by = ways.over || this.#mesh.asking ? 'others' : 'device'
    return {
      answering: answering ? by : null,
      page: this.#called > 0 ? { site: this.partner.site, by: this.deviceAnswers ? 'device' : 'others' } : null,
      loading: loadingEntry?.model.name ?? null,
      contribution: this.#mesh.contribution,
    }
  }

  /** Null where nothing runs. */
  get runs(): string | null {
    const { gives } = this.window
    const said = [sayRunning(this.running), gives && sayWindow(gives)].filter((part) => part !== null)
    return said.length === 0 ? null : said.join(' ')
  }

  /** The visitor has agreed to it, and has not stopped it. */
  get gives(): boolean {
    return this.#gives
  }

  get work(): EmbedWork {
    const { answering, page, loading, contribution } = this.running
    if (answering !== null || page !== null) return 'answering'
    if (loading !== null) return 'loading'
    if (contribution.state === 'serving') return 'giving'
    return contribution.state === 'off' || contribution.state === 'paused' ? 'idle' : 'loading'
  }

  setContext(text: string): void {
    this.#context = text
  }

  suggest(questions: readonly string[]): void {
    this.#suggested = questions
  }

  setFont(font: string | null): void {
    this.#font = font
  }

  /** A question that the visitor has pressed: sent where it can be, else it waits in the composer. */
  async ask(text: string): Promise<void> {
    const typed = this.chat.draft
    this.chat.draft = text
    await this.send()
    if (this.chat.draft === '') this.chat.draft = typed
  }

  /**
   * A question of the page. It takes no place of what the visitor has typed, and is sent only where the visitor sees what runs: else
   * any page could ask in a frame that nobody looks at.
   */
  async hear(text: string): Promise<void> {
    if (!this.offer(text) || this.chat.answering) return
    this.#looks = true
    const seen = await this.#wish.inSight()
    this.#looks = false
    if (seen && this.#untouched && this.#put === text) await this.send()
  }

  /** Puts it into a composer in which nobody has typed. */
  offer(text: string): boolean {
    const { chat } = this
    if (text.trim() === '' || (chat.draft.trim() !== '' && !this.#untouched)) return false
    this.#put = text
    chat.draft = text
    return true
  }

  async send(): Promise<void> {
    if (!this.sendable) return
    const { settings } = this.chat.open.conversation
    const system = this.told
    if (settings.system !== system) this.chat.setSettings({ ...settings, system })
    await this.chat.send()
  }

  /** This device, or others again. */
  answerHere(here: boolean): void {
    this.app.pickMode(here ? 'local' : null)
  }

  /** What is missing is downloaded: the visitor has seen how much. */
  async fetch(): Promise<void> {
    const { entry } = this
    if (entry && this.deviceAllowed) await this.app.load(entry.key)
  }

  async startAnew(): Promise<void> {
    this.chat.startNew()
    await this.#scope()
  }

  give(duty: number): void {
    this.app.mesh.set({ consent: true, duty })
    this.#gives = true
    this.giveHere()
  }

  /** Unless it is given in a window now. */
  giveHere(): void {
    if (this.window.rests && this.window.view.state !== 'paired') this.window.forget()
    this.#tryGiving(true)
  }

  /** The visitor has seen how much is downloaded for it. */
  fetchAndGive(): void {
    this.#fetches = true
    this.#tryGiving(true)
  }

  /** `told`: the window was, before this tab may leave the mesh. */
  stopGiving(told: Promise<boolean> = Promise.resolve(true)): void {
    this.#gives = false
    this.#fetches = false
    void this.app.mesh.stop()
    if (!this.othersAllowed) void told.then((done) => done && this.#leaveMesh())
  }

  /** A call of the page, until it is over. */
  async serve(port: MessagePort): Promise<void> {
    const end = new AbortController()
    const ended = new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve()))
    this.#count(() => this.#calls.add(end))
    await Promise.race([this.#answerCall(this, port, end.signal).catch(() => port.close()), ended])
    this.#count(() => this.#calls.delete(end))
  }

  endCalls(failure: Failure): void {
    for (const end of this.#calls) end.abort(failure)
  }

  /** By the visitor, who agrees to using it alone from now on. */
  dropGiving(told?: Promise<boolean>): void {
    if (!this.#gives) return
    this.stopGiving(told)
    this.#wish.onStopped()
  }

  /** All that runs, in the window too. */
  stop(): void {
    this.chat.cancelLoad()
    const told = this.window.stop()
    this.endCalls(fail('aborted', ''))
    this.dropGiving(told)
  }

  async look(): Promise<void> {
    await this.app.lookAgain()
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end()
    this.chat.stop()
    this.endCalls(fail('aborted', ''))
    this.chat.close()
    await this.app.close()
  }

  get #untouched(): boolean {
    return this.#put !== '' && this.chat.draft === this.#put
  }

  /** Whatever would be answered here was shown with its size before. */
  get #permitted(): boolean {
    return this.missing === null && (!this.deviceAnswers || this.deviceAllowed)
  }

  async #begin(): Promise<void> {
    await this.app.conversations.start()
    await this.#scope()
    await this.app.start()
    this.#tryGiving()
  }

  async #scope(): Promise<void> {
    if (this.othersAllowed) await this.chat.ways.setScope('anyone')
  }

  /** `pressed`: by the visitor, just now; what was refused is not tried again by itself. */
  #tryGiving(pressed = false): void {
    const { entry } = this
    const { contribution } = this.#mesh
    if (
      !this.#gives ||
      this.window.rests ||
      contribution.state !== 'off' ||
      (contribution.refusal !== null && !pressed)
    )
      return
    if (entry?.fit.state !== 'known' || (!entry.kept && !this.#fetches)) return
    void this.app.mesh.contribute(entry.key)
  }

  #count(change: () => void): void {
    change()
    this.#called = this.#calls.size
    this.#changed()
  }

  #leaveMesh(): void {
    if (!this.#gives) this.app.mesh.set({ consent: false })
  }

  #changed(): void {
    this.#tryGiving()
    this.#wish.onWork(this.work)
  }

  #followAnswer(): void {
    const { open } = this.app.conversations.view
    const { running, branch } = open
    if (running) {
      this.#answering = running.answer.id
    } else if (this.#answering !== null) {
      const answer = branch.find(({ id }) => id === this.#answering)
      this.#answering = null
      if (answer?.role === 'assistant') this.#wish.onAnswered(REASONS[answer.state] ?? 'failed')
    }
    this.#wish.onWork(this.work)
  }
}
