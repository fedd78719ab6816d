/** Pipes over a channel in memory: every message whole and in its class's order, urgent before bulk, memory bounded. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChannelPipe } from '../../../web/mesh/pipe.ts'
import {
  BULK_SLICE_BYTES,
  PEER_FRAME_BYTES_MAX,
  PIPE_BUFFER_HIGH_BYTES,
  PIPE_QUEUE_BYTES_MAX,
  URGENT_SLICE_BYTES,
} from '../../../web/wire/limits/links.ts'
import { MIB } from '../../../web/wire/limits/units.ts'
import { fail } from '../../../web/wire/result.ts'
import { MemoryChannel } from '../../support/memory-channel.ts'
import { SimClock } from '../../support/sim-clock.ts'

function pair(delayMs = 25, bytesPerMs = 5_000) {
  const clock = new SimClock()
  const [near, far] = MemoryChannel.pair({ later: clock.later, delayMs, bytesPerMs })
  const got: Uint8Array[] = []
  const pipes = [new ChannelPipe(near), new ChannelPipe(far)] as const
  pipes[1].onMessage((message) => got.push(message))
  return { clock, near, far, a: pipes[0], b: pipes[1], got }
}

const filled = (length: number, value: number) => new Uint8Array(length).fill(value)

describe('a pipe', () => {
  it('brings every message whole, in the order of its class', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20_000 }), fc.constantFrom('now' as const, 'bulk' as const)), {
          minLength: 1,
          maxLength: 12,
        }),
        async (messages) => {
          const { clock, a, got } = pair()
          const results = messages.map(([length, urgency], index) => a.send(filled(length, index + 1), urgency))
          await clock.until(() => got.length === messages.length)
          expect((await Promise.all(results)).every(({ ok }) => ok)).toBe(true)
          const order = (urgency: string) =>
            messages.flatMap(([length, own], index) => (own === urgency && length > 0 ? [index + 1] : []))
          const arrived = got.flatMap((message) => (message.length > 0 ? [message[0] ?? 0] : []))
          for (const urgency of ['now', 'bulk']) {
            expect(arrived.filter((value) => order(urgency).includes(value))).toEqual(order(urgency))
          }
          for (const message of got) {
            const index = (message[0] ?? 0) - 1
            const whole = Buffer.from(filled(messages[index]?.[0] ?? 0, index + 1))
            if (message.length > 0) expect(whole.equals(message)).toBe(true)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it('lets an urgent message pass in the middle of a bulk one', async () => {
    const { clock, a, got, near } = pair(10, 100)
    void a.send(filled(8 * MIB - 8 * 128, 1), 'bulk')
    await clock.until(() => near.sizes.length > 70)
    void a.send(filled(10_000, 2), 'now')
    await clock.until(() => got.length === 2)
    expect(got.map((message) => message[0])).toEqual([2, 1])
    expect(near.sizes.filter((size) => size <= URGENT_SLICE_BYTES)).toEqual([4_096, 4_096, 1_832])
  })

  it('never fills the buffer of the channel, nor its own queue', async () => {
    const { clock, a, near, got } = pair()
    const message = filled(PEER_FRAME_BYTES_MAX, 1)
    const results = [a.send(message, 'bulk'), a.send(message, 'bulk')]
    expect(await a.send(filled(1, 1), 'now')).toMatchObject({ ok: false, code: 'link-congested' })
    expect(a.stats.queuedBytes).toBe(PIPE_QUEUE_BYTES_MAX)
    await clock.until(() => got.length === 2)
    expect((await Promise.all(results)).every(({ ok }) => ok)).toBe(true)
    expect(near.peakBufferedBytes).toBeLessThan(PIPE_BUFFER_HIGH_BYTES + BULK_SLICE_BYTES + 1)
    expect(a.stats.queuedBytes).toBe(0)
    expect(await a.send(new Uint8Array(PEER_FRAME_BYTES_MAX + 1), 'bulk')).toMatchObject({ code: 'message-too-large' })
  })

  it('ends once, on both sides, and whoever waits learns of it', async () => {
    const { clock, a, b, near } = pair(10, 1)
    const waiting = a.send(filled(PIPE_BUFFER_HIGH_BYTES * 2, 1), 'bulk')
    a.close(fail('aborted', 'Enough.'))
    a.close(fail('link-closed', 'Never said.'))
    expect(await waiting).toMatchObject({ code: 'aborted' })
    expect(await a.closed).toMatchObject({ code: 'aborted' })
    expect(await a.send(filled(1, 1), 'now')).toMatchObject({ code: 'aborted' })
    expect(near.readyState).toBe('closed')
    let end: unknown = null
    void b.closed.then((reason) => {
      end = reason
    })
    await clock.until(() => end !== null)
    expect(end).toMatchObject({ code: 'link-closed' })
  })

  it('closes on a peer that does not keep to the format', async () => {
    for (const data of ['text', new ArrayBuffer(3), Uint32Array.of(0, 5, 1).buffer, null]) {
      const { near, b } = pair()
      near.inject(data)
      expect(await b.closed).toMatchObject({ code: 'frame-invalid' })
    }
  })

  it('keeps what comes before it is listened to, within a bound', async () => {
    const { clock, a, b } = pair()
    const late: Uint8Array[] = []
    void b.send(filled(5, 7), 'now')
    void b.send(filled(6, 8), 'now')
    await clock.until(() => a.stats.receivedBytes === 5 + 6 + 16)
    a.onMessage((message) => late.push(message))
    expect(late.map(({ length }) => length)).toEqual([5, 6])
  })
})
