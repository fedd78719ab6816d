/** Whole jobs between tabs over links in memory: one answer, whoever dies, leaves, waits or reads slowly on the way. */
import { describe, expect, it } from 'vitest'
import { EmbeddingWork } from '../../../web/schedule/jobs/kinds/embedding.ts'
import { TOKENS_IN_FLIGHT_MAX } from '../../../web/wire/limits/engine.ts'
import {
  JOB_LEASE_MS,
  JOB_PARTS_AHEAD_MAX,
  JOB_TRIES_MAX,
  JOB_UNREAD_MS,
  JOBS_PER_ASKER_MAX,
} from '../../../web/wire/limits/jobs.ts'
import { ALIVE_MS_MAX } from '../../../web/wire/limits/mesh.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { textOf, vectorOf } from '../../support/fixed-rate-runner.ts'
import { JOB_LAYERS, JOB_MODEL, JobRig, type Shown } from '../../support/job-rig.ts'

const WORDS = 40
const kinds = ({ events }: Shown) => events.map(({ kind }) => kind)
const notices = ({ events }: Shown) => events.flatMap((event) => (event.kind === 'notice' ? [event.code] : []))
const saidTo = (rig: JobRig, peer: string) =>
  rig.mesh.sent.flatMap(({ to, what }) => (to === peer && 'says' in what ? [what.says] : []))

function pair(rate = {}) {
  const rig = new JobRig()
  const worker = rig.worker('w', rate)
  rig.asker('a')
  return { rig, worker }
}

/** Loses its link to the worker once, in the middle of the answer. */
function askAndCut(rig: JobRig) {
  let cut = false
  const shown = rig.ask('a', {
    onEvent() {
      if (shown.text.length > 30 && !cut) {
        cut = true
        rig.mesh.cut('a', 'w')
      }
    },
  })
  return shown
}

describe('a job', () => {
  it('is answered by its worker, in order, with one end', async () => {
    const { rig, worker } = pair()
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(shown.end).toMatchObject({ reason: 'stop' })
    expect(kinds(shown).filter((kind) => kind === 'end')).toHaveLength(1)
    expect(kinds(shown).slice(0, 3)).toEqual(['answerer', 'schedule', 'prefill'])
    expect(shown.stands.at(-1)).toEqual({ state: 'running', peer: 'w' })
    expect(rig.news.at(-1)).toMatchObject({ state: 'done', tokens: WORDS })
    await rig.mesh.clock.until(() => worker.server.held === 0, rig.mesh.clock.nowMs + 1_000)
    expect(worker.server.held).toBe(0)
    expect(worker.server.offers).toMatchObject([{ held: 0, heldTokens: 0 }])
  })

  it('is said to run once its worker has let it in, and not before: the server would give its place away', async () => {
    const { rig, worker } = pair()
    const { clock } = rig.mesh
    rig.admit = () => new Promise((resolve) => clock.later(400, () => resolve(ok(null))))
    const shown = rig.ask('a')
    await clock.until(() => worker.server.held === 1, clock.nowMs + 1_000)
    await clock.until(() => false, clock.nowMs + 300)
    expect({ held: worker.server.held, news: rig.news }).toEqual({ held: 1, news: [] })
    expect(await rig.ended(shown)).toBe(true)
    expect(rig.news[0]).toMatchObject({ state: 'running', worker: 'w', tokens: 0 })
  })

  it('of a worker that takes less than was asked for ends there, and is not refused', async () => {
    const { rig } = pair()
    const score = { queueMs: 0, prefillMs: 0, decodeMs: 0, roundTripMs: 0 }
    rig.match = ({ job }) => {
      const worker = { peer: 'w', engine: 'stage', ticket: 'w for a', positions: 30, score } as const
      return ok({ job, state: 'leased', workers: [worker] })
    }
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(30))
    expect(shown.end).toMatchObject({ reason: 'length' })
    expect(shown.stands[0]).toEqual({ state: 'given', peer: 'w', engine: 'stage' })
  })

  it('of any part goes on where its worker died, word by word as if nothing had been', async () => {
    // Answerer, schedule, prefill, words and the end: after each of them, and before the first.
    for (let dies = 0; dies <= WORDS + 3; dies += 1) {
      const rig = new JobRig()
      rig.worker('w')
      rig.worker('x')
      rig.asker('a')
      rig.named = ['w', 'x']
      let seen = 0
      const shown = rig.ask('a', {
        onEvent() {
          seen += 1
          if (seen === dies) rig.mesh.kill('w')
        },
      })
      if (dies === 0) rig.mesh.kill('w')
      expect(await rig.ended(shown), `after part ${dies}`).toBe(true)
      expect(shown.text, `after part ${dies}`).toBe(textOf(WORDS))
      expect(shown.end?.reason).toBe('stop')
    }
  })

  it('goes on by tokens where both engines take them, else from its text, and says so', async () => {
    for (const [engine, first, second, said] of [
      ['stage', 'stage', 'stage', false],
      ['cpu', 'stage', 'cpu', true],
      ['stage', 'cpu', 'stage', true],
    ] as const) {
      const rig = new JobRig()
      rig.worker('w', { engine: first })
      const x = rig.worker('x', { engine: second })
      rig.asker('a')
      rig.named = ['w', 'x']
      const shown = rig.ask('a', {
        onEvent: () => {
          if (shown.text.length > 40) rig.mesh.kill('w')
        },
      })
      expect(await rig.ended(shown), engine).toBe(true)
      expect(shown.text).toBe(textOf(WORDS))
      expect(notices(shown).includes('resumed-from-text')).toBe(said)
      expect(notices(shown)).toContain('job-moved')
      const resume = x.runner.requests[0]?.resume
      expect((resume?.tokens.length ?? 0) > 0).toBe(!said)
      expect(resume?.text).not.toBe('')
    }
  })

  it('is taken from a worker that says nothing any more, within the time of that, and not from one that sleeps here', async () => {
    const rig = new JobRig()
    rig.worker('w')
    rig.worker('x')
    rig.asker('a')
    rig.named = ['w', 'x']
    let frozenMs = 0
    let onMs = 0
    const shown = rig.ask('a', {
      onEvent(event) {
        if (event.kind !== 'text') return
        if (frozenMs > 0 && onMs === 0) onMs = rig.mesh.clock.nowMs
        if (frozenMs === 0 && shown.text.length > 30) {
          frozenMs = rig.mesh.clock.nowMs
          rig.mesh.freeze('w')
        }
      },
    })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    // What was on its way when it froze is shown first.
    expect(onMs - frozenMs).toBeLessThan(ALIVE_MS_MAX + 1_000)
  })

  it('is taken from one who drains, and from one who refuses', async () => {
    for (const leave of ['drain', 'stop'] as const) {
      const rig = new JobRig()
      const w = rig.worker('w')
      rig.worker('x')
      rig.asker('a')
      rig.named = ['w', 'x']
      const shown = rig.ask('a', {
        onEvent: () => {
          if (shown.text.length > 30 && w.server.held > 0) w.server[leave]()
        },
      })
      expect(await rig.ended(shown), leave).toBe(true)
      expect(shown.text).toBe(textOf(WORDS))
    }
    const rig = new JobRig()
    rig.worker('w').server.serve([])
    rig.worker('x')
    rig.asker('a')
    rig.named = ['w', 'x']
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
  })

  it('is taken from a worker that is alive and makes no progress', async () => {
    const rig = new JobRig()
    rig.worker('w', { tokenMs: 10 * JOB_LEASE_MS })
    rig.worker('x')
    rig.asker('a')
    rig.named = ['w', 'x']
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(rig.workers.get('w')?.server.held).toBe(0)
  })

  it('that finds nobody ends at once; one that was begun looks again and comes back to the same worker', async () => {
    const { rig } = pair()
    rig.match = () => fail('no-holder', '')
    const none = rig.ask('a')
    expect(await rig.ended(none)).toBe(true)
    expect(none.end).toMatchObject({ reason: 'error', code: 'no-holder' })
    rig.match = null
    const shown = askAndCut(rig)
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(rig.wishes.some(({ avoid }) => avoid.includes('w'))).toBe(true)
  })

  it('comes back to its only worker with the ticket it has used, and only its own asker does', async () => {
    const { rig } = pair()
    const used = new Set<string>()
    rig.admit = (_worker, _asker, ticket) => {
      if (used.has(ticket)) return fail('ticket-invalid', 'It was used before.')
      used.add(ticket)
      return ok(null)
    }
    const shown = askAndCut(rig)
    expect(await rig.ended(shown)).toBe(true)
    expect([shown.end?.reason, shown.text]).toEqual(['stop', textOf(WORDS)])
    const other = rig.ask('a')
    expect(await rig.ended(other)).toBe(true)
    expect(other.end).toMatchObject({ reason: 'error', code: 'ticket-invalid' })
  })

  it('waits in the server’s line as long as it takes', async () => {
    const { rig } = pair()
    let tries = 0
    rig.match = ({ job }) => {
      tries += 1
      return ok({ job, state: 'queued', ahead: 3, waitMs: 5_000 })
    }
    const shown = rig.ask('a')
    await rig.mesh.clock.until(() => false, 3 * JOB_LEASE_MS)
    expect(shown.stands[0]).toEqual({ state: 'queued', ahead: 3, waitMs: 5_000 })
    expect(tries).toBeGreaterThan(1)
    const [job] = rig.wishes.map((wish) => wish.job)
    const score = { queueMs: 0, prefillMs: 0, decodeMs: 0, roundTripMs: 0 }
    const workers = [{ peer: 'w', engine: 'stage', ticket: 'w for a', positions: 208, score }] as const
    rig.say({ job: job ?? '', state: 'leased', workers })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
  })

  it('of texts comes back as their vectors, and goes on with those that are missing', async () => {
    const rig = new JobRig()
    const w = rig.worker('w')
    const x = rig.worker('x')
    rig.asker('a')
    rig.named = ['w', 'x']
    const texts = Array.from({ length: 50 }, (_, at) => 'abcdefghij'.repeat(1 + (at % 7)).slice(at % 10))
    const vectors: Float32Array[] = []
    const shown = rig.ask('a', {
      work: new EmbeddingWork(texts),
      onEvent(event) {
        if (event.kind !== 'vectors') return
        vectors.push(...event.vectors)
        if (vectors.length === 32) rig.mesh.kill('w')
      },
    })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.end?.reason).toBe('stop')
    expect(vectors).toEqual(texts.map(vectorOf))
    expect(w.runner.embedded + x.runner.embedded).toBeLessThanOrEqual(texts.length + 16)
  })
})

describe('a worker', () => {
  it('takes the nearest by what was measured here, not by what the server says', async () => {
    const rig = new JobRig({ delayMs: (a, b) => ([a, b].includes('far') ? 80 : 5) })
    const far = rig.worker('far')
    const near = rig.worker('near')
    rig.asker('a')
    const shown = rig.ask('a')
    expect(await rig.ended(shown)).toBe(true)
    expect([far.runner.requests.length, near.runner.requests.length]).toEqual([0, 1])
  })

  it('stops computing where nobody reads, gives its turn to who does, and goes on', async () => {
    const rig = new JobRig()
    const worker = rig.worker('w', { words: 150 })
    rig.asker('a')
    rig.asker('b')
    const slow = rig.ask('a', { readMs: 400 })
    await rig.mesh.clock.until(() => worker.runner.computed >= 20)
    await rig.mesh.clock.until(() => false, rig.mesh.clock.nowMs + JOB_UNREAD_MS / 2)
    // What came before the words counts as parts too.
    expect(worker.runner.computed).toBeLessThanOrEqual(JOB_PARTS_AHEAD_MAX + TOKENS_IN_FLIGHT_MAX)
    const quick = rig.ask('b', { maxTokens: 200 })
    expect(await rig.ended(quick)).toBe(true)
    expect(slow.end).toBeNull()
    expect(quick.text).toBe(textOf(150))
    expect(await rig.ended(slow)).toBe(true)
    expect(slow.text).toBe(textOf(150))
  })

  it('stops within the tokens in flight when it is told to, and when its asker is gone', async () => {
    for (const how of ['stop', 'kill'] as const) {
      const { rig, worker } = pair({ words: 400 })
      const shown = rig.ask('a', {
        onEvent() {
          if (shown.text.length < 60) return
          if (how === 'stop') shown.stop()
          else rig.mesh.kill('a')
        },
      })
      await rig.mesh.clock.until(() => shown.text.length >= 60)
      const words = shown.text.split(' ').length - 1
      await rig.mesh.clock.until(() => !worker.runner.running, rig.mesh.clock.nowMs + 5_000)
      expect(worker.runner.running).toBe(false)
      expect(worker.runner.computed - words).toBeLessThanOrEqual(TOKENS_IN_FLIGHT_MAX)
      expect(worker.server.held).toBe(0)
      if (how === 'stop') expect(shown.end).toMatchObject({ reason: 'abort' })
    }
  })

  it('lets its owner go first, says so, and goes on from where it was', async () => {
    const { rig, worker } = pair()
    let taken = false
    const shown = rig.ask('a', {
      onEvent() {
        if (shown.text.length < 30 || taken) return
        taken = true
        worker.runner.ownerBegins()
        rig.mesh.clock.later(JOB_LEASE_MS / 2, () => worker.runner.ownerEnds())
      },
    })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(shown.stands).toContainEqual(expect.objectContaining({ state: 'held', owner: true, ahead: 0 }))
    expect(worker.runner.requests).toHaveLength(2)
    expect(notices(shown)).toEqual([])
  })

  it('takes several jobs, tells each where it stands, and no more than its share of one asker', async () => {
    const rig = new JobRig()
    const worker = rig.worker('w')
    rig.asker('a')
    const all = Array.from({ length: JOBS_PER_ASKER_MAX + 1 }, () => rig.ask('a'))
    expect(await rig.ended(...all)).toBe(true)
    for (const shown of all.slice(0, JOBS_PER_ASKER_MAX)) expect(shown.text).toBe(textOf(WORDS))
    expect(all[1]?.stands).toContainEqual(expect.objectContaining({ state: 'held', ahead: 1, owner: false }))
    expect(worker.server.held).toBe(0)
    expect(saidTo(rig, 'a').filter((says) => says === 'refused').length).toBeGreaterThan(0)
  })

  it('that has no place is waited for, longer than tries would last, and is not said to have stopped', async () => {
    const rig = new JobRig()
    rig.worker('w', { tokenMs: 500, words: 100 }, null, 1)
    rig.asker('a')
    rig.asker('b')
    const first = rig.ask('a')
    await rig.mesh.clock.until(() => first.text.length > 0)
    const second = rig.ask('b')
    expect(await rig.ended(first, second)).toBe(true)
    expect([first.text, second.text]).toEqual([textOf(100), textOf(100)])
    expect(saidTo(rig, 'b').filter((says) => says === 'refused').length).toBeGreaterThan(JOB_TRIES_MAX)
    expect(notices(second)).toEqual([])
  })

  it('gives askers turns by what they had, and those that a person waits for before the others', async () => {
    const rig = new JobRig()
    rig.worker('w')
    for (const name of ['a', 'b', 'c']) rig.asker(name)
    const order: string[] = []
    const ask = (name: string, label: string, batch = false) =>
      rig.ask(name, {
        batch,
        onEvent: ({ kind }) => {
          if (kind === 'end') order.push(label)
        },
      })
    const first = ask('a', 'a1')
    await rig.mesh.clock.until(() => first.text.length > 0)
    const more = [ask('a', 'a2'), ask('c', 'c batch', true), ask('a', 'a3'), ask('a', 'a4'), ask('b', 'b1')]
    expect(await rig.ended(first, ...more)).toBe(true)
    expect(order).toEqual(['a1', 'b1', 'a2', 'a3', 'c batch', 'a4'])
  })

  it('is the same job once: said again it is told where it stands, and after its end it is not done twice', async () => {
    const { rig, worker } = pair()
    const shown = rig.ask('a')
    await rig.mesh.clock.until(() => shown.text.length > 30)
    const link = rig.mesh.peer('a').exchange.linkTo('w')
    const job = rig.wishes[0]?.job ?? ''
    const open = { says: 'job-open', request: job, ticket: 'w for a', modelId: JOB_MODEL, layers: JOB_LAYERS } as const
    const again = { ...open, kind: 'chat', class: 'interactive', positions: 208, inputBytes: 9 } as const
    void link?.say({ ...again, epoch: 1 })
    expect(await rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect(worker.runner.requests).toHaveLength(1)
    await rig.mesh.clock.until(() => worker.server.held === 0)
    const before = rig.mesh.sent.length
    void link?.say({ ...again, epoch: 1 })
    await rig.mesh.clock.until(() => false, rig.mesh.clock.nowMs + 1_000)
    const answers = rig.mesh.sent.slice(before).flatMap(({ to, what }) => (to === 'a' ? [what] : []))
    expect(answers).toContainEqual(expect.objectContaining({ says: 'refused', code: 'job-ended' }))
    expect(worker.runner.requests).toHaveLength(1)
  })
})
