/** Slices of messages: any message in any cut, interleaved with others, is joined again; what nobody cut is refused. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MESSAGES_JOINING_MAX, PEER_FRAME_BYTES_MAX, URGENT_SLICE_BYTES } from '../../../web/wire/limits/links.ts'
import { cutIntoSlices, SLICE_HEADER_BYTES, SliceJoiner } from '../../../web/wire/slices.ts'

const message = fc.uint8Array({ maxLength: 300 })

describe('slices', () => {
  it('are joined to the messages they were cut from, however these are interleaved', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: MESSAGES_JOINING_MAX }),
        fc.integer({ min: SLICE_HEADER_BYTES + 1, max: 100 }),
        fc.array(fc.nat(), { minLength: 400, maxLength: 400 }),
        (messages, sliceBytes, turns) => {
          const queues = messages.map((bytes, number) => [...cutIntoSlices(number, bytes, sliceBytes)])
          const joiner = new SliceJoiner(PEER_FRAME_BYTES_MAX, sliceBytes)
          const got: Uint8Array[] = []
          for (let turn = 0; queues.some((queue) => queue.length > 0); turn += 1) {
            const waiting = queues.filter((queue) => queue.length > 0)
            const slice = waiting[(turns[turn % turns.length] ?? 0) % waiting.length]?.shift()
            expect(slice?.length).toBeLessThanOrEqual(sliceBytes)
            const taken = joiner.take(slice ?? new Uint8Array())
            expect(taken.ok).toBe(true)
            if (taken.ok && taken.value) got.push(taken.value)
          }
          const texts = (list: readonly Uint8Array[]) => list.map((bytes) => Buffer.from(bytes).toString('hex')).sort()
          expect(texts(got)).toEqual(texts(messages))
        },
      ),
    )
  })

  it('of any bytes end in a message or a refusal', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 24 }), { maxLength: 30 }), (slices) => {
        const joiner = new SliceJoiner()
        for (const slice of slices) {
          const taken = joiner.take(slice)
          if (!taken.ok) expect(taken.code).toBe('frame-invalid')
        }
      }),
    )
  })

  it('that skip, repeat, never end or come of too many messages are refused', () => {
    const slices = [...cutIntoSlices(0, new Uint8Array(30), 16)]
    const joining = () => new SliceJoiner(PEER_FRAME_BYTES_MAX, 16)
    const [first = new Uint8Array(), second = new Uint8Array()] = slices
    expect(joining().take(second).ok).toBe(false)
    const twice = joining()
    expect([twice.take(first).ok, twice.take(first).ok]).toEqual([true, false])
    const many = joining()
    const opened = Array.from({ length: MESSAGES_JOINING_MAX + 1 }, (_, number) => {
      const [slice = new Uint8Array()] = cutIntoSlices(number, new Uint8Array(30), 16)
      return many.take(slice).ok
    })
    expect(opened.indexOf(false)).toBe(MESSAGES_JOINING_MAX)
    const endless = new SliceJoiner()
    const slice = new Uint8Array(SLICE_HEADER_BYTES + PEER_FRAME_BYTES_MAX / 4)
    const view = new DataView(slice.buffer)
    const taken = Array.from({ length: 5 }, (_, index) => {
      view.setUint32(4, index, true)
      return endless.take(slice).ok
    })
    expect(taken).toEqual([true, true, true, true, false])
  })

  it('that are crumbs, or more at once than the largest messages have, are refused', () => {
    const [crumb = new Uint8Array()] = cutIntoSlices(0, new Uint8Array(30), URGENT_SLICE_BYTES - 1)
    new DataView(crumb.buffer).setUint32(4, 0, true)
    expect(new SliceJoiner().take(crumb).ok).toBe(false)
    const joiner = new SliceJoiner(100, 16)
    const taken = Array.from({ length: 3 }, (_, number) => {
      const [slice = new Uint8Array()] = cutIntoSlices(number, new Uint8Array(120), 98)
      return joiner.take(slice).ok
    })
    expect(taken).toEqual([true, true, false])
  })
})
