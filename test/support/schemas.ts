/** JSON schemas of the supported subset: drawn ones for properties, and a few that people write. */
import fc from 'fast-check'

const leaf: fc.Arbitrary<object> = fc.oneof(
  fc.constantFrom(...['string', 'number', 'integer', 'boolean', 'null'].map((type) => ({ type }))),
  fc.constantFrom({ enum: ['spam', 'no "spam"', 'é'] }, { const: 7 }, { enum: [1, 'a', null, true, { a: [1] }] }),
  fc.constant({ type: ['string', 'null'] }),
)

const { schema } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc
      .record({
        keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'na me', 'ö', 'q"'), { maxLength: 4 }),
        of: fc.array(tie('schema'), { minLength: 4, maxLength: 4 }),
        required: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      })
      .map(({ keys, of, required }) => ({
        type: 'object',
        properties: Object.fromEntries(keys.map((key, index) => [key, of[index]])),
        required: keys.filter((_, index) => required[index]),
        additionalProperties: false,
      })),
    fc.record({ items: tie('schema'), min: fc.nat(2), more: fc.option(fc.nat(2)) }).map(({ items, min, more }) => ({
      type: 'array',
      items,
      minItems: min,
      ...(more === null ? {} : { maxItems: min + more }),
    })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  ),
}))

export const anySchema: fc.Arbitrary<object> = schema

export const TREE = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
      required: ['name', 'children'],
      additionalProperties: false,
    },
  },
}
