/**
 * Paid routes in which somebody lies or keeps silent: what each lie is refused with, and how far work goes that nobody
 * acknowledges.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { CREDIT_POLICY } from '../../web/rules/credit-policy.ts'
import { priceOfReceipt } from '../../web/rules/receipts.ts'
import { toBase64Url } from '../../web/wire/device-keys.ts'
import { ACKNOWLEDGE_AHEAD_TOKENS } from '../../web/wire/limits/credits.ts'
import { JOB_LEASE_MS } from '../../web/wire/limits/jobs.ts'
import type { PeerSays } from '../../web/wire/peer-control.ts'
import {
  acknowledgementFields,
  parseReceipt,
  type Receipt,
  receiptFields,
  writeReceipt,
} from '../../web/wire/receipt-bytes.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { newKey } from '../support/job-tabs.ts'
import { PARAMETERS, PaidRoute, type PaidWish } from '../support/paid-route.ts'
import type { Asked } from '../support/route-run.ts'
import { SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 128
const TOKENS = 60
const PROMPT = [3, 17, 42, 7, 99, 5, 23]
const RANGES = [
  { first: 0, last: 1 },
  { first: 1, last: 2 },
  { first: 2, last: 3 },
]
const PAY = { kind: 'paid', policy: 1, activeParameters: PARAMETERS, layers: LAYERS } as const
let asked: Asked
beforeAll(() => {
  const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
  asked = { file, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler: SEEDED }
})

const said = (route: PaidRoute, says: PeerSays['says']) =>
  route.mesh.sent.filter(({ what }) => 'says' in what && what.says === says)

/** A worker that changes its receipt, and signs what it says with its own key. */
async function forging(name: string, forge: (receipt: Receipt) => Receipt, over: Partial<PaidWish> = {}) {
  const forged = new Set<string>()
  let sign: ((receipt: Receipt) => Promise<string>) | null = null
  const words = (word: PeerSays): readonly PeerSays[] => {
    if (word.says !== 'receipt' || forged.has(word.receipt)) return [word]
    const read = parseReceipt(JSON.parse(word.receipt))
    if (!read.ok || !sign) return [word]
    const receipt = forge(read.value.receipt)
    void sign(receipt).then((workerSignature) => {
      const text = writeReceipt({ receipt, workerSignature, askerSignature: null })
      forged.add(text)
      route.say(name, 'asker', { ...word, receipt: text })
    })
    return []
  }
  const route = await PaidRoute.of(asked, { ranges: RANGES, lies: { [name]: { words } }, ...over })
  sign = async (receipt) => toBase64Url(await route.key(name).sign('receipt', receiptFields(receipt)))
  await route.answer()
  await route.close()
  return route
}

const priced = (receipt: Receipt): Receipt => ({ ...receipt, micro: priceOfReceipt(CREDIT_POLICY, receipt, PAY) })

describe('a stage that lies in its receipt', () => {
  it.each([
    ['counts tokens that nobody got', (one: Receipt) => ({ ...one, outputTokens: TOKENS + 1 })],
    ['counts rows that it was not asked for', (one: Receipt) => ({ ...one, promptTokens: one.promptTokens + 1 })],
  ])('%s: it is not signed', async (_, forge) => {
    const route = await forging('stage1', (one) => priced(forge(one)))
    expect(route.refusals).toEqual([{ to: 'stage1', code: 'receipt-inflated' }])
    expect(route.owed.get('stage0')?.signed.askerSignature).not.toBeNull()
    expect(route.owed.get('stage2')?.signed.askerSignature).not.toBeNull()
  })

  it('asks for more than its work costs: it is not signed', async () => {
    const route = await forging('stage2', (one) => ({ ...one, micro: one.micro + 1n }))
    expect(route.refusals).toEqual([{ to: 'stage2', code: 'receipt-price' }])
  })

  it('forges its chain: neither it nor its neighbour there is signed', async () => {
    const route = await forging('stage1', (one) => ({ ...one, chainOut: toBase64Url(new Uint8Array(32).fill(7)) }))
    const told = [...route.refusals].sort((a, b) => a.to.localeCompare(b.to))
    expect(told).toEqual([
      { to: 'stage1', code: 'receipt-chain' },
      { to: 'stage2', code: 'receipt-chain' },
    ])
    expect(route.owed.get('stage0')?.signed.askerSignature).not.toBeNull()
  })

  it.each([
    ['stage0', 'chainIn'],
    ['stage2', 'chainOut'],
  ] as const)('%s forges %s, which the asker itself has seen', async (name, field) => {
    const route = await forging(name, (one) => ({ ...one, [field]: toBase64Url(new Uint8Array(32).fill(7)) }))
    expect(route.refusals).toEqual([{ to: name, code: 'receipt-chain' }])
  })

  it('says nothing: its neighbours have their signatures all the same', async () => {
    const words = (word: PeerSays) => (word.says === 'receipt' ? [] : [word])
    const route = await PaidRoute.of(asked, { ranges: RANGES, lies: { stage1: { words } } })
    await route.answer()
    await route.close()
    expect(route.owed.get('stage1')?.signed.askerSignature).toBeNull()
    expect(route.owed.get('stage0')?.signed.askerSignature).not.toBeNull()
    expect(route.owed.get('stage2')?.signed.askerSignature).not.toBeNull()
  })
})

describe('an asker that is not to be trusted', () => {
  const never = (word: PeerSays) => (word.says === 'acknowledge' ? [] : [word])

  it('never acknowledges: no stage goes further than it may, and it is given up', async () => {
    const route = await PaidRoute.of(asked, { ranges: RANGES, lies: { asker: { words: never } } })
    const { tokens, end } = await route.answer()
    expect(end).toMatchObject({ reason: 'error' })
    expect(tokens.length).toBeLessThanOrEqual(ACKNOWLEDGE_AHEAD_TOKENS + 1)
    expect(route.rows.get('stage0')?.steps).toBe(ACKNOWLEDGE_AHEAD_TOKENS)
    const codes = said(route, 'refused').flatMap(({ what }) => ('code' in what ? [what.code] : []))
    expect(codes).toContain('not-acknowledged')
    expect(route.mesh.clock.nowMs).toBeGreaterThan(JOB_LEASE_MS)
    await route.close()
    expect(route.owed.get('stage0')?.signed.receipt.outputTokens).toBe(0)
  })

  it('signs with another key: as if it had said nothing', async () => {
    const signer = async (own: { readonly name: string }) => {
      const other = await newKey()
      return { name: own.name, sign: other.sign.bind(other) }
    }
    const route = await PaidRoute.of(asked, { ranges: RANGES, signer })
    const { tokens } = await route.answer()
    expect(tokens.length).toBeLessThanOrEqual(ACKNOWLEDGE_AHEAD_TOKENS + 1)
    await route.close()
    expect(route.owed.get('stage1')?.acknowledged).toBeNull()
  })

  it('signs for other tokens than it got: who drew them does not take its word', async () => {
    const forged = new Set<string>()
    let sign: ((word: Said, to: string) => Promise<string>) | null = null
    type Said = Extract<PeerSays, { says: 'acknowledge' }>
    const words = (word: PeerSays, to: string): readonly PeerSays[] => {
      if (word.says !== 'acknowledge' || forged.has(word.signature) || word.outputTokens === 0 || !sign) return [word]
      const said = { ...word, chain: toBase64Url(new Uint8Array(32).fill(7)) }
      void sign(said, to).then((signature) => {
        forged.add(signature)
        route.say('asker', route.nameOf(to), { ...said, signature })
      })
      return []
    }
    const route = await PaidRoute.of(asked, { ranges: RANGES, lies: { asker: { words } } })
    sign = async ({ request, part, outputTokens, chain }, to) => {
      const [ticket, worker] = [route.claims(route.nameOf(to)).id, route.key(route.nameOf(to)).name]
      const fields = acknowledgementFields({
        ...{ request, part, ticket, asker: route.key('asker').name, worker },
        ...{ outputTokens, chain },
      })
      return toBase64Url(await route.key('asker').sign('acknowledge', fields))
    }
    const { tokens } = await route.answer()
    expect(tokens.length).toBeLessThanOrEqual(ACKNOWLEDGE_AHEAD_TOKENS + 1)
    await route.close()
    // A stage in the middle cannot know.
    expect(route.owed.get('stage1')?.acknowledged?.acknowledgement.outputTokens).toBeGreaterThanOrEqual(16)
    expect(route.owed.get('stage2')?.acknowledged).toBeNull()
  })

  it('says old words again: a count neither falls nor rises by them', async () => {
    const seen = new Map<string, PeerSays>()
    const again = (word: PeerSays, to: string): readonly PeerSays[] => {
      if (word.says !== 'acknowledge') return [word]
      const first = seen.get(to)
      if (!first) seen.set(to, word)
      // Of the first word on: the same, and the same with a higher count that it has not signed.
      return first ? [first, { ...word, outputTokens: word.outputTokens + 40 }] : [word]
    }
    const route = await PaidRoute.of(asked, { ranges: RANGES, lies: { asker: { words: again } } })
    const { tokens } = await route.answer()
    expect(tokens.length).toBeLessThanOrEqual(16 + ACKNOWLEDGE_AHEAD_TOKENS + 1)
    await route.close()
    expect(route.owed.get('stage0')?.acknowledged?.acknowledgement.outputTokens).toBe(16)
    expect(route.owed.get('stage0')?.signed.receipt.outputTokens).toBe(16)
  })

  it('says no salt: its request is refused', async () => {
    const words = (word: PeerSays): readonly PeerSays[] => {
      if (word.says !== 'open') return [word]
      const { salt: _, ...rest } = word
      return [rest]
    }
    const route = await PaidRoute.of(asked, { ranges: RANGES, lies: { asker: { words } } })
    const { tokens } = await route.answer()
    expect(tokens).toEqual([])
    const codes = said(route, 'refused').flatMap(({ what }) => ('code' in what ? [what.code] : []))
    expect(codes).toContain('control-invalid')
  })

  it.each([
    ['tokens of an answer', { outputTokens: 10 }, 10],
    ['positions', { positions: PROMPT.length + 12 }, 12],
  ])('wants more %s than its tickets allow: stages stop there', async (_, claims, steps) => {
    const route = await PaidRoute.of(asked, { ranges: RANGES, claims })
    await route.answer()
    expect(route.rows.get('stage0')?.steps).toBe(steps)
    const codes = said(route, 'refused').flatMap(({ what }) => ('code' in what ? [what.code] : []))
    expect(codes).toContain('ticket-spent')
  })
})

describe('an answer that ends early', () => {
  it('stopped in the middle is paid as far as it was committed', async () => {
    const route = await PaidRoute.of(asked, { ranges: RANGES })
    const { tokens, end } = await route.answer((count, stop) => {
      if (count === 25) stop()
    })
    expect(end).toMatchObject({ reason: 'abort' })
    await route.close()
    for (const name of ['stage0', 'stage1', 'stage2']) {
      const owed = route.owed.get(name)
      expect(owed?.signed.askerSignature, name).not.toBeNull()
      expect(owed?.signed.receipt.outputTokens, name).toBeLessThanOrEqual(tokens.length)
      expect(owed?.signed.receipt.outputTokens, name).toBeGreaterThanOrEqual(tokens.length - 1)
    }
  })

  it('whose asker is gone is paid by its last word', async () => {
    const route = await PaidRoute.of(asked, { ranges: RANGES })
    await route.answer((count) => {
      if (count === 25) route.kill('asker')
    })
    await route.rest(60_000)
    for (const name of ['stage0', 'stage1', 'stage2']) {
      const owed = route.owed.get(name)
      expect(owed?.draft, name).toBe(false)
      expect(owed?.signed.askerSignature, name).toBeNull()
      expect(owed?.signed.receipt, name).toMatchObject({ promptTokens: PROMPT.length, outputTokens: 16 })
    }
  })
})
