/**
 * One tool at work: what has come so far, how it ended, and how to stop it. Knows neither what is asked nor how it looks.
 */
import { CODES, type Code } from '../../wire/codes.ts'
import { type Failure, FailureError, fail } from '../../wire/result.ts'

export type RunState = 'idle' | 'running' | 'done' | 'stopped' | 'failed'

/** What the work is given: its stop, and whom it tells. */
export interface Hear {
  readonly signal: AbortSignal
  readonly onText: (text: string) => void
  readonly onPiece: (done: number, all: number) => void
}

function isCode(code: unknown): code is Code {
  return typeof code === 'string' && Object.hasOwn(CODES, code)
}

/** Of the SDK's errors, which carry a code; what carries none is a fault of the engine's. */
function failureOf(error: unknown): Failure {
  if (error instanceof FailureError) return error.failure
  const { code, detail } = error as { readonly code?: unknown; readonly detail?: unknown }
  return fail(isCode(code) ? code : 'engine-failed', typeof detail === 'string' ? detail : '')
}

export class ToolRun<T> {
  #state = $state.raw<RunState>('idle')
  #text = $state.raw('')
  #pieces = $state.raw<{ readonly done: number; readonly all: number } | null>(null)
  #value = $state.raw<T | null>(null)
  #trouble = $state.raw<Failure | null>(null)
  #abort = new AbortController()

  get state(): RunState {
    return this.#state
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  /** As it grows; of what was stopped, what had come. */
  get text(): string {
    return this.#text
  }

  get pieces(): { readonly done: number; readonly all: number } | null {
    return this.#pieces
  }

  /** Once it is whole. */
  get value(): T | null {
    return this.#value
  }

  get trouble(): Failure | null {
    return this.#trouble
  }

  /** Takes the place of what ran before. */
  async start(work: (hear: Hear) => Promise<T>): Promise<void> {
    this.#abort.abort()
    const abort = new AbortController()
    const { signal } = abort
    this.#abort = abort
    this.#text = ''
    this.#pieces = null
    this.#value = null
    this.#trouble = null
    this.#state = 'running'
    const mine = () => this.#abort === abort
    const onText = (text: string) => {
      if (mine()) this.#text = text
    }
    const onPiece = (done: number, all: number) => {
      if (mine()) this.#pieces = { done, all }
    }
    try {
      const value = await work({ signal, onText, onPiece })
      if (!mine()) return
      this.#value = value
      this.#state = 'done'
    } catch (error) {
      if (!mine()) return
      const failure = failureOf(error)
      this.#state = failure.code === 'aborted' || signal.aborted ? 'stopped' : 'failed'
      if (this.#state === 'failed') this.#trouble = failure
    }
  }

  stop(): void {
    this.#abort.abort()
  }
}
