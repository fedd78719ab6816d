/**
 * Devices: the part of the settings that says which devices belong together, with a played account behind the page that ships,
 * by mouse and by keyboard, judged by axe. What the server and other devices say is the test's own.
 */
import { expect, it } from 'vitest'
import { usePlayedPage } from '../support/played-page.ts'
import { expectSound } from '../support/sound.ts'

const keyOf = (start: string) => `ed25519:A${start.padEnd(42, 'A')}`
const [OWN, OTHER] = [keyOf('k7mqw2hx'), keyOf('p3tzd9ra')]
const LINK = `/enrol/${OTHER}/${'E'.repeat(21)}A`
const WORDS = 'abandon ability able about above absent absorb abstract absurd abuse access accident'

const used = usePlayedPage()
const page = () => used.current.page
const button = (name: string) => used.current.button(name)
const devices = () => page().getByRole('list', { name: 'Your devices' }).getByRole('listitem')
/** As people compare them. */
const codes = async () => (await devices().allTextContents()).map((text) => text.slice(0, 9))
const words = () => page().getByRole('list', { name: 'The words, in order' })
const wishes = () => page().evaluate(() => window.fake.mesh.accountWishes)
const hasFocus = (name: string) => button(name).evaluate((element) => element === document.activeElement)

/** What the server says of the account. */
async function tell(more: object = {}): Promise<void> {
  const account = { self: OWN, devices: [OWN], recoverable: false, request: null, ...more }
  await page().evaluate((given) => window.fake.mesh.account(given as never), account)
}

async function agree(): Promise<void> {
  await button('Agree and connect').click()
  await page().evaluate(() => window.fake.mesh.joined())
}

async function look(more: object = {}): Promise<void> {
  await used.current.open({}, '#/settings')
  await button('Show my devices').click()
  await agree()
  await tell(more)
  await devices().first().waitFor()
}

it('asks nobody before a person has agreed, and then says which device this is', async () => {
  await used.current.open({}, '#/settings')
  await button('Show my devices').click()
  await expectSound(page())
  await button('Not now').click()
  expect(await page().evaluate(() => window.fake.mesh.joins)).toBe(0)
  await look()
  await expect.poll(() => codes()).toEqual(['k7mq-w2hx'])
  await devices().first().getByText('this browser').waitFor()
  await expect.poll(() => wishes()).toEqual([['look']])
  await expectSound(page())
})

it('shows the words once, numbered, and keeps the keyboard where it was', async () => {
  await look()
  await button('Make recovery words').press('Enter')
  await words().waitFor()
  await expect.poll(() => words().getByRole('listitem').allTextContents()).toEqual(WORDS.split(' '))
  await expectSound(page())
  await page().keyboard.press('Tab')
  await expect.poll(() => hasFocus('I have written them down')).toBe(true)
  await page().keyboard.press('Enter')
  await tell({ recoverable: true })
  await page().getByText('You have recovery words.').waitFor()
  expect(await page().content()).not.toContain('absurd')
  await page().evaluate(() => location.assign('#/models'))
  await page().getByRole('heading', { name: 'Models', level: 2 }).waitFor()
  await page().goBack()
  await button('Make new recovery words').waitFor()
  expect(await page().content()).not.toContain('absurd')
  await expect.poll(() => wishes()).toEqual([['look'], ['words']])
})

it('says what was refused, and shows no words then', async () => {
  await look()
  await page().evaluate(() => {
    window.fake.mesh.accountAnswer = { ok: false, code: 'account-invalid', detail: '' }
  })
  await button('Make recovery words').click()
  await page().getByText('account-invalid', { exact: true }).waitFor()
  await expect.poll(() => words().count()).toBe(0)
  await expectSound(page())
})

it('shows a link and a QR code to be added by, until it is added or waits no longer', async () => {
  await look()
  await button('Add this browser to my other devices').click()
  await tell({ request: LINK })
  const link = page().getByRole('textbox', { name: /^Open this link/ })
  await expect.poll(() => link.inputValue()).toBe(`${used.current.url}#${LINK}`)
  await page().getByRole('img', { name: 'QR code of this device' }).waitFor()
  await expectSound(page())
  await button('Stop waiting').click()
  await tell({ devices: [OTHER, OWN] })
  await link.waitFor({ state: 'detached' })
  await expect.poll(() => wishes()).toEqual([['look'], ['show'], ['hide']])
})

it('adds a second device by its link, which leads to the question and leaves the address', async () => {
  await used.current.open({}, `#${LINK}`)
  const question = page().getByRole('region', { name: 'A device asks to be added' })
  await question.getByText('p3tz-d9ra').waitFor()
  await expect.poll(() => page().evaluate(() => location.hash)).toBe('#/settings')
  await expect.poll(() => question.evaluate((element) => element === document.activeElement)).toBe(true)
  await expectSound(page())
  await button('Add this device').click()
  await agree()
  await tell({ devices: [OWN, OTHER] })
  await expect.poll(codes).toEqual(['k7mq-w2hx', 'p3tz-d9ra'])
  await expect.poll(() => question.count()).toBe(0)
  await expect.poll(() => wishes()).toEqual([['add', `#${LINK}`]])
})

it('says that a link is none', async () => {
  await used.current.open({}, '#/enrol/nonsense')
  await page().getByText('account-invalid', { exact: true }).waitFor()
  await expectSound(page())
  await button('Close').click()
  await page().getByText('account-invalid', { exact: true }).waitFor({ state: 'detached' })
})

it('removes a device after a second word, which can be taken back', async () => {
  await look({ devices: [OWN, OTHER] })
  await button('Remove p3tz-d9ra').press('Enter')
  await page().getByText('A device that was removed cannot be added again.').waitFor()
  await expectSound(page())
  await button('Keep it').click()
  await button('Remove p3tz-d9ra').press('Enter')
  await button('Remove for good p3tz-d9ra').press('Enter')
  await expect.poll(async () => (await wishes()).at(-1)).toEqual(['remove', OTHER])
  await tell()
  await expect.poll(codes).toEqual(['k7mq-w2hx'])
})
