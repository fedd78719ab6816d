/**
 * Odd cases of whole jobs, between real tabs over the real server: tickets that are not what they should be, a room that keeps
 * strangers out, a line of those who wait, and whoever stops, dies or is killed on the way.
 */
import { describe, expect, it } from 'vitest'
import type { JobWish, JobWord } from '../../web/wire/jobs.ts'
import { TOKENS_IN_FLIGHT_MAX } from '../../web/wire/limits/engine.ts'
import { TICKET_SKEW_MS, TICKET_START_MS } from '../../web/wire/limits/mesh.ts'
import { rendererOf } from '../support/app-page.ts'
import type { JobAsk } from '../support/job-page.ts'
import type { MeshTabPage } from '../support/mesh-app.ts'
import { LAYERS, useMesh } from '../support/mesh-rig.ts'

const MODEL = 'a'.repeat(64)
const OTHER_MODEL = 'b'.repeat(64)
const PROMPT_TOKENS = 8
const jobId = (number: number) => number.toString(16).padStart(32, '0')
const counted = (tokens: number) => [...Array(tokens).keys()]

/**
 * A page whose mesh can be told that it is later. It keeps the clock that it finds when it is made; the socket asks for it each
 * time, and would close and set it right.
 */
const CLOCK = `{
  const now = Date.now
  let aheadMs = 0
  Date.now = () => now() + aheadMs
  window.passMs = (ms) => { aheadMs += ms; Date.now = now }
}`
const mesh = useMesh({
  query: '?jobs=fixed&tokenMs=80&prefillMs=40',
  prepare: async (context) => void (await context.addInitScript(CLOCK)),
})

function question(maxTokens: number, more: Partial<JobAsk> = {}): JobAsk {
  return { modelId: MODEL, layers: LAYERS, content: 'Count aloud.', promptTokens: PROMPT_TOKENS, maxTokens, ...more }
}

function wish(job: string, maxTokens: number, more: Partial<JobWish> = {}): JobWish {
  const about = { kind: 'chat', class: 'interactive', modelId: MODEL, layers: LAYERS } as const
  return { job, ...about, promptTokens: PROMPT_TOKENS, maxTokens, room: null, avoid: [], ...more }
}

/** Known to the server. */
async function workers(count: number, parallel = 4): Promise<readonly MeshTabPage[]> {
  const tabs: MeshTabPage[] = []
  for (let at = 0; at < count; at += 1) {
    const tab = await mesh.openTab()
    await tab.call('offerFixed', [MODEL, OTHER_MODEL], LAYERS, parallel, 12.5)
    tabs.push(tab)
  }
  await mesh.offering(count)
  return tabs
}

async function worker(parallel = 4): Promise<MeshTabPage> {
  const [tab] = await workers(1, parallel)
  if (!tab) throw new Error('there is no worker')
  return tab
}

/** Tabs whose links to the worker are there, so that whose turn it is comes in time. */
async function linked(count: number): Promise<readonly MeshTabPage[]> {
  const tabs: MeshTabPage[] = []
  for (let at = 0; at < count; at += 1) {
    const tab = await mesh.openTab()
    expect((await tab.call('runJob', question(1))).tokens).toEqual([0])
    tabs.push(tab)
  }
  return tabs
}

type Leased = Extract<JobWord, { readonly state: 'leased' }>

/** What the server says to this wish. */
async function named(tab: MeshTabPage, wanted: JobWish): Promise<Leased> {
  const word = await tab.call('wishJob', wanted)
  if (!word.ok || word.value.state !== 'leased') throw new Error(JSON.stringify(word))
  return word.value
}

const withTickets = (word: Leased, change: (ticket: string, at: number) => string) => ({
  ...word,
  workers: word.workers.map((one, at) => ({ ...one, ticket: change(one.ticket, at) })),
})

async function refusal(tab: MeshTabPage, ask: JobAsk) {
  const { text, end } = await tab.call('runJob', ask)
  return { text, reason: end?.reason, code: end?.code, detail: end?.detail }
}

const refused = (code: string, detail: string) => ({ text: '', reason: 'error', code, detail })
const invalid = (detail: string) => refused('ticket-invalid', detail)

describe('a ticket', () => {
  it('is refused by code when it is replayed, expired, forged, for another model or for another peer', async () => {
    const two = await workers(2)
    const [replays, forges, elsewhere, swaps, steals, late] = await Promise.all(
      Array.from({ length: 6 }, () => mesh.openTab()),
    )
    if (!replays || !forges || !elsewhere || !swaps || !steals || !late) throw new Error('a tab is missing')

    const used = await named(replays, wish(jobId(1), 4))
    const first = await replays.call('runJob', question(4, { word: used }))
    expect([first.end?.reason, first.tokens]).toEqual(['length', counted(4)])
    const who = await replays.call('jobAt')
    const same = { ...used, workers: used.workers.filter(({ peer }) => peer === who) }

    const good = await named(forges, wish(jobId(2), 4))
    const forged = withTickets(good, (ticket) =>
      ticket.replace(/.{8}$/, (end) => (end === 'A'.repeat(8) ? 'B' : 'A').repeat(8)),
    )
    const wordElsewhere = await named(elsewhere, wish(jobId(3), 4, { modelId: OTHER_MODEL }))
    const both = await named(swaps, wish(jobId(4), 4))
    expect(both.workers).toHaveLength(two.length)
    const swapped = withTickets(both, (_, at) => both.workers[1 - at]?.ticket ?? '')
    const stolen = await named(forges, wish(jobId(5), 4))

    expect(
      await Promise.all([
        refusal(replays, question(4, { word: same })),
        refusal(forges, question(4, { word: forged })),
        refusal(elsewhere, question(4, { word: wordElsewhere })),
        refusal(swaps, question(4, { word: swapped })),
        refusal(steals, question(4, { word: stolen })),
      ]),
    ).toEqual([
      refused('job-ended', ''),
      invalid('ERR_JWS_SIGNATURE_VERIFICATION_FAILED.'),
      invalid('It is for another model.'),
      invalid('ERR_JWT_CLAIM_VALIDATION_FAILED.'),
      invalid('It is for another asker.'),
    ])

    const kept = await named(late, wish(jobId(6), 4))
    const ahead = TICKET_START_MS + 2 * TICKET_SKEW_MS
    for (const { page } of two) await page.evaluate(`passMs(${ahead})`)
    expect(await refusal(late, question(4, { word: kept }))).toEqual(invalid('ERR_JWT_EXPIRED.'))
    const computed = await Promise.all(two.map((tab) => tab.call('computed')))
    expect(computed.reduce((sum, one) => sum + one, 0)).toBe(4)
  })
})

describe('a room', () => {
  it('is kept: a stranger gets no ticket for it, and one from before is refused by its worker', async () => {
    const serving = await worker()
    const stranger = await mesh.openTab()
    const before = await named(stranger, wish(jobId(1), 4))
    const made = await serving.call('makeRoom', true)
    if (!made.ok) throw new Error(made.code)
    const [room] = await serving.call('rooms')
    await serving.call('within', room?.id ?? '')

    expect(await refusal(stranger, question(4, { room: room?.id ?? '' }))).toEqual(refused('room-unknown', ''))
    expect(await refusal(stranger, question(4, { word: before }))).toEqual(
      invalid('This tab serves members of its room alone.'),
    )
    await expect.poll(() => stranger.call('wishJob', wish(jobId(2), 4))).toMatchObject({ ok: false, code: 'no-holder' })
    expect(await serving.call('computed')).toBe(0)
  })
})

describe('jobs for which there are not places enough', () => {
  it('wait in line, are told where they stand and how long that may take, and end in order', async () => {
    await worker(1)
    const tabs = await linked(3)
    const ends: number[] = []
    const answers = []
    for (const [at, tab] of tabs.entries()) {
      answers.push(
        tab.call('runJob', question(30)).then((run) => {
          ends.push(at)
          return run
        }),
      )
      // The next one comes when this one has its place.
      if (at === 0) await tab.until('(await mesh.jobProgress()).tokens > 0')
      else await tab.until('(await mesh.jobStand())?.state === "queued"')
    }
    const runs = await Promise.all(answers)
    expect(ends).toEqual([0, 1, 2])
    for (const { tokens } of runs) expect(tokens).toEqual(counted(30))
    const [, second, third] = runs.map(({ stands }) =>
      stands.flatMap(({ stand }) => (stand.state === 'queued' ? [stand] : [])),
    )
    expect(second?.[0]?.ahead).toBe(0)
    expect(third?.[0]?.ahead).toBe(1)
    for (const stand of [...(second ?? []), ...(third ?? [])]) expect(stand.waitMs).toBeGreaterThan(0)
    expect(third?.[0]?.waitMs).toBeGreaterThan(second?.[0]?.waitMs ?? 0)
  })

  it('go in the order of who waits for them: batch behind interactive', async () => {
    await worker(1)
    const [one, two, three] = await linked(3)
    if (!one || !two || !three) throw new Error('a tab is missing')
    const tabs = [one, two, three] as const
    const ends: string[] = []
    const ask = (tab: MeshTabPage, name: string, kind: 'interactive' | 'batch') =>
      tab.call('runJob', question(20, { class: kind })).then((run) => {
        ends.push(name)
        return run
      })
    const first = ask(tabs[0], 'first', 'interactive')
    await tabs[0].until('(await mesh.jobProgress()).tokens > 0')
    const batch = ask(tabs[1], 'batch', 'batch')
    await tabs[1].until('(await mesh.jobStand())?.state === "queued"')
    const later = ask(tabs[2], 'later', 'interactive')
    for (const { tokens } of await Promise.all([first, batch, later])) expect(tokens).toEqual(counted(20))
    expect(ends).toEqual(['first', 'later', 'batch'])
  })

  it('get the place of an asker that died', async () => {
    const serving = await worker(1)
    const [dies, waits] = [await mesh.openTab(), await mesh.openTab()]
    const lost = dies.call('runJob', question(4_000)).catch(() => null)
    await dies.until('(await mesh.jobProgress()).tokens > 0')
    const waiting = waits.call('runJob', question(10))
    await waits.until('(await mesh.jobStand())?.state === "queued"')
    await dies.context.close()
    expect(await lost).toBeNull()
    expect((await waiting).tokens).toEqual(counted(10))
    expect(await serving.call('computed')).toBeLessThan(4_000)
  })
})

describe('a job in the middle', () => {
  it('that is stopped frees its worker within the tokens in flight, and another one is answered', async () => {
    const serving = await worker(1)
    const tab = await mesh.openTab()
    const stopped = await tab.call('runJob', question(4_000, { stopAfter: 20 }))
    expect(stopped.end).toMatchObject({ reason: 'abort' })
    expect(stopped.tokens).toEqual(counted(20))
    const next = await (await mesh.openTab()).call('runJob', question(5))
    expect(next.tokens).toEqual(counted(5))
    expect((await serving.call('computed')) - 5).toBeLessThanOrEqual(20 + TOKENS_IN_FLIGHT_MAX)
  })

  it('goes on at the next worker with the next token when its worker’s process is killed', async () => {
    const two = await workers(2)
    const peers = await Promise.all(two.map((tab) => tab.call('peer')))
    const pids: number[] = []
    for (const { page } of two) pids.push(await rendererOf(page))
    const tab = await mesh.openTab()
    const answering = tab.call('runJob', question(60))
    await tab.until('(await mesh.jobProgress()).tokens > 10')
    const killed = peers.indexOf((await tab.call('jobAt')) ?? '')
    process.kill(pids[killed] ?? Number.NaN, 'SIGKILL')
    const { tokens, text, stands, movedMs } = await answering
    expect(tokens).toEqual(counted(60))
    expect(text).toBe(
      counted(60)
        .map((at) => `w${at} `)
        .join(''),
    )
    expect(movedMs).toHaveLength(1)
    const who = stands.flatMap(({ stand }) => (stand.state === 'running' ? [stand.peer] : []))
    expect(who).toEqual([peers[killed], peers[1 - killed]])
  })
})
