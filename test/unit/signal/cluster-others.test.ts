/** The numbers of words between processes: what is missing is asked for, what is old or of nobody is left out. */
import { beforeEach, expect, it } from 'vitest'
import { Others } from '../../../signal/cluster/others.ts'
import type { Fact, Word } from '../../../signal/cluster/words.ts'
import { CLUSTER_AWAY_MS, CLUSTER_FACTS_MAX, CLUSTER_PROCESSES_MAX } from '../../../signal/config.ts'
import { DeviceKey, makeKey } from '../../../web/account/device-key.ts'
import { TICKET_SKEW_MS, TICKET_START_MS } from '../../../web/wire/limits/mesh.ts'
import type { TicketKey } from '../../../web/wire/tickets.ts'

const OTHER = 'o'.repeat(22)
const keyOf = (kid: string): TicketKey => ({ kid, kty: 'OKP', crv: 'Ed25519', x: 'x' })
const roomFact = (room: string): Fact => ({ on: 'room', peer: PEER_ID, wish: { kind: 'quit', room: room.repeat(22) } })

let PEER_ID: string
let nowMs: number
let told: Word[]
let news: string[]
let own: readonly Fact[]
let others: Others

beforeEach(async () => {
  PEER_ID = `${(await DeviceKey.of(await makeKey())).name}/${'r'.repeat(22)}`
  nowMs = 1_000_000
  told = []
  news = []
  own = []
  others = new Others({
    nowMs: () => nowMs,
    tell: (word) => told.push(word),
    keys: () => [keyOf('own')],
    all: () => own,
    facts: (_, facts) =>
      news.push(
        ...facts.map((fact) => (fact.on === 'room' && 'room' in fact.wish ? (fact.wish.room[0] ?? '') : fact.on)),
      ),
    allBegins: () => news.push('begins'),
    allEnds: () => news.push('ends'),
    lost: () => news.push('lost'),
    keysChanged: () => news.push('keys'),
  })
})

const beat = (seq: number, process = OTHER, kids: readonly string[] = ['other']) =>
  others.hear({ process, say: 'beat', seq, keys: kids.map(keyOf), isNew: false })
const change = (seq: number, ...rooms: readonly string[]) =>
  others.hear({ process: OTHER, say: 'change', seq, facts: rooms.map(roomFact) })
const all = (seq: number, piece: number, pieces: number, ...rooms: readonly string[]) =>
  others.hear({ process: OTHER, say: 'all', seq, piece, pieces, facts: rooms.map(roomFact) })
const asked = () => told.filter(({ say }) => say === 'ask').length

it('changes count from all that was told; a missing one asks for all again, once between two looks', () => {
  beat(4)
  expect([asked(), others.inStep]).toEqual([1, 0])
  change(5, 'a')
  all(5, 0, 2, 'b')
  all(5, 1, 2, 'c')
  change(6, 'd')
  expect(others.inStep).toBe(1)
  change(6, 'e')
  change(8, 'f')
  change(9, 'g')
  expect(news).toEqual(['keys', 'begins', 'b', 'c', 'ends', 'd'])
  expect([asked(), others.inStep]).toEqual([1, 0])
  others.look()
  beat(9)
  expect(asked()).toBe(2)
  all(9, 0, 1, 'h')
  change(10, 'i')
  expect(news.slice(6)).toEqual(['begins', 'h', 'ends', 'i'])
})

it('a missing piece spoils what is being told, and who is in step does not listen', () => {
  beat(1)
  all(1, 1, 2, 'a')
  all(1, 0, 3, 'b')
  all(1, 2, 3, 'c')
  all(1, 1, 3, 'd')
  expect([others.inStep, news]).toEqual([0, ['keys', 'begins', 'b']])
  all(2, 0, 1, 'e')
  all(2, 0, 1, 'f')
  expect([others.inStep, news.slice(3)]).toEqual([1, ['begins', 'e', 'ends']])
})

it('all is told in pieces to whoever asks, once for those who ask together, with the number that it is after', async () => {
  own = Array.from({ length: CLUSTER_FACTS_MAX + 1 }, () => roomFact('x'))
  others.tell(own)
  for (const process of [OTHER, 'q'.repeat(22)]) others.hear({ process, say: 'ask', of: others.self })
  others.hear({ process: OTHER, say: 'ask', of: 'q'.repeat(22) })
  await expect.poll(() => told.filter(({ say }) => say === 'all').length).toBe(2)
  const sizes = told.map((word) => ('facts' in word ? [word.say, word.seq, word.facts.length] : [word.say]))
  expect(sizes).toEqual([
    ['change', 1, CLUSTER_FACTS_MAX],
    ['change', 2, 1],
    ['all', 2, CLUSTER_FACTS_MAX],
    ['all', 2, 1],
  ])
})

it('one that says nothing is lost, and its keys are told until the last of its tickets can have started', () => {
  beat(0)
  nowMs += CLUSTER_AWAY_MS - 1
  others.look()
  expect(news).toEqual(['keys'])
  nowMs += 1
  others.look()
  expect(news).toEqual(['keys', 'lost'])
  const kids = () => others.keys([keyOf('own')]).map(({ kid }) => kid)
  expect(kids()).toEqual(['own', 'other'])
  nowMs += TICKET_START_MS + TICKET_SKEW_MS - 1
  others.look()
  expect(kids()).toEqual(['own', 'other'])
  nowMs += 1
  others.look()
  expect(kids()).toEqual(['own'])
})

it('more processes than may know of each other are not heard', () => {
  for (let index = 0; index <= CLUSTER_PROCESSES_MAX; index += 1)
    beat(0, String(index).padStart(22, 'p'), [`k${index}`])
  expect(others.keys([])).toHaveLength(CLUSTER_PROCESSES_MAX)
})
