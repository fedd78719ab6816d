/** What an address asks for: shortcuts, shared text and engines as the web manifest and people write them, and anything else. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_LAUNCH, parseLaunch } from '../../../web/wire/launch.ts'
import { SHARED_TEXT_CHARACTERS_MAX } from '../../../web/wire/limits/page.ts'

const root = join(import.meta.dirname, '../../..')
const manifest = JSON.parse(readFileSync(join(root, 'public/manifest.webmanifest'), 'utf8')) as {
  readonly shortcuts: readonly { readonly url: string }[]
  readonly share_target: { readonly params: Readonly<Record<'title' | 'text' | 'url', string>> }
  readonly theme_color: string
  readonly background_color: string
}

describe('an address', () => {
  it.each([
    ['/', NO_LAUNCH],
    ['https://weft.example/', NO_LAUNCH],
    ['/?new', NO_LAUNCH],
    ['/#/c/1?share-text=a', NO_LAUNCH],
    ['/?engine=cpu', { ...NO_LAUNCH, engine: 'cpu' as const }],
    ['/?engine=gpu', NO_LAUNCH],
    ['/?engine=stage&engine=cpu', { ...NO_LAUNCH, engine: 'stage' as const }],
    ['/?share-text=one+two%20three', { ...NO_LAUNCH, shared: 'one two three' }],
    ['/?share-text=%20%0A&share-title=&share-url=', NO_LAUNCH],
    ['/?share-text=50%25+of+%C3%A9', { ...NO_LAUNCH, shared: '50% of é' }],
    ['/?share-text=50%', { ...NO_LAUNCH, shared: '50%' }],
  ])('%s', (url, launch) => {
    expect(parseLaunch(url)).toEqual(launch)
  })

  it('joins what is shared, and says nothing twice', () => {
    const shared = (title: string, text: string, url: string) =>
      parseLaunch(`/?${new URLSearchParams({ 'share-title': title, 'share-text': text, 'share-url': url })}`).shared
    expect(shared('A page', 'Read this', 'https://a.example/')).toBe('A page\nRead this\nhttps://a.example/')
    expect(shared('', 'Read https://a.example/', 'https://a.example/')).toBe('Read https://a.example/')
    expect(shared('Same', 'Same', '')).toBe('Same')
  })

  it('is cut where it is too long, never inside a character', () => {
    const long = `${'a'.repeat(SHARED_TEXT_CHARACTERS_MAX - 1)}🧵`
    const shared = parseLaunch(`/?share-text=${long}`).shared ?? ''
    expect(shared).toHaveLength(SHARED_TEXT_CHARACTERS_MAX - 1)
    expect(parseLaunch(`/?share-text=a${'b'.repeat(SHARED_TEXT_CHARACTERS_MAX)}`).shared).toHaveLength(
      SHARED_TEXT_CHARACTERS_MAX,
    )
  })

  it('may be anything', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { shared } = parseLaunch(text)
        expect(shared === null || shared.length <= SHARED_TEXT_CHARACTERS_MAX).toBe(true)
      }),
    )
  })

  it('gives back any text that is properly written into it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        fc.pre(text.trim() !== '')
        expect(parseLaunch(`/?${new URLSearchParams({ 'share-text': text })}`).shared).toBe(text.trim())
      }),
    )
  })
})

describe('the web manifest', () => {
  it('speaks of fields that are read', () => {
    const { title, text, url } = manifest.share_target.params
    const query = new URLSearchParams({ [title]: 'one', [text]: 'two', [url]: 'three' })
    expect(parseLaunch(`/?${query}`).shared).toBe('one\ntwo\nthree')
    for (const { url: shortcut } of manifest.shortcuts) expect(parseLaunch(shortcut)).toEqual(NO_LAUNCH)
  })

  it('has the colour of the page', () => {
    const page = readFileSync(join(root, 'web/index.html'), 'utf8')
    const [light] = /#[0-9a-f]{6}(?=" media="\(prefers-color-scheme: light\))/.exec(page) ?? []
    expect([manifest.theme_color, manifest.background_color]).toEqual([light, light])
  })
})
