/** What a person writes in the Tools screen's forms: fields as a schema, labels with their meaning, and what is neither. */
import { expect, it } from 'vitest'
import { grammarOf } from '../../web/rules/json-grammar.ts'
import { readJsonSchema } from '../../web/rules/json-schema.ts'
import { KIND_NAMES, labelsOf, schemaOfFields } from '../../web/ui/tools/field-schema.ts'
import { must } from '../support/directory-of.ts'

it('makes a schema that an engine can hold to, of every kind of field', () => {
  const fields = KIND_NAMES.map((kind, index) => `field ${index}: ${kind}`).join('\n')
  const schema = must(schemaOfFields(`plain\n\n${fields}`))
  expect(Object.keys((schema as { properties: object }).properties)).toHaveLength(KIND_NAMES.length + 1)
  must(grammarOf(must(readJsonSchema(JSON.stringify(schema)))))
  expect(must(schemaOfFields(' {"type":"string"}'))).toEqual({ type: 'string' })
})

it.each([
  ['', 'request-invalid'],
  ['a: gold', 'request-invalid'],
  ['a: constructor', 'request-invalid'],
  ['a\na', 'request-invalid'],
  ['{"type":', 'schema-invalid'],
])('refuses %j', (text, code) => {
  expect(schemaOfFields(text)).toMatchObject({ ok: false, code })
})

it('reads labels with and without a meaning, at least two', () => {
  expect(must(labelsOf('bill: asks for: money\n\nother'))).toEqual({ bill: 'asks for: money', other: '' })
  expect(labelsOf('alone')).toMatchObject({ ok: false, code: 'request-invalid' })
})
