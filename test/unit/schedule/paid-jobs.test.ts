/** Whole jobs that are paid, over links in memory: the same text, a receipt of both, and no work that nobody signs for. */
import { beforeEach, describe, expect, it } from 'vitest'
import { memoryOutboxStore } from '../../../web/account/outbox-store.ts'
import { CREDIT_POLICY } from '../../../web/rules/credit-policy.ts'
import { EmbeddingWork } from '../../../web/schedule/jobs/kinds/embedding.ts'
import { AnswerChain } from '../../../web/schedule/receipts/answer-chain.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS, ACKNOWLEDGE_TOKENS, RECEIPT_ALONE_MS } from '../../../web/wire/limits/credits.ts'
import { JOB_LEASE_MS } from '../../../web/wire/limits/jobs.ts'
import type { PeerSays } from '../../../web/wire/peer-control.ts'
import { textOf } from '../../support/fixed-rate-runner.ts'
import type { Lies } from '../../support/hostile-peer.ts'
import { servedModel } from '../../support/job-rig.ts'
import { PaidJobs, type PaidWorker } from '../../support/paid-jobs.ts'
import { type PaidTab, paidTab } from '../../support/paid-tab.ts'

const WORDS = 100
let jobs: PaidJobs
let worker: PaidWorker
let asker: PaidTab

beforeEach(async () => {
  jobs = new PaidJobs()
  worker = await jobs.worker({ words: WORDS })
  asker = await jobs.asker()
})

const ask = (more = {}) => jobs.rig.ask(asker.peer, { pays: true, ...more })
const said = (says: PeerSays['says']) =>
  jobs.rig.mesh.sent.flatMap(({ what }) => ('says' in what && what.says === says ? [what] : []))
const silent = (...kinds: PeerSays['says'][]): Lies => ({ words: (word) => (kinds.includes(word.says) ? [] : [word]) })

describe('a paid job', () => {
  it('has the text of any other one, and a receipt that both have signed', async () => {
    const shown = ask()
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    const [taken] = await jobs.settled(1)
    const [claims] = jobs.claims
    expect(taken?.signed.receipt).toMatchObject({
      ...{ kind: 'chat', request: claims?.request, part: 0, ticket: claims?.id },
      ...{ promptTokens: 8, reusedTokens: 0, outputTokens: WORDS, micro: 100_800n, policy: CREDIT_POLICY.version },
    })
    expect(taken?.signed.askerSignature).not.toBeNull()
    expect(taken?.settled.disputedMicro).toBe(0n)
    const open = said('job-open')[0]
    const chain = new AnswerChain(open?.says === 'job-open' ? (open.salt ?? '') : '')
    for (const event of shown.events) chain.take(event, new Uint8Array())
    expect(taken?.signed.receipt.chainOut).toBe(chain.headAt(WORDS))
    expect(said('acknowledge')).toHaveLength(Math.ceil(WORDS / ACKNOWLEDGE_TOKENS))
    expect(worker.told).toEqual([{ kind: 'began', ticket: claims?.id }])
    expect(asker.told).toEqual([{ kind: 'over', request: claims?.request, parts: [0] }])
    expect(await worker.store.receipts.all()).toEqual([])
  })

  it('of an engine without token ids is counted by its pieces', async () => {
    const other = await jobs.worker({ words: WORDS, engine: 'cpu' })
    jobs.rig.named = [other.peer]
    const shown = ask()
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect((await jobs.settled(1))[0]?.signed).toMatchObject({ receipt: { outputTokens: WORDS } })
  })

  it('of vectors is paid for what was read', async () => {
    const texts = Array.from({ length: 20 }, (_, at) => `text ${at}`)
    jobs.more = { positions: 200 }
    const shown = ask({ work: new EmbeddingWork(texts) })
    expect(await jobs.rig.ended(shown)).toBe(true)
    const [taken] = await jobs.settled(1)
    expect(taken?.signed.receipt).toMatchObject({ kind: 'embedding', promptTokens: 20, outputTokens: 0, micro: 2_000n })
    expect(taken?.signed.askerSignature).not.toBeNull()
  })

  it('that nobody pays ends where its ticket ends, and has no receipt', async () => {
    jobs.more = { pay: { kind: 'unpaid' }, outputTokens: 30 }
    const shown = ask()
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(30))
    expect(said('receipt')).toEqual([])
    expect(worker.told).toEqual([])
  })

  it('whose asker asks for more than its ticket is refused', async () => {
    jobs.more = { outputTokens: 30 }
    // As an asker that reads no ticket would ask.
    const raised = (bytes: Uint8Array) => Buffer.from(bytes).toString().replace('"maxTokens":30', '"maxTokens":31')
    const greedy = await jobs.asker({
      frames: (frame) =>
        frame.type === 'part' ? [{ ...frame, bytes: new TextEncoder().encode(raised(frame.bytes)) }] : [frame],
    })
    const shown = jobs.rig.ask(greedy.peer, { pays: true })
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(shown.text).toBe('')
    expect(said('refused')[0]).toMatchObject({ code: 'request-invalid' })
  })

  it('goes no further than so many tokens past the last word, and is given up after a while', async () => {
    const mute = await jobs.asker(silent('acknowledge'))
    const shown = jobs.rig.ask(mute.peer, { pays: true })
    const { clock } = jobs.rig.mesh
    await clock.until(() => false, clock.nowMs + JOB_LEASE_MS - 1_000)
    expect(shown.text).toBe(textOf(ACKNOWLEDGE_AHEAD_TOKENS))
    expect(worker.rig.server.held).toBe(1)
    await clock.until(() => worker.rig.server.held === 0, clock.nowMs + 5_000)
    expect(worker.rig.server.held).toBe(0)
    shown.stop()
  })

  it('goes on after a wait for a word that came late', async () => {
    const held: PeerSays[] = []
    let slow = true
    const late = await jobs.asker({
      words(word) {
        if (word.says !== 'acknowledge' || !slow) return [word]
        held.push(word)
        return []
      },
    })
    const shown = jobs.rig.ask(late.peer, { pays: true })
    const { clock } = jobs.rig.mesh
    await clock.until(() => false, clock.nowMs + 5_000)
    expect(shown.text).toBe(textOf(ACKNOWLEDGE_AHEAD_TOKENS))
    slow = false
    const link = jobs.rig.mesh.peer(late.peer).exchange.linkTo(worker.peer)
    for (const word of held) void link?.say(word)
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect((await jobs.settled(1))[0]?.settled.disputedMicro).toBe(0n)
  })

  it('that waits for its asker’s word leaves the engine to others', async () => {
    const mute = await jobs.asker(silent('acknowledge'))
    const stuck = jobs.rig.ask(mute.peer, { pays: true })
    const { clock } = jobs.rig.mesh
    await clock.until(() => stuck.text.length > 20)
    const shown = ask()
    await clock.until(() => shown.end !== null, clock.nowMs + JOB_LEASE_MS - 2_000)
    expect(shown.text).toBe(textOf(WORDS))
    stuck.stop()
  })

  it('that was stopped is paid as far as it came, with nothing disputed', async () => {
    const shown = ask({
      onEvent() {
        if (shown.text.length > 150) shown.stop()
      },
    })
    expect(await jobs.rig.ended(shown)).toBe(true)
    const [taken] = await jobs.settled(1, 1_000)
    const words = shown.text.split(' ').length - 1
    expect(taken?.signed.receipt.outputTokens).toBe(words)
    expect(taken?.signed.askerSignature).not.toBeNull()
    expect(asker.told).toHaveLength(1)
  })

  it('that moves to another worker has a receipt of each, for its own part', async () => {
    const other = await jobs.worker({ words: WORDS })
    jobs.rig.named = [worker.peer]
    const shown = ask({
      onEvent() {
        if (shown.text.length < 150 || !jobs.rig.mesh.has(worker.peer)) return
        jobs.rig.named = [other.peer]
        jobs.rig.mesh.cut(asker.peer, worker.peer)
        jobs.rig.mesh.kill(worker.peer)
      },
    })
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    const [first, second] = await jobs.settled(2)
    expect([first?.signed.receipt.part, second?.signed.receipt.part]).toEqual([0, 1])
    // The first has lost its asker: it gets what was acknowledged, and the rest is disputed.
    expect(first?.signed.askerSignature).toBeNull()
    const acknowledged = first?.acknowledged?.acknowledgement.outputTokens ?? 0
    expect(acknowledged % ACKNOWLEDGE_TOKENS).toBe(0)
    expect(acknowledged).toBeGreaterThan(0)
    expect((first?.signed.receipt.outputTokens ?? 0) - acknowledged).toBeLessThanOrEqual(ACKNOWLEDGE_AHEAD_TOKENS)
    expect(second?.signed.askerSignature).not.toBeNull()
    const moved = second?.signed.receipt.outputTokens ?? 0
    expect(moved + (first?.signed.receipt.outputTokens ?? 0)).toBeGreaterThanOrEqual(WORDS)
    expect(asker.told).toHaveLength(1)
  })

  it('whose worker’s tab is closed in the middle is paid to the next tab of that browser', async () => {
    const shown = ask()
    await jobs.rig.mesh.clock.until(() => shown.text.length > 150)
    // What lies in the browser at this moment is all that is left of the tab.
    const left = await worker.store.receipts.all()
    expect(left).toMatchObject([{ draftOf: expect.any(String), signed: { askerSignature: null } }])
    worker.outbox.close()
    jobs.rig.mesh.kill(worker.peer)
    shown.stop()
    const store = memoryOutboxStore()
    for (const one of left) await store.receipts.put(one)
    const next = await paidTab(jobs.rig.mesh.clock, jobs.server, { key: worker.key, store })
    const [taken] = await jobs.settled(1, 4 * RECEIPT_ALONE_MS)
    expect(taken?.signed.receipt.outputTokens).toBe(taken?.acknowledged?.acknowledgement.outputTokens)
    expect(taken?.signed.receipt.outputTokens).toBeGreaterThanOrEqual(ACKNOWLEDGE_TOKENS)
    expect(taken?.settled.disputedMicro).toBe(0n)
    expect(next.settled).toHaveLength(1)
  })

  it('whose receipt was changed on its way is signed by nobody, and its worker has what was acknowledged', async () => {
    const liar = await jobs.worker(
      { words: WORDS },
      {
        words(word) {
          if (word.says !== 'receipt') return [word]
          return [{ ...word, receipt: word.receipt.replace('"promptTokens":8', '"promptTokens":9') }]
        },
      },
    )
    jobs.rig.named = [liar.peer]
    const shown = ask()
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(await jobs.settled(1, RECEIPT_ALONE_MS / 2)).toEqual([])
    expect(said('receipt-refused')).toMatchObject([{ code: 'receipt-price' }])
    const [taken] = await jobs.settled(1)
    expect(taken?.signed.askerSignature).toBeNull()
    expect(taken?.settled).toEqual({ settledMicro: 100_800n, disputedMicro: 0n, again: false })
  })

  it('without a salt is refused, and a paid ticket lets in once', async () => {
    const link = jobs.rig.mesh.peer(asker.peer).exchange.linkTo(worker.peer)
    const { clock } = jobs.rig.mesh
    const shown = ask({ onEvent: () => shown.text.length > 50 && shown.stop() })
    await jobs.rig.ended(shown)
    await clock.until(() => worker.rig.server.held === 0, clock.nowMs + 1_000)
    const open = said('job-open')[0]
    if (open?.says !== 'job-open') throw new Error('Nothing was opened.')
    const refused = () => said('refused').flatMap((word) => (word.says === 'refused' ? [word.detail] : []))
    void link?.say({ ...open, epoch: 9 })
    await clock.until(() => refused().length === 1, clock.nowMs + 1_000)
    expect(refused()).toEqual(['It was used before.'])
    const { salt: _, ...bare } = { ...open, request: '7'.repeat(32) }
    void link?.say(bare)
    await clock.until(() => refused().length === 2, clock.nowMs + 1_000)
    expect(refused()[1]).toBe('A paid job has a salt.')
    expect(worker.rig.server.held).toBe(0)
  })

  it('has its receipt while the server is away, and it is settled when that is back', async () => {
    jobs.server.state = 'away'
    const shown = ask()
    expect(await jobs.rig.ended(shown)).toBe(true)
    const { clock } = jobs.rig.mesh
    await clock.until(() => false, clock.nowMs + 1_000)
    expect((await worker.store.receipts.all())[0]?.signed.askerSignature).not.toBeNull()
    jobs.server.state = 'here'
    worker.outbox.flush()
    expect(await jobs.settled(1, 1_000)).toHaveLength(1)
  })
})

describe('a ticket for a smaller model', () => {
  it('is refused by the worker that knows its own, before it is used, and nobody is told that work began', async () => {
    const shrewd = await jobs.worker({ words: WORDS })
    shrewd.rig.server.serve([servedModel({ engine: 'stage', activeParameters: 1_000_000_001 })])
    jobs.rig.named = [shrewd.peer]
    const shown = ask()
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(said('refused')[0]).toMatchObject({ code: 'ticket-underpaid' })
    expect(shown.text).toBe('')
    expect(shrewd.told).toEqual([])
    // Its asker names no part, since nothing came.
    expect(asker.told).toMatchObject([{ kind: 'over', parts: [] }])
  })
})

describe('a job that nothing is paid for', () => {
  it.each(['own', 'room', 'unpaid'] as const)('(%s) has no words of credits, and the same text', async (kind) => {
    jobs.more = { pay: { kind } }
    const shown = jobs.rig.ask(asker.peer)
    expect(await jobs.rig.ended(shown)).toBe(true)
    expect(shown.text).toBe(textOf(WORDS))
    expect([...said('acknowledge'), ...said('receipt')]).toEqual([])
    expect([worker.told, asker.told]).toEqual([[], []])
  })

  it('waits behind paid ones at the worker, whatever it says of itself', async () => {
    const { clock } = jobs.rig.mesh
    const first = ask()
    await clock.until(() => first.text.length > 0)
    jobs.more = { pay: { kind: 'unpaid' } }
    const other = await jobs.asker()
    const unpaid = jobs.rig.ask(other.peer)
    await clock.until(() => worker.rig.server.held === 2, clock.nowMs + 1_000)
    jobs.more = {}
    const third = await jobs.asker()
    const paid = jobs.rig.ask(third.peer, { pays: true })
    await clock.until(() => worker.rig.server.held === 3, clock.nowMs + 1_000)
    await clock.until(() => paid.text !== '' || unpaid.text !== '')
    expect([paid.text !== '', unpaid.text]).toEqual([true, ''])
    expect(await jobs.rig.ended(first, paid, unpaid)).toBe(true)
  })
})
