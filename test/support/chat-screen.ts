/**
 * The chat screen of the real app as a person uses it: asks by the composer, reads what is drawn, clicks. Tests compare
 * texts of the plain-spoken model, of which Markdown changes nothing. Knows no engine and looks into no store.
 */
import { readFile } from 'node:fs/promises'
import type { BrowserContext, Locator, Page } from 'playwright'
import { expect } from 'vitest'
import { DEFAULT_SETTINGS } from '../../web/app-conversations-view.ts'
import type { ConversationSettings } from '../../web/wire/conversation.ts'
import { parseConversationFile, type WholeConversation } from '../../web/wire/conversation-file.ts'
import { assert } from '../../web/wire/result.ts'

/** Long enough to be interrupted twice. */
const ANSWER_TOKENS = 150
/** Of software GPUs on busy machines. */
export const PATIENT = { timeout: 60_000 }

/** New conversations draw greedily, so that the same question gets the same answer; what a person sets later stays. */
export async function settingsOf(context: BrowserContext, more: Partial<ConversationSettings> = {}): Promise<void> {
  const sampling = { ...DEFAULT_SETTINGS.sampling, temperature: 0 }
  const settings = { ...DEFAULT_SETTINGS, sampling, answerTokensMax: ANSWER_TOKENS, ...more }
  await context.addInitScript((text) => {
    try {
      localStorage['weft-preferences'] ??= text
    } catch {
      // Refused: the test is about that.
    }
  }, JSON.stringify({ settings }))
}

export const composer = (page: Page): Locator => page.getByRole('textbox', { name: 'Message', exact: true })
export const sendButton = (page: Page): Locator => page.getByRole('button', { name: 'Send', exact: true })
export const log = (page: Page): Locator => page.getByRole('log', { name: 'Conversation' })
const answers = (page: Page) => log(page).locator('article.assistant')
/** The newest answer with all that is said about it. */
export const lastAnswer = (page: Page): Locator => answers(page).last()
export const goOnButton = (page: Page): Locator => lastAnswer(page).getByRole('button', { name: 'Continue' })

/** Asks by hand; resolves when the question is in the log. */
export async function askByHand(page: Page, question: string): Promise<void> {
  const before = await answers(page).count()
  await composer(page).fill(question)
  await sendButton(page).click(PATIENT)
  await log(page).getByText(question, { exact: true }).first().waitFor(PATIENT)
  await expect.poll(() => answers(page).count(), PATIENT).toBeGreaterThan(before)
}

/** The yes to what peers see, after a press that asks for it. */
export async function letAnyone(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Agree and connect' }).click(PATIENT)
  await expect.poll(() => page.getByRole('combobox', { name: 'Who may answer' }).inputValue(), PATIENT).toBe('anyone')
}

/** What is drawn of the newest answer. */
export async function shownText(page: Page): Promise<string> {
  const text = lastAnswer(page).locator('.text')
  return (await text.count()) === 0 ? '' : ((await text.textContent()) ?? '').trim()
}

/** What is drawn by then, which has at least so many characters. */
export async function shownAtLeast(page: Page, characters: number): Promise<string> {
  await page.waitForFunction(
    (count) =>
      ([...document.querySelectorAll('article.assistant .text')].at(-1)?.textContent ?? '').trim().length >= count,
    characters,
    PATIENT,
  )
  return shownText(page)
}

/** Resolves when nothing is being written; the value is what is drawn then. */
export async function untilEnded(page: Page): Promise<string> {
  await sendButton(page).waitFor(PATIENT)
  return shownText(page)
}

/** The whole answer to a question in a conversation of its own. */
export async function answerAlone(page: Page, question: string): Promise<string> {
  await askByHand(page, question)
  const text = await untilEnded(page)
  await page.getByRole('button', { name: 'New chat' }).click()
  await expect.poll(() => answers(page).count()).toBe(0)
  return text
}

/** What is drawn of every message, questions as they were asked. */
export async function shownMessages(page: Page): Promise<readonly string[]> {
  const all = await log(page).locator('article.user .said, article.assistant .text').allTextContents()
  return all.map((text) => text.trim())
}

/** All conversations as a person gets them: by the offer on the chat, where there is one, else on the settings screen. */
export async function exportAll(page: Page): Promise<readonly WholeConversation[]> {
  const button = page.getByRole('button', { name: 'Export all' })
  const offered = (await button.count()) > 0
  if (!offered) await page.getByRole('link', { name: 'Settings', exact: true }).click()
  const [download] = await Promise.all([page.waitForEvent('download'), button.first().click()])
  const parsed = parseConversationFile(await readFile(await download.path(), 'utf8'))
  assert(parsed.ok, 'an export can be read')
  if (!offered) await page.goBack()
  return parsed.value
}

/** Texts of all branches of an export, sorted. An id that stands there twice is no export of ours. */
export function allTexts(whole: readonly WholeConversation[]): readonly string[] {
  const messages = whole.flatMap((one) => one.messages)
  assert(new Set(messages.map(({ id }) => id)).size === messages.length, 'no message is there twice')
  return messages.map(({ text }) => text).sort()
}

/** A conversation of the list; a click opens it. */
export const inList = (page: Page, title: string): Locator =>
  page.getByRole('navigation', { name: 'Conversations' }).getByRole('button', { name: title, exact: true })
