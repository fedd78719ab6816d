/**
 * One question and its answer, as the page shows it. `take` is the only way an answer grows: it follows the events of
 * `ChatEngine.chat` and never takes text back. Knows no engine and no DOM.
 */
import type { Answerer, ChatEvent, Usage } from '../wire/chat.ts'
import type { Code } from '../wire/codes.ts'

export type TurnPhase =
  | { readonly state: 'waiting' }
  | { readonly state: 'reading'; readonly done: number; readonly total: number }
  | { readonly state: 'writing' }
  | { readonly state: 'done'; readonly usage: Usage; readonly cut: boolean }
  | { readonly state: 'stopped'; readonly usage: Usage }
  | { readonly state: 'failed'; readonly usage: Usage; readonly code: Code; readonly detail: string }

export interface Notice {
  readonly code: Code
  readonly detail: string
}

export class Turn {
  readonly question: string
  #answer = $state('')
  #phase = $state.raw<TurnPhase>({ state: 'waiting' })
  #notices = $state.raw<readonly Notice[]>([])
  #answerer = $state.raw<Answerer | null>(null)

  constructor(question: string) {
    this.question = question
  }

  get answer(): string {
    return this.#answer
  }

  get phase(): TurnPhase {
    return this.#phase
  }

  get notices(): readonly Notice[] {
    return this.#notices
  }

  get answerer(): Answerer | null {
    return this.#answerer
  }

  get running(): boolean {
    return this.#phase.state === 'waiting' || this.#phase.state === 'reading' || this.#phase.state === 'writing'
  }

  take(event: ChatEvent): void {
    switch (event.kind) {
      case 'prefill':
        this.#phase = { state: 'reading', done: event.done, total: event.total }
        return
      case 'text':
        if (this.#phase.state !== 'writing') this.#phase = { state: 'writing' }
        this.#answer += event.text
        return
      case 'answerer':
        this.#answerer = event
        return
      case 'schedule':
        return
      case 'notice':
        this.#notices = [...this.#notices, { code: event.code, detail: event.detail }]
        return
      case 'end':
        this.#phase = ended(event)
        return
      default:
        event satisfies never
    }
  }

  /** Before the same question is asked again. */
  restart(): void {
    this.#answer = ''
    this.#phase = { state: 'waiting' }
    this.#notices = []
    this.#answerer = null
  }
}

function ended({ reason, usage, code, detail }: Extract<ChatEvent, { kind: 'end' }>): TurnPhase {
  if (reason === 'abort') return { state: 'stopped', usage }
  if (reason === 'error') return { state: 'failed', usage, code: code ?? 'gpu-error', detail: detail ?? '' }
  return { state: 'done', usage, cut: reason === 'length' }
}
