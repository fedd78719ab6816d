/** Who answers a whole job: only who may and can, the fastest first, equals by the seed, and each refusal for its reason. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  JOB_TOKENS_PREDICTED,
  type MatchOffer,
  type MatchQuestion,
  matchJob,
  TOKENS_PER_SECOND_ASSUMED,
  totalMs,
} from '../../../web/rules/job-match.ts'
import { JOB_KINDS, JOB_MS_MAX, type JobWish } from '../../../web/wire/jobs.ts'
import { JOB_WORKERS_MAX } from '../../../web/wire/limits/jobs.ts'

const MODEL = 'a'.repeat(64)

function offerOf(peer: string, more: Partial<MatchOffer> = {}): MatchOffer {
  return {
    peer,
    modelId: MODEL,
    engine: 'stage',
    kinds: ['chat'],
    positions: 4_096,
    promptTokensMax: 4_096,
    answerTokensMax: 4_096,
    tokensPerSecond: 20,
    prefillTokensPerSecond: 200,
    parallel: 1,
    held: 0,
    heldTokens: 0,
    visible: true,
    hazard: 0,
    ...more,
  }
}

function asked(wish: Partial<JobWish> = {}, more: Partial<MatchQuestion> = {}): MatchQuestion {
  const plain = { job: '0'.repeat(32), kind: 'chat', class: 'interactive', modelId: MODEL, layers: 4 } as const
  const sizes = { promptTokens: 100, maxTokens: 200, room: null, avoid: [] }
  return { wish: { ...plain, ...sizes, ...wish }, asker: 'me', allowed: null, rttMs: () => 10, seed: 1, ...more }
}

function chosen(offers: readonly MatchOffer[], question = asked()): readonly string[] | string {
  const found = matchJob(offers, question)
  return found.ok ? found.workers.map(({ offer }) => offer.peer) : found.refusal
}

const speed = fc.option(fc.double({ min: 0, max: 200, noNaN: true }), { nil: null })
const anyOffer = fc.record({
  modelId: fc.constantFrom(MODEL, MODEL, MODEL, 'b'.repeat(64)),
  kinds: fc.subarray([...JOB_KINDS], { minLength: 1 }),
  positions: fc.constantFrom(64, 512, 4_096),
  tokensPerSecond: speed,
  prefillTokensPerSecond: speed,
  parallel: fc.integer({ min: 1, max: 3 }),
  held: fc.nat(3),
  heldTokens: fc.nat(2_000),
  visible: fc.boolean(),
  hazard: fc.constantFrom(0, 0.25, 0.9),
})
const anyOffers = fc
  .array(anyOffer, { maxLength: 10 })
  .map((offers) => offers.map((offer, at) => offerOf(`p${at % 8}`, offer)))
const anyWish = fc.record({
  kind: fc.constantFrom(...JOB_KINDS),
  promptTokens: fc.nat(600),
  maxTokens: fc.nat(600),
  avoid: fc.subarray(['p0', 'p1', 'p2']),
})
const anyAllowed = fc.option(fc.subarray(['p0', 'p1', 'p2', 'p3', 'p4', 'me']), { nil: null })

describe('a match', () => {
  it('names only who has the model and the kind, is allowed, is large enough and has a place; best first', () => {
    let named = 0
    fc.assert(
      fc.property(anyOffers, anyWish, anyAllowed, fc.integer(), (offers, wish, names, seed) => {
        const allowed = names && new Set(names)
        const question = asked(wish, { allowed, seed, asker: 'p7' })
        const found = matchJob(offers, question)
        expect(matchJob(offers, question)).toEqual(found)
        const tokens = wish.kind === 'embedding' ? 0 : Math.min(wish.maxTokens, JOB_TOKENS_PREDICTED)
        const able = offers.filter(
          ({ peer, modelId, kinds, positions, held, parallel }) =>
            peer !== 'p7' &&
            modelId === MODEL &&
            kinds.includes(wish.kind) &&
            (allowed?.has(peer) ?? true) &&
            !wish.avoid.includes(peer) &&
            wish.promptTokens + tokens <= positions &&
            held < parallel,
        )
        expect(found.ok).toBe(able.length > 0)
        if (!found.ok) return
        named += found.workers.length
        const peers = found.workers.map(({ offer }) => offer.peer)
        expect(new Set(peers).size).toBe(peers.length)
        expect(peers.length).toBe(Math.min(JOB_WORKERS_MAX, new Set(able.map(({ peer }) => peer)).size))
        for (const { offer } of found.workers) expect(able).toContain(offer)
        const times = found.workers.map(({ score }) => totalMs(score))
        expect(times).toEqual([...times].sort((a, b) => a - b))
        for (const { score } of found.workers)
          for (const part of Object.values(score)) {
            expect(part).toBeGreaterThanOrEqual(0)
            expect(part).toBeLessThanOrEqual(JOB_MS_MAX)
          }
      }),
      { numRuns: 1_000 },
    )
    expect(named).toBeGreaterThan(100)
  })

  it('puts nobody behind one who is worse in everything', () => {
    const measured = fc.double({ min: 0.1, max: 200, noNaN: true })
    const better = fc.record({
      tokensPerSecond: measured,
      prefillTokensPerSecond: measured,
      heldTokens: fc.nat(2_000),
      hazard: fc.constantFrom(0, 0.25),
      visible: fc.boolean(),
    })
    const worse = fc.record({
      slower: fc.double({ min: 1.01, max: 50, noNaN: true }),
      tokens: fc.nat(500),
      hazard: fc.constantFrom(0, 0.5),
      furtherMs: fc.nat(100),
      seed: fc.integer(),
      first: fc.boolean(),
    })
    fc.assert(
      fc.property(better, worse, (good, { slower, tokens, hazard, furtherMs, seed, first }) => {
        const bad = {
          tokensPerSecond: good.tokensPerSecond / slower,
          prefillTokensPerSecond: good.prefillTokensPerSecond / slower,
          heldTokens: good.heldTokens + tokens,
          hazard: good.hazard + hazard,
          visible: good.visible && tokens % 2 === 0,
        }
        const offers = [offerOf('good', good), offerOf('bad', bad)]
        const rttMs = (_: string, peer: string) => (peer === 'bad' ? 10 + furtherMs : 10)
        const question = asked({}, { seed, rttMs })
        expect(chosen(first ? offers : [...offers].reverse(), question)).toEqual(['good', 'bad'])
      }),
      { numRuns: 1_000 },
    )
  })

  it('says what the time of each is made of', () => {
    const found = matchJob([offerOf('a', { parallel: 2, held: 1, heldTokens: 40 })], asked())
    if (!found.ok) throw new Error(found.refusal)
    expect(found.workers[0]?.score).toEqual({ queueMs: 2_000, prefillMs: 500, decodeMs: 6_400, roundTripMs: 10 })
  })

  it('assumes one speed where none was measured', () => {
    const unmeasured = { tokensPerSecond: null, prefillTokensPerSecond: null }
    const found = matchJob([offerOf('a', unmeasured)], asked({ promptTokens: 64, maxTokens: 8 }))
    if (!found.ok) throw new Error(found.refusal)
    expect(found.workers[0]?.score).toMatchObject({ prefillMs: 1_000, decodeMs: 1_000 })
    expect(TOKENS_PER_SECOND_ASSUMED).toBe(8)
  })

  it('counts a hidden tab and the past of a device as the planner of layers does', () => {
    const quick = { tokensPerSecond: 30, prefillTokensPerSecond: 300 }
    expect(chosen([offerOf('hidden', { ...quick, visible: false }), offerOf('shown')])).toEqual(['shown', 'hidden'])
    expect(chosen([offerOf('gone', { ...quick, hazard: 0.9 }), offerOf('stays')])).toEqual(['stays', 'gone'])
    expect(chosen([offerOf('fast', { ...quick, hazard: 0.1 }), offerOf('slow')])).toEqual(['fast', 'slow'])
  })

  it('takes a peer with two offers once, as its better one', () => {
    const slow = offerOf('a', { engine: 'cpu', tokensPerSecond: 2 })
    const found = matchJob([slow, offerOf('a'), offerOf('b', { tokensPerSecond: 5 })], asked())
    if (!found.ok) throw new Error(found.refusal)
    expect(found.workers.map(({ offer }) => [offer.peer, offer.engine])).toEqual([
      ['a', 'stage'],
      ['b', 'stage'],
    ])
  })

  it('shares the work among equals by the seed', () => {
    const offers = Array.from({ length: 8 }, (_, at) => offerOf(`p${at}`))
    const firsts = new Map<string, number>()
    for (let seed = 0; seed < 800; seed += 1) {
      const [first = ''] = chosen(offers, asked({}, { seed }))
      firsts.set(first, (firsts.get(first) ?? 0) + 1)
    }
    expect(firsts.size).toBe(8)
    expect(Math.min(...firsts.values())).toBeGreaterThan(50)
  })
})

describe('where nobody can', () => {
  const busy = offerOf('busy', { held: 1 })
  const small = offerOf('small', { positions: 100 })
  it.each<[string, readonly MatchOffer[], MatchQuestion, string, boolean]>([
    ['nobody offers anything', [], asked(), 'no-holder', false],
    ['nobody offers the model', [offerOf('a', { modelId: 'b'.repeat(64) })], asked(), 'no-holder', false],
    ['nobody does this kind', [offerOf('a')], asked({ kind: 'embedding' }), 'no-holder', false],
    ['only the asker offers it', [offerOf('me')], asked(), 'no-holder', false],
    ['nobody of the room offers it', [offerOf('a')], asked({}, { allowed: new Set(['b']) }), 'filter-empty', false],
    ['all who offer it have failed it', [offerOf('a')], asked({ avoid: ['a'] }), 'filter-empty', false],
    ['nobody is large enough', [small], asked(), 'no-capacity', false],
    ['nobody takes so long a prompt', [offerOf('w', { promptTokensMax: 99 })], asked(), 'no-capacity', false],
    ['nobody gives so long an answer', [offerOf('w', { answerTokensMax: 199 })], asked(), 'no-capacity', false],
    ['all have as many as they take', [busy, small], asked(), 'no-capacity', true],
    ['no link leads there', [offerOf('a')], asked({}, { rttMs: () => null }), 'unreachable', false],
  ])('because %s, it says so', (_, offers, question, refusal, waits) => {
    expect(matchJob(offers, question)).toEqual({ ok: false, refusal, waits })
  })
})
