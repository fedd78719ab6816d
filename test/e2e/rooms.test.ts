/**
 * Rooms: every state of the screen with a played mesh behind the page that ships, judged by axe; members that meet by an
 * invite link through the product's page; and an answer over real WebRTC within a room, which a stranger does not get.
 */
import type { Browser, Page } from 'playwright'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { useModels } from '../support/app-hooks.ts'
import { launchChromium } from '../support/chromium.ts'
import { LAYERS, useMesh } from '../support/mesh-rig.ts'
import { usePlayedPage } from '../support/played-page.ts'

const ID = 'A'.repeat(22)
const HASH = `#/join/${ID}/${'B'.repeat(42)}A/${'C'.repeat(21)}A/Studio`
const KEYS = ['0abcdefgh', '1ijklmnop', '2qrstuvwx'].map((start) => `ed25519:${start.padEnd(43, 'A')}`)
const [OWN = '', OTHER = '', AWAY = ''] = KEYS
const peerOf = (key: string) => `${key}/${'r'.repeat(22)}`
const PEOPLE = [
  { key: OWN, peers: [peerOf(OWN)], isOwner: true, isSelf: true },
  { key: OTHER, peers: [peerOf(OTHER), `${OTHER}/${'s'.repeat(22)}`], isOwner: false, isSelf: false },
]
const MINE = {
  id: ID,
  name: 'Studio',
  mine: true,
  state: 'in',
  people: PEOPLE,
  away: [AWAY],
  knocking: [peerOf(OTHER)],
  invite: { hash: HASH.slice(1), alone: false },
  noticed: null,
}

describe('with a played mesh', () => {
  const used = usePlayedPage()
  const page = () => used.current.page
  const button = (name: string) => used.current.button(name)
  const region = (name: string) => page().getByRole('region', { name, exact: true })
  const wishes = () => page().evaluate(() => window.fake.mesh.roomWishes)

  async function agree(): Promise<void> {
    await button('Agree and connect').click()
    await page().evaluate(() => window.fake.mesh.joined())
    await page().evaluate(() => window.fake.mesh.signal('here'))
  }

  async function make(): Promise<void> {
    await used.current.open({}, '#/rooms')
    await page().getByRole('textbox', { name: 'Name' }).fill('Studio')
    await page().keyboard.press('Enter')
    await agree()
  }

  const tell = (...rooms: object[]) => page().evaluate((given) => window.fake.mesh.rooms(given as never), rooms)

  it('makes a room once a person has agreed to what peers see', async () => {
    await used.current.open({}, '#/rooms')
    await page().getByRole('textbox', { name: 'Name' }).fill('Studio')
    await page().getByRole('checkbox', { name: 'Ask me before somebody comes in' }).uncheck()
    await used.current.expectSound()
    await button('Make the room').click()
    expect(await wishes()).toEqual([])
    await agree()
    await expect.poll(wishes).toEqual([['make', 'Studio', true]])
  })

  it('shows its owner who is in it and who asks, and carries the owner’s word', async () => {
    await make()
    await tell(MINE)
    await page().getByRole('status').filter({ hasText: 'Somebody asks to join Studio.' }).waitFor({ state: 'attached' })
    const room = region('Studio')
    await room.getByRole('list', { name: 'In the room now' }).getByText('this browser, owner').waitFor()
    await room.getByRole('list', { name: 'In the room now' }).getByText('2 tabs').waitFor()
    await expect.poll(() => room.getByRole('textbox', { name: 'Invite link' }).inputValue()).toMatch(HASH)
    await button('Show QR code').click()
    await page().getByRole('img', { name: 'QR code of the invite link' }).waitFor()
    await used.current.expectSound()
    await button('Approve ijkl-mnop').click()
    await button('New link that lets in by itself').click()
    await expect
      .poll(async () => (await wishes()).slice(1))
      .toEqual([
        ['answer', ID, peerOf(OTHER), true],
        ['renewInvite', ID, true],
      ])
  })

  it('works within a room by choice, and leaves it after a second word', async () => {
    await make()
    await tell({ ...MINE, knocking: [] })
    await page().getByRole('radio', { name: 'Only Studio' }).check()
    await expect.poll(() => page().evaluate(() => window.fake.mesh.within)).toBe(ID)
    await page().evaluate(() => location.assign('#/'))
    await page().getByRole('combobox', { name: 'Who may answer' }).selectOption('My room')
    await page().getByText('Tabs of Studio that answer can read this conversation.').waitFor()
    await used.current.expectAccessible()
    await page().goBack()
    await button('Leave Studio').press('Enter')
    await expect.poll(() => button('Stay').evaluate((element) => element === document.activeElement)).toBe(true)
    await page().keyboard.press('Enter')
    await expect.poll(() => button('Leave Studio').evaluate((element) => element === document.activeElement)).toBe(true)
    await button('Leave Studio').click()
    await button('Leave for good').click()
    await expect.poll(async () => (await wishes()).at(-1)).toEqual(['leave', ID])
    expect(await page().evaluate(() => window.fake.mesh.within)).toBeNull()
  })

  it('takes a member out after a second word, also one that is away, and says what the server lied about', async () => {
    await make()
    const noticed = { ok: false, code: 'room-list-wrong', detail: 'It is list 1, and the server has had list 2.' }
    await tell({ ...MINE, knocking: [], noticed })
    await region('Studio').getByText('a list of removed devices that is not the owner’s newest').waitFor()
    await expect
      .poll(() =>
        region('Studio')
          .getByRole('button', { name: /^Remove / })
          .count(),
      )
      .toBe(2)
    await button('Remove ijkl-mnop').click()
    await button('Keep ijkl-mnop').click()
    await button('Remove qrst-uvwx').click()
    await used.current.expectSound()
    await expect.poll(() => wishes()).toHaveLength(1)
    await button('Remove from the room qrst-uvwx').click()
    await expect.poll(async () => (await wishes()).at(-1)).toEqual(['remove', ID, AWAY])
    await tell({ ...MINE, mine: false, state: 'removed', people: [], away: [], knocking: [], invite: null })
    await region('Studio').getByText('The owner has taken this browser out of the room.').waitFor()
  })

  it('takes an invite out of the address, and joins when the person says so', async () => {
    await used.current.open({}, HASH)
    await region('You are invited to Studio').waitFor()
    await expect.poll(() => page().evaluate(() => location.hash)).toBe('#/rooms')
    await used.current.expectSound()
    await button('Join the room').click()
    await agree()
    await expect.poll(wishes).toEqual([['join', HASH]])
    await tell({ ...MINE, mine: false, state: 'asking', people: [], away: [], knocking: [], invite: null })
    await region('Studio').getByText('Waiting for the owner to let you in.').waitFor()
    await used.current.expectSound()
  })

  it('says that an invite is none', async () => {
    await used.current.open({}, '#/join/nonsense')
    await page().getByText('This is not an invite link of Weft.').waitFor()
    await button('Close').click()
    await page().getByText('This is not an invite link of Weft.').waitFor({ state: 'detached' })
  })
})

describe('over the real server', () => {
  const server = useModels('llama')
  let browser: Browser
  let complaints: string[]
  beforeEach(async () => {
    complaints = []
    browser = await launchChromium()
  })
  afterEach(async () => {
    await browser.close()
    expect(complaints).toEqual([])
  })

  /** Another person: a browser context of its own, with its own key. */
  async function person(hash: string): Promise<Page> {
    const context = await browser.newContext()
    context.on('weberror', (found) => complaints.push(found.error().message))
    const page = await context.newPage()
    await page.goto(`${server.url}/?engine=stage${hash}`)
    return page
  }

  it('two people meet in a room by its link, and what one gives there only the other sees', async () => {
    const owner = await person('#/rooms')
    await owner.getByRole('textbox', { name: 'Name' }).fill('Studio')
    await owner.getByRole('checkbox', { name: 'Ask me before somebody comes in' }).uncheck()
    await owner.getByRole('button', { name: 'Make the room' }).click()
    await owner.getByRole('button', { name: 'Agree and connect' }).click()
    const link = await owner.getByRole('textbox', { name: 'Invite link' }).inputValue()
    const guest = await person(link.slice(link.indexOf('#')))
    await guest.getByRole('button', { name: 'Join the room' }).click()
    await guest.getByRole('button', { name: 'Agree and connect' }).click()
    for (const page of [owner, guest]) {
      await expect.poll(() => page.getByRole('list', { name: 'In the room now' }).getByRole('listitem').count()).toBe(2)
      await page.getByRole('radio', { name: 'Only Studio' }).check()
    }
    await guest.evaluate(() => location.assign('#/contribute'))
    await guest.getByRole('button', { name: 'Contribute this GPU' }).click()
    await guest.getByRole('region', { name: 'Contributing' }).waitFor()
    const stranger = await person('#/network')
    await stranger.getByRole('button', { name: 'Connect' }).click()
    await stranger.getByRole('button', { name: 'Agree and connect' }).click()
    await stranger.getByText('Nobody contributes yet.').waitFor()
    await owner.evaluate(() => location.assign('#/network'))
    await owner.getByText('2 tabs are here, 1 contributing').waitFor()
  })

  it('every tab of the owner’s browser sees the room, and who is removed there stops giving and is out', async () => {
    const owner = await person('#/rooms')
    const beside = await owner.context().newPage()
    await beside.goto(`${server.url}/?engine=stage#/rooms`)
    await owner.getByRole('textbox', { name: 'Name' }).fill('Studio')
    await owner.getByRole('checkbox', { name: 'Ask me before somebody comes in' }).uncheck()
    await owner.getByRole('button', { name: 'Make the room' }).click()
    await owner.getByRole('button', { name: 'Agree and connect' }).click()
    const link = await owner.getByRole('textbox', { name: 'Invite link' }).inputValue()
    await beside.reload()
    const another = await owner.context().newPage()
    await another.goto(`${server.url}/?engine=stage#/rooms`)
    const guest = await person(link.slice(link.indexOf('#')))
    await guest.getByRole('button', { name: 'Join the room' }).click()
    await guest.getByRole('button', { name: 'Agree and connect' }).click()
    await guest.getByRole('radio', { name: 'Only Studio' }).check()
    for (const page of [owner, beside, another])
      await expect.poll(() => page.getByRole('list', { name: 'In the room now' }).getByRole('listitem').count()).toBe(2)
    await beside.getByRole('button', { name: /^Remove / }).click()
    await beside.getByRole('button', { name: /^Remove from the room/ }).click()
    await guest.getByText('The owner has taken this browser out of the room.').waitFor()
    await expect.poll(() => guest.getByRole('radio', { name: 'Only Studio' }).count()).toBe(0)
    for (const page of [owner, beside, another]) {
      await expect.poll(() => page.getByRole('list', { name: 'In the room now' }).getByRole('listitem').count()).toBe(1)
      await expect.poll(() => page.getByRole('textbox', { name: 'Invite link' }).inputValue()).not.toBe(link)
    }
    await owner.getByRole('button', { name: 'Leave Studio' }).click()
    await owner.getByRole('button', { name: 'Leave for good' }).click()
    for (const page of [beside, another])
      await page.getByRole('region', { name: 'Studio' }).waitFor({ state: 'detached' })
  })
})

describe('over real links', () => {
  const mesh = useMesh()

  it('members answer each other, and a stranger is told that nobody has the model', async () => {
    const [worker, other] = [await mesh.openTab(), await mesh.openTab()]
    const asking = await mesh.asker()
    const made = await asking.call('makeRoom', true)
    if (!made.ok) throw new Error(made.code)
    const room = made.value
    const [own] = await asking.call('rooms')
    for (const tab of [worker, other]) {
      await tab.call('joinRoom', own?.invite?.hash ?? '')
      await tab.until("(await mesh.rooms())[0]?.state === 'in'")
      await tab.call('within', room)
      expect(await tab.call('contribute', mesh.modelId, LAYERS, LAYERS / 2)).toMatchObject({ ok: true })
    }
    const request = ['Tell me about warp and weft.', 12, 0, 11] as const
    const inside = await asking.call('askIn', room, ...request)
    expect(inside.end).toMatchObject({ reason: 'length' })
    expect(inside.tokens).toHaveLength(12)
    const outside = await asking.call('ask', ...request)
    expect(outside.end).toMatchObject({ reason: 'error', code: 'no-holder' })
    const stranger = await mesh.asker()
    expect((await stranger.call('askIn', room, ...request)).end).toMatchObject({ code: 'room-unknown' })
    expect((await stranger.call('ask', ...request)).end).toMatchObject({ code: 'no-holder' })
  })
})
