/** What the frame hears of the page around it, and what it does not. */
import { expect, it } from 'vitest'
import { Bridge, hostOrigin, type Posted } from '../../../web/widget/bridge.ts'
import type { HostWord } from '../../../web/wire/embed-words.ts'
import {
  EMBED_QUESTION_CHARACTERS_MAX,
  EMBED_WORDS_BURST,
  EMBED_WORDS_PER_SECOND,
} from '../../../web/wire/limits/partners.ts'

const SITE = 'https://shop.example'
const OTHER = 'https://other.example'

function opened(origin: string | null = null) {
  const posted: { readonly word: unknown; readonly to: string }[] = []
  const host = { postMessage: (word: unknown, to: unknown) => void posted.push({ word, to: String(to) }) } as Window
  const heard: HostWord[] = []
  const ports: (MessagePort | undefined)[] = []
  const clock = { nowMs: 0 }
  const bridge = new Bridge([SITE, OTHER], origin, {
    host,
    nowMs: () => clock.nowMs,
    onWord: (word, port) => {
      heard.push(word)
      ports.push(port)
    },
  })
  const say = (data: unknown, more: Partial<Posted> = {}) => bridge.hear({ source: host, origin: SITE, data, ...more })
  return { bridge, say, heard, ports, posted, clock }
}

const ask = (text: string) => ({ weft: 1, kind: 'ask', text })

it('hears the page around it, from an origin of the key', () => {
  const { say, heard } = opened(SITE)
  say(ask('One?'))
  say(ask('Two?'), { source: {} as Window })
  say(ask('Three?'), { origin: 'https://elsewhere.example' })
  // Of the key, and not the one that the frame stands in.
  say(ask('Four?'), { origin: OTHER })
  expect(heard).toEqual([{ kind: 'ask', text: 'One?' }])
})

it('where nobody tells the origin, keeps to the first that it heard', () => {
  const { bridge, say, heard, posted } = opened()
  bridge.say({ kind: 'close' })
  expect(posted.map(({ to }) => to)).toEqual([SITE, OTHER])
  say(ask('One?'), { origin: OTHER })
  say(ask('Two?'))
  bridge.say({ kind: 'close' })
  expect(heard).toHaveLength(1)
  expect(posted.slice(2).map(({ to }) => to)).toEqual([OTHER])
})

it('takes nothing that is malformed, long, or has many fields', () => {
  const { say, heard } = opened(SITE)
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`f${index}`, 1]))
  for (const data of [null, 'ask', 7, { kind: 'ask', text: 'x' }, { ...ask('x'), ...many }, { weft: 1, kind: 'eval' }])
    say(data)
  say(ask('x'.repeat(EMBED_QUESTION_CHARACTERS_MAX + 1)))
  expect(heard).toEqual([])
})

it('is deaf to who says too much, for good; a steady page is heard', () => {
  const { bridge, say, heard, clock } = opened(SITE)
  for (let second = 0; second < 20; second += 1) {
    clock.nowMs += 1_000
    for (let word = 0; word < EMBED_WORDS_PER_SECOND; word += 1) say(ask('Steady?'))
  }
  expect(bridge.deaf).toBe(false)
  for (let word = 0; word <= EMBED_WORDS_BURST; word += 1) say({ not: 'ours' })
  expect(bridge.deaf).toBe(true)
  const count = heard.length
  clock.nowMs += 3_600_000
  say(ask('Later?'))
  expect(heard).toHaveLength(count)
})

it('learns of its page by its ancestors, else by where it was asked from', () => {
  expect(hostOrigin([SITE, OTHER], '')).toBe(SITE)
  expect(hostOrigin(undefined, `${OTHER}/`)).toBe(OTHER)
  expect(hostOrigin(undefined, '')).toBeNull()
})

it('hands on the port of a call, from the page alone', () => {
  const { say, heard, ports } = opened(SITE)
  const { port1, port2 } = new MessageChannel()
  say({ weft: 1, kind: 'call', path: 'conversations' }, { ports: [port2] })
  say({ weft: 1, kind: 'call' }, { ports: [port2], source: {} as Window })
  say({ weft: 1, kind: 'call' })
  expect(heard).toEqual([{ kind: 'call' }, { kind: 'call' }])
  expect(ports).toEqual([port2, undefined])
  port1.close()
})
