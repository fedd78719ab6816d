/**
 * Conversations as a person keeps them, on the page that ships over a played engine: the list, branches, settings, what
 * happens at the end of the context, files in and out. What faults do to them has tests of its own.
 */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { writeConversationFile } from '../../web/wire/conversation-file.ts'
import { answerOf, conversationOf, questionOf } from '../support/conversation-records.ts'
import { FAKE_USAGE } from '../support/fake-engine.ts'
import { mirror, PHONE, type PlayedPage, usePlayedPage } from '../support/played-page.ts'

const used = usePlayedPage()
let play: PlayedPage
let page: Page
beforeEach(() => {
  play = used.current
  page = play.page
})

const titles = () => play.list.locator('.title').allTextContents()
const menu = async (title: string, action: string) => {
  await play.button(`More for ${title}`).click()
  await play.button(action).click()
}
const jsonFile = (name: string, text: string) => ({ name, mimeType: 'application/json', buffer: Buffer.from(text) })

async function importFile(text: string): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#/settings`)
  const chooser = page.waitForEvent('filechooser')
  await play.button('Import').click()
  await (await chooser).setFiles(jsonFile('conversations.json', text))
}

describe('the list', () => {
  it('keeps several, opens each by its address, and remembers what was being written', async () => {
    await play.open()
    await play.ask('First question', 'First answer')
    const first = new URL(page.url()).hash
    await play.message.fill('An unsent thought')
    await play.button('New chat').click()
    await expect.poll(() => play.message.inputValue()).toBe('')
    await play.ask('Second question', 'Second answer')
    await expect.poll(titles).toEqual(['Second question', 'First question'])
    await play.button('First question').click()
    await play.conversation.getByText('First answer').waitFor()
    expect(new URL(page.url()).hash).toBe(first)
    await expect.poll(() => play.message.inputValue()).toBe('An unsent thought')
    await page.goBack()
    await play.conversation.getByText('Second answer').waitFor()
    await page.goForward()
    await page.reload()
    await play.conversation.getByText('First answer').waitFor()
    await expect.poll(() => play.message.inputValue()).toBe('An unsent thought')
    await expect.poll(titles).toEqual(['Second question', 'First question'])
    await expect.poll(() => page.title()).toBe('First question · Weft')
    await play.expectAccessible()
  })

  it('renames, and deletes with a way back', async () => {
    await play.open()
    await play.ask('A question', 'An answer')
    await menu('A question', 'Rename')
    await page.keyboard.type('A better name')
    await page.keyboard.press('Enter')
    await expect.poll(titles).toEqual(['A better name'])
    await play.button('More for A better name').click()
    await play.expectAccessible()
    await play.button('Delete').click()
    await expect.poll(titles).toEqual([])
    await expect.poll(() => play.conversation.getByRole('article').count()).toBe(0)
    await play.button('Undo').click()
    await expect.poll(titles).toEqual(['A better name'])
    await menu('A better name', 'Delete')
    await page.reload()
    await page.getByText('Conversations are kept in this browser and nowhere else.').waitFor()
    await expect.poll(titles).toEqual([])
  })

  it('finds words in titles, questions and answers, whatever the case and the accents', async () => {
    await play.open()
    await play.ask('Where is it warm?', 'In Málaga, for one.')
    await play.button('New chat').click()
    await play.ask('What grows there?', 'Oranges.')
    const search = page.getByRole('searchbox', { name: 'Search conversations' })
    await search.fill('malaga')
    await play.list.locator('mark', { hasText: 'Málaga' }).waitFor()
    await play.expectAccessible()
    await play.list.getByRole('button', { name: /In Málaga/ }).click()
    await play.conversation.getByText('In Málaga, for one.').waitFor()
    await search.fill('grows')
    await expect.poll(() => play.list.getByRole('listitem').count()).toBe(1)
    await search.fill('nothing like it')
    await page.getByText('Nothing has these words.').waitFor()
  })

  it('can be read where nothing can be asked', async () => {
    await play.open()
    await play.ask('A question', 'An answer')
    await play.open({ mirror: { ...mirror, models: [], defaultId: null } }, new URL(page.url()).hash)
    await page.reload()
    await page.getByText('No model yet').waitFor()
    await expect.poll(() => play.conversation.getByText('An answer').isVisible()).toBe(true)
    await expect.poll(() => play.message.count()).toBe(0)
  })

  it('is a sheet over the chat on a phone', async () => {
    await page.setViewportSize(PHONE)
    await play.open()
    await play.ask('A question', 'An answer')
    await expect.poll(() => play.list.isVisible()).toBe(false)
    await play.button('Conversations').click()
    await play.list.waitFor()
    await play.expectNoSideways()
    await play.expectAccessible()
    await play.list.getByRole('button', { name: 'A question', exact: true }).click()
    await expect.poll(() => play.list.isVisible()).toBe(false)
  })
})

describe('branches', () => {
  it('grow from a changed question and from another answer, and each is a click away', async () => {
    await play.open()
    await play.ask('Name a river', 'The Rhine')
    await play.button('Answer again').click()
    await play.untilAnswering()
    await play.answer('The Danube')
    await play.conversation.getByText('2 of 2').waitFor()
    await play.button('Previous version of this answer').click()
    await play.conversation.getByText('The Rhine').waitFor()
    await play.button('Change question').click()
    await page.getByRole('textbox', { name: 'Change the question' }).fill('Name a lake')
    await page.keyboard.press('Enter')
    await play.untilAnswering()
    expect((await play.request())?.messages).toEqual([{ role: 'user', content: 'Name a lake' }])
    await play.answer('Lake Constance')
    await play.conversation.getByText('Lake Constance').waitFor()
    await play.button('Previous version of this question').click()
    await play.conversation.getByText('Name a river').waitFor()
    await page.reload()
    await play.conversation.getByText('Name a river').waitFor()
    await expect.poll(() => play.conversation.getByText('of 2').count()).toBe(2)
  })

  it('goes on with a cut answer from its text', async () => {
    await play.open()
    await play.askWithLoad('Count')
    await play.emit({ kind: 'text', text: 'One, two' })
    await play.emit({ kind: 'end', reason: 'length', usage: FAKE_USAGE })
    await page.getByText('Cut at the length limit').waitFor()
    await play.button('Continue').click()
    await play.untilAnswering()
    const request = await play.request()
    expect(request?.messages).toEqual([{ role: 'user', content: 'Count' }])
    expect(request?.resume?.text).toBe('One, two')
    await play.answer(', three')
    await play.conversation.getByText('One, two, three', { exact: true }).waitFor()
    await expect.poll(() => play.conversation.getByRole('article').count()).toBe(2)
  })
})

describe('settings', () => {
  it('belong to one conversation, reach the engine, and can be kept under a name', async () => {
    await play.open()
    await play.button('Settings of this conversation').click()
    await page.getByRole('textbox', { name: 'System text' }).fill('Answer in French.')
    await page.getByRole('slider', { name: 'Temperature' }).fill('0.7')
    await page.getByRole('spinbutton', { name: 'Longest answer, in tokens' }).fill('99')
    await page.keyboard.press('Tab')
    await play.expectAccessible()
    await page.getByRole('textbox', { name: 'Name of the preset' }).fill('French')
    await play.button('Save as preset').click()
    await expect
      .poll(() => page.getByRole('combobox', { name: 'Preset' }).locator('option:checked').textContent())
      .toBe('French')
    await play.button('Close settings').click()
    await play.ask('Hello', 'Bonjour')
    const request = await play.request()
    expect(request?.messages[0]).toEqual({ role: 'system', content: 'Answer in French.' })
    expect(request).toMatchObject({ maxTokens: 99, sampling: { temperature: 0.7 } })
    await play.button('New chat').click()
    await play.ask('Hello', 'Hello')
    expect((await play.request())?.messages).toEqual([{ role: 'user', content: 'Hello' }])
    await play.button('Settings of this conversation').click()
    await page.getByRole('combobox', { name: 'Preset' }).selectOption({ label: 'French' })
    await expect.poll(() => page.getByRole('textbox', { name: 'System text' }).inputValue()).toBe('Answer in French.')
    await play.button('Delete this preset').click()
    await play.button('Save as preset').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => page.getByRole('textbox', { name: 'System text' }).count()).toBe(0)
  })

  it('of the whole app hold after a reload: the theme and what new conversations begin with', async () => {
    await play.open()
    await play.list.waitFor()
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByRole('heading', { name: 'Settings' }).waitFor()
    await page.getByRole('radio', { name: 'Dark' }).check()
    await page.getByRole('textbox', { name: 'System text' }).fill('Be brief.')
    await page.keyboard.press('Tab')
    await play.expectAccessible()
    const surface = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)
    await expect.poll(() => surface()).toBe('dark')
    await page.reload()
    await expect.poll(() => surface()).toBe('dark')
    await play.button('New chat').click()
    await play.ask('Hello', 'Hi')
    expect((await play.request())?.messages[0]).toEqual({ role: 'system', content: 'Be brief.' })
    await page.setViewportSize(PHONE)
    await page.goto(`${page.url().split('#')[0]}#/settings`)
    await page.getByRole('heading', { name: 'Settings' }).waitFor()
    await play.expectNoSideways()
    await play.button('Delete all').click()
    await page.getByText('None is kept yet.').waitFor()
    await play.button('Undo').click()
    await page.getByText('1 is kept in this browser').waitFor()
  })
})

describe('the context', () => {
  const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index}`).join(' ')

  it('is shown as it fills, and the oldest messages are left out at its end', async () => {
    await play.open()
    await play.ask(words(1_100), words(500))
    await page.getByText('1,608 of 2,048 tokens').waitFor()
    await play.ask('And then?', 'More')
    expect((await play.request())?.messages).toEqual([{ role: 'user', content: 'And then?' }])
    await page.getByText("The oldest 2 messages did not fit the model's context and were not read.").waitFor()
  })

  it('ends with a summary where a person wants that', async () => {
    await play.open()
    await play.button('Settings of this conversation').click()
    await page.getByRole('radio', { name: 'Summarise the oldest messages' }).check()
    await play.button('Close settings').click()
    await play.ask(words(1_100), words(500))
    await play.message.fill('And then?')
    await play.send.click()
    await page.getByText('Summarising what came before').waitFor()
    await play.untilAnswering()
    expect((await play.request())?.messages.at(-1)?.content).toContain('Summarise our conversation')
    await play.answer('We counted words.')
    await page.evaluate(() => window.fake.engine.until(() => window.fake.engine.requests.length === 3))
    const sent = (await play.request())?.messages.map(({ content }) => content).join(' ')
    expect(sent).toContain('We counted words.')
    expect(sent).toContain('And then?')
    await play.answer('Whole')
    await page.getByText('it read a summary of them').waitFor()
  })

  it('is refused whole where a person wants that', async () => {
    await play.open()
    await play.button('Settings of this conversation').click()
    await page.getByRole('radio', { name: 'Stop and say so' }).check()
    await play.ask(words(1_100), words(500))
    await play.message.fill('And then?')
    await play.send.click()
    await play.untilAnswering()
    expect((await play.request())?.messages.length).toBe(3)
    await play.emit({ kind: 'end', reason: 'error', code: 'context-full', detail: '', usage: FAKE_USAGE })
    await page.getByText('context-full').waitFor()
  })
})

describe('files', () => {
  it('come along with a message, counted before it is sent', async () => {
    await play.open()
    await play.ask('Hello', 'Hi')
    await page.getByText('10 of 2,048 tokens').waitFor()
    const chooser = page.waitForEvent('filechooser')
    await play.button('Attach text files').click()
    await (await chooser).setFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Warp and weft.') })
    await page.getByRole('list', { name: 'Attached files' }).getByText('notes.txt').waitFor()
    await expect.poll(() => page.getByText('of 2,048 tokens').textContent()).not.toContain('10 of')
    await play.expectAccessible()
    await play.message.fill('What is this?')
    await play.send.click()
    await play.untilAnswering()
    const asked = (await play.request())?.messages.at(-1)?.content
    expect(asked).toContain('notes.txt')
    expect(asked).toContain('Warp and weft.')
    expect(asked).toContain('What is this?')
    await play.answer('A note')
    await play.conversation.getByText('notes.txt').click()
    await play.conversation.getByText('Warp and weft.').waitFor()
  })

  it('that are no text are refused by name, and a long paste becomes one', async () => {
    await play.open()
    await play.model.waitFor()
    const chooser = page.waitForEvent('filechooser')
    await play.button('Attach text files').click()
    await (await chooser).setFiles({
      name: 'photo.png',
      mimeType: '',
      buffer: Buffer.from([137, 80, 78, 71, 0, 0, 255]),
    })
    await page.getByText('attachment-not-text').waitFor()
    await play.message.focus()
    await page.evaluate(() => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', 'A line of text.\n'.repeat(400))
      document.activeElement?.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }),
      )
    })
    await page.getByRole('list', { name: 'Attached files' }).getByText('Pasted text').waitFor()
    await expect.poll(() => play.message.inputValue()).toBe('')
    await play.button('Remove Pasted text').click()
    await expect.poll(() => page.getByRole('list', { name: 'Attached files' }).count()).toBe(0)
  })
})

describe('in and out', () => {
  it('exports all, forgets all, and imports the same again', async () => {
    await play.open()
    await play.ask('One?', 'Yes, **one**')
    await play.button('New chat').click()
    await play.ask('Two?', 'Yes, two')
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Settings' }).click()
    await play.button('Export all').click()
    const text = await readFile(await (await download).path(), 'utf8')
    expect(JSON.parse(text)).toMatchObject({ format: 'weft-conversations/1' })
    await play.button('Delete all').click()
    await expect.poll(titles).toEqual([])
    await importFile(text)
    await page.getByText('2 conversations were added.').waitFor()
    await expect.poll(async () => [...(await titles())].sort()).toEqual(['One?', 'Two?'])
    await importFile(text)
    await expect.poll(async () => (await titles()).length).toBe(4)
    await importFile('{"format":"something else"}')
    await page.getByText('Nothing here was changed.').waitFor()
    expect((await titles()).length).toBe(4)
  })

  it('copies one as Markdown', async () => {
    await play.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await play.open()
    await play.ask('Which thread crosses?', 'The *weft*.')
    await menu('Which thread crosses?', 'Copy as Markdown')
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
    await expect.poll(clipboard).toContain('The *weft*.')
    await expect.poll(() => clipboard()).toContain('Which thread crosses?')
  })

  it('shows the end of a long conversation at once and the rest when asked', async () => {
    const messages = Array.from({ length: 2_000 }, (_, index) => {
      const [id, parentId] = [`m${index}`, index === 0 ? null : `m${index - 1}`]
      const text = `Message ${index}`
      return index % 2 === 0 ? questionOf(id, parentId, { text }) : answerOf(id, parentId, { text })
    })
    const conversation = conversationOf('c', { title: 'Two thousand', leafId: 'm1999' })
    await play.open()
    await play.list.waitFor()
    await importFile(writeConversationFile([{ conversation, messages }], 1_000))
    await play.list.getByRole('button', { name: 'Two thousand', exact: true }).click()
    await play.conversation.getByText('Message 1999', { exact: true }).waitFor()
    await expect.poll(() => play.conversation.getByRole('article').count()).toBe(60)
    await play.button('Show earlier messages (1,940)').click()
    await expect.poll(() => play.conversation.getByRole('article').count()).toBe(120)
    await play.ask('One more?', 'Yes')
    expect((await titles())[0]).toBe('Two thousand')
  })
})
