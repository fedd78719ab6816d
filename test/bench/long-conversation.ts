/**
 * What a conversation of 2,000 messages costs the page beside one of two, in one run: to open it, to search it, and to draw
 * an answer in it. Prints one JSON object; ratios are what it is for.
 *
 *     npx tsx test/bench/long-conversation.ts
 */
import type { Browser, Page } from 'playwright'
import type { Message } from '../../web/wire/conversation.ts'
import { writeConversationFile } from '../../web/wire/conversation-file.ts'
import { LONG_ANSWER } from '../fixtures/long-answer.ts'
import { launchChromium } from '../support/chromium.ts'
import { answerOf, conversationOf, questionOf } from '../support/conversation-records.ts'
import { serveFakePage } from '../support/fake-page-server.ts'
import { measureStreaming } from './app-budgets.ts'
import { median, provenance, round } from './report.ts'

const SIZES = { short: 2, long: 2_000 } as const
const ROUNDS = 5
const NEEDLE = 'a needle that is there once'

/** Questions, and answers of a few blocks of Markdown each. */
function messagesOf(count: number): readonly Message[] {
  return Array.from({ length: count }, (_, index) => {
    const [id, parentId] = [`m${index}`, index === 0 ? null : `m${index - 1}`]
    const text = index === 0 ? NEEDLE : LONG_ANSWER.slice(0, index % 2 === 0 ? 80 : 1_200)
    return index % 2 === 0 ? questionOf(id, parentId, { text }) : answerOf(id, parentId, { text })
  })
}

async function importInto(page: Page, count: number): Promise<void> {
  const conversation = conversationOf('c', { title: 'Measured', leafId: `m${count - 1}` })
  const text = writeConversationFile([{ conversation, messages: messagesOf(count) }], 1_000)
  await page.goto(`${page.url().split('#')[0]}#/settings`)
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('button', { name: 'Import', exact: true }).click()
  await (await chooser).setFiles({ name: 'c.json', mimeType: 'application/json', buffer: Buffer.from(text) })
  await page.getByText('1 conversation was added.').waitFor()
  await page.goto(`${page.url().split('#')[0]}#/c/c`)
  await drawn(page)
}

const drawn = (page: Page) => page.locator('article.assistant').last().waitFor()

/** From leaving an empty chat until the last answer is drawn; then from a search's last letter until its hit. */
async function measureOpening(browser: Browser, url: string, count: number) {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 } })
  try {
    const page = await context.newPage()
    await page.goto(url)
    await importInto(page, count)
    const openMs: number[] = []
    for (let index = 0; index < ROUNDS; index += 1) {
      await page.getByRole('button', { name: 'New chat' }).click()
      await page.locator('article').first().waitFor({ state: 'detached' })
      openMs.push(
        await page.evaluate(
          () =>
            new Promise<number>((resolve) => {
              const start = performance.now()
              location.hash = '#/c/c'
              const seen = new MutationObserver(() => {
                if (!document.querySelector('article.assistant .text')) return
                seen.disconnect()
                requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)))
              })
              seen.observe(document.body, { childList: true, subtree: true })
            }),
        ),
      )
    }
    const before = performance.now()
    await page.getByRole('searchbox', { name: 'Search conversations' }).fill(NEEDLE)
    await page.locator('mark').first().waitFor()
    return { openMs: median(openMs), searchMs: performance.now() - before }
  } finally {
    await context.close()
  }
}

const fake = await serveFakePage()
const browser = await launchChromium()
try {
  const measure = async (count: number) => {
    const { openMs, searchMs } = await measureOpening(browser, fake.url, count)
    const streaming = await measureStreaming(browser, fake.url, LONG_ANSWER, null, (page) => importInto(page, count))
    return {
      messages: count,
      openMs: round(openMs),
      searchMs: round(searchMs),
      longestTaskMs: round(streaming.longestTaskMs),
      busyShare: round(streaming.busyShare),
    }
  }
  const [short, long] = [await measure(SIZES.short), await measure(SIZES.long)]
  const ratio = (of: 'openMs' | 'searchMs' | 'longestTaskMs' | 'busyShare') => round(long[of] / short[of])
  const ratios = {
    openMs: ratio('openMs'),
    searchMs: ratio('searchMs'),
    longestTaskMs: ratio('longestTaskMs'),
    busyShare: ratio('busyShare'),
  }
  console.log(JSON.stringify({ short, long, ratios, ...provenance() }, null, 1))
} finally {
  await browser.close()
  await fake.close()
}
