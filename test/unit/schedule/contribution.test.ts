/**
 * What a contribution says of itself, with a clock in hand: to the server how fast it is at its pace and whether it is seen, to
 * askers how long their tokens were here; when it measures itself, and that a stop tells the askers first.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Frame } from '../../../web/engine/stage.ts'
import type { Link } from '../../../web/mesh/link.ts'
import { Contribution } from '../../../web/schedule/contribution.ts'
import type { ServedStage } from '../../../web/schedule/hop.ts'
import type { PricedModel } from '../../../web/wire/active-parameters.ts'
import { OWN_MEASURE_MS } from '../../../web/wire/limits/giving.ts'
import { ALIVE_MS } from '../../../web/wire/limits/mesh.ts'
import type { PeerSays } from '../../../web/wire/peer-control.ts'
import { ok } from '../../../web/wire/result.ts'
import type { Holding } from '../../../web/wire/signal-events.ts'
import { SimClock } from '../../support/sim-clock.ts'
import { claimsWith } from '../../support/ticket-claims.ts'

const SPAN = { first: 0, last: 4 }
const REQUEST = '0123456789abcdef0123456789abcdef'
const SAMPLER = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: '0'.repeat(16) }
const PLACE = { span: SPAN, before: null, after: null, head: 'me', tail: 'me' }

let clock: SimClock
let shown: boolean
let frameMs: number
let run: Frame[]
let said: PeerSays[]
let told: Omit<Holding, 'room'>[]
let priced: PricedModel[]
let contribution: Contribution
let asker: Link

beforeEach(async () => {
  clock = new SimClock()
  ;[shown, frameMs, run, said, told, priced] = [true, 6, [], [], [], []]
  const stage: ServedStage = {
    facts: { range: SPAN, layers: 4, width: 8, vocabulary: 99, contextLength: 4_096, numericClass: 'test' } as never,
    open: async () => ok(null),
    truncate: async () => ok(null),
    close: async () => {},
    run: (frame) =>
      new Promise((resolve) => {
        run.push(frame)
        clock.later(frameMs, () => resolve(ok({ kind: 'token', id: 7 })))
      }),
  }
  const loaded = { stage, model: { id: 'm', activeParameters: 9 } as never, msPerLayer: 1.5 }
  contribution = new Contribution({
    worker: {
      adapter: async () => ok('test'),
      load: async () => ok(loaded),
      unload: async () => {},
      ping: async () => ok(null),
      end: () => {},
    },
    assign: async () => ok({ span: SPAN, numericClass: null }),
    say: (presence) => told.push(presence),
    linkTo: () => asker,
    connect: async () => ok(null),
    every: clock.every,
    admit: async (_asker, _open, model) => {
      priced.push(model)
      return ok(claimsWith())
    },
    visible: () => shown,
    nowMs: () => clock.nowMs,
    onChange: () => {},
  })
  asker = {
    peer: 'asker',
    say: async (message: PeerSays) => {
      said.push(message)
      return ok(null)
    },
    send: async () => ok(null),
  } as never
  await contribution.start({ kind: 'mirror', id: 'm' }, { id: 'm', layers: 4 }, 4, () => {})
})

const lately = () => told.at(-1)
const pass = (ms: number) => clock.until(() => false, clock.nowMs + ms)

async function open(): Promise<void> {
  const about = { request: REQUEST, epoch: 1 }
  contribution.hear(asker, { says: 'open', ...about, ticket: '', place: PLACE, positions: 64, sampler: SAMPLER })
  expect(await clock.until(() => said.some(({ says }) => says === 'opened'), clock.nowMs + 100)).toBe(true)
}

function send(position: number): void {
  const rows = { request: REQUEST, epoch: 1, position, count: 1, mode: 'decode', sample: true, rebuild: false } as const
  contribution.take(asker, { type: 'tokens', ...rows, ids: Uint32Array.of(3) })
}

describe('to the server', () => {
  it('it says how fast it is at its pace, and at once when that or its being seen changes', async () => {
    expect(lately()).toMatchObject({ visible: true, held: [{ span: SPAN, msPerLayer: 1.5 }] })
    contribution.pace(0.25)
    expect(lately()).toMatchObject({ held: [{ msPerLayer: 6 }] })
    shown = false
    contribution.tell()
    expect(lately()).toMatchObject({ visible: false, held: [{ msPerLayer: 6 }] })
    await contribution.stop()
    expect(lately()).toMatchObject({ held: [] })
    const count = told.length
    contribution.tell()
    expect(told.length).toBe(count)
  })
})

describe('to its askers', () => {
  it('it lets a ticket in by what it knows of the model that it has', async () => {
    await open()
    expect(priced).toEqual([{ id: 'm', layers: 4, activeParameters: 9 }])
  })

  it('it says how long their tokens were here, rests included, and only what is new', async () => {
    await open()
    const alive = () => said.flatMap((word) => (word.says === 'alive' ? [word.frameMs] : []))
    for (const position of [0, 1, 2]) send(position)
    await pass(ALIVE_MS)
    // The three came at once and were computed at once.
    expect(alive()).toEqual([6])
    await pass(ALIVE_MS)
    expect(alive()).toEqual([6, undefined])
    contribution.pace(0.5)
    for (const position of [3, 4, 5]) send(position)
    await pass(ALIVE_MS)
    // 6, then 6 more after each rest of 6: the middle one waited for one frame and one rest.
    expect(alive()).toEqual([6, undefined, 18])
    expect(contribution.positions).toBe(6)
  })

  it('it says that it is leaving before it frees anything', async () => {
    await open()
    await contribution.stop()
    expect(said.at(-1)).toEqual({ says: 'draining' })
    expect(contribution.serving).toBe(0)
  })
})

describe('its own speed', () => {
  it('is measured while nobody asks, visible and hidden, and then no more', async () => {
    await pass(3 * OWN_MEASURE_MS)
    const visible = run.length
    expect(visible).toBeGreaterThan(0)
    await pass(5 * OWN_MEASURE_MS)
    expect([run.length, contribution.hiddenSlowdown]).toEqual([visible, null])
    ;[shown, frameMs] = [false, 15]
    await pass(3 * OWN_MEASURE_MS)
    expect([contribution.hiddenSlowdown, contribution.positions]).toEqual([2.5, 0])
  })

  it('is not measured while somebody asks', async () => {
    await open()
    await pass(5 * OWN_MEASURE_MS)
    expect(run).toEqual([])
  })
})
