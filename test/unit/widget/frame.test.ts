/** What the frame does with its key while it stays open, and with the words of its page. The room behind it is played. */
import { expect, it, vi } from 'vitest'
import type { RoomWish } from '../../../web/widget/room-wish.ts'
import { WidgetFrame } from '../../../web/widget/widget-frame.svelte.ts'
import type { WidgetRoom } from '../../../web/widget/widget-room.svelte.ts'
import { EMBED_LOOK_MS_MIN } from '../../../web/wire/limits/partners.ts'
import type { PartnerView } from '../../../web/wire/partner-keys.ts'
import { fail, ok, type Result } from '../../../web/wire/result.ts'

const SITE = 'https://shop.example'
const PARTNER: PartnerView = {
  site: 'Loom',
  origins: [SITE],
  models: [],
  scope: 'own',
  system: '',
  suggested: [],
  state: 'open',
}

function playedRoom() {
  const did: unknown[][] = []
  const note =
    (name: string) =>
    (...given: unknown[]) =>
      void did.push([name, ...given])
  const room = Object.fromEntries(
    ['setContext', 'suggest', 'offer', 'hear', 'give', 'stopGiving', 'close'].map((name) => [name, note(name)]),
  )
  return { did, room: room as unknown as WidgetRoom }
}

async function opened(kept: readonly unknown[] | null = null) {
  const values = new Map<string, string>()
  if (kept) values.set('weft-widget-consents', JSON.stringify([kept]))
  const shelf = {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
  }
  const host = { postMessage: () => {} } as unknown as Window
  const clock = { nowMs: 1_000 }
  const { did, room } = playedRoom()
  let wish: RoomWish | null = null
  const seen: { value: Result<PartnerView> } = { value: ok(PARTNER) }
  const look = vi.fn(async () => seen.value)
  const frame = new WidgetFrame({
    host,
    origin: SITE,
    look,
    shelf,
    storage: { ask: async (own) => own, recall: async (own) => own },
    openCalls: () => Promise.reject(new Error('The page asks nothing here.')),
    openRoom: async (given) => {
      wish = given
      return room
    },
    nowMs: () => clock.nowMs,
  })
  await frame.start()
  const say = (word: object) => frame.hear({ source: host, origin: SITE, data: { weft: 1, ...word } })
  const cleared = () => wish?.cleared()
  return { frame, look, seen, clock, say, did, cleared, values }
}

it('a key that is revoked is told when the panel is shown, and not asked for all the time', async () => {
  const { frame, look, seen, clock, say, did } = await opened()
  await frame.choose('use')
  seen.value = fail('partner-revoked', '')
  say({ kind: 'shown', shown: true })
  expect(look).toHaveBeenCalledTimes(1)
  clock.nowMs += EMBED_LOOK_MS_MIN
  say({ kind: 'shown', shown: false })
  expect(look).toHaveBeenCalledTimes(1)
  for (const shown of [true, true]) say({ kind: 'shown', shown })
  expect(look).toHaveBeenCalledTimes(2)
  await vi.waitFor(() => expect(frame.failure?.code).toBe('partner-revoked'))
  expect(did.map(([name]) => name)).toContain('close')
})

it('an outage meanwhile changes nothing', async () => {
  const { frame, look, seen, clock, say } = await opened()
  await frame.choose('use')
  for (const code of ['source-unreachable', 'ledger-away'] as const) {
    seen.value = fail(code, '')
    clock.nowMs += EMBED_LOOK_MS_MIN
    say({ kind: 'shown', shown: true })
    await vi.waitFor(() => expect(look.mock.settledResults.at(-1)?.type).toBe('fulfilled'))
  }
  expect(look).toHaveBeenCalledTimes(3)
  expect([frame.failure, frame.stage]).toEqual([null, 'open'])
})

it('the first answer of a visit waits for what the key says, a later one does not', async () => {
  const first = await opened()
  await first.frame.choose('use')
  first.clock.nowMs += EMBED_LOOK_MS_MIN
  first.seen.value = fail('partner-revoked', '')
  expect(await first.cleared()).toBe(false)
  expect(first.frame.failure?.code).toBe('partner-revoked')
  const later = await opened()
  await later.frame.choose('use')
  expect(await later.cleared()).toBe(true)
  expect(later.look).toHaveBeenCalledTimes(1)
  later.clock.nowMs += EMBED_LOOK_MS_MIN
  later.seen.value = fail('partner-revoked', '')
  expect(await later.cleared()).toBe(true)
  await vi.waitFor(() => expect(later.frame.failure?.code).toBe('partner-revoked'))
})

it('remembers the share of the time with the consent, and gives it again', async () => {
  const first = await opened()
  first.frame.duty = 0.25
  await first.frame.choose('give')
  const rows: unknown = JSON.parse(first.values.get('weft-widget-consents') ?? '[]')
  expect(rows).toEqual([[`${SITE} own open`, 'give', 0.25]])
  const again = await opened([`${SITE} own open`, 'give', 0.25])
  expect(again.frame.duty).toBe(0.25)
  expect(again.did).toContainEqual(['give', 0.25])
})

it('hands a question of the page to the room as one of the page', async () => {
  const { frame, say, did } = await opened()
  say({ kind: 'ask', text: 'Before?' })
  expect(frame.draft).toBe('Before?')
  await frame.choose('use')
  say({ kind: 'ask', text: 'After?' })
  expect(did).toContainEqual(['offer', 'Before?'])
  expect(did).toContainEqual(['hear', 'After?'])
  frame.ask()
  say({ kind: 'ask', text: 'Meanwhile?' })
  expect(did).not.toContainEqual(['hear', 'Meanwhile?'])
  await frame.choose('use')
  expect(did).toContainEqual(['offer', 'Meanwhile?'])
})
