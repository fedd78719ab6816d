/**
 * Two tabs of the real app on one conversation: each shows what the other does, both write, nothing is lost and nothing
 * is there twice; one that is closed in the middle of its answer leaves it to the other.
 */
import type { Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { plainSpokenModel } from '../fixtures/spoken-model.ts'
import { useBrowser, useFiles } from '../support/app-hooks.ts'
import {
  allTexts,
  askByHand,
  composer,
  exportAll,
  goOnButton,
  lastAnswer,
  log,
  PATIENT,
  sendButton,
  settingsOf,
  shownAtLeast,
  shownMessages,
  shownText,
  untilEnded,
} from '../support/chat-screen.ts'

const server = useFiles(() => ({ plain: plainSpokenModel() }))
/** Clicks again where the other tab was faster: the question is still in the composer then. */
async function insist(page: Page, question: string): Promise<void> {
  await composer(page).fill(question)
  const asked = async () => {
    const waits = (await composer(page).inputValue()) === question
    if (waits && (await sendButton(page).isEnabled()))
      await sendButton(page)
        .click({ timeout: 5_000 })
        .catch(() => {})
    return log(page).getByText(question, { exact: true }).count()
  }
  await expect.poll(asked, PATIENT).toBe(1)
}

describe('two tabs on one conversation', () => {
  const browser = useBrowser({ prepare: (context) => settingsOf(context, { answerTokensMax: 60 }) })
  let one: Page
  let other: Page
  let first: string

  beforeEach(async () => {
    one = await browser.open(`${server.url}/`)
    await askByHand(one, 'First.')
    first = await untilEnded(one)
    other = await browser.open(one.url())
    await expect.poll(() => shownMessages(other), PATIENT).toEqual(['First.', first])
  })

  it('show each other’s questions and answers as they come', async () => {
    await askByHand(other, 'Second.')
    await shownAtLeast(other, 10)
    await log(one).getByText('Second.', { exact: true }).waitFor(PATIENT)
    await expect.poll(async () => (await shownMessages(one)).length, PATIENT).toBe(4)
    const second = await untilEnded(other)
    await expect.poll(() => shownMessages(one), PATIENT).toEqual(['First.', first, 'Second.', second])
    await askByHand(one, 'Third.')
    const third = await untilEnded(one)
    const all = ['First.', first, 'Second.', second, 'Third.', third]
    await expect.poll(() => shownMessages(other), PATIENT).toEqual(all)
    expect(allTexts(await exportAll(other))).toEqual([...all].sort())
  })

  it('ask at the same time: every question and every answer is there once, in both', async () => {
    // Whoever is first makes the other wait or, where both are, begin a branch beside it: either is well.
    await Promise.all([insist(one, 'From here.'), insist(other, 'From there.')])
    await Promise.all([untilEnded(one), untilEnded(other)])
    const writing = () => log(one).getByText('Writing', { exact: true }).count()
    await expect.poll(writing, PATIENT).toBe(0)
    const [mine, theirs] = [await exportAll(one), await exportAll(other)]
    const messages = mine.flatMap((whole) => whole.messages)
    const answersTo = (question: string) => {
      const ids = messages.filter(({ text }) => text === question).map(({ id }) => id)
      return ids.map((id) => messages.filter(({ parentId }) => parentId === id).map(({ text }) => text))
    }
    for (const question of ['First.', 'From here.', 'From there.']) {
      expect(answersTo(question)).toEqual([[expect.stringMatching(/^[a-z]{20,}$/)]])
    }
    expect(messages.length).toBe(6)
    expect(allTexts(theirs)).toEqual(allTexts(mine))
    await one.reload()
    await expect.poll(async () => (await shownMessages(one)).slice(0, 2), PATIENT).toEqual(['First.', first])
    expect((await shownMessages(one)).length).toBeGreaterThanOrEqual(4)
    expect(allTexts(await exportAll(one))).toEqual(allTexts(theirs))
  })

  it('a question waits in its composer while the other tab answers', async () => {
    await askByHand(other, 'Second.')
    await log(one).getByText('Second.', { exact: true }).waitFor(PATIENT)
    await composer(one).fill('Third.')
    await expect.poll(() => sendButton(one).isDisabled()).toBe(true)
    const second = await untilEnded(other)
    await sendButton(one).click(PATIENT)
    await log(one).getByText('Third.', { exact: true }).waitFor(PATIENT)
    const third = await untilEnded(one)
    await expect.poll(() => shownMessages(one)).toEqual(['First.', first, 'Second.', second, 'Third.', third])
  })
})

describe('a tab that is closed in the middle of its answer', () => {
  // So long that no machine ends it while a test looks: the other tab is told of new text a few times a second.
  const far = useBrowser({ prepare: (context) => settingsOf(context, { answerTokensMax: 900 }) })

  it('leaves it to the other, cut, which goes on with it', async () => {
    const writer = await far.open(`${server.url}/`)
    await askByHand(writer, 'First.')
    const reader = await far.open(writer.url())
    await expect.poll(async () => (await shownMessages(reader)).length, PATIENT).toBe(2)
    const drawn = await shownAtLeast(reader, 20)
    await writer.close()
    await lastAnswer(reader).getByText('Cut when its page was closed').waitFor(PATIENT)
    const cut = await shownText(reader)
    expect(cut.startsWith(drawn)).toBe(true)
    await goOnButton(reader).click(PATIENT)
    await shownAtLeast(reader, cut.length + 10)
    await reader.getByRole('button', { name: 'Stop', exact: true }).click(PATIENT)
    const longer = await untilEnded(reader)
    expect(longer.startsWith(cut)).toBe(true)
    expect(allTexts(await exportAll(reader))).toEqual(['First.', longer].sort())
  })
})
