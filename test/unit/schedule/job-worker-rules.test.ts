/** What a person allows of whole answers: their size, their number at once, the share of the time; and what was given, counted. */
import { describe, expect, it } from 'vitest'
import { EmbeddingWork } from '../../../web/schedule/jobs/kinds/embedding.ts'
import { textOf } from '../../support/fixed-rate-runner.ts'
import { JobRig, type Shown, servedModel } from '../../support/job-rig.ts'

const WORDS = 40
const TOKEN_MS = 10

function rigOf(rules: Parameters<typeof servedModel>[0] = {}) {
  const rig = new JobRig()
  const worker = rig.worker('w', { tokenMs: TOKEN_MS, words: WORDS })
  worker.server.serve([servedModel(rules)])
  rig.asker('a')
  return { rig, ...worker }
}

const noticesOf = (shown: Shown) => shown.events.flatMap((event) => (event.kind === 'notice' ? [event.code] : []))

describe('the size of a job', () => {
  it.each([
    ['of its answer', { answerTokensMax: 199 }],
    ['of its prompt, which only the engine counts', { promptTokensMax: 7 }],
    ['of both', { promptTokensMax: 100, answerTokensMax: 100 }],
  ])('that is past the limit %s is refused by code and computes nothing', async (_, rules) => {
    const { rig, runner, server } = rigOf(rules)
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.end).toMatchObject({ reason: 'error', code: 'job-too-large' })
    expect([shown.text, runner.computed, server.held, server.counts.jobs]).toEqual(['', 0, 0, 0])
  })

  it('at the limit is let in', async () => {
    const { rig, server } = rigOf({ promptTokensMax: 8, answerTokensMax: 200 })
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(server.counts.jobs).toBe(1)
  })

  it('sends the asker on to who takes larger ones', async () => {
    const { rig } = rigOf({ answerTokensMax: 10 })
    const other = rig.worker('x', { words: WORDS })
    rig.named = ['w', 'x']
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(noticesOf(shown)).toEqual(['job-moved'])
    expect(other.server.counts.jobs).toBe(1)
  })

  it('of texts for vectors is not held against the limit of answers', async () => {
    const { rig } = rigOf({ answerTokensMax: 0 })
    const shown = rig.ask('a', { work: new EmbeddingWork(['one', 'two']), maxTokens: 0 })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.end).toMatchObject({ reason: 'stop' })
  })
})

describe('jobs at once', () => {
  it('are as many as the person allows; one more is refused', async () => {
    const { rig, server } = rigOf({ parallel: 2 })
    rig.asker('b')
    rig.asker('c')
    const all = ['a', 'b', 'c'].map((name) => rig.ask(name))
    await rig.mesh.clock.until(() => server.held === 2, 5_000)
    await rig.mesh.clock.until(() => all.some(({ end }) => end !== null), 60_000)
    expect(server.held).toBeLessThanOrEqual(2)
    expect(await rig.ended(...all)).toBe(true)
  })
})

describe('the share of the time', () => {
  /** Milliseconds of the rig's clock until a whole answer has come. */
  async function tookMs(duty: number, tokenMs: number | null): Promise<number> {
    const { rig, server } = rigOf()
    server.pace({ duty, tokenMs })
    const beganMs = rig.mesh.clock.nowMs
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    return rig.mesh.clock.nowMs - beganMs
  }

  it('is kept between tokens, by what one takes by itself or by what was waited for', async () => {
    const whole = await tookMs(1, TOKEN_MS)
    for (const tokenMs of [TOKEN_MS, null]) {
      for (const duty of [0.5, 0.25]) {
        const took = await tookMs(duty, tokenMs)
        const computing = WORDS * TOKEN_MS
        expect(took - whole).toBeGreaterThan(0.9 * computing * (1 / duty - 1))
        expect(took - whole).toBeLessThan(1.5 * computing * (1 / duty - 1) + 200)
      }
    }
  })

  it('holds also where the engine has computed ahead while it rested', async () => {
    const ahead = await tookMs(0.5, 3 * TOKEN_MS)
    // Each token is worth three that were waited for, and twice that has to pass.
    expect(ahead).toBeGreaterThan(0.9 * WORDS * 3 * TOKEN_MS * 2)
  })

  it('gives the rest up at once when its asker is gone', async () => {
    const { rig, server } = rigOf()
    server.pace({ duty: 0.25, tokenMs: 10_000 })
    const shown = rig.ask('a')
    await rig.mesh.clock.until(() => shown.text !== '', 5_000)
    shown.stop()
    expect(await rig.mesh.clock.until(() => server.held === 0, rig.mesh.clock.nowMs + 1_000)).toBe(true)
  })
})

describe('what was given', () => {
  it('is counted while it is computed, and a job once it has ended well', async () => {
    const { rig, server, runner } = rigOf()
    const first = rig.ask('a')
    await rig.mesh.clock.until(() => first.text.length > 40, 5_000)
    expect(server.counts.jobs).toBe(0)
    expect(server.counts.tokens).toBeGreaterThan(5)
    first.stop()
    await rig.mesh.clock.until(() => server.held === 0 && !runner.running, rig.mesh.clock.nowMs + 1_000)
    const before = server.counts
    expect(before.jobs).toBe(0)
    const second = rig.ask('a')
    expect(await rig.ended(second)).toBe(true)
    // Eight of the prompt.
    expect(server.counts).toEqual({ jobs: 1, tokens: before.tokens + WORDS + 8 })
  })
})
