/**
 * Answers in Markdown as a real Chromium draws them: what is finished stays where it is while text arrives, nothing a
 * model writes acts, everything can be read and reached. How text becomes blocks is proved in Node, not here.
 */
import AxeBuilder from '@axe-core/playwright'
import type { Browser, BrowserContext, Page } from 'playwright'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LONG_ANSWER } from '../fixtures/long-answer.ts'
import { launchChromium } from '../support/chromium.ts'
import { type FakePageServer, serveFakePage } from '../support/fake-page-server.ts'
import type {} from '../support/markdown-page.svelte.ts'

declare global {
  interface Window {
    /** What the policy has refused. */
    refused: string[]
    /** Set by code of an answer, if any ever runs. */
    owned?: unknown
  }
}

const PHONE = { width: 320, height: 568 }
const CODE = '```ts\nconst warp: number = 1 // "one"\n\n\tfunction weave(): string { return `<b> &amp; \u00e9` }\n```\n'
const WIDE_CODE = `\`\`\`sh\n${'weave --thread '.repeat(20)}\n\`\`\`\n`
const WIDE_TABLE = `| ${'head | '.repeat(12)}\n|${'---|'.repeat(12)}\n| ${'a longer cell | '.repeat(12)}\n`

let server: FakePageServer
let browser: Browser
let context: BrowserContext
let page: Page
let complaints: string[]
/** Every address that the page has asked for, but the ones it is made of. */
let asked: string[]

beforeAll(async () => {
  server = await serveFakePage('markdown-page.svelte.ts')
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1024, height: 720 } })
  page = await context.newPage()
  complaints = []
  asked = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  context.on('request', (request) => {
    if (!request.url().startsWith(server.url)) asked.push(request.url())
  })
  await page.addInitScript(() => {
    window.refused = []
    document.addEventListener('securitypolicyviolation', (event) => window.refused.push(event.blockedURI))
  })
  await page.goto(server.url)
})

afterEach(async () => {
  const refused = await page.evaluate(() => window.refused)
  await context.close()
  expect({ complaints, refused, asked }).toEqual({ complaints: [], refused: [], asked: [] })
})

const show = (text: string, running = false) =>
  page.evaluate((given) => window.answer.show(given.text, given.running), { text, running })
const drawn = () => page.locator('.markdown')
const drawnText = async () => (await drawn().textContent()) ?? ''

async function untilTinted(): Promise<void> {
  await drawn().locator('code .keyword').first().waitFor()
}

async function sidewaysPixels(): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
}

interface Growth {
  readonly steps: number
  /** Blocks that had two others after them, at any time. */
  readonly settled: number
  /** Of those, what is no longer the same element with the same words. */
  readonly changed: readonly string[]
  readonly shifts: readonly { readonly value: number; readonly of: readonly string[] }[]
  /** What the same watcher saw of a block that was pushed down on purpose. */
  readonly control: number
}

/** Lets an answer grow, a frame for each step, and watches what stands above its end. */
function grow(text: string, step: number): Promise<Growth> {
  return page.evaluate(
    async (given) => {
      const frames = async () => {
        await new Promise((done) => requestAnimationFrame(done))
        await new Promise((done) => requestAnimationFrame(done))
      }
      interface Shift extends PerformanceEntry {
        readonly value: number
        readonly sources: readonly { readonly node: Node | null }[]
      }
      const nameOf = (node: Node | null) => `${node?.nodeName} ${node?.textContent?.slice(0, 40)}`
      const shifts: { value: number; of: string[] }[] = []
      const take = (entries: PerformanceEntryList) => {
        for (const entry of entries as Shift[])
          shifts.push({ value: entry.value, of: entry.sources.map(({ node }) => nameOf(node)) })
      }
      const observer = new PerformanceObserver((list) => take(list.getEntries()))
      observer.observe({ type: 'layout-shift' })
      const blocks = () => [...(document.querySelector('.markdown')?.children ?? [])]
      const settled: { element: Element; words: string | null }[] = []
      let steps = 0
      for (let end = given.step; end < given.text.length + given.step; end += given.step) {
        await window.answer.show(given.text.slice(0, end), end < given.text.length)
        for (const element of blocks().slice(settled.length, -2)) settled.push({ element, words: element.textContent })
        await frames()
        steps++
      }
      const now = blocks()
      const changed = settled.flatMap(({ element, words }, index) =>
        now[index] === element && element.textContent === words ? [] : [nameOf(element)],
      )
      take(observer.takeRecords())
      const seen = shifts.splice(0)
      document.querySelector('.markdown')?.prepend(document.createElement('hr'))
      await frames()
      take(observer.takeRecords())
      const control = shifts.reduce((sum, { value }) => sum + value, 0)
      observer.disconnect()
      return { steps, settled: settled.length, changed, shifts: seen, control }
    },
    { text, step },
  )
}

describe('an answer that grows', () => {
  it.each([
    { name: 'on a desk', width: 1024, step: 9 },
    { name: 'on a phone', width: 320, step: 31 },
  ])('keeps the elements of what is finished, and moves nothing that is shown, $name', async ({ width, step }) => {
    await page.setViewportSize({ width, height: 720 })
    const { steps, settled, changed, shifts, control } = await grow(LONG_ANSWER, step)
    expect(steps).toBe(Math.ceil(LONG_ANSWER.length / step))
    expect(settled).toBeGreaterThan(9)
    expect(changed).toEqual([])
    expect(shifts).toEqual([])
    expect(control).toBeGreaterThan(0)
  })

  it('looks at its end as if it had come at once', async () => {
    const markup = () => drawn().evaluate((element) => element.innerHTML.replaceAll('<!---->', ''))
    for (let end = 0; end < LONG_ANSWER.length; end += 50) await show(LONG_ANSWER.slice(0, end), true)
    await show(LONG_ANSWER)
    await untilTinted()
    await page.waitForFunction(() => document.querySelectorAll('code .comment').length > 0)
    const grown = await markup()
    await page.reload()
    await show(LONG_ANSWER)
    await untilTinted()
    await expect.poll(markup).toBe(grown)
  })
})

describe('code', () => {
  it('gets its colours when it is finished, and keeps its size', async () => {
    const size = () =>
      drawn().evaluate((element) => {
        const range = document.createRange()
        range.selectNodeContents(element.querySelector('code') ?? element)
        const { width, height } = range.getBoundingClientRect()
        // A line of many pieces has the width of each rounded to a 64th of a pixel.
        return { width: Math.round(width), height, box: element.getBoundingClientRect().height }
      })
    await show(CODE.replace(/\n```\n$/, ''), true)
    await drawn().getByText('weave').waitFor()
    expect(await drawn().locator('code span').count()).toBe(0)
    const plain = await size()
    expect(plain.height).toBeGreaterThan(0)
    await show(CODE)
    await untilTinted()
    expect(await size()).toEqual(plain)
    const colours = await drawn()
      .locator('code span')
      .evaluateAll((spans) => [...new Set(spans.map((span) => getComputedStyle(span).color))])
    expect(colours.length).toBeGreaterThanOrEqual(4)
  })

  it('says its language, and is copied as it was written', async () => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await show(CODE)
    await page.getByText('ts', { exact: true }).waitFor()
    const live = drawn().locator('[aria-live="polite"]')
    expect(await live.textContent()).toBe('')
    await page.getByRole('button', { name: 'Copy code' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    expect(await live.textContent()).toBe('Copied')
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(CODE.slice(6, -5))
    // A moment later it can be copied again.
    await page.getByRole('button', { name: 'Copy code' }).waitFor()
    expect(await live.textContent()).toBe('')
  })

  it('says so when the browser keeps the clipboard', async () => {
    await page.evaluate(() => {
      navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))
    })
    await show(CODE)
    await page.getByRole('button', { name: 'Copy code' }).click()
    await page.getByRole('button', { name: 'Not copied' }).waitFor()
  })

  it('of a language that nobody knows is plain', async () => {
    await show(`\`\`\`warp-and-weft\nconst a = 1\n\`\`\`\n\n${CODE}`)
    await untilTinted()
    expect(await drawn().locator('code').first().locator('span').count()).toBe(0)
  })
})

describe('a table', () => {
  it('is one, with heads and sides', async () => {
    await show('| a | b | c |\n|---|--:|:-:|\n| 1 | 2 | 3 |\n| **4** | 5 |\n')
    const table = page.getByRole('table')
    expect(await table.getByRole('columnheader').allTextContents()).toEqual(['a', 'b', 'c'])
    expect(await table.getByRole('row').count()).toBe(3)
    expect(await table.getByRole('cell').allTextContents()).toEqual(['1', '2', '3', '4', '5', ''])
    const sides = await table
      .getByRole('cell')
      .evaluateAll((cells) => cells.slice(0, 3).map((cell) => getComputedStyle(cell).textAlign))
    expect(sides).toEqual(['start', 'end', 'center'])
    expect(await table.locator('strong').textContent()).toBe('4')
  })
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
      expect(await drawnText()).toContain(`words ${index}`)
  })

  it('opens in a tab that knows nothing of this one', async () => {
    await show(`[the icon](${server.url}icon.svg)`)
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
    expect(await page.getByRole('link', { name: 'a loom' }).getAttribute('href')).toBe('https://127.0.0.1:9/loom.png')
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
      expect(page.url()).toBe(server.url)
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
    expect(complaints.splice(0)).toEqual([expect.stringContaining('Content Security Policy')])
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

describe('a narrow window', () => {
  it('scrolls wide code and tables in their own boxes, which the keyboard reaches and moves', async () => {
    await page.setViewportSize(PHONE)
    await show(`${WIDE_CODE}\n${WIDE_TABLE}\n${CODE}`)
    expect(await sidewaysPixels()).toBeLessThanOrEqual(0)
    for (const name of ['Code, sh', 'Table']) {
      const box = page.getByRole('region', { name, exact: true })
      for (let presses = 0; presses < 6; presses++) {
        if (await box.evaluate((element) => element === document.activeElement)) break
        await page.keyboard.press('Tab')
      }
      expect(await box.evaluate((element) => element === document.activeElement), name).toBe(true)
      await page.keyboard.press('ArrowRight')
      await expect.poll(() => box.evaluate((element) => element.scrollLeft), { message: name }).toBeGreaterThan(0)
    }
    await page.setViewportSize({ width: 1024, height: 720 })
    // With room for it, a box is no stop on the way any more.
    await expect.poll(() => page.getByRole('region', { name: 'Code, ts' }).getAttribute('tabindex')).toBeNull()
  })

  it('never scrolls sideways itself', async () => {
    await page.setViewportSize(PHONE)
    await show(LONG_ANSWER)
    await untilTinted()
    expect(await sidewaysPixels()).toBeLessThanOrEqual(0)
  })
})

describe('reading', () => {
  const SCHEMES = [
    { colorScheme: 'light', contrast: 'no-preference' },
    { colorScheme: 'dark', contrast: 'no-preference' },
    { colorScheme: 'light', contrast: 'more' },
    { colorScheme: 'dark', contrast: 'more' },
  ] as const

  it.each(SCHEMES)('is possible for all: $colorScheme, contrast $contrast', async (scheme) => {
    await page.emulateMedia(scheme)
    for (const viewport of [{ width: 1024, height: 720 }, PHONE]) {
      await page.setViewportSize(viewport)
      await show(LONG_ANSWER)
      await untilTinted()
      const { violations } = await new AxeBuilder({ page }).analyze()
      const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      expect(grave.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([])
    }
  })

  it.each(SCHEMES)('has AAA contrast where there are words: $colorScheme, contrast $contrast', async (scheme) => {
    await page.emulateMedia(scheme)
    await show(LONG_ANSWER)
    await untilTinted()
    const enhanced = new AxeBuilder({ page }).withRules(['color-contrast-enhanced']).exclude('.code')
    const { violations, passes } = await enhanced.analyze()
    expect(violations.flatMap(({ nodes }) => nodes.map((node) => [node.html, node.failureSummary]))).toEqual([])
    expect(passes.flatMap(({ nodes }) => nodes).length).toBeGreaterThan(15)
  })
})
