/** The rules of a conversation: branches, titles, prompts, search, the window that a model reads, answers that grow. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { beginAnswer, canGoOn, goOn, takeEvent } from '../../../web/rules/answer.ts'
import { readAttachment } from '../../../web/rules/attachment.ts'
import { answerRoom, firstThatFits } from '../../../web/rules/context-window.ts'
import {
  branchTo,
  branchToMarkdown,
  contentOf,
  newestLeafBelow,
  promptOf,
  titleFrom,
} from '../../../web/rules/conversation.ts'
import { NO_USAGE } from '../../../web/wire/chat.ts'
import { WHOLE_WINDOW } from '../../../web/wire/conversation.ts'
import { ATTACHMENT_BYTES_MAX, TITLE_CHARACTERS_MAX } from '../../../web/wire/limits/conversations.ts'
import { excerptOf } from '../../../web/wire/search.ts'
import { answerOf, conversationOf, questionOf, treeOf } from '../../support/conversation-records.ts'

const two = [questionOf('q1', null), answerOf('a1', 'q1'), questionOf('q2', 'a1'), answerOf('a2', 'q2')]

describe('a branch', () => {
  it('runs from the first message to its leaf and no further', () => {
    const tree = treeOf(...two, answerOf('b2', 'q2'))
    expect(branchTo(tree, 'b2').map(({ id }) => id)).toEqual(['q1', 'a1', 'q2', 'b2'])
    expect(branchTo(tree, 'a1').map(({ id }) => id)).toEqual(['q1', 'a1'])
    expect(branchTo(tree, null)).toEqual([])
  })

  it('ends where a parent is missing, and does not run in circles', () => {
    expect(branchTo(treeOf(answerOf('a', 'gone')), 'a').map(({ id }) => id)).toEqual(['a'])
    expect(branchTo(treeOf(questionOf('a', 'b'), answerOf('b', 'a')), 'a').length).toBe(2)
  })

  it('that was left goes on along the newest messages', () => {
    const newer = questionOf('q3', 'a1', { createdMs: 2_000 })
    expect(newestLeafBelow(treeOf(...two, newer), 'q1')).toBe('q3')
    expect(newestLeafBelow(treeOf(...two, newer), 'q2')).toBe('a2')
  })

  it('is written as Markdown with names', () => {
    const answerer = { engine: 'cpu', adapter: 'CPU', modelId: 'm', model: 'Tiny' } as const
    const branch = [questionOf('q', null, { text: 'Why?' }), answerOf('a', 'q', { text: '**So.**', answerer })]
    expect(branchToMarkdown(conversationOf('c', { title: 'Reasons' }), branch)).toBe(
      '# Reasons\n\n## You\n\nWhy?\n\n## Tiny\n\n**So.**\n',
    )
  })
})

describe('a title', () => {
  it('is the first line, cut at a word', () => {
    expect(titleFrom({ text: '  Hello   there\nand more', attachments: [] })).toBe('Hello there')
    const long = titleFrom({ text: 'word '.repeat(40), attachments: [] })
    expect(long.endsWith('word…')).toBe(true)
    expect(long.length).toBeLessThanOrEqual(TITLE_CHARACTERS_MAX + 1)
  })

  it('is the name of a file where nothing was written', () => {
    expect(titleFrom({ text: ' ', attachments: [{ name: 'notes.txt', text: 'x' }] })).toBe('notes.txt')
  })

  it('never ends in half a character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 50, maxLength: 90 }), (text) => {
        expect(titleFrom({ text, attachments: [] }).isWellFormed()).toBe(true)
      }),
    )
  })
})

describe('a prompt', () => {
  it('begins with the system text and ends with the question', () => {
    expect(promptOf('Be brief.', two.slice(0, 3), WHOLE_WINDOW)).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Text of q1' },
      { role: 'assistant', content: 'Text of a1' },
      { role: 'user', content: 'Text of q2' },
    ])
  })

  it('leaves out a question that nobody answered', () => {
    const branch = [questionOf('q1', null), answerOf('a1', 'q1', { text: '' }), questionOf('q2', 'a1')]
    expect(promptOf('', branch, WHOLE_WINDOW)).toEqual([{ role: 'user', content: 'Text of q2' }])
  })

  it('takes a summary in place of the oldest part', () => {
    expect(promptOf('', two.slice(0, 3), { fromId: 'q2', summary: 'They met.' })).toEqual([
      { role: 'system', content: 'Summary of the conversation so far:\nThey met.' },
      { role: 'user', content: 'Text of q2' },
    ])
  })

  it('fences files with a fence that their text cannot close', () => {
    const content = contentOf({ text: 'What is this?', attachments: [{ name: 'a.md', text: '```js\n1\n```\n' }] })
    expect(content).toBe('File a.md:\n````\n```js\n1\n```\n````\n\nWhat is this?')
  })
})

describe('a search', () => {
  it('finds whatever the case and the accents, and shows a little around', () => {
    expect(excerptOf('Das Café ist zu.', 'CAFE')).toEqual({ before: 'Das ', found: 'Café', after: ' ist zu.' })
    expect(excerptOf('nothing', 'café')).toBeNull()
  })

  it('shows exactly the text: what stands around and what was found joins up again', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'Ä', 'ß', 'İ', 'e\u0301', '😀', ' ', 'B'), maxLength: 30 })
    fc.assert(
      fc.property(
        letters,
        fc.string({ unit: fc.constantFrom('a', 'b', 'e'), minLength: 1, maxLength: 2 }),
        (text, query) => {
          const excerpt = excerptOf(text, query)
          fc.pre(excerpt !== null)
          const whole = text.normalize('NFC').replace(/\s+/g, ' ')
          expect((excerpt?.before ?? '') + (excerpt?.found ?? '') + (excerpt?.after ?? '')).toBe(whole)
        },
      ),
    )
  })
})

describe('the window', () => {
  const branch = [...two, questionOf('q3', 'a2')]
  /** Ten tokens a message. */
  const count = async (from: number) => (branch.length - from) * 10

  it('is everything where everything fits', async () => {
    expect(await firstThatFits(branch, 50, count)).toBe(0)
  })

  it('begins with the earliest question that lets the rest fit', async () => {
    expect(await firstThatFits(branch, 49, count)).toBe(2)
    expect(await firstThatFits(branch, 10, count)).toBe(4)
  })

  it('is none where the last question alone is too long, or nobody can count', async () => {
    expect(await firstThatFits(branch, 9, count)).toBeNull()
    expect(await firstThatFits(branch, 100, async () => null)).toBeNull()
  })

  it('is the largest that fits, of any lengths, found with few counts', async () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 1, max: 400 }), async (sizes, max) => {
        const messages = sizes.map((_, index) =>
          index % 2 === 0 ? questionOf(`m${index}`, null) : answerOf(`m${index}`, null),
        )
        const sumFrom = (from: number) => sizes.slice(from).reduce((sum, size) => sum + size, 0)
        const counted: number[] = []
        const found = await firstThatFits(messages, max, async (from) => {
          counted.push(from)
          return sumFrom(from)
        })
        const starts = messages.flatMap(({ role }, index) => (role === 'user' ? [index] : []))
        expect(found).toBe(starts.find((start) => sumFrom(start) <= max) ?? null)
        expect(counted.length).toBeLessThanOrEqual(2 + Math.ceil(Math.log2(starts.length + 1)))
      }),
    )
  })

  it('keeps a quarter of the context at most for the answer', () => {
    expect(answerRoom(4_096, 1_024)).toBe(1_024)
    expect(answerRoom(512, 1_024)).toBe(128)
  })
})

describe('an answer', () => {
  const begun = beginAnswer({ id: 'a', conversationId: 'c', parentId: 'q', createdMs: 1 })

  it('grows with its text and tells how it ended', () => {
    const text = takeEvent(takeEvent(begun, { kind: 'text', text: 'He' }), { kind: 'text', text: 'llo' })
    expect(text.text).toBe('Hello')
    expect(takeEvent(text, { kind: 'end', reason: 'length', usage: NO_USAGE }).state).toBe('length')
    const failed = takeEvent(text, { kind: 'end', reason: 'error', usage: NO_USAGE, code: 'gpu-error', detail: 'x' })
    expect(failed).toMatchObject({ state: 'failed', text: 'Hello', failure: { code: 'gpu-error', detail: 'x' } })
  })

  it('can go on where it was cut, not where it is whole or empty', () => {
    expect(canGoOn(answerOf('a', 'q', { state: 'stopped' }))).toBe(true)
    expect(canGoOn(answerOf('a', 'q', { state: 'stopped', text: '' }))).toBe(false)
    expect(canGoOn(answerOf('a', 'q'))).toBe(false)
    const failed = answerOf('a', 'q', { state: 'failed', failure: { code: 'gpu-error', detail: '' } })
    expect(goOn(failed)).toMatchObject({ state: 'writing', failure: null, text: failed.text })
  })
})

describe('an attachment', () => {
  const decode = (encoding: string, bytes: Uint8Array) => new TextDecoder(encoding, { fatal: true }).decode(bytes)
  const read = (name: string, bytes: Uint8Array) => readAttachment(name, bytes, decode)

  it('is text in UTF-8 or marked UTF-16, with one kind of line end', () => {
    expect(read('a.txt', new TextEncoder().encode('één\r\ntwo'))).toMatchObject({ value: { text: 'één\ntwo' } })
    expect(read('a.txt', Uint8Array.of(0xff, 0xfe, 0x41, 0))).toMatchObject({ value: { text: 'A' } })
    expect(read('a.txt', Uint8Array.of(0xfe, 0xff, 0, 0x41))).toMatchObject({ value: { text: 'A' } })
  })

  it('is refused where it is none, or too large', () => {
    expect(read('a.png', Uint8Array.of(0x89, 0x50, 0xff))).toMatchObject({ code: 'attachment-not-text' })
    expect(read('a.bin', Uint8Array.of(0x41, 0))).toMatchObject({ code: 'attachment-not-text' })
    expect(read('a.txt', new Uint8Array(ATTACHMENT_BYTES_MAX + 1))).toMatchObject({ code: 'attachment-too-large' })
  })
})
