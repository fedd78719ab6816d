/** Each kind of job reads its own requests alone, knows when all has come, and asks for the rest. */
import { describe, expect, it } from 'vitest'
import type { JobWork } from '../../../web/schedule/jobs/job-work.ts'
import { ChatWork } from '../../../web/schedule/jobs/kinds/chat.ts'
import { EmbeddingWork } from '../../../web/schedule/jobs/kinds/embedding.ts'
import { KINDS } from '../../../web/schedule/jobs/kinds.ts'
import { NO_USAGE } from '../../../web/wire/chat.ts'
import { readChatJob, readTextsJob, writeChatJob, writeTextsJob } from '../../../web/wire/job-parts.ts'
import { JOB_KINDS } from '../../../web/wire/jobs.ts'
import { FixedRateRunner, textOf } from '../../support/fixed-rate-runner.ts'
import { chatOf } from '../../support/job-rig.ts'
import { SimClock } from '../../support/sim-clock.ts'

const chat = chatOf(9)
const raw = { ...chat, raw: true } as const
const source = { kind: 'mirror', id: 'a'.repeat(64) } as const
const REQUESTS = { chat: writeChatJob(chat), completion: writeChatJob(raw), embedding: writeTextsJob(['a', 'bc']) }

describe('a kind of job', () => {
  it('reads its own requests and refuses those of the others', () => {
    for (const kind of JOB_KINDS) {
      for (const other of JOB_KINDS) {
        const read = KINDS[kind].read(REQUESTS[other])
        if (kind === other) expect(read).toMatchObject({ ok: true, value: { kind } })
        else expect(read, `${kind} of ${other}`).toMatchObject({ ok: false, code: 'frame-invalid' })
      }
    }
  })

  it('computes what is missing, whoever did the rest', async () => {
    for (const byTokens of [true, false]) {
      const work: JobWork = new ChatWork(chat)
      for (const at of [0, 1, 2]) work.take({ kind: 'text', text: `w${at} `, tokens: [at] })
      const there = KINDS.chat.read(work.ask(byTokens, 100))
      if (!there.ok) throw new Error(there.detail)
      expect([there.value.tokens, there.value.tokensLeft]).toEqual([3, 6])
      const clock = new SimClock()
      const runner = new FixedRateRunner(clock, { engine: byTokens ? 'stage' : 'cpu' })
      let text = ''
      let over = false
      void (async () => {
        for await (const event of there.value.run(runner, source, new AbortController().signal)) {
          there.value.take(event)
          work.take(event)
          if (event.kind === 'text') text += event.text
        }
        over = true
      })()
      await clock.until(() => over)
      expect(`w0 w1 w2 ${text}`).toBe(textOf(9))
      expect([work.tokensLeft, work.over, there.value.over]).toEqual([0, 'length', 'length'])
    }
  })

  it('of a completion keeps its text raw wherever it goes on', () => {
    const work = new ChatWork(raw, 'completion')
    work.take({ kind: 'text', text: 'on', tokens: [4] })
    expect(readChatJob(work.ask(true, 100))).toMatchObject({
      value: { raw: true, resume: { text: 'on', tokens: [4] } },
    })
    expect(readChatJob(work.ask(false, 100))).toMatchObject({
      value: { raw: true, resume: { text: 'on', tokens: [] } },
    })
  })

  it('of texts asks for those without a vector, and takes no end before all are there', () => {
    const work = new EmbeddingWork(['a', 'b', 'c'])
    expect(work.take({ kind: 'vectors', vectors: [Float32Array.of(1, 0), Float32Array.of(0, 1)] })).toBe(true)
    expect(readTextsJob(work.ask())).toMatchObject({ value: ['c'] })
    expect(work.take({ kind: 'end', reason: 'stop', usage: NO_USAGE })).toBe(false)
    expect(work.take({ kind: 'text', text: 'a' })).toBe(false)
    expect(work.take({ kind: 'vectors', vectors: [Float32Array.of(1)] })).toBe(false)
    expect(work.over).toBeNull()
    expect(work.take({ kind: 'vectors', vectors: [Float32Array.of(1, 1)] })).toBe(true)
    expect([work.over, work.take({ kind: 'end', reason: 'stop', usage: NO_USAGE })]).toEqual(['stop', true])
  })
})
