/** Pairings of one process and of several: a code opens one once and in time, and nobody outside a pairing says anything in it. */
import { beforeEach, describe, expect, it } from 'vitest'
import { readPairFact } from '../../../signal/cluster/pair-facts.ts'
import { PAIR_OFFER_RATE, PAIR_OFFERS_MAX, PAIR_TAKE_RATE } from '../../../signal/config.ts'
import { Pairings } from '../../../signal/sockets/pairings.ts'
import { PAIR_CODE_MS } from '../../../web/wire/limits/pairings.ts'
import { type PairWord, readPairCode, type WindowState } from '../../../web/wire/pairings.ts'
import type { PeerId } from '../../../web/wire/peers.ts'
import { ok } from '../../../web/wire/result.ts'

const peer = (name: string): PeerId => `ed25519:${'A'.repeat(43)}/${name.padEnd(22, '0')}`
const [FRAME, WINDOW, OTHER] = [peer('frame'), peer('window'), peer('other')]
const GIVES: WindowState = { giving: 'serving', model: 'Tiny', tokens: 7 }
const SITE = 'Garden'

let nowMs: number
let told: (readonly [PeerId, PairWord['kind']])[]
/** What is on its way between processes. */
let wire: (() => void)[]
let processes: Pairings[]
/** Tabs that have a process. */
let homes: Set<PeerId>

beforeEach(() => {
  nowMs = 1_000_000
  told = []
  wire = []
  processes = []
  homes = new Set()
})

/** One that has the sockets of these, and tells all others what it shares, later and in order. */
function process(...here: PeerId[]): Pairings {
  const own: Pairings = new Pairings({
    nowMs: () => nowMs,
    isHere: (one) => here.includes(one),
    isElsewhere: (one) => !here.includes(one) && homes.has(one),
    tell: (one, { kind }) => void told.push([one, kind]),
    share: (one, fact) =>
      void wire.push(() => {
        const read = readPairFact(JSON.parse(JSON.stringify(fact)))
        for (const other of processes) if (other !== own) other.hear(one, read)
      }),
  })
  processes.push(own)
  for (const one of here) homes.add(one)
  return own
}

function carry(): void {
  while (wire.length > 0) wire.shift()?.()
}

function codeOf(at: Pairings, frame = FRAME): string {
  const offer = at.offer(frame, SITE, '10.0.0.1')
  if (!offer.ok) throw new Error(offer.code)
  expect(offer.value.untilMs).toBe(nowMs + PAIR_CODE_MS)
  expect(readPairCode(offer.value.code)).toBe(offer.value.code)
  return offer.value.code
}

const REFUSED = { ok: false, code: 'pair-code' }
const PAIRED = [
  [FRAME, 'paired'],
  [WINDOW, 'paired'],
]

describe('a code', () => {
  it('pairs its frame with who takes it, once', () => {
    const at = process(FRAME, WINDOW, OTHER)
    const code = codeOf(at)
    expect(at.take(WINDOW, code, '10.0.0.2')).toEqual(ok({ site: SITE }))
    expect(told).toEqual(PAIRED)
    expect(at.take(OTHER, code, '10.0.0.2')).toMatchObject(REFUSED)
    expect(at.look(FRAME)).toEqual(ok(null))
    expect(at.look(OTHER)).toMatchObject({ ok: false, code: 'peer-unknown' })
  })

  it('that is wrong, too old, of a frame that went, or was followed by another opens nothing', () => {
    const at = process(FRAME, WINDOW)
    const old = codeOf(at)
    nowMs += PAIR_CODE_MS
    expect(at.take(WINDOW, old, 'a')).toMatchObject(REFUSED)
    const before = codeOf(at)
    const newer = codeOf(at)
    expect(at.take(WINDOW, before, 'a')).toMatchObject(REFUSED)
    expect(at.take(WINDOW, '0'.repeat(12), 'a')).toMatchObject(REFUSED)
    expect(at.take(FRAME, newer, 'a')).toMatchObject(REFUSED)
    at.gone(FRAME)
    expect(at.take(WINDOW, newer, 'a')).toMatchObject(REFUSED)
    expect(told).toEqual([])
  })

  it('of a frame that is between two connections is kept until it is back', () => {
    const here = [FRAME, WINDOW]
    const own = new Pairings({
      nowMs: () => nowMs,
      isHere: (one) => here.includes(one),
      isElsewhere: () => false,
      tell: (one, { kind }) => void told.push([one, kind]),
      share: () => {},
    })
    const code = codeOf(own)
    here.shift()
    expect(own.take(WINDOW, code, 'a')).toMatchObject(REFUSED)
    here.push(FRAME)
    expect(own.take(WINDOW, code, 'a')).toEqual(ok({ site: SITE }))
  })

  it('is as good until the last moment', () => {
    const at = process(FRAME, WINDOW)
    const code = codeOf(at)
    nowMs += PAIR_CODE_MS - 1
    expect(at.take(WINDOW, code, 'a').ok).toBe(true)
  })
})

describe('how many', () => {
  it('one address tries and asks for so many, and others are not kept from it', () => {
    const at = process(FRAME, WINDOW)
    for (let tries = 0; tries < PAIR_TAKE_RATE.burst; tries += 1)
      expect(at.take(WINDOW, '0'.repeat(12), 'bad')).toMatchObject(REFUSED)
    for (let asked = 0; asked < PAIR_OFFER_RATE.burst; asked += 1) expect(at.offer(FRAME, SITE, 'bad').ok).toBe(true)
    expect(at.offer(FRAME, SITE, 'bad')).toMatchObject({ code: 'pair-busy' })
    const code = codeOf(at)
    // Also the right one: whoever guesses does not learn that it was.
    expect(at.take(WINDOW, code, 'bad')).toMatchObject({ code: 'pair-busy' })
    expect(at.take(WINDOW, code, 'good').ok).toBe(true)
  })

  it('codes are open at once, until old ones end', () => {
    const at = process()
    for (let open = 0; open < PAIR_OFFERS_MAX; open += 1)
      expect(at.offer(peer(`${open}x`), SITE, `${open}`).ok).toBe(true)
    expect(at.offer(FRAME, SITE, 'a')).toMatchObject({ code: 'pair-busy' })
    nowMs += PAIR_CODE_MS
    expect(at.offer(FRAME, SITE, 'a').ok).toBe(true)
  })
})

describe('a pairing', () => {
  it('carries what a window gives to its frame, and the stop of the frame to it; nobody else says anything in it', () => {
    const at = process(FRAME, WINDOW, OTHER)
    at.take(WINDOW, codeOf(at), 'a')
    told = []
    expect(at.say(WINDOW, GIVES)).toEqual(ok(null))
    expect(at.stop(FRAME)).toEqual(ok(null))
    expect(told).toEqual([
      [FRAME, 'state'],
      [WINDOW, 'stop'],
    ])
    for (const forged of [at.say(FRAME, GIVES), at.stop(WINDOW), at.say(OTHER, GIVES), at.stop(OTHER)])
      expect(forged).toMatchObject({ ok: false, code: 'peer-unknown' })
    expect(told).toHaveLength(2)
  })

  it('ends when either goes or wants no more of it, and the other is told', () => {
    const at = process(FRAME, WINDOW)
    for (const [end, hears] of [
      [() => at.gone(WINDOW), FRAME],
      [() => at.gone(FRAME), WINDOW],
      [() => at.end(WINDOW), FRAME],
      [() => at.end(FRAME), WINDOW],
    ] as const) {
      at.take(WINDOW, codeOf(at), 'a')
      told = []
      end()
      expect(told).toEqual([[hears, 'ended']])
      expect(at.say(WINDOW, GIVES).ok).toBe(false)
    }
  })

  it('is one: a window that takes another code leaves the frame it had, and a frame its window', () => {
    const second = peer('second')
    const at = process(FRAME, WINDOW, OTHER, second)
    at.take(WINDOW, codeOf(at), 'a')
    at.take(WINDOW, codeOf(at, second), 'a')
    expect(told).toContainEqual([FRAME, 'ended'])
    at.take(OTHER, codeOf(at, second), 'a')
    expect(told.filter(([one, kind]) => one === WINDOW && kind === 'ended')).toHaveLength(1)
    expect([at.look(WINDOW).ok, at.look(OTHER).ok]).toEqual([false, true])
  })
})

describe('over several processes', () => {
  it('a code of one is taken at another, each tells its own tab, and the end is told to both', () => {
    const [here, there] = [process(FRAME), process(WINDOW)]
    const code = codeOf(here)
    carry()
    expect(there.take(WINDOW, code, 'a')).toEqual(ok({ site: SITE }))
    carry()
    expect([...told].sort()).toEqual([...PAIRED].sort())
    expect([here.stop(FRAME).ok, there.say(WINDOW, GIVES).ok]).toEqual([true, true])
    told = []
    there.end(WINDOW)
    carry()
    expect(told).toEqual([[FRAME, 'ended']])
    expect(here.look(FRAME).ok).toBe(false)
  })

  it('of two windows that take it at the same moment one has it, and the other is told', () => {
    const [here, there, third] = [process(FRAME), process(WINDOW), process(OTHER)]
    const code = codeOf(here)
    carry()
    expect([there.take(WINDOW, code, 'a').ok, third.take(OTHER, code, 'b').ok]).toEqual([true, true])
    carry()
    expect(told).toContainEqual([OTHER, 'ended'])
    expect([there.look(WINDOW).ok, third.look(OTHER).ok]).toEqual([true, false])
  })

  it('one that comes late knows what is offered and what is paired', () => {
    const here = process(FRAME, OTHER)
    const code = codeOf(here)
    const told = (from: Pairings, to: Pairings) => {
      for (const fact of from.factsOf(FRAME)) to.hear(FRAME, fact)
    }
    const late = process(WINDOW)
    told(here, late)
    expect(late.take(WINDOW, code, 'a').ok).toBe(true)
    carry()
    const later = process()
    told(here, later)
    expect(later.look(WINDOW).ok).toBe(true)
  })

  it('an old code is not kept by one that heard of it late', () => {
    const [here, there] = [process(FRAME), process(WINDOW)]
    const code = codeOf(here)
    carry()
    nowMs += PAIR_CODE_MS
    expect(there.take(WINDOW, code, 'a')).toMatchObject(REFUSED)
  })

  it('a code is good for two minutes here, whatever the clock of the process that made it', () => {
    const there = process(WINDOW)
    homes.add(OTHER)
    const hash = 'a'.repeat(43)
    there.hear(OTHER, { kind: 'offer', hash, untilMs: nowMs + 10 * PAIR_CODE_MS, site: SITE })
    expect(there.factsOf(OTHER)).toEqual([{ kind: 'offer', hash, untilMs: nowMs + PAIR_CODE_MS, site: SITE }])
    nowMs += PAIR_CODE_MS
    there.hear(FRAME, { kind: 'offer', hash: 'b'.repeat(43), untilMs: nowMs + 1, site: SITE })
    expect(there.factsOf(OTHER)).toEqual([])
  })
})
