/**
 * The desk of jobs in a played world of honest tabs, without sockets: whatever comes in whichever order, no worker is given
 * more than it takes, no job is in line and leased at once, and every job gets done.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { JobDesk } from '../../../signal/sockets/jobs.ts'
import { Roster } from '../../../web/rules/roster.ts'
import type { JobClass, JobWord } from '../../../web/wire/jobs.ts'
import { CONNECT_LATE_MS } from '../../../web/wire/limits/links.ts'
import type { PeerId } from '../../../web/wire/peers.ts'
import { ok, type Result } from '../../../web/wire/result.ts'
import { jobId, jobOffer, jobWish } from '../../support/job-tabs.ts'

const peerOf = (name: string): PeerId => `ed25519:${'A'.repeat(43)}/${name.padEnd(22, 'x')}`
const STEP_MS = 500

interface PlayedJob {
  readonly number: number
  readonly asker: PeerId
  readonly class: JobClass
  state: JobWord['state'] | 'running' | null
  worker: PeerId | null
  leasedMs: number
  /** At a worker: it computes. */
  open: boolean
}

class World {
  readonly #roster = new Roster()
  readonly #desk: JobDesk
  readonly #parallel: ReadonlyMap<PeerId, number>
  readonly jobs: PlayedJob[] = []
  #nowMs = 0
  leasedLater = 0
  mostHeld = 0

  constructor(parallels: readonly number[], askers: number) {
    this.#parallel = new Map(parallels.map((parallel, at) => [peerOf(`w${at}`), parallel]))
    this.#desk = new JobDesk({
      roster: this.#roster,
      isHere: () => true,
      rooms: { peersIn: () => null },
      tickets: {
        affords: async () => ok(true),
        issue: async (_, workers) =>
          ok(workers.map(({ worker, positions }) => ({ ticket: `for ${worker}`, positions }))),
      },
      nowMs: () => this.#nowMs,
      tell: (peer, word) => this.#hear(peer, word),
    })
    for (const worker of this.#parallel.keys()) this.#roster.join(worker, null, '', 0)
    for (let at = 0; at < askers; at += 1) this.#roster.join(peerOf(`a${at}`), null, '', 0)
    for (let at = 0; at < parallels.length; at += 1) this.presence(at)
  }

  async ask(asker: number, kind: JobClass, maxTokens: number): Promise<void> {
    const job = { number: this.jobs.length, asker: peerOf(`a${asker}`), class: kind } as const
    this.jobs.push({ ...job, state: null, worker: null, leasedMs: 0, open: false })
    this.#take(job.asker, await this.#desk.wish(job.asker, jobWish(job.number, { class: kind, maxTokens })))
  }

  /** The asker has reached its worker. */
  reach(pick: number): void {
    const job = pickOf(this.jobs, pick, ({ state, open }) => state === 'leased' && !open)
    if (job) this.#open(job)
  }

  begin(pick: number): void {
    const job = pickOf(this.jobs, pick, ({ open }) => open)
    if (!job) return
    job.state = 'running'
    this.#tellNews(job, 'running')
  }

  async finish(pick: number): Promise<void> {
    const job = pickOf(this.jobs, pick, ({ open }) => open)
    if (!job) return
    job.open = false
    job.state = 'done'
    this.#tellNews(job, 'done')
    expect(await this.#desk.wish(job.asker, jobWish(job.number))).toMatchObject({ code: 'job-ended' })
  }

  presence(at: number): void {
    const worker = [...this.#parallel.keys()][at % this.#parallel.size] ?? ''
    const held = this.#held(worker)
    const offers = [jobOffer({ parallel: this.#parallel.get(worker) ?? 1, held, heldTokens: held * 50 })]
    const more = { numericClass: '', visible: true, held: [], room: null, relayOnly: false, near: [] }
    this.#roster.hear(worker, { ...more, offers }, this.#nowMs)
    this.#desk.heard(worker)
  }

  /** Time goes on; whoever has a worker reaches it before the server forgets what it has promised, and tells how it goes. */
  pass(): void {
    this.#nowMs += STEP_MS
    for (const job of this.jobs) {
      if (job.state === 'leased' && !job.open && this.#nowMs - job.leasedMs >= CONNECT_LATE_MS - STEP_MS)
        this.#open(job)
      if (job.state === 'running') this.#tellNews(job, 'running')
    }
    this.#desk.sweep()
  }

  /** What the desk says of each that is open is one thing, and what it was told before. */
  async check(): Promise<void> {
    for (const { number, asker, state, worker, class: kind } of this.jobs) {
      if (state === 'done') continue
      const answer = await this.#desk.wish(asker, jobWish(number, { class: kind }))
      if (!answer.ok) throw new Error(answer.code)
      expect(answer.value.state).toBe(state === 'running' ? 'leased' : state)
      if (answer.value.state === 'leased') expect(answer.value.workers[0]?.peer).toBe(worker)
    }
  }

  #open(job: PlayedJob): void {
    job.open = true
    const held = this.#held(job.worker ?? '')
    this.mostHeld = Math.max(this.mostHeld, held)
    expect(held).toBeLessThanOrEqual(this.#parallel.get(job.worker ?? '') ?? 0)
  }

  #held(worker: PeerId): number {
    return this.jobs.filter((job) => job.open && job.worker === worker).length
  }

  #tellNews({ number, asker, worker }: PlayedJob, state: 'running' | 'done'): void {
    const news = { job: jobId(number), state, worker, tokens: 1, code: null }
    expect(this.#desk.news(asker, news)).toMatchObject({ ok: true })
  }

  #hear(asker: PeerId, word: JobWord): void {
    if (word.state === 'leased') this.leasedLater += 1
    this.#take(asker, { ok: true, value: word })
  }

  #take(asker: PeerId, answer: Result<JobWord>): void {
    if (!answer.ok) throw new Error(answer.code)
    const word = answer.value
    const job = this.jobs.find((one) => one.asker === asker && jobId(one.number) === word.job)
    if (!job) throw new Error('nobody asked for this')
    // Once it is with a worker it is nowhere else, and told so once.
    expect(job.state === null || job.state === 'queued').toBe(true)
    job.state = word.state
    if (word.state !== 'leased') return
    job.worker = word.workers[0]?.peer ?? null
    job.leasedMs = this.#nowMs
  }
}

function pickOf<T>(all: readonly T[], pick: number, fits: (one: T) => boolean): T | undefined {
  const able = all.filter(fits)
  return able[pick % Math.max(1, able.length)]
}

const settled = () => new Promise((done) => setImmediate(done))

it('gives no worker more than it takes, and every job to one worker until it is done', async () => {
  const doing = fc.oneof(
    { weight: 4, arbitrary: fc.record({ on: fc.constant('ask' as const), asker: fc.nat(3), batch: fc.boolean() }) },
    {
      weight: 6,
      arbitrary: fc.record({
        on: fc.constantFrom('reach' as const, 'begin' as const, 'finish' as const, 'presence' as const),
        pick: fc.nat(20),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ on: 'pass' as const }) },
  )
  const parallels = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 })
  let [jobs, later] = [0, 0]
  await fc.assert(
    fc.asyncProperty(parallels, fc.array(doing, { minLength: 30, maxLength: 100 }), async (sizes, all) => {
      const world = new World(sizes, 4)
      for (const one of all) {
        if (one.on === 'ask') await world.ask(one.asker, one.batch ? 'batch' : 'interactive', 100)
        else if (one.on === 'pass') world.pass()
        else if (one.on === 'finish') await world.finish(one.pick)
        else world[one.on](one.pick)
        await settled()
      }
      await world.check()
      // From now on all do what they have to: the line must empty.
      for (
        let round = 0;
        round < 12 * (all.length + 1) && world.jobs.some(({ state }) => state !== 'done');
        round += 1
      ) {
        world.reach(0)
        world.begin(0)
        await world.finish(0)
        world.presence(round)
        world.pass()
        await settled()
      }
      expect(world.jobs.map(({ state }) => state)).toEqual(world.jobs.map(() => 'done'))
      jobs += world.jobs.length
      later += world.leasedLater
    }),
    { numRuns: 150 },
  )
  // A world in which nobody ever waited has shown nothing.
  expect(jobs).toBeGreaterThan(500)
  expect(later).toBeGreaterThan(50)
})

it('a tab that goes while it is looked at what it can pay has nothing in line and nobody at work', async () => {
  const [asker, worker] = [peerOf('a'), peerOf('w')]
  const roster = new Roster()
  for (const peer of [asker, worker]) roster.join(peer, null, '', 0)
  let looked: (affords: Result<boolean>) => void = () => {}
  const issued: PeerId[] = []
  let isHere = true
  const desk = new JobDesk({
    roster,
    isHere: () => isHere,
    rooms: { peersIn: () => null },
    tickets: {
      affords: () => new Promise((resolve) => (looked = resolve)),
      issue: async (wish) => {
        issued.push(wish.asker)
        return ok([])
      },
    },
    nowMs: () => 0,
    tell: () => {},
  })
  const offers = [jobOffer()]
  roster.hear(worker, { numericClass: '', visible: true, held: [], offers, room: null, relayOnly: false, near: [] }, 0)
  const wished = desk.wish(asker, jobWish(1))
  isHere = false
  roster.leave(asker, 0)
  desk.gone(asker)
  looked(ok(true))
  expect(await wished).toMatchObject({ code: 'not-proven' })
  expect([desk.open(), issued]).toEqual([[], []])
})
