/**
 * Whether a text is JSON of a schema: the judge of answers that no grammar held, and of the grammar in tests. Says where it
 * does not fit. It mends nothing; the order of properties and spaces are free here.
 */
import { GRAMMAR_DEPTH_MAX } from '../wire/limits/engine.ts'
import { fail, ok, type Result } from '../wire/result.ts'
import type { JsonSchema, SchemaDocument } from './json-schema.ts'

type Value = unknown

/** Null where it fits, else the path of the first place that does not. */
function misfit(value: Value, schema: JsonSchema, document: SchemaDocument, path: string, depth = 0): string | null {
  if (depth > 2 * GRAMMAR_DEPTH_MAX) return path
  switch (schema.kind) {
    case 'any-of':
      return schema.options.some((option) => misfit(value, option, document, path, depth + 1) === null) ? null : path
    case 'ref': {
      const target = document.definitions.get(schema.name)
      return target ? misfit(value, target, document, path, depth + 1) : path
    }
    case 'literals':
      return schema.texts.some((text) => sameJson(value, JSON.parse(text))) ? null : path
    case 'object': {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return path
      const entries = new Map<string, Value>(Object.entries(value))
      for (const { name, schema: of, required } of schema.properties) {
        const place = `${path}/${name}`
        const wrong = entries.has(name)
          ? misfit(entries.get(name), of, document, place, depth + 1)
          : required
            ? place
            : null
        if (wrong !== null) return wrong
        entries.delete(name)
      }
      const [extra] = entries.keys()
      return extra === undefined ? null : `${path}/${extra}`
    }
    case 'array': {
      if (!Array.isArray(value) || value.length < schema.min || value.length > (schema.max ?? value.length)) return path
      for (const [index, item] of value.entries()) {
        const wrong = misfit(item, schema.items, document, `${path}/${index}`, depth + 1)
        if (wrong !== null) return wrong
      }
      return null
    }
    case 'integer':
      return Number.isInteger(value) ? null : path
    case 'null':
      return value === null ? null : path
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === schema.kind ? null : path
    default:
      return schema satisfies never
  }
}

function sameJson(a: Value, b: Value): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [new Map<string, Value>(Object.entries(a)), new Map<string, Value>(Object.entries(b))]
  return (
    left.size === right.size && [...left].every(([key, value]) => right.has(key) && sameJson(value, right.get(key)))
  )
}

/** The value. Refusals: `schema-unmet`, with the path. */
export function readAnswer(text: string, document: SchemaDocument): Result<unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return fail('schema-unmet', 'The answer is not JSON.')
  }
  const wrong = misfit(value, document.root, document, '#')
  return wrong === null ? ok(value) : fail('schema-unmet', `${wrong} does not fit.`)
}
