/**
 * What leaves the device, on the page that ships with a played engine and mesh: said before the send, shown word for word,
 * counted under the answer, set in the settings. Judged by axe.
 */
import type { Page } from 'playwright'
import { beforeEach, describe, expect, it } from 'vitest'
import { large, type PlayedPage, usePlayedPage } from '../support/played-page.ts'
import { expectSound } from '../support/sound.ts'

const used = usePlayedPage()
let play: PlayedPage
let page: Page
beforeEach(async () => {
  play = used.current
  page = play.page
  await play.open()
  await page.getByText('94 MB to download').waitFor()
})

const scope = () => page.getByRole('combobox', { name: 'Who may answer' })

/** A model that does not fit here, for anyone to answer, who writes the first placeholder back. */
async function letAnyone(): Promise<void> {
  await play.model.selectOption({ value: large.id })
  await scope().selectOption('Anyone')
  await play.button('Agree and connect').click()
  await page.evaluate(() => window.fake.mesh.joined())
  await page.evaluate(() => {
    const { mesh } = window.fake
    mesh.chat = async function* () {
      const stage = { span: { first: 0, last: 30 }, peer: `key/${'mara'.padEnd(22, '0')}`, ticket: '', standby: null }
      mesh.planned('ab'.repeat(16), [stage])
      for (const text of ['To ', '[em', 'ail-1', ']: done.']) yield { kind: 'text', text, tokens: [1] } as never
      const counts = { promptTokens: 9, reusedTokens: 0, prefillTokens: 9, completionTokens: 4 }
      yield { kind: 'end', reason: 'stop', usage: { ...counts, firstTokenMs: 310, tokensPerSecond: 12 } } as never
    }
  })
}

const sent = () => page.evaluate(() => window.fake.mesh.requests.map(({ messages }) => messages.at(-1)?.content))

describe('what leaves this device', () => {
  it('is said and shown before it is sent, comes back in the answer, and is counted under it', async () => {
    await page.getByRole('link', { name: 'Settings', exact: true }).click()
    const names = page.getByRole('textbox', { name: 'Names to replace' })
    await names.fill('Ada Lovelace\n\n Ilse ')
    await names.blur()
    await expect.poll(() => names.inputValue()).toBe('Ada Lovelace\nIlse')
    await expectSound(page)
    await page.goBack()
    await play.message.fill('Tell Ada Lovelace: write to ada@example.org.')
    expect(await page.getByText('before it is sent').count()).toBe(0)
    await letAnyone()
    await page.getByText('2 values will be replaced before it is sent.').waitFor()
    await play.button('See what is sent').click()
    const dialog = page.getByRole('dialog', { name: 'What others are sent' })
    await dialog.getByText('Tell [name-1]: write to [email-1].').waitFor()
    await dialog.getByText('ada@example.org').waitFor()
    await expectSound(page)
    await dialog.getByRole('button', { name: 'Close' }).click()
    await play.send.click()
    await play.conversation.getByText('To ada@example.org: done.').waitFor()
    await play.conversation.getByText('2 values were replaced').waitFor()
    await expect.poll(() => sent()).toEqual(['Tell [name-1]: write to [email-1].'])
  })

  it('is as it was written where the person has switched that off', async () => {
    await page.getByRole('link', { name: 'Settings', exact: true }).click()
    await page.getByRole('checkbox', { name: 'Replace in what goes to anyone' }).uncheck()
    await page.goBack()
    await letAnyone()
    await play.message.fill('Write to ada@example.org.')
    await play.send.click()
    await play.conversation.getByText('To [email-1]: done.').waitFor()
    await expect.poll(() => sent()).toEqual(['Write to ada@example.org.'])
    await expect.poll(() => page.getByText('will be replaced').count()).toBe(0)
  })
})
