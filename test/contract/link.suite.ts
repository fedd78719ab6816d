/** What every link promises, whatever carries it. Runs in Node and in a page. */
import { describe, expect, it } from 'vitest'
import type { Link } from '../../web/mesh/link.ts'
import { WORDS_BURST_MAX } from '../../web/wire/limits/links.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import type { PeerFrame } from '../../web/wire/peer-frame.ts'
import { fail } from '../../web/wire/result.ts'

export interface LinkPair {
  readonly a: Link
  readonly b: Link
  /** Waits for what is on its way; time passes as the carrier needs it. */
  until(condition: () => boolean): Promise<void>
}

const REQUEST = '0123456789abcdef0123456789abcdef'

function hidden(position: number, count: number, width: number): PeerFrame {
  const rows = Float32Array.from({ length: count * width }, (_, index) => position + index / 7)
  const at = { request: REQUEST, epoch: 3, position, count, mode: 'prefill' as const }
  return { type: 'hidden', ...at, sample: false, rebuild: false, width, rows }
}

const token = (position: number): PeerFrame => ({
  type: 'token',
  request: REQUEST,
  epoch: 3,
  position,
  id: position * 7,
})

export function linkSuite(name: string, connect: () => Promise<LinkPair>): void {
  describe(`a link: ${name}`, () => {
    it('brings words and frames both ways, whole and in order', async () => {
      const { a, b, until } = await connect()
      const heard: PeerSays[] = []
      const frames = { a: [] as PeerFrame[], b: [] as PeerFrame[] }
      b.onSays((message) => heard.push(message))
      a.onFrame((frame) => frames.a.push(frame))
      b.onFrame((frame) => frames.b.push(frame))
      const sent = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? token(index) : hidden(index, 1, 576)))
      for (const frame of sent) void a.send(frame, 'now')
      for (const frame of sent) void b.send(frame, 'now')
      const words: readonly PeerSays[] = [{ says: 'alive' }, { says: 'close', request: REQUEST }, { says: 'draining' }]
      for (const message of words) void a.say(message)
      await until(() => heard.length === 3 && frames.a.length === 40 && frames.b.length === 40)
      expect(heard).toEqual(words)
      expect(frames.a).toEqual(sent)
      expect(frames.b).toEqual(sent)
      a.close(fail('link-closed', ''))
    })

    it('carries a long prefill, and a token passes it', async () => {
      const { a, b, until } = await connect()
      const order: string[] = []
      b.onFrame((frame) => order.push(frame.type))
      const long = a.send(hidden(0, 256, 16_384), 'bulk')
      const short = a.send(token(9), 'now')
      await until(() => order.length === 2)
      expect(order).toEqual(['token', 'hidden'])
      expect([(await long).ok, (await short).ok]).toEqual([true, true])
      expect(a.stats.tensors.queuedBytes).toBe(0)
      expect(b.stats.tensors.receivedBytes).toBe(a.stats.tensors.sentBytes)
      a.close(fail('link-closed', ''))
    })

    it('ends once on both sides, and what is sent afterwards is refused', async () => {
      const { a, b, until } = await connect()
      let ends = 0
      void b.closed.then(() => {
        ends += 1
      })
      a.close(fail('aborted', 'Enough.'))
      a.close(fail('link-closed', 'Never said.'))
      expect(await a.closed).toMatchObject({ code: 'aborted' })
      expect(await a.say({ says: 'alive' })).toMatchObject({ ok: false, code: 'aborted' })
      expect(await a.send(token(1), 'now')).toMatchObject({ ok: false, code: 'aborted' })
      await until(() => ends === 1)
      expect((await b.send(token(1), 'now')).ok).toBe(false)
    })

    it('tells its round trip once it was asked for', async () => {
      const { a, b, until } = await connect()
      a.onSays(() => {})
      b.onSays(() => {})
      expect(a.roundTripMs).toBeNull()
      a.ping()
      await until(() => a.roundTripMs !== null)
      expect(a.roundTripMs).toBeGreaterThanOrEqual(0)
      expect(b.roundTripMs).toBeNull()
      a.close(fail('link-closed', ''))
    })

    it.each([Number.NaN, Number.POSITIVE_INFINITY])('closes where hidden states are %d', async (value) => {
      const { a, b, until } = await connect()
      const ends: string[] = []
      const frames: PeerFrame[] = []
      void b.closed.then(({ code }) => ends.push(code))
      b.onFrame((frame) => frames.push(frame))
      void a.send({ ...hidden(0, 1, 4), rows: Float32Array.of(0, value, 0, 0) } as PeerFrame, 'now')
      await until(() => ends.length === 1)
      expect([ends, frames]).toEqual([['frame-invalid'], []])
    })

    it('closes where the other side says more than it has reason to', async () => {
      const { a, b, until } = await connect()
      const ends: string[] = []
      void b.closed.then(({ code }) => ends.push(code))
      b.onSays(() => {})
      for (let count = 0; count < 2 * WORDS_BURST_MAX; count += 1) void a.say({ says: 'alive' })
      await until(() => ends.length === 1)
      expect(ends).toEqual(['link-flooded'])
    })
  })
}
