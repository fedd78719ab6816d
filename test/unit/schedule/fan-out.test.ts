/** One request of many inputs, spread over workers: told in the order of the inputs, whoever was quicker or failed. */
import { describe, expect, it } from 'vitest'
import { type AskJob, fanOutChats, fanOutTexts, type Outcome } from '../../../web/schedule/jobs/fan-out.ts'
import {
  FAN_OUT_INPUTS_MAX,
  FAN_OUT_JOBS_MAX,
  JOB_INPUT_BYTES_MAX,
  JOB_TEXTS_AT_ONCE,
} from '../../../web/wire/limits/jobs.ts'
import { ok } from '../../../web/wire/result.ts'
import { textOf, vectorOf } from '../../support/fixed-rate-runner.ts'
import { chatOf, JOB_LAYERS, JOB_MODEL, JobRig } from '../../support/job-rig.ts'

const never = new AbortController().signal

function spread(workers = 2) {
  const rig = new JobRig()
  const runners = Array.from({ length: workers }, (_, at) => rig.worker(`w${at}`, { words: 5 }).runner)
  const asker = rig.asker('a')
  const about = {
    class: 'batch',
    modelId: JOB_MODEL,
    layers: JOB_LAYERS,
    promptTokens: 8,
    maxTokens: 200,
    room: null,
  } as const
  const jobs = { open: 0, most: 0 }
  const ask: AskJob = async function* (work, signal) {
    jobs.open += 1
    jobs.most = Math.max(jobs.most, jobs.open)
    try {
      yield* asker.ask(work, about, signal)
    } finally {
      jobs.open -= 1
    }
  }
  return { rig, runners, ask, jobs }
}

async function all<T>(rig: JobRig, outcomes: AsyncIterable<Outcome<T>>, onOne = () => {}): Promise<Outcome<T>[]> {
  const got: Outcome<T>[] = []
  let over = false
  void (async () => {
    for await (const one of outcomes) {
      got.push(one)
      onOne()
    }
    over = true
  })()
  expect(await rig.mesh.clock.until(() => over, 3_600_000)).toBe(true)
  return got
}

describe('many texts', () => {
  it('come back as vectors in their order, from several workers, so many at once', async () => {
    const { rig, runners, ask, jobs } = spread()
    const texts = Array.from({ length: 20 * JOB_TEXTS_AT_ONCE + 3 }, (_, at) => `${'x'.repeat(at % 90)}${at}`)
    const got = await all(rig, fanOutTexts(texts, ask, never))
    expect(got).toEqual(texts.map((text, index) => ({ index, result: ok(vectorOf(text)) })))
    expect(jobs.most).toBe(FAN_OUT_JOBS_MAX)
    for (const { embedded } of runners) expect(embedded).toBeGreaterThan(0)
  })

  it('of which one is too long lose that one alone', async () => {
    const { rig, ask } = spread()
    const texts = Array.from({ length: 37 }, (_, at) => (at === 21 ? 'y'.repeat(2_000) : `text ${at}`))
    const got = await all(rig, fanOutTexts(texts, ask, never))
    expect(got.map(({ index }) => index)).toEqual(texts.map((_, index) => index))
    expect(got[21]?.result).toMatchObject({ ok: false, code: 'context-full' })
    expect(got.filter(({ result }) => !result.ok)).toHaveLength(1)
  })

  it('go on where a worker died, and lose the one that is refused for good', async () => {
    const { rig, runners, ask } = spread(3)
    const texts = Array.from({ length: 90 }, (_, at) => (at === 50 ? 'y'.repeat(2_000) : `text ${at}`))
    let told = 0
    const got = await all(rig, fanOutTexts(texts, ask, never), () => {
      told += 1
      if (told === 10) rig.mesh.kill('w0')
    })
    const expected = texts.map((text, at) => (at === 50 ? expect.objectContaining({ ok: false }) : ok(vectorOf(text))))
    expect(got).toEqual(expected.map((result, index) => ({ index, result })))
    expect(runners.filter(({ embedded }) => embedded > 0).length).toBeGreaterThan(1)
  })

  it('more than there may be are refused', async () => {
    const { rig, ask, jobs } = spread()
    const texts = new Array<string>(FAN_OUT_INPUTS_MAX + 1).fill('a')
    expect(await all(rig, fanOutTexts(texts, ask, never))).toMatchObject([{ result: { code: 'request-invalid' } }])
    expect(jobs.most).toBe(0)
  })
})

describe('many chats', () => {
  it('are answered in their order, also where a worker dies in the middle', async () => {
    const { rig, ask } = spread(3)
    let told = 0
    const requests = Array.from({ length: 30 }, () => chatOf())
    const got = await all(rig, fanOutChats(requests, ask, never), () => {
      told += 1
      if (told === 5) rig.mesh.kill('w0')
    })
    expect(got.map(({ index }) => index)).toEqual(requests.map((_, index) => index))
    for (const { result } of got) expect(result).toMatchObject({ ok: true, value: { text: textOf(5) } })
  })

  it('lose the one that is refused for good, and no other, while a worker dies', async () => {
    const { rig, ask } = spread(3)
    // More than any link carries.
    const long = { role: 'user', content: 'x'.repeat(JOB_INPUT_BYTES_MAX) } as const
    const requests = Array.from({ length: 20 }, (_, at) => (at === 7 ? { ...chatOf(), messages: [long] } : chatOf()))
    let told = 0
    const got = await all(rig, fanOutChats(requests, ask, never), () => {
      told += 1
      if (told === 3) rig.mesh.kill('w1')
    })
    expect(got.map(({ index }) => index)).toEqual(requests.map((_, index) => index))
    expect(got[7]?.result).toMatchObject({ ok: false, code: 'message-too-large' })
    const others = got.filter(({ index }) => index !== 7)
    for (const { result } of others) expect(result).toMatchObject({ ok: true, value: { text: textOf(5) } })
  })

  it('end all at once when they are stopped', async () => {
    const { rig, runners, ask } = spread()
    const stop = new AbortController()
    const requests = Array.from({ length: 60 }, () => chatOf())
    let told = 0
    const got = await all(rig, fanOutChats(requests, ask, stop.signal), () => {
      told += 1
      if (told === 3) stop.abort()
    })
    expect(got).toHaveLength(60)
    expect(got.slice(3 + FAN_OUT_JOBS_MAX).map(({ result }) => (result.ok ? '' : result.code))).toEqual(
      new Array(60 - 3 - FAN_OUT_JOBS_MAX).fill('aborted'),
    )
    await rig.mesh.clock.until(() => runners.every(({ running }) => !running), rig.mesh.clock.nowMs + 1_000)
    expect(runners.map(({ running }) => running)).toEqual([false, false])
  })
})
