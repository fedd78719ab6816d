/**
 * Reads values that came from outside field by field: a file, a peer, a server. What is wrong leaves through one exception
 * that `attempt` turns into a refusal with the caller's code and the place; no other one can happen. Nothing is copied
 * that was not asked for, so that unknown fields go no further.
 */
import type { Code } from './codes.ts'
import { ID_CHARACTERS_MAX } from './limits/models.ts'
import { FailureError, fail, ok, type Result } from './result.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface FieldReader {
  /** Turns what the readers below refuse into a `Failure`. */
  attempt<T>(read: () => T): Result<T>
  refuse(place: string, why: string): never
  parseJson(text: string): unknown
  record(value: unknown, place: string): Fields
  list(value: unknown, place: string, max: number): readonly unknown[]
  /** A text of at most `max` characters. */
  words(fields: Fields, field: string, max: number): string
  id(fields: Fields, field: string): string
  idOrNull(fields: Fields, field: string): string | null
  orNull<T>(fields: Fields, field: string, read: (value: unknown) => T): T | null
  number(fields: Fields, field: string, min: number, max: number): number
  whole(fields: Fields, field: string, max: number): number
  flag(fields: Fields, field: string): boolean
  oneOf<T extends string>(fields: Fields, field: string, allowed: readonly T[]): T
}

export function readerOf(code: Code): FieldReader {
  const refuse = (place: string, why: string): never => {
    throw new FailureError(fail(code, `${place} ${why}.`))
  }
  const words = (fields: Fields, field: string, max: number) => {
    const value = fields[field]
    if (typeof value !== 'string') return refuse(`\`${field}\``, 'is no text')
    return value.length > max ? refuse(`\`${field}\``, `has ${value.length} characters; ${max} are allowed`) : value
  }
  const id = (fields: Fields, field: string) =>
    words(fields, field, ID_CHARACTERS_MAX) || refuse(`\`${field}\``, 'is empty')
  const orNull = <T>(fields: Fields, field: string, read: (value: unknown) => T): T | null => {
    const value = fields[field]
    return value === null || value === undefined ? null : read(value)
  }
  const number = (fields: Fields, field: string, min: number, max: number) => {
    const value = fields[field]
    if (typeof value === 'number' && value >= min && value <= max) return value
    return refuse(`\`${field}\``, `is no number between ${min} and ${max}`)
  }
  return {
    attempt(read) {
      try {
        return ok(read())
      } catch (error) {
        if (error instanceof FailureError) return error.failure
        throw error
      }
    },
    refuse,
    parseJson(text) {
      try {
        return JSON.parse(text)
      } catch {
        return refuse('The text', 'is not JSON')
      }
    },
    record(value, place) {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) refuse(place, 'is missing or malformed')
      return value as Fields
    },
    list(value, place, max) {
      if (!Array.isArray(value)) return refuse(place, 'is no list')
      return value.length > max ? refuse(place, `has ${value.length} entries; ${max} are allowed`) : value
    },
    words,
    id,
    idOrNull: (fields, field) => orNull(fields, field, () => id(fields, field)),
    orNull,
    number,
    whole(fields, field, max) {
      const value = number(fields, field, 0, max)
      return Number.isSafeInteger(value) ? value : refuse(`\`${field}\``, 'is no whole number')
    },
    flag(fields, field) {
      const value = fields[field]
      return typeof value === 'boolean' ? value : refuse(`\`${field}\``, 'is neither true nor false')
    },
    oneOf(fields, field, allowed) {
      return (
        allowed.find((value) => value === fields[field]) ?? refuse(`\`${field}\``, `is none of ${allowed.join(', ')}`)
      )
    },
  }
}
