/** The small pure parts of the page: numbers as text, the geometry of the cloth, speech in sentences, rates, one turn. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteRate } from '../../web/byte-rate.ts'
import { beginAnswer, canGoOn, goOn, takeEvent } from '../../web/rules/answer.ts'
import { Turns } from '../../web/schedule/turns.ts'
import { cutSpeech } from '../../web/ui/announcer.svelte.ts'
import { ROWS, WIDTH, weave } from '../../web/ui/cloth.ts'
import { formatBytes, formatSeconds, formatShare, formatTimeLeft, formatTokensPerSecond } from '../../web/ui/format.ts'
import { sayFit, sayUsage, splitCommands } from '../../web/ui/words.ts'
import type { ChatEvent } from '../../web/wire/chat.ts'
import { parseMirrorIndex, parsePageConfig } from '../../web/wire/mirror.ts'
import { EMPTY_MIRROR } from '../support/fake-catalogue.ts'
import { FAKE_USAGE, fakeModel } from '../support/fake-engine.ts'

describe('numbers', () => {
  it('carry their unit and few digits', () => {
    expect(formatBytes(94_372_864)).toBe('94 MB')
    expect(formatBytes(1_100_000_000)).toBe('1.1 GB')
    expect(formatBytes(999_999)).toBe('1.0 MB')
    expect(formatBytes(12)).toBe('12 bytes')
    expect(formatShare(43_400_000, 94_372_864)).toBe('43.4 of 94.4 MB')
    expect(formatShare(0, 12)).toBe('0 of 12 bytes')
    expect(formatSeconds(412)).toBe('0.41 s')
    expect(formatSeconds(12_300)).toBe('12 s')
    expect(formatTimeLeft(100, 99)).toBe('2 s left')
    expect(formatTimeLeft(600, 1)).toBe('10 min left')
    expect(formatTokensPerSecond(8.24)).toBe('8.2 tokens/s')
  })

  it('never show a thousand of a unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 45 }), (bytes) => {
        expect(formatBytes(bytes)).not.toMatch(/1,?000 (kB|MB|GB|bytes)/)
      }),
    )
  })

  it('say whether a model fits, with both sizes', () => {
    const none = { choice: null, options: [] } as const
    const known = { state: 'known', engine: 'stage', ...none, gpuBytes: 1.1e9, gpuBytesMax: 2e9, reason: '' } as const
    expect(sayFit({ ...known, fits: true })).toBe('Fits your GPU: needs 1.1 GB of 2.0 GB')
    expect(sayFit({ ...known, fits: false })).toContain('It needs 1.1 GB of GPU memory; your browser allows 2.0 GB.')
    expect(sayFit({ state: 'refused', code: 'gguf-invalid', detail: '' })).toContain('(gguf-invalid)')
  })

  it('say of an answer only what was measured', () => {
    expect(sayUsage(FAKE_USAGE)).toEqual(['48 tokens/s', 'first token in 0.41 s', '34 tokens in (12 reused), 56 out'])
    const nothing = { ...FAKE_USAGE, promptTokens: 0, completionTokens: 0, firstTokenMs: null, tokensPerSecond: null }
    expect(sayUsage(nothing)).toEqual([])
  })

  it('mark the commands in a sentence', () => {
    expect(splitCommands('Run `npm test` now.')).toEqual([
      { text: 'Run ', command: false },
      { text: 'npm test', command: true },
      { text: ' now.', command: false },
    ])
  })
})

describe('the cloth', () => {
  it('is woven exactly as far as the share', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        const { rows, shuttle } = weave(share)
        const woven = rows.reduce((sum, row) => sum + row.width, 0)
        expect(woven).toBeCloseTo(share * ROWS * WIDTH, 6)
        expect(rows.every((row) => row.x >= 0 && row.x + row.width <= WIDTH + 1e-6)).toBe(true)
        expect(shuttle === null).toBe(share === 0 || share === 1)
      }),
    )
  })

  it('does not mind a share out of range', () => {
    expect(weave(-1).rows).toEqual([])
    expect(weave(2).rows.length).toBe(ROWS)
  })
})

describe('speech', () => {
  it('waits for the end of a sentence', () => {
    expect(cutSpeech('Paris is the cap')).toEqual({ speak: '', rest: 'Paris is the cap' })
    expect(cutSpeech('It is 2.5 km. Then ')).toEqual({ speak: 'It is 2.5 km.', rest: ' Then ' })
  })

  it('loses nothing, however the text arrives', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-c .\n]{0,80}$/)), (pieces) => {
        let pending = ''
        let spoken = ''
        for (const piece of pieces) {
          const { speak, rest } = cutSpeech(pending + piece)
          spoken += speak
          pending = rest
        }
        const bare = (text: string) => text.replace(/\s/g, '')
        expect(bare(spoken + pending)).toBe(bare(pieces.join('')))
      }),
    )
  })
})

describe('the rate of a load', () => {
  it('is unknown at first, then the mean of the last seconds, and starts over with a new count', () => {
    const rate = new ByteRate()
    expect(rate.add(0, 0)).toBeNull()
    expect(rate.add(500, 500)).toBe(1_000)
    expect(rate.add(1_500, 1_000)).toBe(1_500)
    expect(rate.add(10, 1_100)).toBeNull()
  })

  it('keeps few readings however often it is asked', () => {
    const rate = new ByteRate()
    let last: number | null = null
    for (let ms = 0; ms <= 10_000; ms++) last = rate.add(ms * 7, ms)
    expect(last).toBeCloseTo(7_000, 6)
  })
})

describe('the record of an answer', () => {
  it('follows the events and keeps its text through a failure', () => {
    const who = { kind: 'answerer', engine: 'stage', adapter: 'Test GPU', modelId: 'm', model: 'M' } as const
    const events: readonly ChatEvent[] = [
      who,
      { kind: 'prefill', done: 1, total: 2 },
      { kind: 'text', text: 'Because' },
      { kind: 'notice', code: 'device-lost', detail: '' },
      { kind: 'end', reason: 'error', usage: FAKE_USAGE, code: 'gpu-error', detail: 'x' },
    ]
    const begun = beginAnswer({ id: 'a', conversationId: 'c', parentId: 'q', createdMs: 1 })
    const failed = events.reduce(takeEvent, begun)
    const { kind: _, ...answerer } = who
    expect(failed).toMatchObject({
      text: 'Because',
      notices: [{ code: 'device-lost', detail: '' }],
      state: 'failed',
      failure: { code: 'gpu-error', detail: 'x' },
      usage: FAKE_USAGE,
      answerer,
    })
    expect(canGoOn(failed)).toBe(true)
    expect(goOn(failed)).toMatchObject({ text: 'Because', state: 'writing', failure: null })
    expect(canGoOn(takeEvent(failed, { kind: 'end', reason: 'stop', usage: FAKE_USAGE }))).toBe(false)
  })
})

describe('turns at the engine', () => {
  it('are given in order, once each, and a caller that gave up is skipped', async () => {
    const turns = new Turns()
    const idle = new AbortController().signal
    const gone = new AbortController()
    const first = await turns.take(idle)
    const second = turns.take(gone.signal)
    const third = turns.take(idle)
    gone.abort()
    expect(await second).toMatchObject({ ok: false, code: 'aborted' })
    if (first.ok) {
      first.value()
      first.value()
    }
    const held = await third
    expect(held.ok).toBe(true)
    const fourth = turns.take(idle)
    if (held.ok) held.value()
    expect((await fourth).ok).toBe(true)
    expect(await turns.take(gone.signal)).toMatchObject({ ok: false, code: 'aborted' })
  })
})

describe('what the server says', () => {
  const index = {
    models: [fakeModel(1)],
    adding: [{ name: 'n', source: 's', doneBytes: 1, totalBytes: null, bytesPerSecond: 0 }],
    failed: [{ source: 's', code: 'source-unreachable', detail: '' }],
    defaultId: fakeModel(1).id,
  }

  it('enters whole', () => {
    expect(parseMirrorIndex(index)).toEqual({ ok: true, value: index })
    expect(parseMirrorIndex(EMPTY_MIRROR)).toEqual({ ok: true, value: EMPTY_MIRROR })
    expect(parsePageConfig({ allowSoftwareAdapter: true })).toEqual({ ok: true, value: { allowSoftwareAdapter: true } })
  })

  it('is refused when any field is not what it should be', () => {
    const wrong: readonly unknown[] = [
      null,
      [],
      { ...index, models: [{ ...fakeModel(1), id: 'short' }] },
      { ...index, models: 'none' },
      { ...index, adding: [{ ...index.adding[0], doneBytes: -1 }] },
      { ...index, failed: [{ source: 's' }] },
      { ...index, defaultId: 7 },
    ]
    for (const value of wrong) expect(parseMirrorIndex(value)).toMatchObject({ ok: false, code: 'manifest-invalid' })
    expect(parsePageConfig({})).toMatchObject({ ok: false, code: 'manifest-invalid' })
  })
})
