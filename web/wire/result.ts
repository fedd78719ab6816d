/**
 * Expected failure as a value. Peers, networks, files and devices fail in ways that a caller must handle: those come
 * back as a `Failure` with a code of the closed union in `codes.ts`. A bug throws through `assert`. Nothing here knows I/O.
 */
import type { Code } from './codes.ts'

export interface Failure {
  readonly ok: false
  readonly code: Code
  /** What exactly happened, for a person: names and numbers, no stack. Shown after the code's own sentence. */
  readonly detail: string
}

export interface Success<T> {
  readonly ok: true
  readonly value: T
}

export type Result<T> = Success<T> | Failure

export function ok<T>(value: T): Success<T> {
  return { ok: true, value }
}

export function fail(code: Code, detail: string): Failure {
  return { ok: false, code, detail }
}

/** Throws on a broken invariant: a bug in this program, never bad input. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

/** Carries a `Failure` through code that can only throw (stream callbacks, third-party parsers); caught at the next edge. */
export class FailureError extends Error {
  readonly failure: Failure
  constructor(failure: Failure) {
    super(`${failure.code}: ${failure.detail}`)
    this.name = 'FailureError'
    this.failure = failure
  }
}
