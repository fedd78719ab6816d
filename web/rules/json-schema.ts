/**
 * The JSON schemas that an answer can be held to: a stated subset (`docs/SDK.md`), read once from its text. What a schema
 * asks for beyond the subset is refused with the path, and never ignored. It builds no grammar and judges no answer.
 */
import { type Fields, readerOf } from '../wire/fields.ts'
import {
  SCHEMA_BRANCHES_MAX,
  SCHEMA_CHARACTERS_MAX,
  SCHEMA_DEPTH_MAX,
  SCHEMA_ITEMS_MAX,
  SCHEMA_NODES_MAX,
} from '../wire/limits/engine.ts'
import type { Result } from '../wire/result.ts'

export type JsonSchema =
  | { readonly kind: 'any-of'; readonly options: readonly JsonSchema[] }
  | { readonly kind: 'object'; readonly properties: readonly SchemaProperty[] }
  | { readonly kind: 'array'; readonly items: JsonSchema; readonly min: number; readonly max: number | null }
  /** Values in their compact JSON text. */
  | { readonly kind: 'literals'; readonly texts: readonly string[] }
  | { readonly kind: 'string' | 'number' | 'integer' | 'boolean' | 'null' }
  | { readonly kind: 'ref'; readonly name: string }

export interface SchemaProperty {
  readonly name: string
  readonly schema: JsonSchema
  readonly required: boolean
}

/** `root` is named `''` by a `$ref` to `#`. */
export interface SchemaDocument {
  readonly root: JsonSchema
  readonly definitions: ReadonlyMap<string, JsonSchema>
}

const { attempt, refuse, parseJson, record, list } = readerOf('schema-invalid')

/** Say something to a person and nothing about a value. */
const ANNOTATIONS = ['title', 'description', '$schema', '$id', '$comment', 'default', 'examples', 'deprecated']
const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const
const DEFINITION = /^#\/\$defs\/([^/]+)$/

class Reader {
  readonly definitions = new Map<string, JsonSchema>()
  readonly #names: ReadonlySet<string>
  #nodes = 0

  constructor(names: ReadonlySet<string>) {
    this.#names = names
  }

  schema(value: unknown, path: string, depth: number): JsonSchema {
    this.#nodes += 1
    if (this.#nodes > SCHEMA_NODES_MAX) refuse(path, `is past ${SCHEMA_NODES_MAX} schemas in one`)
    if (depth > SCHEMA_DEPTH_MAX) refuse(path, `is deeper than ${SCHEMA_DEPTH_MAX}`)
    const fields = record(value, path)
    if (fields['$ref'] !== undefined) return this.#only(fields, path, ['$ref'], () => this.#ref(fields, path))
    if (fields['anyOf'] !== undefined)
      return this.#only(fields, path, ['anyOf'], () => this.#anyOf(fields['anyOf'], path, depth))
    if (fields['enum'] !== undefined || fields['const'] !== undefined)
      return this.#only(fields, path, ['enum', 'const', 'type'], () => literals(fields, path))
    const { type } = fields
    if (!Array.isArray(type)) return this.#typed(fields, type, path, depth)
    if (type.length === 0 || type.length > TYPES.length) refuse(path, 'has a list of types that is empty or too long')
    const options = type.map((one) => this.#typed(fields, one, path, depth, true))
    return options.length === 1 && options[0] ? options[0] : { kind: 'any-of', options }
  }

  #typed(fields: Fields, type: unknown, path: string, depth: number, shared = false): JsonSchema {
    const kind = TYPES.find((name) => name === type) ?? refuse(path, `has no \`type\` of ${TYPES.join(', ')}`)
    const words = shared ? [...OBJECT_WORDS, ...ARRAY_WORDS] : []
    if (kind === 'object')
      return this.#only(fields, path, [...OBJECT_WORDS, ...words], () => this.#object(fields, path, depth))
    if (kind === 'array')
      return this.#only(fields, path, [...ARRAY_WORDS, ...words], () => this.#array(fields, path, depth))
    return this.#only(fields, path, ['type', ...words], () => ({ kind }))
  }

  #only(fields: Fields, path: string, known: readonly string[], read: () => JsonSchema): JsonSchema {
    const root = path === '#' ? ['$defs'] : []
    for (const word of Object.keys(fields))
      if (![...known, ...ANNOTATIONS, ...root].includes(word)) refuse(`${path}/${word}`, 'is outside what is supported')
    return read()
  }

  #ref(fields: Fields, path: string): JsonSchema {
    const ref = fields['$ref']
    if (ref === '#') return { kind: 'ref', name: '' }
    const name = typeof ref === 'string' ? DEFINITION.exec(ref)?.[1] : undefined
    if (name === undefined || !this.#names.has(name)) return refuse(`${path}/$ref`, 'points to nothing in `#/$defs`')
    return { kind: 'ref', name }
  }

  #anyOf(value: unknown, path: string, depth: number): JsonSchema {
    const options = list(value, `${path}/anyOf`, SCHEMA_BRANCHES_MAX)
    if (options.length === 0) refuse(`${path}/anyOf`, 'is empty')
    return {
      kind: 'any-of',
      options: options.map((one, index) => this.schema(one, `${path}/anyOf/${index}`, depth + 1)),
    }
  }

  #object(fields: Fields, path: string, depth: number): JsonSchema {
    if ((fields['additionalProperties'] ?? false) !== false)
      refuse(`${path}/additionalProperties`, 'is supported only as false')
    const properties = record(fields['properties'] ?? {}, `${path}/properties`)
    const names = Object.keys(properties)
    if (names.length > SCHEMA_BRANCHES_MAX) refuse(`${path}/properties`, `has more than ${SCHEMA_BRANCHES_MAX} entries`)
    const required = list(fields['required'] ?? [], `${path}/required`, SCHEMA_BRANCHES_MAX)
    for (const name of required)
      if (typeof name !== 'string' || !names.includes(name))
        refuse(`${path}/required`, `has ${JSON.stringify(name)}, which is no property`)
    return {
      kind: 'object',
      properties: names.map((name) => ({
        name,
        schema: this.schema(properties[name], `${path}/properties/${name}`, depth + 1),
        required: required.includes(name),
      })),
    }
  }

  #array(fields: Fields, path: string, depth: number): JsonSchema {
    const bound = (word: string): number | null => {
      const value = fields[word] ?? null
      if (value === null) return null
      const fits = typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= SCHEMA_ITEMS_MAX
      return fits ? value : refuse(`${path}/${word}`, `is no whole number of 0 to ${SCHEMA_ITEMS_MAX}`)
    }
    const [min, max] = [bound('minItems') ?? 0, bound('maxItems')]
    if (max !== null && max < min) refuse(`${path}/maxItems`, 'is less than `minItems`')
    return { kind: 'array', items: this.schema(fields['items'], `${path}/items`, depth + 1), min, max }
  }
}

const OBJECT_WORDS = ['type', 'properties', 'required', 'additionalProperties']
const ARRAY_WORDS = ['type', 'items', 'minItems', 'maxItems']

function literals(fields: Fields, path: string): JsonSchema {
  const values =
    fields['const'] !== undefined ? [fields['const']] : list(fields['enum'], `${path}/enum`, SCHEMA_BRANCHES_MAX)
  if (values.length === 0) refuse(`${path}/enum`, 'is empty')
  if (fields['const'] !== undefined && fields['enum'] !== undefined) refuse(path, 'has `const` and `enum`')
  const { type } = fields
  for (const value of values)
    if (type !== undefined && !isOf(value, type))
      refuse(path, `has ${JSON.stringify(value)}, which is not of its \`type\``)
  return { kind: 'literals', texts: [...new Set(values.map((value) => JSON.stringify(value)))] }
}

function isOf(value: unknown, type: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value)
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return value !== null && typeof value === 'object' && !Array.isArray(value)
    default:
      return typeof value === type
  }
}

/** Refusals: `schema-invalid`, with the path of the place. */
export function readJsonSchema(text: string): Result<SchemaDocument> {
  return attempt(() => {
    if (text.length > SCHEMA_CHARACTERS_MAX) refuse('#', `has more than ${SCHEMA_CHARACTERS_MAX} characters`)
    const fields = record(parseJson(text), '#')
    const definitions = record(fields['$defs'] ?? {}, '#/$defs')
    const names = Object.keys(definitions)
    const reader = new Reader(new Set(names))
    const root = reader.schema(fields, '#', 0)
    for (const name of names) reader.definitions.set(name, reader.schema(definitions[name], `#/$defs/${name}`, 1))
    reader.definitions.set('', root)
    return { root, definitions: reader.definitions }
  })
}
