/**
 * Sections of the operator's page for pictures: the page as it is built, over the real server. Played: the tabs that are here, and what
 * visitors of a partner's site used.
 */
import type { Page } from 'playwright'
import { type AdminTown, DAY_MS, openTown, TOKEN } from './admin-town.ts'

const DAYS = 30

async function open(page: Page, { url }: AdminTown, section: string): Promise<void> {
  await page.goto(`${url}/admin.html#/${section}`)
  await page.getByLabel('Operator’s token').fill(TOKEN)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 2 }).waitFor()
  await page.getByText('Asking the server').waitFor({ state: 'detached' })
}

/** As the server says it, with figures of a month. */
async function playUsage(page: Page): Promise<void> {
  const today = Math.floor(Date.now() / DAY_MS)
  const days = Array.from({ length: DAYS }, (_, index) => {
    const day = new Date((today - DAYS + 1 + index) * DAY_MS).toISOString().slice(0, 10)
    const requests = Math.round(60 + 40 * Math.sin(index / 3) + index * 2)
    return { day, requests, tokens: requests * 310, micro: String(requests * 42_000) }
  })
  await page.route('**/usage?*', (route) => route.fulfill({ json: { days } }))
}

function section(name: string, says: string, more: (page: Page) => Promise<void> = async () => {}) {
  return {
    name: `admin-${name}`,
    says,
    serve: openTown,
    async reach(page: Page, server: AdminTown) {
      await open(page, server, name)
      await more(page)
    },
  }
}

export const ADMIN_SCREENS = [
  {
    name: 'admin-door',
    says: 'The operator’s page asks for the token first.',
    serve: openTown,
    async reach(page: Page, { url }: AdminTown) {
      await page.goto(`${url}/admin.html`)
      await page.getByLabel('Operator’s token').waitFor()
    },
  },
  section('now', 'The operator’s page: how it is right now. Played: the tabs.'),
  section('peers', 'Who is here, and what they hold. Played: the tabs.'),
  section('jobs', 'Open jobs: one runs, two wait for the same tab. Played: the tabs.'),
  section('rooms', 'Rooms by how many are in them. Played: the tabs.'),
  section('partners', 'Keys of partners’ sites, with what their visitors used. Played: the usage.', async (page) => {
    await playUsage(page)
    await page.getByText('Usage of Willow Books').click()
    await page.getByRole('region', { name: 'Usage by day' }).waitFor()
  }),
  section('policy', 'The rules in force.'),
  section('sanctions', 'Who may not come in, and why.'),
  section('announcements', 'What everybody is told.'),
  section('audit', 'What was done as the operator.'),
] as const
