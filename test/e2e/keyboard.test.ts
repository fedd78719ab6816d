/**
 * A whole conversation with the keyboard alone: asked, stopped, read, copied, changed, found again, renamed, deleted and
 * brought back, without a mouse once. What has the focus must show it.
 */
import type { Locator, Page } from 'playwright'
import { beforeEach, expect, it } from 'vitest'
import { FAKE_USAGE } from '../support/fake-engine.ts'
import { type PlayedPage, usePlayedPage } from '../support/played-page.ts'

const used = usePlayedPage()
let play: PlayedPage
let page: Page
beforeEach(() => {
  play = used.current
  page = play.page
})

/** More stops than a page with a short conversation has. */
const STOPS_MAX = 60

const hasFocus = (target: Locator) => target.evaluate((element) => element === document.activeElement)

async function tabTo(target: Locator, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await target.waitFor()
  for (let stops = 0; !(await hasFocus(target)); stops++) {
    expect(stops, `stops until ${target}`).toBeLessThan(STOPS_MAX)
    await page.keyboard.press(key)
  }
  await expect.poll(() => target.evaluate((element) => element.matches(':focus-visible'))).toBe(true)
}

async function press(target: Locator, key = 'Enter'): Promise<void> {
  await tabTo(target)
  await page.keyboard.press(key)
}

it('does everything a mouse does', async () => {
  await play.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await play.open()

  await tabTo(play.message)
  await page.keyboard.type('Name a river')
  await page.keyboard.press('Enter')
  await play.untilLoading()
  await play.finishLoad()
  await play.untilAnswering()
  await play.emit({ kind: 'text', text: 'The Rhine is' })
  await play.conversation.getByText('The Rhine is').waitFor()
  await page.keyboard.press('Escape')
  await play.conversation.getByText('Stopped').waitFor()

  await press(play.button('Continue'))
  await play.untilAnswering()
  await play.answer(' a river.')
  await play.conversation.getByText('The Rhine is a river.', { exact: true }).waitFor()

  await press(play.button('Copy answer'))
  await play.button('Copied').waitFor()
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe('The Rhine is a river.')

  await press(play.button('Answer again'))
  await play.untilAnswering()
  await play.answer('The Rhône.')
  await play.conversation.getByText('2 of 2').waitFor()
  await press(play.button('Previous version of this answer'))
  await play.conversation.getByText('The Rhine is a river.').waitFor()

  await tabTo(play.button('Change question'), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Control+A')
  await page.keyboard.type('Name a lake')
  await page.keyboard.press('Enter')
  await play.untilAnswering()
  await play.answer('Lake Garda.')
  await play.conversation.getByText('Lake Garda.').waitFor()

  await press(play.button('Settings of this conversation'))
  await press(page.getByRole('slider', { name: 'Temperature' }), 'ArrowRight')
  await page.keyboard.press('Escape')
  await expect.poll(() => hasFocus(play.button('Settings of this conversation'))).toBe(true)

  await page.keyboard.press('Control+Shift+O')
  await play.conversation.getByRole('article').first().waitFor({ state: 'detached' })
  await tabTo(play.message)
  await page.keyboard.type('Another one')
  await page.keyboard.press('Enter')
  await play.untilAnswering()
  expect((await play.request())?.sampling.temperature).toBe(0.2)
  await play.emit({ kind: 'end', reason: 'length', usage: FAKE_USAGE })
  await play.send.waitFor()

  await page.keyboard.press('Control+K')
  await page.keyboard.type('garda')
  await press(play.list.getByRole('button', { name: /Lake Garda/ }))
  await play.conversation.getByText('Lake Garda.').waitFor()
  await page.keyboard.press('Control+K')
  await page.keyboard.press('Delete')

  await press(play.button('More for Name a river'))
  await press(play.button('Rename'))
  await page.keyboard.type('Waters')
  await page.keyboard.press('Enter')
  await press(play.button('More for Waters'))
  await press(play.button('Delete'))
  await press(play.button('Undo'))
  await press(play.list.getByRole('button', { name: 'Waters', exact: true }))
  await play.conversation.getByText('Lake Garda.').waitFor()

  await press(page.getByRole('link', { name: 'Settings' }))
  await page.getByRole('heading', { name: 'Settings' }).waitFor()
  await press(page.getByRole('radio', { name: 'As the system' }), 'ArrowRight')
  await expect.poll(() => page.evaluate(() => document.documentElement.dataset['theme'])).toBe('light')
})
