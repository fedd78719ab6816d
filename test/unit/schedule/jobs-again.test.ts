/**
 * An asker that comes back to a worker with the ticket of a job that it gave there before: it gets what it has not read, and
 * nothing is done twice for one ticket.
 */
import { describe, expect, it } from 'vitest'
import { EmbeddingWork } from '../../../web/schedule/jobs/kinds/embedding.ts'
import type { ChatRequest } from '../../../web/wire/chat.ts'
import { writeChatJob, writeTextsJob } from '../../../web/wire/job-parts.ts'
import { JOB_ACK_PARTS, JOB_PARTS_AHEAD_MAX, JOB_TRIES_MAX } from '../../../web/wire/limits/jobs.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { textOf, vectorOf } from '../../support/fixed-rate-runner.ts'
import { chatOf, JOB_LAYERS, JOB_MODEL, JobRig } from '../../support/job-rig.ts'

const WORDS = 40
const JOB = '9'.repeat(32)
/** What comes before the first word: answerer, schedule, prefill. */
const PARTS_BEFORE = 3

function again(words = WORDS) {
  const rig = new JobRig()
  const worker = rig.worker('w', { words })
  rig.asker('a')
  const used = new Set<string>()
  rig.admit = (_worker, _asker, ticket) => {
    if (used.has(ticket)) return fail('ticket-invalid', 'It was used before.')
    used.add(ticket)
    return ok(null)
  }
  return { rig, worker }
}

const later = (rig: JobRig, ms: number) => rig.mesh.clock.until(() => false, rig.mesh.clock.nowMs + ms)

/** An asker that says what it likes; resolves when nothing more comes of it. */
async function open(rig: JobRig, epoch: number, request: string, more: object = {}): Promise<readonly string[]> {
  const before = rig.mesh.sent.length
  const link = rig.mesh.peer('a').exchange.linkTo('w')
  const bytes = new TextEncoder().encode(request)
  const about = { request: JOB, ticket: 'a ticket', modelId: JOB_MODEL, layers: JOB_LAYERS, kind: 'chat' } as const
  const size = { class: 'interactive', positions: 48, inputBytes: bytes.length } as const
  void link?.say({ says: 'job-open', ...about, ...size, epoch, ...more })
  void link?.send({ type: 'part', request: JOB, epoch, position: 0, bytes }, 'now')
  await later(rig, 5_000)
  return rig.mesh.sent
    .slice(before)
    .flatMap(({ to, what }) => (to === 'a' && 'says' in what && what.says === 'refused' ? [what.code] : []))
}

const ack = async (rig: JobRig, epoch: number, parts: number) => {
  void rig.mesh.peer('a').exchange.linkTo('w')?.say({ says: 'job-ack', request: JOB, epoch, parts })
  await later(rig, 5_000)
}

const cancel = async (rig: JobRig, epoch: number) => {
  void rig.mesh.peer('a').exchange.linkTo('w')?.say({ says: 'job-cancel', request: JOB, epoch })
  await later(rig, 100)
}

/** As if so many words had come. */
function goingOn(words: number, maxTokens = WORDS): ChatRequest {
  const tokens = Array.from({ length: words }, (_, at) => at)
  return { ...chatOf(maxTokens), resume: { text: textOf(words), tokens, spent: words, schedule: [] } }
}

describe('a ticket that was used', () => {
  it('is worth nothing once the whole end was read, whoever says that it was not', async () => {
    const { rig, worker } = again()
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    await later(rig, 1_000)
    const request = rig.wishes[0]?.job ?? ''
    const [first] = rig.mesh.sent.flatMap(({ what }) => ('says' in what && what.says === 'job-open' ? [what] : []))
    for (const ticket of [first?.ticket ?? '', 'another ticket']) {
      const link = rig.mesh.peer('a').exchange.linkTo('w')
      const before = rig.mesh.sent.length
      if (first) void link?.say({ ...first, ticket, epoch: 2 })
      await later(rig, 1_000)
      const refused = expect.objectContaining({ says: 'refused', request, code: 'job-ended' })
      expect(rig.mesh.sent.slice(before).map(({ what }) => what)).toContainEqual(refused)
    }
    expect(worker.runner.requests).toHaveLength(1)
    expect(worker.runner.computed).toBe(WORDS)
  })

  it('gives what was not read, and not again what was', async () => {
    const { rig, worker } = again()
    await open(rig, 1, writeChatJob(chatOf(WORDS)))
    expect(worker.runner.computed).toBe(JOB_PARTS_AHEAD_MAX - PARTS_BEFORE)
    await ack(rig, 1, JOB_ACK_PARTS)
    await cancel(rig, 1)
    const read = JOB_ACK_PARTS - PARTS_BEFORE
    expect(await open(rig, 2, writeChatJob(goingOn(read - 1)))).toEqual(['request-invalid'])
    expect(worker.runner.requests).toHaveLength(1)
    expect(await open(rig, 3, writeChatJob(goingOn(WORDS - 8)))).toEqual([])
    expect(worker.runner.requests.at(-1)?.resume?.tokens).toHaveLength(WORDS - 8)
    await ack(rig, 3, PARTS_BEFORE + 8 + 1)
    expect(await open(rig, 4, writeChatJob(goingOn(WORDS - 1)))).toEqual(['job-ended'])
  })

  it('is for its tokens and no more, also where nothing of them is ever said to be read', async () => {
    const { rig, worker } = again(20)
    const short = writeChatJob(chatOf(20))
    const refused: string[] = []
    for (let epoch = 1; epoch <= JOB_TRIES_MAX; epoch += 1) refused.push(...(await open(rig, epoch, short)))
    expect(worker.runner.computed).toBe(40)
    expect(refused).toEqual(new Array(JOB_TRIES_MAX - 2).fill('ticket-invalid'))
    expect(worker.server.held).toBe(0)
  })

  it('is for as many tries as a job may have', async () => {
    const { rig, worker } = again()
    const one = writeChatJob(chatOf(1))
    for (let epoch = 1; epoch <= JOB_TRIES_MAX; epoch += 1) expect(await open(rig, epoch, one)).toEqual([])
    expect(await open(rig, JOB_TRIES_MAX + 1, one)).toEqual(['ticket-invalid'])
    expect(worker.runner.requests).toHaveLength(JOB_TRIES_MAX)
  })

  it('is for what it was let in for', async () => {
    for (const more of [{ positions: 49 }, { kind: 'completion' }, { ticket: 'forged' }]) {
      const { rig, worker } = again()
      await open(rig, 1, writeChatJob(chatOf(4)))
      if ('ticket' in more) rig.admit = () => fail('ticket-invalid', '')
      expect(await open(rig, 2, writeChatJob(chatOf(4)), more)).toEqual(['ticket-invalid'])
      expect(worker.runner.requests).toHaveLength(1)
    }
  })

  it('of texts gives no vector twice that was read', async () => {
    const { rig, worker } = again()
    const texts = Array.from({ length: 32 }, (_, at) => `text ${at}`)
    const texted = { kind: 'embedding', positions: 208 }
    await open(rig, 1, writeTextsJob(texts), texted)
    await ack(rig, 1, 1)
    expect(await open(rig, 2, writeTextsJob(texts), texted)).toEqual(['request-invalid'])
    expect(await open(rig, 3, writeTextsJob(texts.slice(16)), texted)).toEqual([])
    expect(worker.runner.embedded).toBe(48)
  })
})

describe('an asker that loses its link to its only worker', () => {
  it('after any part gets the rest from it, word by word, and nothing that it has read', async () => {
    for (let cut = 1; cut <= WORDS + PARTS_BEFORE; cut += 1) {
      const { rig, worker } = again()
      let seen = 0
      const shown = rig.ask('a', {
        onEvent() {
          seen += 1
          if (seen === cut) rig.mesh.cut('a', 'w')
        },
      })
      expect(await rig.ended(shown), `after part ${cut}`).toBe(true)
      expect([shown.end?.reason, shown.text], `after part ${cut}`).toEqual(['stop', textOf(WORDS)])
      // What was on its way is made again.
      expect(worker.runner.computed).toBeLessThanOrEqual(WORDS + 4)
    }
  })

  it('gets the vectors that are missing from it', async () => {
    const { rig } = again()
    const texts = Array.from({ length: 50 }, (_, at) => `text ${at}`)
    const vectors: Float32Array[] = []
    const shown = rig.ask('a', {
      work: new EmbeddingWork(texts),
      onEvent(event) {
        if (event.kind !== 'vectors') return
        vectors.push(...event.vectors)
        if (vectors.length === 32) rig.mesh.cut('a', 'w')
      },
    })
    expect(await rig.ended(shown)).toBe(true)
    expect([shown.end?.reason, vectors]).toEqual(['stop', texts.map(vectorOf)])
  })
})
