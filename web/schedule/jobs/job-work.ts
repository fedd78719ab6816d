/**
 * What a job has to do and what it has come to, the same on both sides: the asker gathers in it what has been shown and
 * asks the next worker for the rest; the worker gathers what it has sent and goes on from there after its owner's turn.
 * A new kind of job is one implementation of `JobKindRules` and one line in `kinds.ts`.
 */
import type { JobEvent } from '../../wire/job-parts.ts'
import type { JobKind } from '../../wire/jobs.ts'
import type { Result } from '../../wire/result.ts'
import type { ModelRunner, ModelSource } from '../engine-door.ts'

export type JobRunner = Pick<ModelRunner, 'chat' | 'embed'>

export interface JobWork {
  readonly kind: JobKind
  /** Answer tokens so far, and those that it may still take; zero for a kind that writes nothing. */
  readonly tokens: number
  readonly tokensLeft: number
  /** What was asked for and has not come: answer tokens, or texts. */
  readonly left: number
  /** All that was asked for has come, and only the word that it ended is missing; null while something may come. */
  readonly over: 'stop' | 'length' | null
  /** Remembers an event that is shown or sent; false, and it is forgotten, where it is of another kind or more than was asked. */
  take(event: JobEvent): boolean
  /**
   * The request for what is missing. `byTokens`: for an engine that goes on by token ids; else from the text. `positions`:
   * prompt and answer that the worker lets it take.
   */
  ask(byTokens: boolean, positions: number): string
  /** Computes what is missing, courteously. Exactly one `end`, always last. */
  run(runner: JobRunner, source: ModelSource, signal: AbortSignal): AsyncIterable<JobEvent>
}

export interface JobKindRules {
  /** Of what an asker sent. Refusals: `frame-invalid`. */
  read(text: string): Result<JobWork>
}
