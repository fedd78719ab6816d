/** What a raw prompt may be: one text of the user, and no more of it than any engine reads. */
import { expect, it } from 'vitest'
import { rawText } from '../../../web/rules/raw-prompt.ts'
import { PROMPT_CHARACTERS_MAX } from '../../../web/wire/limits/engine.ts'
import { ok } from '../../../web/wire/result.ts'

const user = (content: string) => ({ role: 'user' as const, content })

it('is the text of the one message, as it stands', () => {
  expect(rawText([user('  Once upon <|im_end|>\n')])).toEqual(ok('  Once upon <|im_end|>\n'))
})

it.each([
  ['no message', []],
  ['two messages', [user('a'), user('b')]],
  ['a message of the system', [{ role: 'system' as const, content: 'a' }]],
  ['an empty text', [user('')]],
])('is refused: %s', (_, messages) => {
  expect(rawText(messages)).toMatchObject({ ok: false, code: 'request-invalid' })
})

it('has a length that every engine reads', () => {
  expect(rawText([user('x'.repeat(PROMPT_CHARACTERS_MAX))])).toMatchObject({ ok: true })
  expect(rawText([user('x'.repeat(PROMPT_CHARACTERS_MAX + 1))])).toMatchObject({ ok: false, code: 'context-full' })
})
