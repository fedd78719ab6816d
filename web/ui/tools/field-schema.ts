/**
 * What a person writes to say what shall be read out of a text, as a JSON schema: one field a line with its kind after a
 * colon, or a schema as it stands. Whether an engine can hold to a schema is decided elsewhere. Pure.
 */
import { fail, ok, type Result } from '../../wire/result.ts'

const KINDS: Readonly<Record<string, object>> = {
  text: { type: 'string' },
  number: { type: 'number' },
  'whole number': { type: 'integer' },
  'yes or no': { type: 'boolean' },
  list: { type: 'array', items: { type: 'string' }, maxItems: 20 },
}

export const KIND_NAMES = Object.keys(KINDS)

export function schemaOfFields(text: string): Result<object> {
  return text.trimStart().startsWith('{') ? written(text) : listed(text)
}

function written(text: string): Result<object> {
  try {
    return ok(JSON.parse(text) as object)
  } catch {
    return fail('schema-invalid', 'It begins like JSON and is none.')
  }
}

function listed(text: string): Result<object> {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length === 0) return fail('request-invalid', 'Name at least one field.')
  const properties: Record<string, object> = Object.create(null)
  for (const line of lines) {
    const [name = '', kind = 'text'] = line.split(':').map((part) => part.trim())
    const schema = Object.hasOwn(KINDS, kind.toLowerCase()) ? KINDS[kind.toLowerCase()] : undefined
    if (name === '' || !schema || Object.hasOwn(properties, name))
      return fail(
        'request-invalid',
        `“${line.trim()}” is no field: write a name of its own, a colon and ${KIND_NAMES.join(', ')}.`,
      )
    properties[name] = schema
  }
  return ok({ type: 'object', properties, required: Object.keys(properties), additionalProperties: false })
}

/** Labels for a text, one a line with what it means after a colon. */
export function labelsOf(text: string): Result<Readonly<Record<string, string>>> {
  const labels: Record<string, string> = Object.create(null)
  for (const line of text.split('\n')) {
    const [name = '', ...meaning] = line.split(':')
    if (name.trim() !== '') labels[name.trim()] = meaning.join(':').trim()
  }
  return Object.keys(labels).length < 2 ? fail('request-invalid', 'Name at least two labels.') : ok(labels)
}
