/**
 * Answers in Markdown that are hostile or odd, in a real Chromium under the product's policy: links lead out of the
 * page only, nothing a model writes acts or fetches, odd characters stay in their block. What a good one looks like is
 * in `markdown.test.ts`.
 */
import type { BrowserContext, Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { PHONE, useMarkdown } from '../support/markdown-rig.ts'

declare global {
  interface Window {
    /** Set by code of an answer, if any ever runs. */
    owned?: unknown
  }
}

const used = useMarkdown()
const { drawn, drawnText, show, sidewaysPixels } = used
let context: BrowserContext
let page: Page
beforeEach(() => {
  ;({ context, page } = used)
})

describe('a link', () => {
  it('leads out of the page, to http, https and mail only', async () => {
    const refused = [
      'javascript:window.owned=1',
      'JavaScript:window.owned=1',
      'java&#x0A;script:window.owned=1',
      'data:text/html,<script>window.owned=1</script>',
      'vbscript:window.owned=1',
      'blob:http://localhost/1',
      'file:///etc/passwd',
      '/settings',
      '//127.0.0.1:9/a',
      '#/settings',
    ]
    const good = ['http://127.0.0.1:9/a?b=c&d', 'https://127.0.0.1:9/', 'mailto:a@example.org']
    await show([...good, ...refused].map((address, index) => `[words ${index}](<${address}>)`).join('\n\n'))
    const links = await drawn()
      .locator('a')
      .evaluateAll((all) =>
        all.map((link) => [link.getAttribute('href'), link.getAttribute('rel'), link.getAttribute('target')]),
      )
    expect(links).toEqual(good.map((address) => [address, 'noopener noreferrer nofollow', '_blank']))
    for (let index = 0; index < good.length + refused.length; index++)
      await expect.poll(() => drawnText()).toContain(`words ${index}`)
  })

  it('opens in a tab that knows nothing of this one', async () => {
    await show(`[the icon](${used.url}icon.svg)`)
    const [tab] = await Promise.all([
      context.waitForEvent('page'),
      page.getByRole('link', { name: 'the icon' }).click(),
    ])
    await tab.waitForLoadState()
    expect(await tab.evaluate(() => [window.opener, document.referrer])).toEqual([null, ''])
  })

  it('to a picture is a link, and fetches nothing', async () => {
    await show(
      '![a loom](https://127.0.0.1:9/loom.png) and ![](https://127.0.0.1:9/other.png)\n\n[![in](http://127.0.0.1:9/in.png)](http://127.0.0.1:9/)',
    )
    await expect
      .poll(() => page.getByRole('link', { name: 'a loom' }).getAttribute('href'))
      .toBe('https://127.0.0.1:9/loom.png')
    expect(await drawn().locator('img, picture, source').count()).toBe(0)
    await page.waitForLoadState('networkidle')
  })

  it('shows the keyboard where it goes', async () => {
    await show('[words](https://127.0.0.1:9/place)')
    await page.keyboard.press('Tab')
    const shown = await page.getByRole('link').evaluate((link) => getComputedStyle(link, '::after').content)
    expect(shown).toContain('https://127.0.0.1:9/place')
  })
})

describe('what a model may write', () => {
  const HOSTILE = [
    '<script>window.owned = 1</script>',
    '<img src="https://127.0.0.1:9/x.png" onerror="window.owned = 2">',
    '<svg onload="window.owned = 3"><script>window.owned = 4</script></svg>',
    '<iframe srcdoc="<script>parent.owned = 5</script>"></iframe>',
    '<style>body { display: none }</style>',
    '<link rel="stylesheet" href="https://127.0.0.1:9/x.css">',
    '<base href="https://127.0.0.1:9/">',
    '<meta http-equiv="refresh" content="0;url=https://127.0.0.1:9/">',
    '<form action="https://127.0.0.1:9/"><button>Send</button></form>',
    '<details open ontoggle="window.owned = 6">x</details>',
    '<template><img src=x onerror="window.owned = 7"></template>',
    '<!-- <script>window.owned = 8</script> -->',
    '</div></main><script>window.owned = 9</script>',
    '&lt;script&gt;window.owned = 10&lt;/script&gt;',
  ]
  const PLACES: readonly (readonly [string, (line: string) => string])[] = [
    ['a paragraph', (line) => `before ${line} after`],
    ['a block', (line) => `${line}\n`],
    ['a heading', (line) => `# ${line}`],
    ['a list', (line) => `- ${line}\n  1. ${line}`],
    ['a quote', (line) => `> ${line}`],
    ['a table', (line) => `| ${line} | b |\n|---|---|\n| a | ${line} |`],
    ['strong words', (line) => `**${line}**`],
    ['a link', (line) => `[${line}](https://127.0.0.1:9/ "${line}")`],
    ['code in words', (line) => `\`${line}\``],
    ['code', (line) => `\`\`\`html\n${line}\n\`\`\``],
    ['the name of a language', (line) => `\`\`\`${line}\nx\n\`\`\``],
  ]

  it.each(PLACES)('is text in %s', async (_, place) => {
    for (const line of HOSTILE) {
      const text = place(line)
      for (const end of [Math.floor(text.length / 2), text.length - 1]) await show(text.slice(0, end), true)
      await show(text)
      const code = drawn().locator('pre code')
      if ((await code.count()) > 0 && text.startsWith('```html')) await code.locator('span').first().waitFor()
      const seen = await page.evaluate(() => ({
        owned: window.owned ?? null,
        elements: document.querySelectorAll(
          '.markdown :is(script, img, svg:not(.lucide), iframe, style, link, base, meta, form, details, template)',
        ).length,
        handlers: [...document.querySelectorAll('.markdown *')].flatMap((element) =>
          element.getAttributeNames().filter((name) => name.startsWith('on') || name === 'style'),
        ),
        heads: document.querySelectorAll('base, meta[http-equiv="refresh"]').length,
      }))
      expect(seen, text).toEqual({ owned: null, elements: 0, handlers: [], heads: 0 })
      expect((await drawnText()).length, text).toBeGreaterThan(0)
      expect(page.url()).toBe(used.url)
    }
  })

  it('has no way around: markup put in by hand is refused by the policy', async () => {
    await page.evaluate(async () => {
      const refused = new Promise((done) => document.addEventListener('securitypolicyviolation', done))
      const script = document.createElement('script')
      script.textContent = 'window.owned = 1'
      document.body.append(script)
      await refused
    })
    expect(await page.evaluate(() => [window.owned ?? null, window.refused.splice(0)])).toEqual([null, ['inline']])
    expect(used.complaints.splice(0)).toEqual([expect.stringContaining('Content Security Policy')])
  })
})

describe('odd characters', () => {
  it('are shown and do nothing', async () => {
    const broken = new TextDecoder().decode(Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0x62))
    await show(
      `${broken} \0 \x1b[31m \ud83d half \u202egnirts\u202c end\n\n\`a\0b\u202ec\`\n\n\`\`\`js\nif (\u2066admin\u2069) {}\0\n\`\`\``,
    )
    const text = await drawnText()
    expect(text).toContain('a\ufffd\ufffdb')
    for (const mark of ['\0', '\x1b', '\u202e', '\u2066', '\u2069']) expect(text).not.toContain(mark)
    expect(text).toContain('\ufffdgnirts')
    expect(text).toContain('a\ufffdb\ufffdc')
    expect(text).toContain('if (\ufffdadmin\ufffd) {}\ufffd')
  })

  it('of languages from right to left turn their own block only', async () => {
    await show(
      'مرحبا بالعالم، هذه فقرة.\n\nA paragraph.\n\n- שלום\n- עולם\n\n| שם | b |\n|---|---|\n| א | 1 |\n\n```\nשלום = 1\n```',
    )
    const sides = await drawn().evaluate((element) =>
      [...element.querySelectorAll('.markdown > :is(p, ul), table, .code')].map(
        (block) => getComputedStyle(block).direction,
      ),
    )
    expect(sides).toEqual(['rtl', 'ltr', 'rtl', 'rtl', 'ltr'])
    const [first, second] = await drawn().evaluate((element) =>
      [...element.querySelectorAll('p')].map((block) => {
        const range = document.createRange()
        range.selectNodeContents(block)
        const words = range.getBoundingClientRect()
        const box = block.getBoundingClientRect()
        return { left: words.left - box.left, right: box.right - words.right }
      }),
    )
    expect(first?.right).toBeLessThan(1)
    expect(first?.left).toBeGreaterThan(100)
    expect(second?.left).toBeLessThan(1)
  })

  it('without a space, and pictures of joined characters, stay inside', async () => {
    await page.setViewportSize(PHONE)
    const word = 'Warp'.repeat(400)
    await show(
      `${word}\n\n# ${word}\n\n- ${word}\n\n> ${word}\n\n\`${word}\`\n\n[${word}](https://127.0.0.1:9/${word})\n\n${'👩‍👩‍👧‍👦'.repeat(60)}\n\n${'z̀́̂̃'.repeat(300)}`,
    )
    expect(await sidewaysPixels()).toBeLessThanOrEqual(0)
    const over = await drawn().evaluate(
      (element) =>
        [...element.querySelectorAll('*')].filter((inner) => inner.getBoundingClientRect().right > innerWidth).length,
    )
    expect(over).toBe(0)
  })
})
