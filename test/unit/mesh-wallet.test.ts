/** The wallet as `App.mesh.credits` has it, over a played mesh: gift, history, figures, cost, export; and a server that is away. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AppMesh } from '../../web/app-mesh.ts'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { estimateTokens } from '../../web/rules/prompt-limits.ts'
import { costOf } from '../../web/rules/wallet.ts'
import { UNPAID_OUTPUT_TOKENS_MAX } from '../../web/wire/limits/credits.ts'
import { fail } from '../../web/wire/result.ts'
import { fakeModel } from '../support/fake-engine.ts'
import { fakeEntry } from '../support/fake-entry.ts'
import { FakeMesh } from '../support/fake-mesh.ts'
import { meshOfOne } from '../support/mesh-of-one.ts'
import { until } from '../support/until.ts'
import { entryOf } from '../support/wallet-entries.ts'

const model = fakeModel(1)
const entry = fakeEntry(model)
const GIFT = { leftMicro: 5_000_000n, untilMs: 1 }

let played: FakeMesh
let mesh: AppMesh
beforeEach(() => {
  played = new FakeMesh()
  mesh = meshOfOne(played, entry).mesh
})

async function wallet() {
  const opened = await mesh.credits.open()
  if (!opened.ok) throw new Error(opened.code)
  return opened.value
}

/** So many settlements of an asker, the newest now and a minute between them. */
function history(count: number, everyMs = 60_000) {
  const now = Date.now()
  return Array.from({ length: count }, (_, index) =>
    entryOf('settle', { hold: -2n, user: 1n }, { seq: 10_000 - index, atMs: now - index * everyMs }),
  )
}

describe('a wallet', () => {
  it('connects nothing before a person has agreed', async () => {
    const opened = await wallet()
    opened.look()
    await opened.refresh()
    expect(opened.view.trouble).toMatchObject({ code: 'consent-missing' })
    expect(await opened.claim()).toMatchObject({ code: 'consent-missing' })
    expect([played.joins, played.wallet.wishes]).toEqual([0, []])
  })

  it('fetches the gift by itself once a tab joins, with a proof of work, where the device had none', async () => {
    played.wallet.has({})
    mesh.set({ consent: true })
    mesh.look(true)
    await until(() => played.wallet.wishes.some(({ kind }) => kind === 'grant'))
    const opened = await wallet()
    await until(() => opened.view.busy === null)
    expect(opened.view.wallet).toMatchObject({ userMicro: CREDIT_POLICY.grantMicro })
    await opened.arrive()
    expect(played.wallet.wishes.filter(({ kind }) => kind === 'grant')).toHaveLength(1)
  })

  it('says why there is no gift, and what was told stays', async () => {
    played.wallet.has({ grant: null })
    played.wallet.refusal = fail('treasury-empty', '')
    mesh.set({ consent: true })
    const opened = await wallet()
    expect(await opened.claim()).toMatchObject({ code: 'treasury-empty' })
    await opened.refresh()
    expect(opened.view).toMatchObject({ trouble: null, refusal: { code: 'treasury-empty' }, busy: null })
    played.wallet.wallet = null
    await opened.refresh()
    expect(opened.view.trouble).toMatchObject({ code: 'signal-away' })
    expect(opened.view.wallet).not.toBeNull()
  })

  it('believes no nonsense of a server', async () => {
    mesh.set({ consent: true })
    const opened = await wallet()
    played.wallet.wallet = { userMicro: '-1' }
    await opened.refresh()
    expect(opened.view).toMatchObject({ wallet: null, trouble: { code: 'event-invalid' } })
  })

  it('keeps the history newest first, adds what is new, and fetches what is older', async () => {
    played.wallet.has({ grant: GIFT })
    // Older than any chart: only what is wanted is fetched.
    played.wallet.entries = history(120, 86_400_000).slice(0, 120)
    mesh.set({ consent: true })
    const opened = await wallet()
    const stop = opened.look()
    await opened.refresh()
    expect(opened.view.entries.map(({ seq }) => seq)).toEqual(played.wallet.entries.slice(0, 50).map(({ seq }) => seq))
    expect(opened.view.more).toBe(true)
    await opened.older()
    await opened.older()
    expect(opened.view.entries).toHaveLength(120)
    expect(opened.view.more).toBe(false)
    played.wallet.entries = [
      entryOf('settle', { escrow: 5n }, { seq: 10_002, atMs: Date.now() }),
      entryOf('grant', { user: 5n }, { seq: 10_001, atMs: Date.now() }),
      ...played.wallet.entries,
    ]
    await opened.refresh()
    expect(opened.view.entries.slice(0, 3).map(({ seq }) => seq)).toEqual([10_002, 10_001, 10_000])
    expect(opened.view.entries).toHaveLength(122)
    expect(opened.view.days.at(-1)).toMatchObject({ earnedMicro: 5n })
    stop()
  })

  it('looks through as many pages as its days take, and says where they are not whole', async () => {
    played.wallet.has({ grant: GIFT })
    played.wallet.entries = history(130, 1)
    mesh.set({ consent: true })
    const opened = await wallet()
    const stop = opened.look()
    await opened.refresh()
    expect([opened.view.entries.length, opened.view.daysAreWhole]).toEqual([130, true])
    played.wallet.entries = history(3_000, 1).map((one) => ({ ...one, seq: one.seq + 20_000 }))
    await opened.refresh()
    expect([opened.view.entries.length, opened.view.daysAreWhole]).toEqual([1_000, false])
    stop()
  })

  it('looks again while somebody looks, and after an answer', async () => {
    played.wallet.has({ grant: GIFT })
    mesh.set({ consent: true })
    const opened = await wallet()
    const stop = opened.look()
    await opened.refresh()
    const looks = () => played.wallet.wishes.filter(({ kind }) => kind === 'wallet').length
    const before = looks()
    await played.tick()
    await until(() => looks() > before)
    stop()
    await opened.refresh()
    const after = looks()
    await played.tick()
    expect(looks()).toBe(after)
    played.chat = async function* () {
      played.planned('ab'.repeat(16), [])
      yield { kind: 'text', text: 'a', tokens: [1] }
    }
    const request = { messages: [], sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 } }
    const asked = { ...request, sampling: { ...request.sampling, seed: 1n }, maxTokens: 8, stop: [] }
    for await (const event of mesh.ask(entry.key, asked, new AbortController().signal)) expect(event).toBeDefined()
    await until(() => looks() > after)
  })

  it('goes into a file with all pages, or says why not', async () => {
    played.wallet.has({ grant: GIFT, userMicro: 7n })
    played.wallet.entries = history(130)
    mesh.set({ consent: true })
    const opened = await wallet()
    const json = await opened.exported('json')
    expect(json.ok && JSON.parse(json.value).history).toHaveLength(130)
    const csv = await opened.exported('csv')
    expect(csv.ok && csv.value.split('\r\n')).toHaveLength(132)
    played.wallet.wallet = null
    expect(await opened.exported('json')).toMatchObject({ code: 'signal-away' })
  })
})

describe('the cost of a request', () => {
  const messages = () => [{ role: 'user', content: 'What are warp and weft?' }] as const
  const question = { key: entry.key, promptTokens: 40, messages, answerTokensMax: 512 }
  const cost = costOf(CREDIT_POLICY, {
    promptTokens: 40,
    outputTokensMax: 512,
    activeParameters: model.parameters,
  })

  it('is nothing here and in a room, and by the policy among strangers', async () => {
    const opened = await wallet()
    expect(opened.cost({ ...question, scope: 'device' })).toBeNull()
    expect(opened.cost({ ...question, scope: 'room' })).toEqual({ kind: 'room' })
    expect(opened.cost({ ...question, scope: 'anyone', key: 'nobody knows it' })).toBeNull()
    expect(opened.cost({ ...question, scope: 'anyone' })).toEqual({ kind: 'paid', ...cost, haveMicro: null })
    const uncounted = opened.cost({ ...question, scope: 'anyone', promptTokens: null })
    const promptTokens = estimateTokens(['What are warp and weft?'])
    const guessed = costOf(CREDIT_POLICY, { promptTokens, outputTokensMax: 512, activeParameters: model.parameters })
    expect(uncounted).toMatchObject(guessed)
  })

  it('is paid down to the last credit that the worst case takes, and short below it', async () => {
    mesh.set({ consent: true })
    const opened = await wallet()
    played.wallet.has({ grant: GIFT, userMicro: cost.heldMicro })
    await opened.refresh()
    expect(opened.cost({ ...question, scope: 'anyone' })).toMatchObject({ kind: 'paid', haveMicro: cost.heldMicro })
    played.wallet.has({ grant: GIFT, userMicro: cost.heldMicro - 1n })
    await opened.refresh()
    const short = { kind: 'short', haveMicro: cost.heldMicro - 1n, outputTokensMax: UNPAID_OUTPUT_TOKENS_MAX }
    expect(opened.cost({ ...question, scope: 'anyone' })).toMatchObject(short)
  })
})
