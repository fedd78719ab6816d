/** Export files: what is written is read again; what was bent anywhere is refused with the place, never guessed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  parseConversationFile,
  parseMessage,
  type WholeConversation,
  writeConversationFile,
} from '../../../web/wire/conversation-file.ts'
import { answerOf, conversationOf, questionOf } from '../../support/conversation-records.ts'

const usage = {
  promptTokens: 3,
  reusedTokens: 0,
  prefillTokens: 3,
  completionTokens: 5,
  firstTokenMs: 1.5,
  tokensPerSecond: null,
}
const answerer = { engine: 'stage', adapter: 'GPU', modelId: 'm', model: 'Tiny' } as const
const whole: WholeConversation = {
  conversation: conversationOf('c', { leafId: 'a', scope: 'anyone', summaries: [{ text: 'S', upToId: 'q' }] }),
  messages: [
    questionOf('q', null, { attachments: [{ name: 'f.txt', text: 'x' }] }),
    answerOf('a', 'q', {
      usage,
      answerer,
      notices: [{ code: 'device-lost', detail: '' }],
      window: { fromId: 'q', summary: 'S', pinnedIds: ['q'] },
    }),
    answerOf('d', 'q', {
      raw: 'To [email-1]',
      answerer: {
        ...answerer,
        why: 'smaller',
        worker: { peer: 'mara', engine: 'cpu', relayed: true },
        insteadOf: 'Large',
        replaced: 2,
        keptMs: 7,
        stages: [{ span: { first: 0, last: 4 }, peer: 'ab3d', relayed: null }],
      },
      committed: {
        seed: '18446744073709551615',
        tokens: [1, 2],
        schedule: [{ position: 0, count: 9, mode: 'prefill' }],
      },
    }),
    answerOf('b', 'q', { state: 'failed', failure: { code: 'gpu-error', detail: 'In x.' } }),
  ],
}
const written = writeConversationFile([whole], 5)

/** Every value in the file, by the path to it. */
function pathsOf(value: unknown, path: readonly (string | number)[] = []): readonly (readonly (string | number)[])[] {
  if (value === null || typeof value !== 'object') return [path]
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))].filter(
    (found) => found.length > 0,
  )
}

function bend(path: readonly (string | number)[], to: unknown): string {
  const file = JSON.parse(written)
  const last = path.at(-1) ?? ''
  const parent = path.slice(0, -1).reduce((at, key) => at[key], file)
  if (to === undefined) delete parent[last]
  else parent[last] = to
  return JSON.stringify(file)
}

describe('a file of conversations', () => {
  it('is read as it was written', () => {
    expect(parseConversationFile(written)).toEqual({ ok: true, value: [whole] })
  })

  it('is refused where it is none', () => {
    for (const text of ['', 'null', '[]', '{}', '{"format":"weft-conversations/2","conversations":[]}']) {
      expect(parseConversationFile(text)).toMatchObject({ ok: false, code: 'import-invalid' })
    }
  })

  it('never throws and never lets a bent value through, whichever is bent', () => {
    const paths = pathsOf(JSON.parse(written)).filter((path) => path[0] !== 'exportedMs')
    expect(paths.length).toBeGreaterThan(80)
    const odd = fc.constantFrom<unknown>(undefined, {}, [], -1, 1.5e300, 'x'.repeat(3_000_000), true)
    fc.assert(
      fc.property(fc.constantFrom(...paths), odd, (path, value) => {
        const parsed = parseConversationFile(bend(path, value))
        if (!parsed.ok) expect(parsed.code).toBe('import-invalid')
        // What passes has no value of another kind: writing it again gives a file that is read the same.
        else expect(parseConversationFile(writeConversationFile(parsed.value, 5))).toEqual(parsed)
      }),
    )
  })

  it('drops what this version does not know, and takes missing optional values as none', () => {
    const message = { ...answerOf('a', 'q'), extra: 1, usage: undefined }
    expect(parseMessage(message)).toEqual({ ok: true, value: answerOf('a', 'q') })
  })

  it('of a version without scopes stays on the device', () => {
    const { scope: _, ...before } = conversationOf('c')
    const file = writeConversationFile([{ conversation: before as never, messages: [] }], 5)
    expect(parseConversationFile(file)).toMatchObject({ value: [{ conversation: { scope: 'device' } }] })
    expect(parseConversationFile(file.replace('"system"', '"scope": "anyone", "system"'))).toMatchObject({
      value: [{ conversation: { scope: 'device' } }],
    })
  })

  it('refuses messages that belong to another conversation', () => {
    const file = { ...whole, messages: [questionOf('q', null, { conversationId: 'd' })] }
    expect(parseConversationFile(writeConversationFile([file], 5))).toMatchObject({ code: 'import-invalid' })
  })
})
