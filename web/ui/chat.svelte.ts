/**
 * The state of the page: what `App` says, the conversation, the draft. Components read it and call its verbs; it talks
 * to `App` only. It draws nothing and words nothing but what a screen reader hears.
 */
import type { App } from '../app.ts'
import { type AppView, DEFAULT_SAMPLING, type ModelEntry } from '../app-view.ts'
import type { ChatMessage, ChatRequest, EngineName } from '../wire/chat.ts'
import { explain } from '../wire/codes.ts'
import { OUTPUT_TOKENS_DEFAULT } from '../wire/limits.ts'
import type { Failure } from '../wire/result.ts'
import { Announcer } from './announcer.svelte.ts'
import { Turn } from './turn.svelte.ts'

export class Chat {
  draft = $state('')
  readonly announcer = new Announcer()
  readonly #app: App
  #view: AppView
  #turns = $state.raw<readonly Turn[]>([])
  #fileTrouble = $state.raw<Failure | null>(null)
  #running = $state.raw<AbortController | null>(null)

  constructor(app: App) {
    this.#app = app
    this.#view = $state.raw(app.view)
    app.subscribe((view) => {
      this.#view = view
    })
  }

  get view(): AppView {
    return this.#view
  }

  get turns(): readonly Turn[] {
    return this.#turns
  }

  /** Why the last opened file is not in the list. */
  get fileTrouble(): Failure | null {
    return this.#fileTrouble
  }

  get answering(): boolean {
    return this.#running !== null
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

  /** False for a model that is known not to run here. */
  get usable(): boolean {
    const fit = this.selected?.fit
    if (!fit) return false
    return fit.state === 'checking' || (fit.state === 'known' && fit.fits)
  }

  get sendable(): boolean {
    return this.usable && !this.answering && this.draft.trim() !== ''
  }

  async send(): Promise<void> {
    if (!this.sendable) return
    const turn = new Turn(this.draft.trim())
    this.draft = ''
    const earlier = this.#turns
    this.#turns = [...earlier, turn]
    await this.#answer(turn, earlier)
  }

  /** Asks the last question again, in place of an answer that failed or was stopped. */
  async askAgain(): Promise<void> {
    const turn = this.#turns.at(-1)
    if (!turn || this.answering || !this.usable) return
    turn.restart()
    await this.#answer(turn, this.#turns.slice(0, -1))
  }

  stop(): void {
    this.#running?.abort()
  }

  startOver(): void {
    this.stop()
    this.#turns = []
    this.announcer.clear()
  }

  async loadModel(key: string): Promise<void> {
    this.#fileTrouble = null
    this.#app.pick(key)
    if (this.usable) await this.#app.load(key)
  }

  pickEngine(engine: EngineName | null): void {
    this.#app.pickEngine(engine)
  }

  cancelLoad(): void {
    this.stop()
    this.#app.cancelLoad()
  }

  async openFile(file: File): Promise<void> {
    this.#fileTrouble = null
    const added = await this.#app.openFile(file)
    if (added.ok) await this.loadModel(added.value.key)
    else this.#fileTrouble = added
  }

  async lookAgain(): Promise<void> {
    await this.#app.lookAgain()
  }

  async #answer(turn: Turn, earlier: readonly Turn[]): Promise<void> {
    const abort = new AbortController()
    this.#running = abort
    this.announcer.clear()
    for await (const event of this.#app.ask(requestOf(turn, earlier), abort.signal)) {
      turn.take(event)
      if (event.kind === 'text') this.announcer.add(event.text)
    }
    if (this.#running !== abort) return
    this.#running = null
    this.announcer.finish(closingOf(turn))
  }
}

/** Earlier turns that have an answer, then the question; one without an answer would put two questions in a row. */
function requestOf(turn: Turn, earlier: readonly Turn[]): ChatRequest {
  const messages = earlier
    .filter(({ answer }) => answer !== '')
    .flatMap(({ question, answer }): ChatMessage[] => [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ])
  const seed = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 0n
  return {
    messages: [...messages, { role: 'user', content: turn.question }],
    sampling: { ...DEFAULT_SAMPLING, seed },
    maxTokens: OUTPUT_TOKENS_DEFAULT,
    stop: [],
  }
}

function closingOf({ phase }: Turn): string {
  if (phase.state === 'failed') return explain(phase.code, phase.detail)
  return phase.state === 'stopped' ? 'Stopped.' : 'End of answer.'
}
