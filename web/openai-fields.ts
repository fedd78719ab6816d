/**
 * Readers of single fields in OpenAI's request shapes: each takes the one value or throws `request-invalid` with the name
 * of the field, which `attempt` makes a value of. Knows no request as a whole. Pure: the random seed is passed in.
 */
import { DEFAULT_SAMPLING } from './app-view.ts'
import type { Sampling } from './wire/chat.ts'
import { STOP_STRING_CHARACTERS_MAX, STOP_STRINGS_MAX } from './wire/limits/engine.ts'
import { NAME_CHARACTERS_MAX, VOCABULARY_MAX } from './wire/limits/models.ts'
import { FailureError, fail, ok, type Result } from './wire/result.ts'

export type Fields = Readonly<Record<string, unknown>>

/** Runs readers over one request. */
export function attempt<T>(value: unknown, read: (fields: Fields) => T): Result<T> {
  try {
    return ok(read(record(value) ?? refuse('request', 'must be an object')))
  } catch (error) {
    if (error instanceof FailureError) return error.failure
    throw error
  }
}

export function refuse(field: string, why: string): never {
  throw new FailureError(fail('request-invalid', `\`${field}\` ${why}.`))
}

export function record(value: unknown): Fields | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Fields) : null
}

/** A missing field and `null` mean the default, as in OpenAI's interface. */
function number(fields: Fields, field: string, fallback: number, min: number, max: number): number {
  const value = fields[field] ?? fallback
  if (typeof value === 'number' && value >= min && value <= max) return value
  return refuse(field, `must be a number from ${min} to ${max}`)
}

export function whole(fields: Fields, field: string, fallback: number, min: number, max: number): number {
  const value = number(fields, field, fallback, min, max)
  return Number.isInteger(value) ? value : refuse(field, 'must be a whole number')
}

export function flag(fields: Fields, field: string): boolean {
  const value = fields[field] ?? false
  return typeof value === 'boolean' ? value : refuse(field, 'must be true or false')
}

export function stopOf(fields: Fields): readonly string[] {
  const value = fields['stop'] ?? []
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (list.length > STOP_STRINGS_MAX) return refuse('stop', `has more than ${STOP_STRINGS_MAX} entries`)
  return list.map((text) => {
    const fits = typeof text === 'string' && text !== '' && text.length <= STOP_STRING_CHARACTERS_MAX
    return fits ? text : refuse('stop', `must hold texts of 1 to ${STOP_STRING_CHARACTERS_MAX} characters`)
  })
}

function seedOf(fields: Fields, randomSeed: bigint): bigint {
  const value = fields['seed'] ?? null
  if (value === null) return randomSeed
  if (typeof value === 'bigint') return BigInt.asUintN(64, value)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt.asUintN(64, BigInt(value))
  return refuse('seed', 'must be a whole number')
}

export function samplingOf(fields: Fields, randomSeed: bigint): Sampling {
  return {
    temperature: number(fields, 'temperature', DEFAULT_SAMPLING.temperature, 0, 2),
    topK: whole(fields, 'top_k', DEFAULT_SAMPLING.topK, 0, VOCABULARY_MAX),
    topP: number(fields, 'top_p', DEFAULT_SAMPLING.topP, 0, 1),
    minP: number(fields, 'min_p', DEFAULT_SAMPLING.minP, 0, 1),
    repetitionPenalty: number(fields, 'repetition_penalty', DEFAULT_SAMPLING.repetitionPenalty, 0.1, 10),
    seed: seedOf(fields, randomSeed),
  }
}

/** `neutral`: fields that are allowed only with the value that changes nothing. */
export function refuseUnsupported(
  fields: Fields,
  unsupported: readonly string[],
  neutral: readonly (readonly [field: string, value: unknown])[],
): void {
  for (const field of unsupported) if ((fields[field] ?? null) !== null) refuse(field, 'is not supported')
  for (const [field, value] of neutral) {
    if ((fields[field] ?? value) !== value) refuse(field, `is supported only as ${String(value)}`)
  }
}

export function includeUsageOf(fields: Fields): boolean {
  const options = record(fields['stream_options'] ?? {}) ?? refuse('stream_options', 'must be an object')
  return flag(options, 'include_usage')
}

export function modelOf(fields: Fields): string | null {
  const value = fields['model'] ?? null
  if (value === null || (typeof value === 'string' && value.length <= NAME_CHARACTERS_MAX)) return value
  return refuse('model', 'must be the name or id of a model')
}
