/**
 * Answers in Markdown as a real Chromium draws them: what is finished stays where it is while text arrives, everything
 * can be read and reached. What must not act is in `markdown-hostile.test.ts`; how text becomes blocks is proved in
 * Node.
 */
import AxeBuilder from '@axe-core/playwright'
import type { BrowserContext, Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { LONG_ANSWER } from '../fixtures/long-answer.ts'
import { expectAccessible } from '../support/accessible.ts'
import { PHONE, useMarkdown } from '../support/markdown-rig.ts'

const CODE = '```ts\nconst warp: number = 1 // "one"\n\n\tfunction weave(): string { return `<b> &amp; \u00e9` }\n```\n'
const WIDE_CODE = `\`\`\`sh\n${'weave --thread '.repeat(20)}\n\`\`\`\n`
const WIDE_TABLE = `| ${'head | '.repeat(12)}\n|${'---|'.repeat(12)}\n| ${'a longer cell | '.repeat(12)}\n`

const used = useMarkdown()
const { drawn, show, sidewaysPixels, untilTinted } = used
let context: BrowserContext
let page: Page
beforeEach(() => {
  ;({ context, page } = used)
})

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
    await expect.poll(() => live.textContent()).toBe('')
    await page.getByRole('button', { name: 'Copy code' }).click()
    await page.getByRole('button', { name: 'Copied' }).waitFor()
    await expect.poll(() => live.textContent()).toBe('Copied')
    await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe(CODE.slice(6, -5))
    // A moment later it can be copied again.
    await page.getByRole('button', { name: 'Copy code' }).waitFor()
    await expect.poll(() => live.textContent()).toBe('')
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
    await expect.poll(() => table.getByRole('columnheader').allTextContents()).toEqual(['a', 'b', 'c'])
    await expect.poll(() => table.getByRole('row').count()).toBe(3)
    await expect.poll(() => table.getByRole('cell').allTextContents()).toEqual(['1', '2', '3', '4', '5', ''])
    const sides = await table
      .getByRole('cell')
      .evaluateAll((cells) => cells.slice(0, 3).map((cell) => getComputedStyle(cell).textAlign))
    expect(sides).toEqual(['start', 'end', 'center'])
    await expect.poll(() => table.locator('strong').textContent()).toBe('4')
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
      await expect
        .poll(() => box.evaluate((element) => element === document.activeElement), { message: name })
        .toBe(true)
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
      await expectAccessible(page)
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
