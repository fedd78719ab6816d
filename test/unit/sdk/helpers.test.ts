/** The helpers of the SDK: what they ask, what they make of answers, how they cut long texts, and what they refuse. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EmbeddingRequest, Weft } from '../../../web/openai.ts'
import { grammarOf } from '../../../web/rules/json-grammar.ts'
import { readJsonSchema } from '../../../web/rules/json-schema.ts'
import { classify, classifyPrompt, classifySchema, LABELS } from '../../../web/sdk/classify.ts'
import { extract } from '../../../web/sdk/extract.ts'
import { each } from '../../../web/sdk/helper-call.ts'
import { piecesOf } from '../../../web/sdk/pieces.ts'
import { replies, repliesSchema } from '../../../web/sdk/replies.ts'
import { rewrite } from '../../../web/sdk/rewrite.ts'
import { SemanticIndex } from '../../../web/sdk/search.ts'
import { summarise } from '../../../web/sdk/summarise.ts'
import { edgesOf, translate } from '../../../web/sdk/translate.ts'
import { EMBEDDING_TEXTS_MAX } from '../../../web/wire/limits/engine.ts'
import { SDK_ASKS_AT_ONCE, SDK_PIECE_CHARACTERS, SDK_PIECES_MAX } from '../../../web/wire/limits/sdk.ts'
import { must } from '../../support/directory-of.ts'

interface Asked {
  readonly system: string
  readonly user: string
  readonly schema: object | null
}

/** Answers by a rule of the test, and keeps what it was asked. */
function fakeWeft(answer: (asked: Asked) => string) {
  const asked: Asked[] = []
  const create = (request: {
    messages: readonly { content: unknown }[]
    response_format?: unknown
    stream?: boolean
  }) => {
    const format = request.response_format as { json_schema: { schema: object } } | undefined
    const [system = '', user = ''] = request.messages.map(({ content }) => String(content))
    const one = { system, user, schema: format?.json_schema.schema ?? null }
    asked.push(one)
    const content = answer(one)
    if (!request.stream) return Promise.resolve({ choices: [{ message: { content } }] })
    return (async function* () {
      for (const letter of content) yield { choices: [{ delta: { content: letter } }] }
    })()
  }
  return { weft: { chat: { completions: { create } } } as unknown as Weft, asked }
}

describe('pieces of a text', () => {
  it('are the text again, none too long, no character cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.integer({ min: 4, max: 60 }), (text, most) => {
        const pieces = piecesOf(text, most)
        expect(pieces.join('')).toBe(text)
        for (const piece of pieces) {
          expect(piece.length).toBeLessThanOrEqual(most)
          expect(piece.length).toBeGreaterThan(0)
          expect(piece.isWellFormed()).toBe(true)
        }
      }),
    )
  })

  it('end where a paragraph does, else a sentence, else a word', () => {
    expect(piecesOf('one two.\n\nthree four five', 18)).toEqual(['one two.\n\n', 'three four five'])
    expect(piecesOf('one two. three four five', 18)).toEqual(['one two. ', 'three four five'])
    expect(piecesOf('one two three four five', 18)).toEqual(['one two three ', 'four five'])
  })
})

describe('a summary', () => {
  it('of a short text is one question', async () => {
    const { weft, asked } = fakeWeft(() => ' Short. ')
    expect(await summarise(weft, 'A text.', { sentences: 1, language: 'German' })).toBe('Short.')
    expect(asked).toMatchObject([{ user: 'A text.', schema: null }])
    expect(asked[0]?.system).toContain('one sentence')
    expect(asked[0]?.system).toContain('German')
  })

  it('of a long text is the summary of its summaries', async () => {
    const { weft, asked } = fakeWeft(({ user }) => `Sum of ${user.slice(0, 6)}.`)
    const text = Array.from(
      { length: 3 },
      (_, part) => `part ${part} ${'word '.repeat(SDK_PIECE_CHARACTERS / 5 - 3)}`,
    ).join('\n\n')
    expect(await summarise(weft, text)).toBe('Sum of Sum of.')
    expect(asked).toHaveLength(4)
    expect(asked.at(-1)?.user).toBe('Sum of part 0.\n\nSum of part 1.\n\nSum of part 2.')
  })

  it('ends also where summaries are no shorter, and refuses what is too long or empty', async () => {
    const { weft } = fakeWeft(({ user }) => user)
    const text = 'word '.repeat(SDK_PIECE_CHARACTERS / 2)
    expect((await summarise(weft, text)).length).toBeLessThanOrEqual(SDK_PIECE_CHARACTERS)
    await expect(summarise(weft, ' ')).rejects.toMatchObject({ code: 'request-invalid' })
    const long = 'x'.repeat(SDK_PIECE_CHARACTERS * (SDK_PIECES_MAX + 1))
    await expect(summarise(weft, long)).rejects.toMatchObject({ code: 'request-invalid' })
  })
})

describe('a translation', () => {
  it('keeps what stands around its pieces', async () => {
    const { weft, asked } = fakeWeft(({ user }) => user.toUpperCase())
    expect(await translate(weft, '\n  one two\n', { to: 'German', from: 'English' })).toBe('\n  ONE TWO\n')
    expect(asked[0]?.system).toContain('from English into German')
    const long = `${'a'.repeat(SDK_PIECE_CHARACTERS - 10)}\n\n${'b'.repeat(50)}`
    expect(await translate(weft, long, { to: 'German' })).toBe(long.toUpperCase())
    expect(await translate(weft, '  ', { to: 'German' })).toBe('  ')
  })

  it('knows the edges of any piece', () => {
    fc.assert(
      fc.property(fc.string(), (piece) => {
        expect(edgesOf(piece).join('')).toBe(piece)
      }),
    )
  })
})

describe('what is told on the way', () => {
  it('is the last step of a summary as it grows, and the pieces before it', async () => {
    const { weft } = fakeWeft(() => 'Short.')
    const texts: string[] = []
    const steps: string[] = []
    const onPiece = (done: number, all: number) => steps.push(`${done}/${all}`)
    const long = `${'a '.repeat(SDK_PIECE_CHARACTERS / 2)}\n\n${'b '.repeat(20)}`
    expect(await summarise(weft, long, { onText: (text) => texts.push(text), onPiece })).toBe('Short.')
    expect(texts).toEqual(['S', 'Sh', 'Sho', 'Shor', 'Short', 'Short.'])
    expect(steps).toEqual(['1/3', '2/3'])
  })

  it('is a translation in the order of its text, whichever piece comes first', async () => {
    const { weft } = fakeWeft(({ user }) => user.toUpperCase())
    const texts: string[] = []
    const long = `${'a'.repeat(SDK_PIECE_CHARACTERS - 10)}\n\n${'b'.repeat(50)}`
    const whole = await translate(weft, long, { to: 'German', onText: (text) => texts.push(text) })
    expect(whole).toBe(long.toUpperCase())
    expect(texts.at(-1)).toBe(whole)
    for (const text of texts) expect(whole.startsWith(text)).toBe(true)
    expect(texts.length).toBeGreaterThan(50)
  })

  it('is the JSON of an answer by schema', async () => {
    const { weft } = fakeWeft(() => '["Yes."]')
    const texts: string[] = []
    expect(await replies(weft, 'a', { count: 1, onText: (text) => texts.push(text) })).toEqual(['Yes.'])
    expect(texts.at(-1)).toBe('["Yes."]')
  })
})

describe('helpers with a form', () => {
  it('classify gives one of the labels', async () => {
    const { weft, asked } = fakeWeft(() => '{"label":"not spam"}')
    const label: 'spam' | 'not spam' = await classify(weft, 'Hello', LABELS.spam)
    expect(label).toBe('not spam')
    expect(asked[0]).toMatchObject({ user: 'Hello', schema: classifySchema(['spam', 'not spam']) })
    await expect(classify(weft, 'Hello', { one: '' })).rejects.toMatchObject({ code: 'request-invalid' })
    expect(classifyPrompt('a', { x: '', y: 'why' }).system).toContain('- x\n- y: why')
  })

  it('replies come in the count that was asked for', async () => {
    const { weft, asked } = fakeWeft(() => '["Yes.","No."]')
    expect(await replies(weft, 'Will you come?', { count: 2, as: 'a friend' })).toEqual(['Yes.', 'No.'])
    expect(asked[0]).toMatchObject({ schema: { minItems: 2, maxItems: 2 } })
    for (const count of [0, 11, 1.5])
      await expect(replies(weft, 'a', { count })).rejects.toMatchObject({ code: 'request-invalid' })
  })

  it('extract gives the value', async () => {
    const { weft } = fakeWeft(() => '{"name":"Ada","age":36}')
    expect(await extract(weft, 'Ada is 36.', { type: 'object' })).toEqual({ name: 'Ada', age: 36 })
  })

  it('rewrite knows some ways and takes a wish', async () => {
    const { weft, asked } = fakeWeft(() => 'New.')
    expect(await rewrite(weft, 'Old.', { way: 'formal' })).toBe('New.')
    await rewrite(weft, 'Old.', { way: { wish: 'like a pirate' } })
    expect(asked.map(({ system }) => system)).toEqual([
      expect.stringContaining('in a formal tone'),
      expect.stringContaining('like a pirate'),
    ])
  })

  it('every schema of theirs is one that a grammar holds', () => {
    const schemas = Object.values(LABELS).map((labels) => classifySchema(Object.keys(labels)))
    for (const schema of [...schemas, repliesSchema(3)]) must(grammarOf(must(readJsonSchema(JSON.stringify(schema)))))
  })
})

describe('search', () => {
  /** Counts letters: texts of the same letters are near. */
  const vector = (text: string) => {
    const counts = new Array<number>(26).fill(0)
    for (const letter of text) counts[letter.charCodeAt(0) - 97] = (counts[letter.charCodeAt(0) - 97] ?? 0) + 1
    const length = Math.hypot(...counts)
    return counts.map((count) => count / length)
  }
  const calls: number[] = []
  const weft = {
    embeddings: {
      async create({ input }: EmbeddingRequest) {
        const list = typeof input === 'string' ? [input] : input
        calls.push(list.length)
        return { data: list.map((text) => ({ embedding: vector(text) })) }
      },
    },
  } as unknown as Weft

  it('gives the nearest first, forgets and replaces', async () => {
    const index = new SemanticIndex(weft)
    await index.add([
      { id: '1', text: 'abc' },
      { id: '2', text: 'abx' },
      { id: '3', text: 'xyz' },
    ])
    const hits = await index.search('cba', { most: 2 })
    expect(hits.map(({ id }) => id)).toEqual(['1', '2'])
    expect(hits[0]?.score).toBeCloseTo(1)
    await index.add([{ id: '1', text: 'zzz' }])
    index.remove('2')
    expect((await index.search('cba')).map(({ id }) => id)).toEqual(['1', '3'])
    expect(index.size).toBe(2)
  })

  it('asks for as many vectors at once as a request may have', async () => {
    calls.length = 0
    const texts = Array.from({ length: EMBEDDING_TEXTS_MAX + 1 }, (_, id) => ({ id: `${id}`, text: 'a' }))
    await new SemanticIndex(weft).add(texts)
    expect(calls).toEqual([EMBEDDING_TEXTS_MAX, 1])
  })
})

it('a helper asks for a few pieces at once, and keeps their order', async () => {
  let open = 0
  let most = 0
  const results = await each(
    Array.from({ length: 20 }, (_, index) => index),
    async (index) => {
      open += 1
      most = Math.max(most, open)
      for (let turn = 0; turn < index % 3; turn += 1) await Promise.resolve()
      open -= 1
      return index * 2
    },
  )
  expect(results).toEqual(Array.from({ length: 20 }, (_, index) => index * 2))
  expect(most).toBe(SDK_ASKS_AT_ONCE)
})
