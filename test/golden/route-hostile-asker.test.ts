/**
 * Askers that lie to honest stages, on links in memory: whatever one sends is refused by code, it loses its link, it gets no
 * more than its share, and the answer of another who asks the same stages is the text of one whole stage.
 */
import { describe, expect, it } from 'vitest'
import type { LayerRange } from '../../web/engine/stage.ts'
import { samplerToWire } from '../../web/schedule/sampler-wire.ts'
import { SERVED_PER_ASKER_MAX, SERVED_REQUESTS_MAX } from '../../web/wire/limits/mesh.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import type { PeerFrame } from '../../web/wire/peer-frame.ts'
import { ask, HEAD, load, POSITIONS, PROMPT, TAIL, WHOLE } from '../support/hostile-route.ts'
import { MemoryMesh, type MemoryPeer } from '../support/memory-mesh.ts'
import { onClockOf } from '../support/route-run.ts'
import { SEEDED } from '../support/tiny-stage.ts'

/** An asker that speaks to honest stages by itself. */
async function hostileAsker(say: (links: ReturnType<typeof linksOf>, heard: PeerSays[]) => void | Promise<void>) {
  const mesh = new MemoryMesh()
  const other = mesh.join('other')
  const liar = mesh.join('liar')
  mesh.join('head', await load(HEAD))
  mesh.join('tail', await load(TAIL))
  const heard: PeerSays[] = []
  const leave = liar.exchange.join(OWN, {
    hear: (_, message) => heard.push(message),
    take: () => {},
    gone: () => {},
  })
  const { events, answering } = ask(mesh, other, 'b'.repeat(32), [
    { span: HEAD, peer: 'head', standby: null },
    { span: TAIL, peer: 'tail', standby: null },
  ])
  await say(linksOf(liar, mesh, heard), heard)
  const answered = await onClockOf(mesh, answering, 60_000)
  leave()
  expect(answered.tokens).toEqual(WHOLE)
  expect(events).toEqual([])
  return { heard: heard.filter(({ says }) => says !== 'alive'), ends: mesh.ends }
}

const OWN = 'd'.repeat(32)
const ABOUT = { request: OWN, epoch: 1 }

function linksOf(liar: MemoryPeer, mesh: MemoryMesh, heard: readonly PeerSays[]) {
  const [head, tail] = [liar.exchange.linkTo('head'), liar.exchange.linkTo('tail')]
  if (!head || !tail) throw new Error('there is no link')
  const opened = async (count: number) => {
    await mesh.clock.until(() => heard.filter(({ says }) => says === 'opened').length === count)
  }
  return { head, tail, opened }
}

const open = (span: LayerRange, before: string | null, after: string | null): PeerSays => ({
  says: 'open',
  ...ABOUT,
  ticket: '',
  place: { span, before, after, head: 'head', tail: 'tail' },
  positions: POSITIONS,
  sampler: samplerToWire(SEEDED),
})
const tokens = (position: number, ids: readonly number[]): PeerFrame => ({
  type: 'tokens',
  ...ABOUT,
  position,
  count: ids.length,
  mode: 'prefill',
  sample: false,
  rebuild: false,
  ids: Uint32Array.from(ids),
})

describe('an asker', () => {
  it.each([
    ['that skips positions', 'position-mismatch', tokens(5, PROMPT)],
    ['that names tokens which the model has not', 'frame-invalid', tokens(0, [3, 70_000])],
    ['that sends another stage its frames', 'frame-invalid', { ...tokens(0, []), type: 'ids', ids: Uint32Array.of(1) }],
  ] as const)('%s loses its link, and nobody else a token', async (_, code, frame) => {
    const { ends } = await hostileAsker(async ({ head, opened }) => {
      void head.say(open(HEAD, null, 'tail'))
      await opened(1)
      void head.send(frame as PeerFrame, 'now')
    })
    expect(ends).toContainEqual({ at: 'head', peer: 'liar', code })
  })

  it('that speaks of requests which nobody knows hears so', async () => {
    const { heard, ends } = await hostileAsker(({ head }) => {
      void head.say({ says: 'truncate', ...ABOUT, position: 0, sampler: null, place: null })
      void head.say({ says: 'close', request: 'b'.repeat(32) })
      void head.send({ type: 'token', request: 'b'.repeat(32), epoch: 1, position: 9, id: 5 }, 'now')
    })
    expect(heard).toMatchObject([{ says: 'refused', code: 'session-unknown' }])
    expect(ends).toEqual([])
  })

  it('that has one stage send to another what this one does not expect parts nobody', async () => {
    const { ends } = await hostileAsker(async ({ head, tail, opened }) => {
      void head.say(open(HEAD, null, 'tail'))
      void tail.say(open(TAIL, 'head', null))
      await opened(2)
      // The tail is moved on and the head is not: what the head sends is wrong, and not its fault.
      void tail.send({ type: 'ids', ...ABOUT, position: 0, ids: Uint32Array.from(PROMPT) }, 'now')
      void tail.say({ says: 'truncate', request: OWN, epoch: 1, position: 0, sampler: null, place: null })
      void head.send(tokens(0, PROMPT), 'now')
      void head.send({ ...tokens(0, PROMPT), position: PROMPT.length, epoch: 1 }, 'now')
    })
    expect(ends.filter(({ at, peer }) => at !== 'liar' && peer !== 'liar')).toEqual([])
  })
})

it('a stage tells what it has free, and gives no more', async () => {
  const mesh = new MemoryMesh()
  const requests = Array.from({ length: SERVED_REQUESTS_MAX + 1 }, (_, index) => `${index}`.padStart(32, '0'))
  // One asker alone may not take all.
  const askers = requests.map((_, index) => `asker${Math.floor(index / SERVED_PER_ASKER_MAX)}`)
  for (const name of new Set(askers)) mesh.join(name)
  const { provider } = mesh.join('head', await load(HEAD))
  const heard: PeerSays[] = []
  for (const [index, request] of requests.entries()) {
    const { exchange } = mesh.peer(askers[index] ?? '')
    exchange.join(request, { hear: (_, message) => heard.push(message), take: () => {}, gone: () => {} })
    void exchange.linkTo('head')?.say({ ...open(HEAD, null, null), request } as PeerSays)
  }
  expect(provider?.freePositions).toBe(POSITIONS)
  await mesh.clock.until(() => heard.some(({ says }) => says === 'refused'))
  expect(heard.filter(({ says }) => says === 'opened')).toHaveLength(SERVED_REQUESTS_MAX)
  expect(heard.at(-1)).toMatchObject({ says: 'refused', code: 'kv-full' })
  expect([provider?.serving, provider?.freePositions]).toEqual([SERVED_REQUESTS_MAX, 0])
  void mesh
    .peer('asker0')
    .exchange.linkTo('head')
    ?.say({ says: 'close', request: requests[0] ?? '' })
  await mesh.clock.until(() => provider?.serving === SERVED_REQUESTS_MAX - 1)
  expect(provider?.freePositions).toBe(POSITIONS)
})
