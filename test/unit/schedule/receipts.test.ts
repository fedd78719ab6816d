/** What asker and worker of a paid part sign for each other, over a link in memory, with real keys: and all that they do not. */
import { beforeEach, describe, expect, it } from 'vitest'
import { CREDIT_POLICY } from '../../../web/rules/credit-policy.ts'
import { checkReceipt } from '../../../web/rules/receipts.ts'
import { AnswerChain } from '../../../web/schedule/receipts/answer-chain.ts'
import type { AskerPart } from '../../../web/schedule/receipts/asker-part.ts'
import { isSignedBy } from '../../../web/schedule/receipts/signing.ts'
import type { WorkDone, WorkerPart } from '../../../web/schedule/receipts/worker-part.ts'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS, ACKNOWLEDGE_TOKENS, RECEIPT_ALONE_MS } from '../../../web/wire/limits.ts'
import {
  acknowledgementFields,
  type Receipt,
  receiptFields,
  type SignedReceipt,
  writeReceipt,
} from '../../../web/wire/receipt-bytes.ts'
import type { ReceiptAskerSays, ReceiptWorkerSays } from '../../../web/wire/receipt-words.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import type { TicketClaims } from '../../../web/wire/tickets.ts'
import { MemoryMesh } from '../../support/memory-mesh.ts'
import { EPOCH_MS, type PaidTab, paidClaims, paidTab, ticketOf } from '../../support/paid-tab.ts'
import { PlayedCredits } from '../../support/played-credits.ts'

let mesh: MemoryMesh
let server: PlayedCredits
let asker: PaidTab
let worker: PaidTab

beforeEach(async () => {
  mesh = new MemoryMesh()
  server = new PlayedCredits(() => EPOCH_MS + mesh.clock.nowMs)
  asker = await paidTab(mesh.clock, server)
  worker = await paidTab(mesh.clock, server)
  for (const { peer, desk } of [asker, worker]) mesh.join(peer, null, null, null, desk)
})

const quiet = () => mesh.clock.until(() => false, mesh.clock.nowMs + 100)
const linkTo = (from: PaidTab, to: PaidTab) => {
  const link = mesh.peer(from.peer).exchange.linkTo(to.peer)
  if (!link) throw new Error('They are not linked.')
  return link
}
const words = (from: PaidTab) =>
  mesh.sent.flatMap(({ from: name, what }) =>
    name === from.peer && 'says' in what && (what.says === 'acknowledge' || what.says.startsWith('receipt'))
      ? [what as ReceiptAskerSays | ReceiptWorkerSays]
      : [],
  )
const last = (from: PaidTab) => words(from).at(-1)
const kept = async () => (await worker.store.all())[0]

interface Run {
  readonly claims: TicketClaims
  readonly theirs: WorkerPart
  readonly ours: AskerPart
  /** So many more tokens are made, and come. */
  readonly write: (tokens: number) => Promise<void>
  /** They are made, and do not come. */
  readonly lose: (tokens: number) => void
  readonly doneAt: (outputTokens: number) => WorkDone
}

function begin(more: Partial<TicketClaims> = {}): Run {
  const claims = paidClaims(asker.peer, worker.peer, more)
  server.know(claims)
  const theirs = worker.desk.work(claims, linkTo(worker, asker))
  const ours = asker.desk.ask(ticketOf(claims), linkTo(asker, worker))
  if (!theirs || !ours) throw new Error('It is not paid.')
  const salt = asker.desk.newSalt()
  const [made, came] = [new AnswerChain(salt), new AnswerChain(salt)]
  const event = (token: number) => ({ kind: 'text', text: 'x', tokens: [token] }) as const
  const doneAt = (outputTokens: number): WorkDone => {
    const head = made.headAt(outputTokens) ?? ''
    const times = { beganMs: EPOCH_MS, endedMs: Math.round(EPOCH_MS + mesh.clock.nowMs) }
    return { promptTokens: 40, reusedTokens: 10, outputTokens, chainIn: head, chainOut: head, ...times }
  }
  theirs.follow({
    get outputTokens() {
      return made.outputTokens
    },
    chainAt: (outputTokens) => made.headAt(outputTokens),
    doneAt,
  })
  ours.judge = ({ outputTokens, chainOut }) =>
    came.headAt(outputTokens) === chainOut ? ok(null) : fail('receipt-chain', '')
  const lose = (tokens: number) => {
    for (let one = 0; one < tokens; one += 1) made.take(event(made.outputTokens), new Uint8Array())
  }
  return {
    ...{ claims, theirs, ours, lose, doneAt },
    async write(tokens) {
      for (let one = 0; one < tokens; one += 1) {
        lose(1)
        came.take(event(came.outputTokens), new Uint8Array())
        ours.have(came.outputTokens, came.headAt(came.outputTokens) ?? '')
      }
      await quiet()
    },
  }
}

describe('a paid part', () => {
  it('is acknowledged every few tokens and once more at its end, and signed by both', async () => {
    const { theirs, ours, write, claims, doneAt } = begin()
    await write(40)
    expect(theirs.acknowledged).toBe(2 * ACKNOWLEDGE_TOKENS)
    await ours.done()
    await quiet()
    expect(theirs.acknowledged).toBe(40)
    theirs.end(doneAt(40))
    await quiet()
    const taken = server.taken.get(claims.id)
    expect(taken?.signed.receipt).toMatchObject({ promptTokens: 40, reusedTokens: 10, outputTokens: 40, part: 0 })
    // 30 tokens read, 40 written, by a model of a billion parameters.
    expect(taken?.settled).toEqual({ settledMicro: 43_000n, disputedMicro: 0n, again: false })
    expect(taken?.signed.askerSignature).not.toBeNull()
    expect(await worker.store.all()).toEqual([])
    expect(worker.settled).toHaveLength(1)
    expect(worker.told).toEqual([{ kind: 'began', ticket: claims.id }])
  })

  it('may come so far past what was acknowledged and no further, and goes on with the next word', async () => {
    const { theirs, write, lose } = begin()
    lose(ACKNOWLEDGE_AHEAD_TOKENS)
    expect(theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS)).toBe(true)
    expect(theirs.waitsSinceMs).toBeNull()
    expect(theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS + 1)).toBe(false)
    const sinceMs = theirs.waitsSinceMs
    expect(sinceMs).toBe(EPOCH_MS + mesh.clock.nowMs)
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
    const { theirs, ours, write, doneAt, claims } = begin()
    await write(0)
    ours.have(0, doneAt(0).chainOut)
    await ours.done()
    await quiet()
    theirs.end(doneAt(0))
    await quiet()
    expect(server.taken.get(claims.id)).toMatchObject({
      acknowledged: { acknowledgement: { outputTokens: 0 } },
      settled: { settledMicro: 3_000n },
    })
  })

  it('whose receipt comes before the end of the answer is signed when all of it is here', async () => {
    const { theirs, ours, write, lose, doneAt, claims } = begin()
    await write(16)
    lose(4)
    theirs.end(doneAt(20))
    await quiet()
    expect(last(asker)?.says).toBe('acknowledge')
    expect((await kept())?.signed.askerSignature).toBeNull()
    await ours.done()
    await quiet()
    // Four tokens never came.
    expect(last(asker)).toMatchObject({ says: 'receipt-refused', code: 'receipt-inflated' })
    expect(server.taken.has(claims.id)).toBe(false)
    const other = begin()
    other.theirs.end(other.doneAt(0))
    await quiet()
    expect(server.taken.has(other.claims.id)).toBe(true)
  })

  it('is free, and has no words, where nothing is paid for it', () => {
    for (const kind of ['own', 'room', 'unpaid'] as const) {
      const claims = paidClaims(asker.peer, worker.peer, { pay: { kind } })
      expect(worker.desk.work(claims, linkTo(worker, asker))).toBeNull()
      expect(asker.desk.ask(ticketOf(claims), linkTo(asker, worker))).toBeNull()
    }
    const claims = paidClaims(asker.peer, worker.peer)
    expect(worker.desk.work(paidClaims(asker.peer, asker.peer), linkTo(worker, asker))).toBeNull()
    expect(asker.desk.ask(ticketOf(paidClaims(worker.peer, worker.peer)), linkTo(asker, worker))).toBeNull()
    expect(asker.desk.ask('e30.e30.AA', linkTo(asker, worker))).toBeNull()
    const other = { ...claims, pay: { ...claims.pay, policy: 9 } } as TicketClaims
    expect(worker.desk.work(other, linkTo(worker, asker))).toBeNull()
    expect(worker.told).toEqual([])
  })

  it('of a donor earns nothing, and is not said to have begun', async () => {
    const donor = await paidTab(mesh.clock, server, { donor: true })
    expect(donor.desk.work(paidClaims(asker.peer, donor.peer), linkTo(worker, asker))).toBeNull()
    expect(donor.told).toEqual([])
  })

  it('tells the server that its request is over', () => {
    asker.desk.over('1'.repeat(32))
    expect(asker.told).toEqual([{ kind: 'over', request: '1'.repeat(32) }])
  })
})

describe('an acknowledgement', () => {
  /** Signs what it is told to, as the asker. */
  async function say(
    run: Run,
    change: Partial<{ ticket: string; part: number; outputTokens: number; chain: string }>,
    by = asker,
  ) {
    const { request, part, id: ticket } = run.claims
    const outputTokens = change.outputTokens ?? 20
    const chain = run.doneAt(outputTokens).chainOut || toBase64Url(new Uint8Array(32))
    const said = {
      request,
      part,
      ticket,
      asker: asker.key.name,
      worker: worker.key.name,
      outputTokens,
      chain,
      ...change,
    }
    const signature = toBase64Url(await by.key.sign('acknowledge', acknowledgementFields(said)))
    const word = {
      says: 'acknowledge',
      request,
      part,
      outputTokens: said.outputTokens,
      chain: said.chain,
      signature,
    } as const
    void linkTo(asker, worker).say(word)
    await quiet()
    return word
  }

  it('counts as it was signed', async () => {
    const run = begin()
    run.lose(30)
    await say(run, {})
    expect(run.theirs.acknowledged).toBe(20)
  })

  it.each<[string, Parameters<typeof say>[1]]>([
    ['of more than was made', { outputTokens: 31 }],
    ['of another answer', { chain: toBase64Url(new Uint8Array(32)) }],
    ['of another ticket', { ticket: '1'.repeat(32) }],
    ['of another part', { part: 3 }],
  ])('%s is none, and the work goes no further', async (_title, change) => {
    const run = begin()
    run.lose(30)
    await say(run, change)
    expect(run.theirs.acknowledged).toBe(0)
    expect(run.theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS + 1)).toBe(false)
    expect(await kept()).toBeUndefined()
  })

  it('of another key is none', async () => {
    const run = begin()
    run.lose(30)
    await say(run, {}, await paidTab(mesh.clock, server))
    expect(run.theirs.acknowledged).toBe(0)
  })

  it('said again, or of less, changes nothing', async () => {
    const run = begin()
    run.lose(30)
    const word = await say(run, {})
    void linkTo(asker, worker).say(word)
    await say(run, { outputTokens: 19 })
    expect(run.theirs.acknowledged).toBe(20)
  })

  it('of one part says nothing of another one', async () => {
    const [one, two] = [begin(), begin({ part: 1 })]
    one.lose(30)
    two.lose(30)
    const word = await say(one, {})
    void linkTo(asker, worker).say({ ...word, request: two.claims.request, part: 1 })
    await quiet()
    expect([one.theirs.acknowledged, two.theirs.acknowledged]).toEqual([20, 0])
  })

  it('from somebody else who has the request is not heard', async () => {
    const run = begin()
    run.lose(30)
    const word = await say(run, { outputTokens: 10 })
    const other = await paidTab(mesh.clock, server)
    mesh.join(other.peer, null, null, null, other.desk)
    const { chainOut: chain } = run.doneAt(20)
    void linkTo(other, worker).say({ ...word, outputTokens: 20, chain })
    await quiet()
    expect(run.theirs.acknowledged).toBe(10)
  })
})

describe('a receipt', () => {
  /** As the worker would say it, changed and signed anew, or changed only. */
  async function say(run: Run, change: Partial<Receipt>, { by = worker, resign = true } = {}) {
    const { claims, doneAt } = run
    const { request, part, id: ticket, modelId, span } = claims
    const receipt: Receipt = {
      ...{ kind: 'chat', request, part, ticket, asker: asker.key.name, worker: worker.key.name, modelId, span },
      ...doneAt(20),
      ...{ micro: 23_000n, policy: CREDIT_POLICY.version, nonce: toBase64Url(new Uint8Array(16)) },
    }
    expect(checkReceipt(receipt, claims, [CREDIT_POLICY])).toEqual(ok(23_000n))
    const said = { ...receipt, ...change }
    const signature = toBase64Url(await by.key.sign('receipt', receiptFields(resign ? said : receipt)))
    const text = writeReceipt({ receipt: said, workerSignature: signature, askerSignature: null })
    void linkTo(worker, asker).say({ says: 'receipt', request, part, receipt: text })
    await quiet()
    return { said, answer: last(asker) }
  }

  async function whole() {
    const run = begin()
    await run.write(20)
    await run.ours.done()
    await quiet()
    return run
  }

  it('that says what is so is signed, once, and again where it is the same', async () => {
    const run = await whole()
    const { answer, said } = await say(run, {})
    expect(answer?.says).toBe('receipt-signed')
    const signature = answer?.says === 'receipt-signed' ? answer.signature : ''
    const fields = receiptFields(said)
    const signing = { key: asker.key, verify: (await import('../../../web/account/device-key.ts')).verifySigned }
    expect(await isSignedBy(signing, asker.key.name, 'receipt', fields, signature)).toBe(true)
    expect((await say(run, { nonce: toBase64Url(new Uint8Array(16).fill(1)) })).answer).toMatchObject({
      says: 'receipt-refused',
      code: 'receipt-second',
    })
    expect((await say(run, { outputTokens: 19, micro: 22_000n })).answer).toMatchObject({ code: 'receipt-second' })
  })

  const other = toBase64Url(new Uint8Array(32).fill(7))
  it.each<[string, Partial<Receipt>, string]>([
    ['kind', { kind: 'completion' }, 'receipt-ticket'],
    ['request', { request: '1'.repeat(32) }, 'receipt-ticket'],
    ['part', { part: 1 }, 'receipt-ticket'],
    ['ticket', { ticket: '1'.repeat(32) }, 'receipt-ticket'],
    ['model', { modelId: 'b'.repeat(64) }, 'receipt-ticket'],
    ['span', { span: { first: 0, last: 3 } }, 'receipt-ticket'],
    ['prompt', { promptTokens: 41 }, 'receipt-price'],
    ['prompt, with its price', { promptTokens: 290, micro: 48_000n }, 'receipt-inflated'],
    ['reused', { reusedTokens: 9 }, 'receipt-price'],
    ['tokens', { outputTokens: 21 }, 'receipt-price'],
    ['tokens, with their price', { outputTokens: 21, micro: 24_000n }, 'receipt-inflated'],
    ['tokens past the ticket', { outputTokens: 201, micro: 204_000n }, 'receipt-inflated'],
    ['chain', { chainIn: other, chainOut: other }, 'receipt-chain'],
    ['price', { micro: 23_001n }, 'receipt-price'],
    ['policy', { policy: 2 }, 'receipt-price'],
    ['time', { endedMs: 0 }, 'receipt-invalid'],
    ['nonce', { nonce: 'AA' }, 'receipt-invalid'],
    ['amount', { micro: -23_000n }, 'receipt-invalid'],
    ['overflowing amount', { micro: 10n ** 19n }, 'receipt-invalid'],
  ])('with another %s is refused, and signed by nobody', async (_title, change, code) => {
    const run = await whole()
    expect((await say(run, change)).answer).toMatchObject({ says: 'receipt-refused', code })
    expect((await say(run, {})).answer?.says).toBe('receipt-signed')
  })

  it('with another asker or worker is refused', async () => {
    const third = await paidTab(mesh.clock, server)
    const run = await whole()
    for (const change of [{ asker: third.key.name }, { worker: third.key.name }]) {
      expect((await say(run, change)).answer).toMatchObject({ code: 'receipt-ticket' })
    }
    expect((await say(run, {}, { by: third })).answer).toMatchObject({ code: 'receipt-signature' })
  })

  it.each<[string, Partial<Receipt>]>([
    ['times', { beganMs: EPOCH_MS - 1 }],
    ['chain that nobody looks at', { chainIn: other }],
    ['nonce', { nonce: toBase64Url(new Uint8Array(16).fill(2)) }],
  ])('whose %s was changed after it was signed is refused', async (_title, change) => {
    const run = await whole()
    expect((await say(run, change, { resign: false })).answer).toMatchObject({ code: 'receipt-signature' })
  })

  it('that is no JSON, or is said of a part that nobody asked for, is signed by nobody', async () => {
    const run = await whole()
    const { request, part } = run.claims
    void linkTo(worker, asker).say({ says: 'receipt', request, part, receipt: '{' })
    await quiet()
    expect(last(asker)).toMatchObject({ says: 'receipt-refused', code: 'receipt-invalid' })
    const before = words(asker).length
    void linkTo(worker, asker).say({ says: 'receipt', request: '1'.repeat(32), part, receipt: '{' })
    void linkTo(worker, asker).say({ says: 'receipt', request, part: 7, receipt: '{' })
    await quiet()
    expect(words(asker)).toHaveLength(before)
  })

  it('that its asker signed with another key, or over other words, is still without a signature', async () => {
    const run = begin()
    run.lose(20)
    run.theirs.end(run.doneAt(20))
    await quiet()
    const { request, part } = run.claims
    const signed = (await kept())?.signed as SignedReceipt
    const third = await paidTab(mesh.clock, server)
    for (const [by, receipt] of [
      [third, signed.receipt],
      [asker, { ...signed.receipt, micro: 1n }],
    ] as const) {
      const signature = toBase64Url(await by.key.sign('receipt', receiptFields(receipt)))
      void linkTo(asker, worker).say({ says: 'receipt-signed', request, part, signature })
      await quiet()
      expect((await kept())?.signed.askerSignature).toBeNull()
    }
    const signature = toBase64Url(await asker.key.sign('receipt', receiptFields(signed.receipt)))
    void linkTo(asker, worker).say({ says: 'receipt-signed', request, part, signature })
    await quiet()
    expect(server.taken.get(run.claims.id)?.signed.askerSignature).toBe(signature)
  })
})

describe('without the other side', () => {
  it('a worker is paid what was acknowledged, after a while, and the rest is disputed', async () => {
    const { theirs, write, lose, doneAt, claims } = begin()
    await write(20)
    mesh.kill(asker.peer)
    lose(10)
    theirs.end(doneAt(30))
    await quiet()
    expect(server.taken.has(claims.id)).toBe(false)
    await mesh.clock.until(() => server.taken.has(claims.id), mesh.clock.nowMs + 2 * RECEIPT_ALONE_MS)
    expect(server.taken.get(claims.id)?.settled).toEqual({
      settledMicro: 19_000n,
      disputedMicro: 14_000n,
      again: false,
    })
    expect(await worker.store.all()).toEqual([])
  })

  it('work in view of what was acknowledged counts the word that came just before its end', async () => {
    const { theirs, ours, write, doneAt, claims } = begin()
    await write(20)
    void ours.done()
    // Its word is on its way, and is looked at after the work was told to end.
    await mesh.clock.until(() => words(asker).length === 2)
    theirs.end((acknowledged) => doneAt(acknowledged))
    await quiet()
    expect(server.taken.get(claims.id)?.signed.receipt.outputTokens).toBeGreaterThanOrEqual(ACKNOWLEDGE_TOKENS)
    theirs.end(doneAt(0))
    await quiet()
    expect(words(worker).filter(({ says }) => says === 'receipt')).toHaveLength(1)
  })

  it('a worker that is closed in the middle has left a draft of what was acknowledged', async () => {
    const { write, claims } = begin()
    await write(20)
    const draft = await kept()
    expect(draft).toMatchObject({
      draftOf: expect.any(String),
      signed: { receipt: { outputTokens: ACKNOWLEDGE_TOKENS } },
    })
    worker.outbox.close()
    // The same browser is opened again.
    const next = await paidTab(mesh.clock, server, { key: worker.key, store: worker.store })
    await mesh.clock.until(() => server.taken.has(claims.id), mesh.clock.nowMs + 4 * RECEIPT_ALONE_MS)
    expect(server.taken.get(claims.id)?.settled).toEqual({ settledMicro: 19_000n, disputedMicro: 0n, again: false })
    expect(next.settled).toHaveLength(1)
  })
})
