/** Whole jobs over real sockets: who is named with which ticket, who waits, what ends a job, and that nobody reaches another's. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TicketCheck } from '../../../web/account/ticket-check.ts'
import type { JobNews, JobWish, JobWord } from '../../../web/wire/jobs.ts'
import {
  JOB_LEASE_MS,
  JOB_QUEUED_MS_MAX,
  JOB_REMEMBERED_MS,
  JOB_TOLD_MS,
  JOB_TRIES_MAX,
  JOB_WORKERS_MAX,
  JOBS_OPEN_PER_ASKER_MAX,
} from '../../../web/wire/limits/jobs.ts'
import { CONNECT_LATE_MS } from '../../../web/wire/limits/links.ts'
import { LEASE_MS } from '../../../web/wire/limits/signalling.ts'
import { ok, type Result } from '../../../web/wire/result.ts'
import { JOB_MODEL, JobServer, type JobTab, jobId, jobOffer, jobWish, newKey, until } from '../../support/job-tabs.ts'

let server: JobServer
beforeEach(async () => {
  server = await JobServer.start()
})
afterEach(() => server.close())

function leased(result: Result<JobWord>): Extract<JobWord, { readonly state: 'leased' }> {
  if (!result.ok) throw new Error(`${result.code} ${result.detail}`)
  if (result.value.state !== 'leased') throw new Error(`is ${result.value.state}`)
  return result.value
}
/** As its workers have the model: nothing is known of its size. */
const USE = { modelId: JOB_MODEL, whole: { layers: 4, activeParameters: 0 }, span: { first: 0, last: 4 } }
const peersOf = (result: Result<JobWord>) => leased(result).workers.map(({ peer }) => peer)
const newsOf = (number: number, state: JobNews['state'], more: Partial<JobNews> = {}): JobNews => {
  return { job: jobId(number), state, worker: null, tokens: 0, code: null, ...more }
}
const told = ({ words }: JobTab, number: number) => words.filter(({ job }) => job === jobId(number))

describe('a wish', () => {
  it('gets the best workers, each with a ticket that it accepts for exactly this', async () => {
    const speeds = [5, 40, 20, 10]
    const workers = await Promise.all(
      speeds.map((tokensPerSecond) => server.worker({ tokensPerSecond, positions: 60 })),
    )
    const asker = await server.tab()
    const wish = jobWish(1, { promptTokens: 20, maxTokens: 30 })
    const word = leased(await asker.client.job(wish))
    const [slowest, fastest, second, third] = workers.map(({ client }) => client.peer)
    expect(word.workers.map(({ peer }) => peer)).toEqual([fastest, second, third])
    expect(word.workers).toHaveLength(JOB_WORKERS_MAX)
    expect(word.workers[0]).toMatchObject({ engine: 'stage', score: { queueMs: 0, prefillMs: 100, decodeMs: 750 } })
    expect(slowest).toBeDefined()
    const use = { ...USE, request: wish.job, asker: asker.client.peer }
    for (const { client } of workers) {
      const check = new TicketCheck({
        self: client.peer,
        keys: () => client.ticketKeys,
        nowMs: () => client.serverNowMs(),
        letsIn: async () => ok(null),
      })
      const ticket = word.workers.find(({ peer }) => peer === client.peer)?.ticket ?? word.workers[0]?.ticket ?? ''
      const isNamed = client.peer !== slowest
      const admit = (more: object) => check.admit(ticket, { ...use, job: 'chat', positions: 50, ...more })
      for (const wrong of [{ positions: 51 }, { job: null }, { job: 'embedding' }, { span: { first: 0, last: 3 } }]) {
        expect(await admit(wrong)).toMatchObject({ code: 'ticket-invalid' })
      }
      expect((await admit({})).ok).toBe(isNamed)
      expect(await admit({})).toMatchObject({ code: 'ticket-invalid' })
    }
  })

  it('never has more positions in its ticket than the worker has', async () => {
    const { client } = await server.worker({ positions: 200 })
    const asker = await server.tab()
    const wish = jobWish(1, { promptTokens: 60, maxTokens: 4_000 })
    const [worker] = leased(await asker.client.job(wish)).workers
    expect(worker?.positions).toBe(200)
    const check = new TicketCheck({
      self: client.peer,
      keys: () => client.ticketKeys,
      nowMs: () => client.serverNowMs(),
      letsIn: async () => ok(null),
    })
    const use = { ...USE, request: wish.job, asker: asker.client.peer }
    const admit = (positions: number) => check.admit(worker?.ticket ?? '', { ...use, job: 'chat', positions })
    expect(await admit(201)).toMatchObject({ code: 'ticket-invalid' })
    expect(await admit(200)).toMatchObject({ ok: true })
  })

  it('is refused at once where nobody has the model, does this kind, is large enough, or is wanted', async () => {
    const asker = await server.tab()
    const ask = (more: Partial<JobWish>) => asker.client.job(jobWish(1, more))
    expect(await ask({})).toMatchObject({ code: 'no-holder' })
    const { client } = await server.worker({ positions: 150 })
    expect(await ask({ modelId: 'b'.repeat(64) })).toMatchObject({ code: 'no-holder' })
    expect(await ask({ kind: 'embedding' })).toMatchObject({ code: 'no-holder' })
    expect(await ask({ promptTokens: 51 })).toMatchObject({ code: 'no-capacity' })
    expect(await ask({ avoid: [client.peer] })).toMatchObject({ code: 'filter-empty' })
    expect(await ask({ room: 'o'.repeat(22) })).toMatchObject({ code: 'room-unknown' })
    // Nothing of it was kept: the same id is a job of its own now.
    expect(peersOf(await ask({}))).toEqual([client.peer])
  })

  it('that comes again is the same job: same workers, same tickets', async () => {
    await server.worker({ parallel: 2 })
    await server.worker({ parallel: 2 })
    const asker = await server.tab()
    const [first, twin] = await Promise.all([asker.client.job(jobWish(1)), asker.client.job(jobWish(1))])
    expect(twin).toEqual(first)
    server.pass(JOB_LEASE_MS - 1)
    expect(await asker.client.job(jobWish(1))).toEqual(first)
    expect(await asker.client.job(jobWish(1, { modelId: 'b'.repeat(64) }))).toMatchObject({ code: 'event-invalid' })
  })

  it('gets others where those who were named have failed it', async () => {
    const workers = [await server.worker({ tokensPerSecond: 40 }), await server.worker()]
    const [fast = '', slow = ''] = workers.map(({ client }) => client.peer)
    const asker = await server.tab()
    expect(peersOf(await asker.client.job(jobWish(1)))).toEqual([fast, slow])
    expect(peersOf(await asker.client.job(jobWish(1, { avoid: [fast] })))).toEqual([slow])
    expect(await asker.client.job(jobWish(1, { avoid: [fast, slow] }))).toMatchObject({ code: 'filter-empty' })
  })

  it('of ten in one instant does not go to one worker ten times', async () => {
    const workers = await Promise.all(Array.from({ length: 5 }, () => server.worker({ parallel: 4 })))
    const askers = await Promise.all(Array.from({ length: 10 }, () => server.tab()))
    const answers = await Promise.all(askers.map(({ client }) => client.job(jobWish(1))))
    const firsts = answers.map((answer) => peersOf(answer)[0])
    const counts = workers.map(({ client }) => firsts.filter((peer) => peer === client.peer).length)
    expect(counts).toEqual([2, 2, 2, 2, 2])
  })

  it('counts what was promised until the worker itself does', async () => {
    const worker = await server.worker()
    const [one, two] = [await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    // It has not heard of the job yet: the place is kept for the one it was promised to.
    await worker.offer([jobOffer({ tokensPerSecond: 21 })])
    expect(await two.client.job(jobWish(2))).toMatchObject({ value: { state: 'queued', ahead: 0 } })
    await one.client.jobNews(newsOf(1, 'running', { worker: worker.client.peer }))
    await worker.offer([jobOffer({ held: 1 })])
    expect(two.words).toEqual([])
    await worker.offer([jobOffer({ held: 0 })])
    await until(() => told(two, 2).length === 1)
    expect(told(two, 2)[0]).toMatchObject({ state: 'leased', workers: [{ peer: worker.client.peer }] })
  })

  it('finds the place free that one who never came had been promised', async () => {
    const worker = await server.worker()
    const [one, two] = [await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    server.nowMs += CONNECT_LATE_MS
    await worker.offer([jobOffer({ tokensPerSecond: 21 })])
    expect(peersOf(await two.client.job(jobWish(2)))).toEqual([worker.client.peer])
  })
})

describe('the line', () => {
  it('leases to the next when a job is done, and tells who waits where it stands', async () => {
    const worker = await server.worker()
    const [one, two, three] = [await server.tab(), await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    // The rest of the job that is answered, 100 tokens at 20 a second, then the 120 of the one before.
    expect(await two.client.job(jobWish(2))).toEqual(ok({ job: jobId(2), state: 'queued', ahead: 0, waitMs: 5_000 }))
    expect(await three.client.job(jobWish(3))).toEqual(ok({ job: jobId(3), state: 'queued', ahead: 1, waitMs: 11_000 }))
    await one.client.jobNews(newsOf(1, 'done', { worker: worker.client.peer, tokens: 7 }))
    await until(() => told(two, 2).length === 1)
    expect(told(two, 2)[0]).toMatchObject({ state: 'leased', workers: [{ peer: worker.client.peer }] })
    server.pass(JOB_TOLD_MS - 1)
    expect(told(three, 3)).toEqual([])
    server.pass(1)
    await until(() => told(three, 3).length === 1)
    expect(told(three, 3)).toEqual([{ job: jobId(3), state: 'queued', ahead: 0, waitMs: 5_000 }])
  })

  it('goes on when a worker comes', async () => {
    const busy = await server.worker({ held: 1 })
    const asker = await server.tab()
    expect(await asker.client.job(jobWish(1))).toMatchObject({ value: { state: 'queued' } })
    const fresh = await server.worker()
    await until(() => asker.words.length === 1)
    expect(asker.words[0]).toMatchObject({ state: 'leased', workers: [{ peer: fresh.client.peer }] })
    // The one that was told is what a wish that comes again is answered with.
    expect(await asker.client.job(jobWish(1))).toEqual(ok(asker.words[0]))
    expect(busy.words).toEqual([])
  })

  it('says that nobody offers the model any more, and keeps who waits', async () => {
    const worker = await server.worker({ held: 1 })
    const asker = await server.tab()
    expect(await asker.client.job(jobWish(1))).toMatchObject({ value: { state: 'queued', waitMs: 0 } })
    await worker.offer([])
    server.pass(JOB_TOLD_MS)
    await until(() => asker.words.length === 1)
    expect(asker.words).toEqual([{ job: jobId(1), state: 'queued', ahead: 0, waitMs: null }])
  })

  it('lets interactive jobs go first', async () => {
    const worker = await server.worker({ held: 1 })
    const [batch, person] = [await server.tab(), await server.tab()]
    expect(await batch.client.job(jobWish(1, { class: 'batch' }))).toMatchObject({ value: { ahead: 0 } })
    expect(await person.client.job(jobWish(2))).toMatchObject({ value: { ahead: 0 } })
    await worker.offer([jobOffer()])
    await until(() => person.words.length === 1)
    expect(person.words[0]).toMatchObject({ state: 'leased' })
    expect(told(batch, 1).every(({ state }) => state === 'queued')).toBe(true)
  })

  it('takes the tabs of one device for one asker', async () => {
    await server.worker({ held: 1 })
    const key = await newKey()
    const [first, second, other] = [await server.tab(key), await server.tab(key), await server.tab()]
    expect(await first.client.job(jobWish(1))).toMatchObject({ value: { ahead: 0 } })
    expect(await second.client.job(jobWish(1))).toMatchObject({ value: { ahead: 1 } })
    expect(await other.client.job(jobWish(1))).toMatchObject({ value: { ahead: 1 } })
    expect(await second.client.job(jobWish(1))).toMatchObject({ value: { ahead: 2 } })
  })

  it('forgets who cancels, and who is gone once its lease has ended', async () => {
    const worker = await server.worker({ held: 1 })
    const [one, two, three] = [await server.tab(), await server.tab(), await server.tab()]
    await one.client.job(jobWish(1))
    await two.client.job(jobWish(2))
    expect(await three.client.job(jobWish(3))).toMatchObject({ value: { ahead: 2 } })
    expect(await one.client.jobNews(newsOf(1, 'cancelled'))).toEqual(ok(null))
    two.client.close()
    await until(() => server.hub.roster.peer(two.client.peer)?.connected === false)
    expect(await three.client.job(jobWish(3))).toMatchObject({ value: { ahead: 1 } })
    server.pass(JOB_LEASE_MS, [two])
    expect(await three.client.job(jobWish(3))).toMatchObject({ value: { ahead: 0 } })
    await worker.offer([jobOffer()])
    await until(() => told(three, 3).some(({ state }) => state === 'leased'))
    expect(one.words).toEqual([])
  })

  it('forgets at once who says goodbye', async () => {
    await server.worker({ held: 1 })
    const [one, two] = [await server.tab(), await server.tab()]
    await one.client.job(jobWish(1))
    expect(await two.client.job(jobWish(2))).toMatchObject({ value: { ahead: 1 } })
    await one.client.leave()
    expect(await two.client.job(jobWish(2))).toMatchObject({ value: { ahead: 0 } })
  })

  it('passes over a tab that sleeps, which is where it was once it wakes', async () => {
    const worker = await server.worker({ held: 1 })
    const [sleeper, other] = [await server.tab(), await server.tab()]
    await sleeper.client.job(jobWish(1))
    await other.client.job(jobWish(2))
    server.pass(LEASE_MS, [sleeper])
    await worker.offer([jobOffer({ parallel: 2 })])
    await until(() => told(other, 2).some(({ state }) => state === 'leased'))
    expect(told(sleeper, 1).every(({ state }) => state === 'queued')).toBe(true)
    await sleeper.offer([])
    server.hub.sweep()
    await until(() => told(sleeper, 1).some(({ state }) => state === 'leased'))
  })

  it('ends for who has waited too long', async () => {
    await server.worker({ held: 1 })
    const asker = await server.tab()
    await asker.client.job(jobWish(1))
    server.pass(JOB_QUEUED_MS_MAX - 1)
    expect(await asker.client.job(jobWish(1))).toMatchObject({ value: { state: 'queued' } })
    server.pass(1)
    await until(() => asker.words.some(({ state }) => state === 'expired'))
    expect(asker.words.at(-1)).toEqual({ job: jobId(1), state: 'expired', code: 'job-expired' })
  })
})

describe('a lease', () => {
  it('is extended by news; without any the job is leased anew, and ends after the last try', async () => {
    const worker = await server.worker()
    const asker = await server.tab()
    leased(await asker.client.job(jobWish(1)))
    const running = newsOf(1, 'running', { worker: worker.client.peer, tokens: 3 })
    server.pass(JOB_LEASE_MS - 1)
    expect(await asker.client.jobNews(running)).toEqual(ok(null))
    server.pass(JOB_LEASE_MS - 1)
    expect(asker.words).toEqual([])
    server.pass(1)
    for (let lease = 2; lease <= JOB_TRIES_MAX; lease += 1) {
      await until(() => asker.words.length === lease - 1)
      server.pass(JOB_LEASE_MS)
    }
    await until(() => asker.words.length === JOB_TRIES_MAX)
    expect(asker.words.map(({ state }) => state)).toEqual([...Array(JOB_TRIES_MAX - 1).fill('leased'), 'expired'])
    expect(await asker.client.job(jobWish(1))).toMatchObject({ code: 'job-ended' })
    expect(await asker.client.jobNews(running)).toMatchObject({ code: 'job-ended' })
  })

  it('that was thought lost goes on where its asker says so, and the line goes by it', async () => {
    const worker = await server.worker()
    const [one, two] = [await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    await worker.offer([jobOffer({ held: 1 })])
    server.pass(JOB_LEASE_MS)
    await until(() => one.words.length === 1)
    expect(one.words[0]).toMatchObject({ state: 'queued', ahead: 0 })
    expect(await two.client.job(jobWish(2))).toMatchObject({ value: { ahead: 1 } })
    await one.client.jobNews(newsOf(1, 'running', { worker: worker.client.peer }))
    expect(await two.client.job(jobWish(2))).toMatchObject({ value: { ahead: 0 } })
  })

  it('of an asker that is gone ends with it', async () => {
    const worker = await server.worker()
    const [one, two] = [await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    await two.client.job(jobWish(2))
    await one.client.leave()
    server.pass(JOB_LEASE_MS)
    await until(() => told(two, 2).some(({ state }) => state === 'leased'))
    expect(told(two, 2).at(-1)).toMatchObject({ workers: [{ peer: worker.client.peer }] })
  })

  it('moves to the worker that the asker took', async () => {
    const [fast, slow] = [await server.worker({ tokensPerSecond: 40 }), await server.worker()]
    const [one, two] = [await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    await one.client.jobNews(newsOf(1, 'running', { worker: slow.client.peer }))
    expect(peersOf(await two.client.job(jobWish(2)))).toEqual([fast.client.peer])
  })
})

describe('news', () => {
  it('of an end are told twice at most with one meaning, and an ended job is not done again', async () => {
    await server.worker()
    const asker = await server.tab()
    leased(await asker.client.job(jobWish(1)))
    expect(await asker.client.jobNews(newsOf(1, 'done', { tokens: 9 }))).toEqual(ok(null))
    expect(await asker.client.jobNews(newsOf(1, 'done', { tokens: 9 }))).toEqual(ok(null))
    expect(await asker.client.jobNews(newsOf(1, 'failed', { code: 'link-closed' }))).toMatchObject({
      code: 'job-ended',
    })
    expect(await asker.client.job(jobWish(1))).toMatchObject({ code: 'job-ended' })
    server.pass(JOB_REMEMBERED_MS - 1)
    expect(await asker.client.job(jobWish(1))).toMatchObject({ code: 'job-ended' })
    server.pass(1)
    leased(await asker.client.job(jobWish(1)))
  })

  it("of somebody else's job reach nothing, and its id is another job in another tab", async () => {
    const worker = await server.worker({ parallel: 8 })
    const [owner, forger] = [await server.tab(), await server.tab()]
    const before = leased(await owner.client.job(jobWish(1)))
    for (const state of ['running', 'done', 'failed', 'cancelled'] as const) {
      const news = newsOf(1, state, { worker: worker.client.peer, tokens: 50 })
      expect(await forger.client.jobNews(news)).toMatchObject({ code: 'job-unknown' })
    }
    const own = leased(await forger.client.job(jobWish(1)))
    expect(own.workers[0]?.ticket).not.toBe(before.workers[0]?.ticket)
    await forger.client.jobNews(newsOf(1, 'cancelled'))
    expect(await owner.client.job(jobWish(1))).toEqual(ok(before))
    expect(await forger.client.job(jobWish(1))).toMatchObject({ code: 'job-ended' })
  })

  it('cannot say that somebody works who was never named, nor that a job runs which nobody has', async () => {
    const [worker, other] = [await server.worker(), await server.worker({ kinds: ['completion'] })]
    const [one, two] = [await server.tab(), await server.tab()]
    leased(await one.client.job(jobWish(1)))
    const forged = newsOf(1, 'running', { worker: other.client.peer })
    expect(await one.client.jobNews(forged)).toMatchObject({ code: 'event-invalid' })
    const completion = jobWish(2, { kind: 'completion' })
    expect(peersOf(await two.client.job(completion))).toEqual([other.client.peer])
    await one.client.job(jobWish(3))
    for (const state of ['running', 'done'] as const) {
      expect(await one.client.jobNews(newsOf(3, state))).toMatchObject({ code: 'event-invalid' })
    }
    expect(await one.client.job(jobWish(3))).toMatchObject({ value: { state: 'queued' } })
    expect(worker.words).toEqual([])
  })
})

describe('one tab', () => {
  it('has so many jobs open and no more, and not one less for having ended some', async () => {
    await server.worker({ held: 1 })
    const [asker, other] = [await server.tab(), await server.tab()]
    for (let number = 0; number < JOBS_OPEN_PER_ASKER_MAX; number += 1) {
      expect(await asker.client.job(jobWish(number))).toMatchObject({ value: { state: 'queued' } })
      // As slowly as a socket may.
      server.nowMs += 100
    }
    expect(await asker.client.job(jobWish(500))).toMatchObject({ code: 'jobs-full' })
    expect(await other.client.job(jobWish(500))).toMatchObject({ value: { state: 'queued' } })
    await asker.client.jobNews(newsOf(0, 'cancelled'))
    expect(await asker.client.job(jobWish(500))).toMatchObject({ value: { state: 'queued' } })
  })

  it('that asks as fast as it can loses its socket', async () => {
    const asker = await server.tab()
    const answers = Array.from({ length: 400 }, (_, number) => asker.client.job(jobWish(number)))
    await until(() => server.hub.roster.peer(asker.client.peer)?.connected !== true)
    asker.client.close()
    expect((await Promise.all(answers)).some((answer) => !answer.ok && answer.code === 'signal-away')).toBe(true)
  })
})
