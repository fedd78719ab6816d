/**
 * Answers that a schema holds: whatever is drawn under the masks is JSON of the schema, and ends in time; what the form
 * allows is not forbidden; what is outside the subset is refused with its path.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Automaton, DEAD } from '../../../web/rules/json-automaton.ts'
import { grammarOf } from '../../../web/rules/json-grammar.ts'
import { readJsonSchema } from '../../../web/rules/json-schema.ts'
import { readAnswer } from '../../../web/rules/schema-check.ts'
import { type TokenBytes, TokenMasks } from '../../../web/rules/token-masks.ts'
import { GRAMMAR_DEPTH_MAX, SCHEMA_CHARACTERS_MAX, SCHEMA_DEPTH_MAX } from '../../../web/wire/limits/engine.ts'
import { must } from '../../support/directory-of.ts'
import { anySchema, TREE } from '../../support/schemas.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The last token ends an answer and has no bytes. */
function vocabularyOf(tokens: readonly (string | Uint8Array)[]): TokenBytes {
  const parts = [
    ...tokens.map((token) => (typeof token === 'string' ? encoder.encode(token) : token)),
    new Uint8Array(0),
  ]
  const offsets = new Uint32Array(parts.length + 1)
  for (const [id, part] of parts.entries()) offsets[id + 1] = (offsets[id] ?? 0) + part.length
  return { bytes: Uint8Array.from(parts.flatMap((part) => [...part])), offsets, endTokens: [parts.length - 1] }
}

const BYTES = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte))
const WORDS = [
  '{"',
  '":',
  '": ',
  '", "',
  '"}',
  '":[',
  ']}',
  'true',
  ' true',
  'null',
  '12',
  '.5',
  'e-',
  'na',
  'me',
  '\\u00',
  'ö',
  '"a":',
]
const vocabulary = vocabularyOf([...BYTES, ...WORDS])
const size = vocabulary.offsets.length - 1
const END = size - 1

function allowedIn(mask: Uint32Array): number[] {
  const ids: number[] = []
  for (let id = 0; id < size; id += 1) if (((mask[id >>> 5] ?? 0) >>> (id & 31)) & 1) ids.push(id)
  return ids
}

/** Draws an answer: `picks` choose among what is allowed. */
function draw(masks: TokenMasks, schema: string, picks: readonly number[], tokensMax: number): string {
  const tokens: number[] = []
  while (tokens.length < tokensMax) {
    const mask = must(masks.mask({ schema, text: '', tokens, left: tokensMax - tokens.length }))
    const allowed = allowedIn(mask)
    const id = allowed[(picks[tokens.length % picks.length] ?? 0) % allowed.length] ?? END
    if (id === END) {
      const bytes = tokens.flatMap((one) => [
        ...vocabulary.bytes.subarray(vocabulary.offsets[one], vocabulary.offsets[one + 1]),
      ])
      return decoder.decode(Uint8Array.from(bytes))
    }
    tokens.push(id)
  }
  throw new Error(`no end in ${tokensMax} tokens`)
}

/** Whether the automaton reads a whole text and may end after it. */
function reads(schema: object, text: string): boolean {
  const automaton = new Automaton(must(grammarOf(must(readJsonSchema(JSON.stringify(schema))))))
  let state = automaton.start
  for (const byte of encoder.encode(text)) state = automaton.next(state, byte)
  return state !== DEAD && automaton.ends(state)
}

const refusal = (schema: unknown) => {
  const read = readJsonSchema(typeof schema === 'string' ? schema : JSON.stringify(schema))
  const made = read.ok ? grammarOf(read.value) : read
  return made.ok ? null : `${made.code} ${made.detail}`
}

describe('what is drawn', () => {
  it('is JSON of the schema, and ends in time', () => {
    let drawn = 0
    fc.assert(
      fc.property(
        anySchema,
        fc.array(fc.nat(9_999), { minLength: 1, maxLength: 60 }),
        fc.nat(40),
        (schema, picks, more) => {
          const text = JSON.stringify(schema)
          const document = must(readJsonSchema(text))
          const grammar = grammarOf(document)
          if (!grammar.ok) throw new Error(grammar.detail)
          const least = grammar.value.bytesLeft[grammar.value.start] ?? 0
          const answer = draw(new TokenMasks(vocabulary, size), text, picks, least + 1 + more)
          expect(readAnswer(answer, document), answer).toMatchObject({ ok: true })
          drawn += 1
        },
      ),
      { numRuns: 150 },
    )
    expect(drawn).toBe(150)
  })

  it('is as deep as the cap at most where a schema refers to itself', () => {
    const text = JSON.stringify(TREE)
    const masks = new TokenMasks(vocabulary, size)
    const nest = encoder.encode('{"name":"","children":[')
    const tokens: number[] = []
    let deep = 0
    for (let turn = 0; turn < GRAMMAR_DEPTH_MAX; turn += 1) {
      for (const byte of nest) {
        const mask = must(masks.mask({ schema: text, text: '', tokens, left: 1e6 }))
        if (!allowedIn(mask).includes(byte)) {
          deep = turn
          break
        }
        tokens.push(byte)
      }
      if (deep > 0) break
    }
    expect(deep).toBeGreaterThan(GRAMMAR_DEPTH_MAX / 4)
    expect(deep).toBeLessThan(GRAMMAR_DEPTH_MAX)
    const closed = new TextDecoder().decode(Uint8Array.from(tokens)) + ']}'.repeat(deep)
    expect(readAnswer(closed, must(readJsonSchema(text))).ok).toBe(true)
  })

  it('is the same mask after another history', () => {
    const text = JSON.stringify(TREE)
    const tokens = [...encoder.encode('{"name":"a')]
    const fresh = must(new TokenMasks(vocabulary, size).mask({ schema: text, text: '', tokens, left: 90 }))
    const used = new TokenMasks(vocabulary, size)
    for (const schema of [text, '{"type":"string"}', text])
      for (let count = 0; count <= 1; count += 1)
        must(used.mask({ schema, text: '', tokens: schema === text ? tokens.slice(0, 9 * count) : [], left: 500 }))
    expect(must(used.mask({ schema: text, text: '', tokens, left: 90 }))).toEqual(fresh)
    const byText = must(used.mask({ schema: text, text: '{"name":"a', tokens: [], left: 90 }))
    expect(byText).toEqual(fresh)
  })
})

describe('what is allowed', () => {
  it('is every value of the form, also by an alphabet that enumerates them', () => {
    const schema = {
      type: 'object',
      properties: { a: { enum: [1, 'x'] }, b: { type: 'array', items: { type: 'boolean' }, maxItems: 2 } },
      required: ['a'],
    }
    const small = vocabularyOf(['{', '}', '"a":', '"b":', ' ', ',', '1', '"x"', '[', ']', 'true', 'false'])
    const count = small.offsets.length - 1
    const text = JSON.stringify(schema)
    const document = must(readJsonSchema(text))
    const masks = new TokenMasks(small, count)
    const words = (ids: readonly number[]) =>
      new TextDecoder().decode(
        Uint8Array.from(ids.flatMap((id) => [...small.bytes.subarray(small.offsets[id], small.offsets[id + 1])])),
      )
    const found = new Set<string>()
    const visit = (tokens: readonly number[]): void => {
      const mask = must(masks.mask({ schema: text, text: '', tokens, left: 100 }))
      for (let id = 0; id < count; id += 1) {
        if ((((mask[0] ?? 0) >>> id) & 1) === 0) continue
        if (id === count - 1) found.add(words(tokens))
        else visit([...tokens, id])
      }
    }
    visit([])
    // By hand, from the form: spaces before the value, after `:` and after `,`.
    const spaced = (list: readonly string[]) => list.flatMap((one) => [one, ` ${one}`])
    const flags = ['true', 'false']
    const lists = [
      '[]',
      ...flags.map((a) => `[${a}]`),
      ...flags.flatMap((a) => spaced(flags).map((b) => `[${a},${b}]`)),
    ]
    const first = spaced(['1', '"x"']).map((value) => `"a":${value}`)
    const second = spaced(spaced(lists).map((value) => `"b":${value}`))
    const expected = spaced(
      [...first, ...first.flatMap((a) => second.map((b) => `${a},${b}`))].map((one) => `{${one}}`),
    )
    expect([...found].sort()).toEqual([...new Set(expected)].sort())
    for (const one of found) expect(readAnswer(one, document).ok, one).toBe(true)
  })

  it('is what `JSON.stringify` writes of a string, and no lone surrogate', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        expect(reads({ type: 'string' }, JSON.stringify(value))).toBe(true)
      }),
    )
    expect(reads({ type: 'string' }, '"\\ud800"')).toBe(false)
    expect(reads({ type: 'string' }, '"\\ud7ff\\ue000"')).toBe(true)
    expect(reads({ type: 'string' }, '"a\nb"')).toBe(false)
  })

  it('is what `JSON.stringify` writes of a number of fifteen digits', () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        expect(reads({ type: 'integer' }, `${value}`)).toBe(true)
      }),
    )
    for (const text of ['0', '-0.5', '1e21', '1.5E-7', '123456789012345.123456789012345'])
      expect(reads({ type: 'number' }, text), text).toBe(true)
    for (const text of ['01', '1.', '.5', '+1', '1e', '1e999', 'NaN', '1234567890123456'])
      expect(reads({ type: 'number' }, text), text).toBe(false)
    expect(reads({ type: 'integer' }, '1.5')).toBe(false)
  })
})

describe('a schema that is refused', () => {
  it.each([
    [{ type: 'string', pattern: 'a' }, '#/pattern is outside'],
    [{ type: 'object', properties: { a: { type: 'number', minimum: 1 } } }, '#/properties/a/minimum is outside'],
    [{ type: 'object', additionalProperties: true }, '#/additionalProperties is supported only as false'],
    [{ type: 'object', required: ['x'] }, '#/required has "x"'],
    [{ type: 'array', items: { type: 'any' } }, '#/items has no `type`'],
    [{ type: 'array' }, '#/items is missing'],
    [{ type: 'array', items: { type: 'null' }, minItems: 3, maxItems: 2 }, '#/maxItems is less'],
    [{ anyOf: [{ type: 'null' }, {}] }, '#/anyOf/1 has no `type`'],
    [{ enum: [] }, '#/enum is empty'],
    [{ type: 'integer', enum: ['a'] }, '# has "a"'],
    [{ $ref: '#/$defs/x' }, '#/$ref points to nothing'],
    [{ $ref: 'https://example.org/a' }, '#/$ref points to nothing'],
    [{ $ref: '#' }, '# refers to itself'],
    [{ $ref: '#/$defs/a', $defs: { a: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/a' }] } } }, '# refers to itself'],
    [
      { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'], additionalProperties: false },
      '# has no value that is less than',
    ],
    ['{', 'The text is not JSON'],
    [' '.repeat(SCHEMA_CHARACTERS_MAX + 1), 'has more than'],
  ])('%j', (schema, why) => {
    expect(refusal(schema)).toContain(`schema-invalid ${why === 'has more than' ? '# has more than' : why}`)
  })

  it('is too deep', () => {
    let schema: object = { type: 'null' }
    for (let depth = 0; depth <= SCHEMA_DEPTH_MAX; depth += 1) schema = { type: 'array', items: schema }
    expect(refusal(schema)).toContain('is deeper than')
  })

  it('or ambiguous without end: it is followed as far as the caps allow, and what is drawn still fits', () => {
    const lists = Array.from({ length: 60 }, () => ({ type: 'array', items: { $ref: '#' }, maxItems: 3 }))
    const text = JSON.stringify({ anyOf: [...lists, { type: 'null' }] })
    const document = must(readJsonSchema(text))
    for (const pick of [0, 1, 2, 5]) {
      const masks = new TokenMasks(vocabulary, size)
      const answer = draw(masks, text, [pick], 120)
      expect(readAnswer(answer, document), answer).toMatchObject({ ok: true })
    }
  })

  it('or of more states than are kept, in one mask', () => {
    // Each word is a state a letter.
    const words = Array.from({ length: 250 }, (_, index) => `${index}`.padStart(3, '0') + 'x'.repeat(40))
    const masks = new TokenMasks(vocabularyOf(words), words.length + 1)
    const schema = JSON.stringify({ anyOf: [{ enum: words }, { type: 'string' }] })
    const got = masks.mask({ schema, text: '"', tokens: [], left: 500 })
    expect(got).toMatchObject({ code: 'schema-invalid', detail: expect.stringContaining('states at once') })
    const again = masks.mask({ schema, text: '"', tokens: [], left: 500 })
    expect(again).toEqual(got)
  })

  it('and an answer that does not fit it, or cannot be closed in time', () => {
    const masks = new TokenMasks(vocabulary, size)
    const schema = JSON.stringify({ enum: ['abc'] })
    expect(masks.mask({ schema, text: 'x', tokens: [], left: 50 })).toMatchObject({ code: 'schema-unmet' })
    expect(masks.mask({ schema, text: '', tokens: [], left: 5 })).toMatchObject({ code: 'schema-unmet' })
    expect(masks.mask({ schema, text: '', tokens: [], left: 6 })).toMatchObject({ ok: true })
  })
})
