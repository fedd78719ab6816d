/**
 * The limits of a contribution on its screen: each set by keyboard, each holding at once over a played mesh, judged by axe;
 * what a browser does not tell is said. And a real tab that is kept awake while it gives.
 */
import { describe, expect, it } from 'vitest'
import { useBrowser, useModels } from '../support/app-hooks.ts'
import { small, usePlayedPage } from '../support/played-page.ts'

describe('with a played mesh', () => {
  const used = usePlayedPage()
  const page = () => used.current.page
  const region = (name: string) => page().getByRole('region', { name, exact: true })
  const limit = (name: string) => page().getByRole('checkbox', { name, exact: true })

  async function openLayers(): Promise<void> {
    await used.current.open({}, '#/contribute')
    await page().getByRole('combobox', { name: 'Give', exact: true }).selectOption('Layers of the model')
  }

  /** Layers 1 to 15 of the small model are served. */
  async function serve(): Promise<void> {
    await openLayers()
    await used.current.button('Contribute this GPU').click()
    await used.current.button('Agree and contribute').click()
    await page().evaluate(() => window.fake.mesh.started())
    await ready()
  }

  async function ready(): Promise<void> {
    await page().evaluate((id) => {
      window.fake.mesh.signal('here')
      window.fake.mesh.serve(0, 15, id, 1.42)
    }, small.id)
    await region('Contributing').waitFor()
  }

  it('the share of the time is chosen by keyboard and holds while it gives', async () => {
    await serve()
    await page().getByRole('combobox', { name: 'Share of the time' }).focus()
    await page().keyboard.press('ArrowDown')
    await page().keyboard.press('ArrowDown')
    await page().getByText('After each token it rests, so that your GPU is yours in between.').waitFor()
    await expect.poll(() => page().evaluate(() => [window.fake.mesh.duty, window.fake.mesh.starts])).toEqual([0.5, 1])
    await page().reload()
    await expect.poll(() => page().getByRole('combobox', { name: 'Share of the time' }).inputValue()).toBe('0.5')
  })

  it('hours over midnight are set by keyboard, pause it at once, and a person may go on', async () => {
    await openLayers()
    await page().evaluate(() => {
      window.fake.mesh.device.minute = 12 * 60
    })
    await used.current.button('Contribute this GPU').click()
    await used.current.button('Agree and contribute').click()
    await page().evaluate(() => window.fake.mesh.started())
    await ready()
    await limit('Only at certain hours').focus()
    await page().keyboard.press('Space')
    await region('Paused').getByText('It goes on at 22:00.').waitFor()
    await page().getByText('It gives from 22:00 to 07:00 of the next day, by the clock of this device.').waitFor()
    await page().keyboard.press('Tab')
    await expect.poll(() => page().evaluate(() => document.activeElement?.getAttribute('type'))).toBe('time')
    await page().getByLabel('From', { exact: true }).fill('21:30')
    await region('Paused').getByText('It goes on at 21:30.').waitFor()
    await used.current.expectSound()
    await used.current.button('Resume').click()
    await page().evaluate(() => window.fake.mesh.started())
    await ready()
    await expect.poll(() => page().evaluate(() => window.fake.mesh.starts)).toBe(2)
  })

  it('the battery pauses it, and where the browser does not tell of one that is said', async () => {
    await serve()
    await page().getByRole('combobox', { name: 'On battery' }).selectOption('While it is at 50 % or more')
    await page().evaluate(() => window.fake.mesh.device.battery(false, 0.3))
    await region('Paused').getByText('The battery is below your limit.').waitFor()
    await limit('Only while charging').focus()
    await page().keyboard.press('Space')
    await region('Paused').getByText('This device is not charging.').waitFor()
    await page().evaluate(async () => {
      window.fake.mesh.device.battery(true, 0.3)
      await window.fake.mesh.started()
    })
    await region('Connecting').waitFor()
    await page().goto(page().url().replace('#/contribute', '#/settings'))
    await page().evaluate(() => {
      window.fake.mesh.device.means.battery = false
    })
    await page().goto(page().url().replace('#/settings', '#/contribute'))
    await page().getByText('This browser does not tell whether the device is charging').waitFor()
    await expect.poll(() => limit('Only while charging').isDisabled()).toBe(true)
    await used.current.expectSound()
  })

  it('the whole device is watched only with leave', async () => {
    await serve()
    await page().evaluate(() => {
      window.fake.mesh.device.allowed = false
    })
    const watch = limit('Also when I use another app')
    await watch.click()
    await expect.poll(() => watch.isChecked()).toBe(false)
    await page().evaluate(() => {
      window.fake.mesh.device.allowed = true
    })
    await watch.focus()
    await page().keyboard.press('Space')
    await page().waitForFunction(() => window.fake.mesh.device.watched)
    await expect.poll(() => watch.isChecked()).toBe(true)
    await page().evaluate(() => window.fake.mesh.device.active(true))
    await region('Paused').getByText('You are using this device.').waitFor()
    await used.current.expectSound()
  })

  it('what being hidden costs is measured and shown; it is kept awake by keyboard, until its window is closed', async () => {
    await serve()
    const hidden = region('When this tab is hidden')
    await hidden.getByText('not measured yet').waitFor()
    await page().evaluate(() => {
      window.fake.mesh.hiddenSlowdown = 2.71
      return window.fake.mesh.tick()
    })
    await hidden.getByText('2.7 times slower').waitFor()
    expect(await page().evaluate(() => window.fake.mesh.device.awake)).toBe(null)
    await limit('Keep it awake').focus()
    await page().keyboard.press('Space')
    await page().waitForFunction(() => window.fake.mesh.device.awake?.tab)
    await page().evaluate(() => window.fake.mesh.device.keeps('window'))
    await hidden.getByText('A small window keeps this tab awake.').waitFor()
    await used.current.expectSound()
    await page().evaluate(() => window.fake.mesh.device.closeWindow())
    await page().waitForFunction(() => window.fake.mesh.device.awake === null)
    await expect.poll(() => limit('Keep it awake').isChecked()).toBe(false)
  })
})

describe('over the real server, mesh and engine', () => {
  const server = useModels('llama')
  const browser = useBrowser({ console: true })

  it('a tab is kept awake while it gives, and no longer', async () => {
    const tab = await browser.open(`${server.url}/?engine=stage#/contribute`)
    await tab.getByRole('button', { name: 'Contribute this GPU' }).click()
    await tab.getByRole('button', { name: 'Agree and contribute' }).click()
    await tab.getByRole('region', { name: 'Contributing' }).waitFor()
    const hidden = tab.getByRole('region', { name: 'When this tab is hidden' })
    await tab.getByRole('checkbox', { name: 'Keep it awake' }).check()
    await hidden.getByText(/^A (small window keeps|sound too quiet to hear keeps) this tab awake\./).waitFor()
    await tab.getByRole('button', { name: 'Stop' }).click()
    await tab.getByRole('button', { name: 'Contribute this GPU' }).waitFor()
    expect(await hidden.getByText('keeps this tab awake').count()).toBe(0)
    // The small window went with the contribution.
    await expect.poll(() => tab.context().pages().length).toBe(1)
  })
})
