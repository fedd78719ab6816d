/**
 * The Credits screen with a played server behind the page that ships, each state judged by axe in light, dark and on a phone:
 * the first gift, what is where and why, receipts whose signatures real keys have made, history, figures, files, and the cost of a
 * request in the composer.
 */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright'
import { describe, expect, it } from 'vitest'
import { small, usePlayedPage } from '../support/played-page.ts'
import { playedCredits } from '../support/played-wallet.ts'

const used = usePlayedPage()
const page = (): Page => used.current.page
const button = (name: string) => used.current.button(name)
const region = (name: string) => page().getByRole('region', { name, exact: true })
const wishes = () => page().evaluate(() => window.fake.mesh.wallet.wishes.map(({ kind }) => kind))
const entries = () => region('History').locator('li')
const NOW = Date.UTC(2026, 10, 20, 12)
const GIFT = { leftMicro: '0', untilMs: NOW }

async function agree(press: string): Promise<void> {
  await button(press).click()
  await button('Agree and connect').click()
  await page().evaluate(() => window.fake.mesh.joined())
  await page().evaluate(() => window.fake.mesh.signal('here'))
}

/** Connected, with this wallet and history. */
async function connected(wallet: object, history: readonly object[] = []): Promise<void> {
  await used.current.open({}, '#/credits')
  await say(wallet, history)
  await agree('Connect')
}

const say = (wallet: object, history: readonly object[] = []) =>
  page().evaluate(
    ([has, given]) => {
      window.fake.mesh.wallet.has(has)
      window.fake.mesh.wallet.entries = given as never
    },
    [wallet, history] as const,
  )

/** So many questions that were paid, the newest first. */
function questions(count: number, nowMs: number): readonly object[] {
  return Array.from({ length: count }, (_, index) => ({
    seq: 2 * (count - index),
    atMs: nowMs - index * 60_000,
    type: 'settle',
    request: 'ab'.repeat(16),
    part: 0,
    lines: [{ kind: 'hold', micro: '-20000' }],
    receipt: null,
    acknowledged: null,
  }))
}

describe('the screen', () => {
  it('connects nothing by itself; with the first connection comes the gift, by a proof of work', async () => {
    await used.current.open({}, '#/credits')
    await say({})
    await region('What it costs, and how to earn').getByText('A thousand tokens of an answer by Small').waitFor()
    await used.current.expectSound()
    expect(await wishes()).toEqual([])
    await agree('Connect')
    await region('Balance').getByText('40 credits are left of the gift to this device.').waitFor()
    expect(await region('Balance').getByText('40.0', { exact: true }).count()).toBe(1)
    expect(await wishes()).toContain('grant')
    await page().getByRole('status').filter({ hasText: 'The gift is here.' }).waitFor({ state: 'attached' })
    await used.current.expectSound()
  })

  it('says why there is no gift, and gives it when it is asked for later', async () => {
    await used.current.open({}, '#/credits')
    await say({})
    await page().evaluate(() => {
      window.fake.mesh.wallet.refusal = { ok: false, code: 'treasury-empty', detail: '' }
    })
    await agree('Connect')
    await page().getByText('No more new credits are given out now.').waitFor()
    await region('Balance').getByText('You have no credits left. You can still ask').waitFor()
    await used.current.expectSound()
    await page().evaluate(() => {
      window.fake.mesh.wallet.refusal = null
    })
    await button('Get my first credits').press('Enter')
    await region('Balance').getByText('40.0', { exact: true }).waitFor()
    await page().getByText('No more new credits are given out now.').waitFor({ state: 'detached' })
  })

  it('without credits says what still goes, and how to earn', async () => {
    await connected({ grant: GIFT })
    const balance = region('Balance')
    await balance.getByText('answers end at 256 tokens').waitFor()
    await balance.getByText('The gift to this device is used up.').waitFor()
    await used.current.expectSound()
    await balance.getByRole('link', { name: 'Contribute' }).click()
    await page().getByRole('heading', { name: 'Contribute', level: 2 }).waitFor()
  })

  it('keeps what was told where the server goes away, and says so', async () => {
    await connected({ userMicro: '123456789', grant: GIFT })
    await region('Balance').getByText('123', { exact: true }).waitFor()
    await page().evaluate(async () => {
      window.fake.mesh.wallet.wallet = null
      await window.fake.mesh.tick()
    })
    await page().getByText('What you see is the last that was told.').waitFor()
    await region('Balance').getByText('123', { exact: true }).waitFor()
    await used.current.expectSound()
    await say({ userMicro: '7000000', grant: GIFT })
    await page().evaluate(() => window.fake.mesh.tick())
    await region('Balance').getByText('7.00', { exact: true }).waitFor()
  })

  it('names a policy that it does not know', async () => {
    await connected({ grant: GIFT, policy: 9 })
    await page().getByText('The server goes by version 9 of the policy').waitFor()
    await used.current.expectAccessible()
  })

  it('says what an hour of what this tab gives would earn', async () => {
    await connected({ grant: GIFT })
    await page().evaluate(() => location.assign('#/contribute'))
    await page().getByRole('combobox', { name: 'Give', exact: true }).selectOption('Layers of the model')
    await button('Contribute this GPU').click()
    await page().evaluate(() => window.fake.mesh.started())
    await page().evaluate((id) => window.fake.mesh.serve(0, 15, id, 2), small.id)
    await region('Contributing').waitFor()
    await page().evaluate(() => location.assign('#/credits'))
    await page()
      .getByText(
        'At the speed measured here (33 tokens/s, 15 layers) Small-Instruct earns about 7.69 credits an hour, if it were busy',
      )
      .waitFor()
    await used.current.expectAccessible()
  })
})

describe('a wallet with something in every place', () => {
  async function full(): Promise<void> {
    const model = { modelId: small.id, span: { first: 0, last: 30 } }
    const { wallet, entries: history } = await playedCredits(model, Date.now())
    await connected(wallet, history)
    await region('History').waitFor()
  }

  it('says how much is where, why and until when', async () => {
    await full()
    const balance = region('Balance')
    await balance.getByRole('list', { name: 'Set aside' }).getByText('Comes back at the latest on').waitFor()
    expect(await balance.getByRole('list', { name: 'In escrow' }).getByText('Earned; free on').count()).toBe(3)
    await balance.getByText('so that a false answer can still be found').waitFor()
    await balance.getByRole('list', { name: 'In dispute' }).getByText('You asked').waitFor()
    await used.current.expectSound()
  })

  it('draws its last 30 days, and has them as a table', async () => {
    await full()
    const days = region('The last 30 days')
    expect(await days.locator('svg rect.up').count()).toBeGreaterThan(20)
    expect(await days.locator('svg rect.down').count()).toBeGreaterThan(10)
    await days.getByText('As a table').press('Enter')
    expect(await days.getByRole('row').count()).toBe(31)
    await used.current.expectSound()
  })

  it('opens a receipt by the keyboard, and checks its signatures here: good, forged, and not signed', async () => {
    await full()
    const [good, broken, alone] = [1, 2, 3].map((index) => entries().nth(index))
    for (const one of [good, broken, alone]) {
      await one?.locator('summary').focus()
      await page().keyboard.press('Enter')
    }
    const field = async (entry: typeof good, name: string) => {
      const named = page().locator('dt', { hasText: new RegExp(`^${name}$`) })
      const said = await entry?.locator('dl > div').filter({ has: named }).locator('dd').textContent()
      return said?.replace(/\s+/g, ' ')
    }
    await expect.poll(() => field(good, 'Worker’s signature')).toContain('good: checked in this tab')
    await expect.poll(() => field(good, 'Asker’s signature')).toContain('good: checked in this tab')
    await expect.poll(() => field(broken, 'Worker’s signature')).toContain('good: checked in this tab')
    await expect.poll(() => field(broken, 'Asker’s signature')).toContain('not good')
    await expect.poll(() => field(alone, 'Asker’s signature')).toBe('not signed')
    await expect.poll(() => field(alone, 'Acknowledged so far')).toBe('64 of 80 tokens')
    await expect.poll(() => field(alone, 'Its signature')).toContain('good: checked in this tab')
    expect(await field(good, 'Model')).toBe('Small-Instruct')
    expect(await field(good, 'Price')).toContain('(100 read × 0.0001 + 80 written × 0.001) × 0.135 billion parameters')
    expect(await field(good, 'Tokens')).toBe('120 read, 20 of them known from before, 80 written; 180 computed')
    await used.current.expectSound()
  })

  it('goes into files with all that is seen', async () => {
    await full()
    const saved = async (name: string) => {
      const downloading = page().waitForEvent('download')
      await button(name).click()
      return readFile(await (await downloading).path(), 'utf8')
    }
    const file = JSON.parse(await saved('Export as JSON'))
    const told = await page().evaluate(() => window.fake.mesh.wallet.entries.length)
    expect(file.history).toHaveLength(told)
    expect(file.credits).toMatchObject({ toSpend: '38.412600', setAside: '0.640000', disputed: '0.210000' })
    expect(file.history[1]).toMatchObject({ meaning: 'earned', model: 'Small-Instruct', change: '0.011543' })
    const csv = await saved('Export as CSV')
    expect(csv.split('\r\n')).toHaveLength(told + 2)
    await page().getByRole('status').filter({ hasText: 'Your credits were saved' }).waitFor({ state: 'attached' })
  })
})

describe('the history', () => {
  it('comes in pages of fifty, newest first', async () => {
    await connected({ userMicro: '5', grant: GIFT }, questions(130, Date.now()))
    await expect.poll(() => entries().count()).toBe(50)
    await button('Show older').click()
    await expect.poll(() => entries().count()).toBe(100)
    await button('Show older').click()
    await expect.poll(() => entries().count()).toBe(130)
    await button('Show older').waitFor({ state: 'detached' })
    await used.current.expectSound()
  })

  it('shows what is new while it is looked at', async () => {
    await connected({ userMicro: '5', grant: GIFT }, questions(2, Date.now()))
    await expect.poll(() => entries().count()).toBe(2)
    await say({ userMicro: '5', grant: GIFT }, questions(3, Date.now()))
    await page().evaluate(() => window.fake.mesh.tick())
    await expect.poll(() => entries().count()).toBe(3)
  })
})

describe('the composer', () => {
  async function toAnyone(wallet: object): Promise<void> {
    await used.current.open()
    await say(wallet)
    await page().getByRole('combobox', { name: 'Who may answer' }).selectOption('Anyone')
    await button('Agree and connect').click()
    await page().evaluate(() => window.fake.mesh.joined())
    await page().evaluate(() => window.fakeApp.pickMode('job'))
    await used.current.message.fill('What are warp and weft?')
  }

  it('says about what a request costs, at most, and what there is', async () => {
    await toAnyone({ userMicro: '40000000', grant: GIFT })
    const hint = page().getByText(/^About 0\.04 credits, at most 0\.07; you have 40\./)
    await hint.waitFor()
    await used.current.expectSound()
    await hint.getByRole('link', { name: 'Credits' }).click()
    await page().getByRole('heading', { name: 'Credits', level: 2 }).waitFor()
  })

  it('says what a request comes to that there are no credits for', async () => {
    await toAnyone({ grant: GIFT })
    await page()
      .getByText('No credits. Your request goes behind paid ones, and its answer has at most 256 tokens.')
      .waitFor()
    await used.current.expectSound()
    await say({ userMicro: '50000', grant: GIFT })
    await page().evaluate(async () => {
      const wallet = await window.fakeApp.mesh.credits.open()
      if (wallet.ok) await wallet.value.refresh()
    })
    await page()
      .getByText(/^0\.0\d credits would be set aside for it; you have 0\.05\./)
      .waitFor()
    await page().getByRole('link', { name: 'How to earn' }).click()
    await region('What it costs, and how to earn').waitFor()
  })

  it('says that a room is free, and nothing where this device answers', async () => {
    await toAnyone({ userMicro: '40000000', grant: GIFT })
    await page()
      .getByText(/^About 0\.04 credits/)
      .waitFor()
    await page().evaluate(() => window.fakeApp.mesh.set({ room: 'A'.repeat(22) }))
    await page().getByRole('combobox', { name: 'Who may answer' }).selectOption('My room')
    await page().getByText('Free: your room.').waitFor()
    await used.current.expectAccessible()
    await page().getByRole('combobox', { name: 'Who may answer' }).selectOption('This device only')
    await page().getByText('Free: your room.').waitFor({ state: 'detached' })
  })
})
