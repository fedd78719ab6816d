/** Names from outside in a line of the page: nothing unseen, nothing that turns its neighbours, nothing cut in half. */
import { describe, expect, it } from 'vitest'
import { NAME_CHARACTERS_MAX } from '../../../web/wire/limits/models.ts'
import { plainName } from '../../../web/wire/plain-name.ts'

describe('a name', () => {
  it.each([
    ['notes.txt', 'notes.txt'],
    ['<img src=x onerror=alert(1)>.txt', '<img src=x onerror=alert(1)>.txt'],
    ['invoice\u202efdp.exe', 'invoice fdp.exe'],
    ['\u2067right\u2069 \u200fmark', 'right mark'],
    ['two\r\nlines\u0000\u001b[31m', 'two lines [31m'],
    ['مرحبا.txt', 'مرحبا.txt'],
    ['👩‍💻.txt', '👩‍💻.txt'],
  ])('%j becomes %j', (name, plain) => {
    expect(plainName(name)).toBe(plain)
  })

  it('is cut, but not in the middle of a character', () => {
    expect(plainName('a'.repeat(NAME_CHARACTERS_MAX + 50)).length).toBe(NAME_CHARACTERS_MAX)
    expect(plainName(`${'a'.repeat(NAME_CHARACTERS_MAX - 1)}😀`)).toBe('a'.repeat(NAME_CHARACTERS_MAX - 1))
  })
})
