/** A paid part as both sides sign for it, over a link in memory, with real keys: and what is left where one of them is gone. */
import { beforeEach, describe, expect, it } from 'vitest'
import { ACKNOWLEDGE_AHEAD_TOKENS, ACKNOWLEDGE_TOKENS, RECEIPT_ALONE_MS } from '../../../web/wire/limits/credits.ts'
import type { TicketClaims } from '../../../web/wire/tickets.ts'
import { PaidPair } from '../../support/paid-pair.ts'
import { EPOCH_MS, paidClaims, paidTab, ticketOf } from '../../support/paid-tab.ts'

let pair: PaidPair
beforeEach(async () => {
  pair = await PaidPair.of()
})

describe('a paid part', () => {
  it('is acknowledged every few tokens and once more at its end, and signed by both', async () => {
    const { theirs, ours, write, claims, doneAt } = pair.begin()
    await write(40)
    expect(theirs.acknowledged).toBe(2 * ACKNOWLEDGE_TOKENS)
    await ours.done()
    await pair.quiet()
    expect(theirs.acknowledged).toBe(40)
    theirs.end(doneAt(40))
    await pair.quiet()
    const taken = pair.server.taken.get(claims.id)
    expect(taken?.signed.receipt).toMatchObject({ promptTokens: 40, reusedTokens: 10, outputTokens: 40, part: 0 })
    // 30 tokens read, 40 written, by a model of a billion parameters.
    expect(taken?.settled).toEqual({ settledMicro: 43_000n, disputedMicro: 0n, again: false })
    expect(taken?.signed.askerSignature).not.toBeNull()
    expect(await pair.worker.store.receipts.all()).toEqual([])
    expect(pair.worker.settled).toHaveLength(1)
    expect(pair.worker.told).toEqual([{ kind: 'began', ticket: claims.id }])
  })

  it('may come so far past what was acknowledged and no further, and goes on with the next word', async () => {
    const { theirs, write, lose } = pair.begin()
    lose(ACKNOWLEDGE_AHEAD_TOKENS)
    expect(theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS)).toBe(true)
    expect(theirs.waitsSinceMs).toBeNull()
    expect(theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS + 1)).toBe(false)
    const sinceMs = theirs.waitsSinceMs
    expect(sinceMs).toBe(EPOCH_MS + pair.mesh.clock.nowMs)
    let heard = 0
    const rest = theirs.onAcknowledged(() => {
      heard += 1
    })
    await write(ACKNOWLEDGE_TOKENS)
    expect({ heard, acknowledged: theirs.acknowledged, waits: theirs.waitsSinceMs }).toEqual({
      heard: 1,
      acknowledged: ACKNOWLEDGE_TOKENS,
      waits: null,
    })
    expect(theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS + ACKNOWLEDGE_TOKENS)).toBe(true)
    rest()
    await write(ACKNOWLEDGE_TOKENS)
    expect(heard).toBe(1)
  })

  it('of nothing but a prompt is acknowledged too', async () => {
    const { theirs, ours, write, doneAt, claims } = pair.begin()
    await write(0)
    ours.have(0, doneAt(0).chainOut)
    await ours.done()
    await pair.quiet()
    theirs.end(doneAt(0))
    await pair.quiet()
    expect(pair.server.taken.get(claims.id)).toMatchObject({
      acknowledged: { acknowledgement: { outputTokens: 0 } },
      settled: { settledMicro: 3_000n },
    })
  })

  it('whose receipt comes before the end of the answer is signed when all of it is here', async () => {
    const { theirs, ours, write, lose, doneAt, claims } = pair.begin()
    await write(16)
    lose(4)
    theirs.end(doneAt(20))
    await pair.quiet()
    expect(pair.last(pair.asker)?.says).toBe('acknowledge')
    expect((await pair.kept())?.signed.askerSignature).toBeNull()
    await ours.done()
    await pair.quiet()
    // Four tokens never came.
    expect(pair.last(pair.asker)).toMatchObject({ says: 'receipt-refused', code: 'receipt-inflated' })
    expect(pair.server.taken.has(claims.id)).toBe(false)
    const other = pair.begin()
    other.theirs.end(other.doneAt(0))
    await pair.quiet()
    expect(pair.server.taken.has(other.claims.id)).toBe(true)
  })

  it('is free, and has no words, where nothing is paid for it', () => {
    for (const kind of ['own', 'room', 'unpaid'] as const) {
      const claims = paidClaims(pair.asker.peer, pair.worker.peer, { pay: { kind } })
      expect(pair.worker.desk.work(claims, pair.linkTo(pair.worker, pair.asker))).toBeNull()
      expect(pair.asker.desk.ask(ticketOf(claims), pair.linkTo(pair.asker, pair.worker))).toBeNull()
    }
    const claims = paidClaims(pair.asker.peer, pair.worker.peer)
    expect(
      pair.worker.desk.work(paidClaims(pair.asker.peer, pair.asker.peer), pair.linkTo(pair.worker, pair.asker)),
    ).toBeNull()
    expect(
      pair.asker.desk.ask(
        ticketOf(paidClaims(pair.worker.peer, pair.worker.peer)),
        pair.linkTo(pair.asker, pair.worker),
      ),
    ).toBeNull()
    expect(pair.asker.desk.ask('e30.e30.AA', pair.linkTo(pair.asker, pair.worker))).toBeNull()
    const other = { ...claims, pay: { ...claims.pay, policy: 9 } } as TicketClaims
    expect(pair.worker.desk.work(other, pair.linkTo(pair.worker, pair.asker))).toBeNull()
    expect(pair.worker.told).toEqual([])
  })

  it('of a donor earns nothing, and is not said to have begun', async () => {
    const donor = await paidTab(pair.mesh.clock, pair.server, { donor: true })
    expect(donor.desk.work(paidClaims(pair.asker.peer, donor.peer), pair.linkTo(pair.worker, pair.asker))).toBeNull()
    expect(donor.told).toEqual([])
  })

  it('tells the server that its request is over', () => {
    pair.asker.desk.over('1'.repeat(32))
    expect(pair.asker.told).toEqual([{ kind: 'over', request: '1'.repeat(32), parts: [] }])
  })

  it('is named once its request is over, if something of it came; a closed tab has left the same word', async () => {
    const request = '2'.repeat(32)
    const [used, refused, receipted] = [0, 1, 2].map((part) => pair.begin({ request, part }))
    await used?.write(1)
    await refused?.ours.done()
    receipted?.theirs.end(receipted.doneAt(0))
    await pair.quiet()
    const over = { kind: 'over', request, parts: [0, 2] }
    expect(pair.asker.left.at(-1)).toEqual(over)
    pair.asker.desk.over(request)
    expect(pair.asker.told).toEqual([over])
    // What comes later changes nothing of what was said.
    await refused?.write(1)
    expect(pair.asker.left.at(-1)).toEqual(over)
  })
})

describe('without the other side', () => {
  it('a worker is paid what was acknowledged, after a while, and the rest is disputed', async () => {
    const { theirs, write, lose, doneAt, claims } = pair.begin()
    await write(20)
    pair.mesh.kill(pair.asker.peer)
    lose(10)
    theirs.end(doneAt(30))
    await pair.quiet()
    expect(pair.server.taken.has(claims.id)).toBe(false)
    await pair.mesh.clock.until(() => pair.server.taken.has(claims.id), pair.mesh.clock.nowMs + 2 * RECEIPT_ALONE_MS)
    expect(pair.server.taken.get(claims.id)?.settled).toEqual({
      settledMicro: 19_000n,
      disputedMicro: 14_000n,
      again: false,
    })
    expect(await pair.worker.store.receipts.all()).toEqual([])
  })

  it('work in view of what was acknowledged counts the word that came just before its end', async () => {
    const { theirs, ours, write, doneAt, claims } = pair.begin()
    await write(20)
    void ours.done()
    // Its word is on its way, and is looked at after the work was told to end.
    await pair.mesh.clock.until(() => pair.words(pair.asker).length === 2)
    theirs.end((acknowledged) => doneAt(acknowledged))
    await pair.quiet()
    expect(pair.server.taken.get(claims.id)?.signed.receipt.outputTokens).toBeGreaterThanOrEqual(ACKNOWLEDGE_TOKENS)
    theirs.end(doneAt(0))
    await pair.quiet()
    expect(pair.words(pair.worker).filter(({ says }) => says === 'receipt')).toHaveLength(1)
  })

  it('a worker that is closed in the middle has left a draft of what was acknowledged', async () => {
    const { write, claims } = pair.begin()
    await write(20)
    const draft = await pair.kept()
    expect(draft).toMatchObject({
      draftOf: expect.any(String),
      signed: { receipt: { outputTokens: ACKNOWLEDGE_TOKENS } },
    })
    pair.worker.outbox.close()
    // The same browser is opened again.
    const next = await paidTab(pair.mesh.clock, pair.server, { key: pair.worker.key, store: pair.worker.store })
    await pair.mesh.clock.until(() => pair.server.taken.has(claims.id), pair.mesh.clock.nowMs + 4 * RECEIPT_ALONE_MS)
    expect(pair.server.taken.get(claims.id)?.settled).toEqual({
      settledMicro: 19_000n,
      disputedMicro: 0n,
      again: false,
    })
    expect(next.settled).toHaveLength(1)
  })
})
