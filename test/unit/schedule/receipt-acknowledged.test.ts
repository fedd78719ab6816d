/** What an asker signs while the answer comes, as its worker takes it: and all that it does not take. */
import { beforeEach, describe, expect, it } from 'vitest'
import { toBase64Url } from '../../../web/wire/device-keys.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS } from '../../../web/wire/limits/credits.ts'
import { acknowledgementFields } from '../../../web/wire/receipt-bytes.ts'
import { PaidPair, type PaidRun } from '../../support/paid-pair.ts'
import { paidTab } from '../../support/paid-tab.ts'

let pair: PaidPair
beforeEach(async () => {
  pair = await PaidPair.of()
})

describe('an acknowledgement', () => {
  /** Signs what it is told to, as the asker. */
  async function say(
    run: PaidRun,
    change: Partial<{ ticket: string; part: number; outputTokens: number; chain: string }>,
    by = pair.asker,
  ) {
    const { request, part, id: ticket } = run.claims
    const outputTokens = change.outputTokens ?? 20
    const chain = run.doneAt(outputTokens).chainOut || toBase64Url(new Uint8Array(32))
    const said = {
      request,
      part,
      ticket,
      asker: pair.asker.key.name,
      worker: pair.worker.key.name,
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
    void pair.linkTo(pair.asker, pair.worker).say(word)
    await pair.quiet()
    return word
  }

  it('counts as it was signed', async () => {
    const run = pair.begin()
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
    const run = pair.begin()
    run.lose(30)
    await say(run, change)
    expect(run.theirs.acknowledged).toBe(0)
    expect(run.theirs.mayMake(ACKNOWLEDGE_AHEAD_TOKENS + 1)).toBe(false)
    expect(await pair.kept()).toBeUndefined()
  })

  it('of another key is none', async () => {
    const run = pair.begin()
    run.lose(30)
    await say(run, {}, await paidTab(pair.mesh.clock, pair.server))
    expect(run.theirs.acknowledged).toBe(0)
  })

  it('said again, or of less, changes nothing', async () => {
    const run = pair.begin()
    run.lose(30)
    const word = await say(run, {})
    void pair.linkTo(pair.asker, pair.worker).say(word)
    await say(run, { outputTokens: 19 })
    expect(run.theirs.acknowledged).toBe(20)
  })

  it('of one part says nothing of another one', async () => {
    const [one, two] = [pair.begin(), pair.begin({ part: 1 })]
    one.lose(30)
    two.lose(30)
    const word = await say(one, {})
    void pair.linkTo(pair.asker, pair.worker).say({ ...word, request: two.claims.request, part: 1 })
    await pair.quiet()
    expect([one.theirs.acknowledged, two.theirs.acknowledged]).toEqual([20, 0])
  })

  it('from somebody else who has the request is not heard', async () => {
    const run = pair.begin()
    run.lose(30)
    const word = await say(run, { outputTokens: 10 })
    const other = await paidTab(pair.mesh.clock, pair.server)
    pair.mesh.join(other.peer, null, null, null, other.desk)
    const { chainOut: chain } = run.doneAt(20)
    void pair.linkTo(other, pair.worker).say({ ...word, outputTokens: 20, chain })
    await pair.quiet()
    expect(run.theirs.acknowledged).toBe(10)
  })
})
