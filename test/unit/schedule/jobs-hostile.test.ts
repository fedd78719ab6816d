/** Whole jobs among peers that lie: what is wrong is refused by code, nobody's text changes, and nobody else is harmed. */
import { describe, expect, it } from 'vitest'
import { EarlyParts } from '../../../web/schedule/jobs/early-parts.ts'
import { EmbeddingWork } from '../../../web/schedule/jobs/kinds/embedding.ts'
import type { Code } from '../../../web/wire/codes.ts'
import { type JobEvent, writeJobEvent } from '../../../web/wire/job-parts.ts'
import { TOKENS_IN_FLIGHT_MAX } from '../../../web/wire/limits/engine.ts'
import {
  JOB_EARLY_BYTES_MAX,
  JOB_INPUT_BYTES_MAX,
  JOB_LEASE_MS,
  JOB_PART_BYTES_MAX,
  JOB_PARTS_AHEAD_MAX,
  JOB_TRIES_MAX,
} from '../../../web/wire/limits/jobs.ts'
import type { PeerFrame } from '../../../web/wire/peer-frame.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { textOf } from '../../support/fixed-rate-runner.ts'
import type { Lies } from '../../support/hostile-peer.ts'
import { JOB_LAYERS, JOB_MODEL, JobRig } from '../../support/job-rig.ts'

const WORDS = 40
const AT = 12
const bytesOf = (event: JobEvent | string) =>
  new TextEncoder().encode(typeof event === 'string' ? event : writeJobEvent(event))

/** Lies of a worker about its part `AT`. */
function about(lie: (part: Extract<PeerFrame, { type: 'part' }>) => readonly PeerFrame[], at = AT): Lies {
  return { frames: (frame) => (frame.type === 'part' && frame.position === at ? lie(frame) : [frame]) }
}

const WORKERS: readonly (readonly [what: string, lies: Lies, code: Code])[] = [
  ['leaves a part out', about(() => []), 'position-mismatch'],
  ['sends a part twice', about((part) => [part, part]), 'position-mismatch'],
  ['sends a part out of order', about((part) => [{ ...part, position: AT + 1 }, part]), 'position-mismatch'],
  [
    'sends a part that is too large',
    about((part) => [{ ...part, bytes: new Uint8Array(JOB_PART_BYTES_MAX + 1) }]),
    'frame-invalid',
  ],
  ['sends what is no event', about((part) => [{ ...part, bytes: bytesOf('{"kind":"money"}') }]), 'frame-invalid'],
  ['sends what is no text', about((part) => [{ ...part, bytes: Uint8Array.of(0xff, 0xfe) }]), 'frame-invalid'],
  [
    'sends numbers that are none',
    about((part) => [{ ...part, bytes: bytesOf('{"kind":"prefill","done":NaN,"total":9}') }]),
    'frame-invalid',
  ],
  [
    'answers with vectors',
    about((part) => [{ ...part, bytes: bytesOf({ kind: 'vectors', vectors: [Float32Array.of(1)] }) }]),
    'frame-invalid',
  ],
  [
    'says more than was asked for',
    about((part) => [{ ...part, bytes: bytesOf({ kind: 'text', text: ' ', tokens: new Array<number>(999).fill(1) }) }]),
    'frame-invalid',
  ],
  [
    'floods',
    about((part) =>
      Array.from({ length: 4 * JOB_PARTS_AHEAD_MAX }, (_, more) => ({
        ...part,
        position: AT + more,
        bytes: bytesOf({ kind: 'prefill', done: 1, total: 1 }),
      })),
    ),
    'link-flooded',
  ],
]

describe('a worker that', () => {
  it.each(WORKERS)('%s loses its link, and another one goes on from what was shown', async (_what, lies, code) => {
    const rig = new JobRig()
    rig.worker('w', {}, lies)
    rig.worker('x')
    rig.asker('a')
    rig.named = ['w', 'x']
    const shown = rig.ask('a', { readMs: 5 })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.end).toMatchObject({ reason: 'stop' })
    expect(shown.text).toBe(textOf(WORDS))
    expect(rig.mesh.ends.filter(({ at }) => at === 'a')).toContainEqual({ at: 'a', peer: 'w', code })
  })

  it('sends parts of an older try is heard of by nobody, and given up', async () => {
    const rig = new JobRig()
    const lies: Lies = { frames: (frame) => [frame.type === 'part' ? { ...frame, epoch: frame.epoch - 1 } : frame] }
    rig.worker('w', {}, lies)
    rig.worker('x')
    rig.asker('a')
    rig.named = ['w', 'x']
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
  })

  it('makes vectors of other lengths, of no numbers or too few is found out', async () => {
    for (const lie of [
      '{"kind":"vectors","vectors":["AADAfw"]}',
      writeJobEvent({ kind: 'vectors', vectors: [Float32Array.of(1), Float32Array.of(1, 2)] }),
      writeJobEvent({ kind: 'end', reason: 'stop', usage: ZERO }),
    ]) {
      const rig = new JobRig()
      rig.worker(
        'w',
        {},
        about((part) => [{ ...part, bytes: bytesOf(lie) }], 1),
      )
      rig.worker('x')
      rig.asker('a')
      rig.named = ['w', 'x']
      let vectors = 0
      const shown = rig.ask('a', {
        work: new EmbeddingWork(Array.from({ length: 40 }, (_, at) => `text ${at}`)),
        onEvent: (event) => {
          if (event.kind === 'vectors') vectors += event.vectors.length
        },
      })
      expect(await rig.ended(shown)).toBe(true)
      expect([shown.end?.reason, vectors]).toEqual(['stop', 40])
      expect(rig.mesh.ends).toContainEqual({ at: 'a', peer: 'w', code: 'frame-invalid' })
    }
  })
})

const ZERO = {
  promptTokens: 0,
  reusedTokens: 0,
  prefillTokens: 0,
  completionTokens: 0,
  firstTokenMs: null,
  tokensPerSecond: null,
}

const OLDER = {
  says: 'job-open',
  ticket: 'w for a',
  modelId: JOB_MODEL,
  layers: JOB_LAYERS,
  kind: 'chat',
  class: 'interactive',
  positions: 208,
  inputBytes: 9,
  epoch: 0,
} as const

/** An asker that lies, and one that does not, at one worker. */
function lyingAsker(lies: Lies) {
  const rig = new JobRig()
  const worker = rig.worker('w')
  rig.asker('liar', lies)
  rig.asker('a')
  return { rig, worker, bad: rig.ask('liar') }
}

const refusals = (rig: JobRig, to: string) =>
  rig.mesh.sent.flatMap((sent) =>
    sent.to === to && 'says' in sent.what && sent.what.says === 'refused' ? [sent.what.code] : [],
  )
const part0 = (lie: (bytes: Uint8Array) => { readonly position?: number; readonly bytes?: Uint8Array }): Lies => ({
  frames: (frame) => [frame.type === 'part' ? { ...frame, ...lie(frame.bytes) } : frame],
})

const ASKERS: readonly (readonly [what: string, lies: Lies, code: Code])[] = [
  ['sends another size than it said', part0((bytes) => ({ bytes: bytes.slice(1) })), 'frame-invalid'],
  ['numbers its request wrongly', part0(() => ({ position: 1 })), 'position-mismatch'],
  [
    'sends no request of its kind',
    part0((bytes) => ({ bytes: new Uint8Array(bytes.length).fill(32) })),
    'frame-invalid',
  ],
  [
    'wants more tokens than its ticket is for',
    { words: (word) => [word.says === 'job-open' ? { ...word, positions: 199 } : word] },
    'request-invalid',
  ],
  [
    'has read what was not sent',
    { words: (word) => [word.says === 'job-ack' ? { ...word, parts: word.parts + 1_000 } : word] },
    'position-mismatch',
  ],
  [
    'has a forged ticket',
    { words: (word) => [word.says === 'job-open' ? { ...word, ticket: 'w for b' } : word] },
    'ticket-invalid',
  ],
  [
    'wants a model that is not offered',
    { words: (word) => [word.says === 'job-open' ? { ...word, modelId: 'b'.repeat(64) } : word] },
    'not-loaded',
  ],
  [
    'wants another count of layers',
    { words: (word) => [word.says === 'job-open' ? { ...word, layers: 9 } : word] },
    'not-loaded',
  ],
  [
    'wants more positions than are offered',
    { words: (word) => [word.says === 'job-open' ? { ...word, positions: 9_999 } : word] },
    'context-full',
  ],
]

describe('an asker that', () => {
  it.each(ASKERS)('%s is refused by code, and another one is answered', async (_what, lies, code) => {
    const { rig, worker, bad } = lyingAsker(lies)
    const good = rig.ask('a')
    expect(await rig.ended(bad, good)).toBe(true)
    expect(refusals(rig, 'liar')).toContain(code)
    expect(good.text).toBe(textOf(WORDS))
    expect(textOf(WORDS).startsWith(bad.text)).toBe(true)
    expect(refusals(rig, 'a')).toEqual([])
    await rig.mesh.clock.until(() => worker.server.held === 0, rig.mesh.clock.nowMs + 1_000)
    expect(worker.server.held).toBe(0)
  })

  it('says a try again with the same forged ticket while the first is looked at is not let in by that', async () => {
    const { rig, worker, bad } = lyingAsker({
      words: (word) =>
        word.says === 'job-open'
          ? [1, 2, 3].map((more) => ({ ...word, ticket: 'forged', epoch: 3 * word.epoch + more }))
          : [word],
      frames: (frame) =>
        frame.type === 'part' ? [1, 2, 3].map((more) => ({ ...frame, epoch: 3 * frame.epoch + more })) : [frame],
    })
    rig.admit = () => new Promise((settle) => rig.mesh.clock.later(50, () => settle(fail('ticket-invalid', ''))))
    expect(await rig.ended(bad)).toBe(true)
    expect(worker.runner.requests).toHaveLength(0)
    expect(refusals(rig, 'liar')).toContain('ticket-invalid')
  })

  it('is refused every time gives up after as many tries as there may be', async () => {
    const { rig, bad } = lyingAsker({
      words: (word) => [word.says === 'job-open' ? { ...word, ticket: 'forged' } : word],
    })
    expect(await rig.ended(bad)).toBe(true)
    expect(refusals(rig, 'liar')).toHaveLength(JOB_TRIES_MAX)
    expect(bad.end).toMatchObject({ reason: 'error', code: 'ticket-invalid' })
    expect(rig.news.at(-1)).toMatchObject({ state: 'failed', code: 'ticket-invalid' })
  })

  it('sends no request, or reads nothing, keeps its place no longer than a lease and wastes no tokens', async () => {
    for (const lies of [
      { frames: () => [] },
      { words: (word: Parameters<NonNullable<Lies['words']>>[0]) => (word.says === 'job-ack' ? [] : [word]) },
    ]) {
      const { rig, worker } = lyingAsker(lies)
      await rig.mesh.clock.until(() => worker.server.held > 0)
      await rig.mesh.clock.until(() => worker.server.held === 0, 2 * JOB_LEASE_MS)
      expect(worker.server.held).toBe(0)
      expect(worker.runner.computed).toBeLessThanOrEqual(JOB_PARTS_AHEAD_MAX + TOKENS_IN_FLIGHT_MAX)
    }
  })

  it('speaks of somebody else’s job is not heard', async () => {
    const rig = new JobRig()
    const worker = rig.worker('w')
    rig.asker('a')
    rig.asker('b')
    const shown = rig.ask('a')
    await rig.mesh.clock.until(() => shown.text.length > 30)
    const request = rig.wishes[0]?.job ?? ''
    const link = rig.mesh.peer('b').exchange.linkTo('w')
    const open = { says: 'job-open', request, ticket: 'w for b', modelId: JOB_MODEL, layers: JOB_LAYERS } as const
    void link?.say({ ...open, kind: 'chat', class: 'interactive', positions: 208, inputBytes: 9, epoch: 9 })
    void link?.say({ says: 'job-cancel', request, epoch: 1 })
    void link?.say({ says: 'job-ack', request, epoch: 1, parts: 9_999 })
    void link?.send({ type: 'part', request, epoch: 1, position: 0, bytes: bytesOf('{}') }, 'now')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(refusals(rig, 'b')).toEqual(['session-exists'])
    expect(worker.runner.requests).toHaveLength(1)
  })

  it('comes back with an older try is refused', async () => {
    const rig = new JobRig()
    rig.worker('w')
    rig.asker('a', {
      words(word) {
        const { request } = 'request' in word ? word : { request: '' }
        return word.says === 'job-ack' ? [word, { ...OLDER, request }] : [word]
      },
    })
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(refusals(rig, 'a')).toContain('epoch-stale')
  })
})

describe('requests that come before their word', () => {
  it('are kept for their try, and no more of them than there may be', () => {
    const early = new EarlyParts()
    const part = (request: string, bytes: number, epoch = 1) =>
      ({ type: 'part', request, epoch, position: 0, bytes: new Uint8Array(bytes) }) as const
    early.keep('a', part('1', 5))
    expect(early.take('b', '1', 1)).toBeNull()
    expect(early.take('a', '1', 2)).toBeNull()
    expect(early.take('a', '1', 1)?.bytes).toHaveLength(5)
    expect(early.take('a', '1', 1)).toBeNull()
    const many = Math.floor(JOB_EARLY_BYTES_MAX / JOB_INPUT_BYTES_MAX) + 2
    for (let at = 0; at < many; at += 1) early.keep('a', part(`${at}`, JOB_INPUT_BYTES_MAX))
    const kept = Array.from({ length: many }, (_, at) => early.take('a', `${at}`, 1)).filter((one) => one !== null)
    expect(kept.length * JOB_INPUT_BYTES_MAX).toBe(JOB_EARLY_BYTES_MAX)
    early.keep('a', part('9', 5))
    early.gone('a')
    expect(early.take('a', '9', 1)).toBeNull()
  })

  it('wait for a ticket that is looked at for long', async () => {
    const rig = new JobRig()
    rig.worker('w')
    rig.asker('a')
    rig.admit = () => ok(null)
    expect((await answered(rig)).text).toBe(textOf(WORDS))
    rig.admit = () => fail('ticket-invalid', '')
    expect((await answered(rig)).end).toMatchObject({ code: 'ticket-invalid' })
  })
})

async function answered(rig: JobRig) {
  const shown = rig.ask('a')
  expect(await rig.ended(shown)).toBe(true)
  return shown
}
