/**
 * Answers over a route of paid stages: the same tokens as for nothing, a receipt for each stage that counts what it computed, chains
 * that meet, and who is paid for what when a stage dies, the asker goes or the answer is stopped.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { CREDIT_POLICY, priceOf } from '../../web/rules/credit-policy.ts'
import type { Receipt } from '../../web/wire/receipt-bytes.ts'
import { tinyModel } from '../fixtures/tiny-model.ts'
import { PARAMETERS, PaidRoute, REQUEST } from '../support/paid-route.ts'
import { type Asked, wholeAnswer } from '../support/route-run.ts'
import { SEEDED } from '../support/tiny-stage.ts'

const LAYERS = 3
const POSITIONS = 128
const TOKENS = 40
const PROMPT = [3, 17, 42, 7, 99, 5, 23, 61, 8, 14, 2, 77, 31]
const RANGES = [
  { first: 0, last: 1 },
  { first: 1, last: 2 },
  { first: 2, last: 3 },
]
let asked: Asked
let whole: readonly number[]
beforeAll(async () => {
  const file = tinyModel({ architecture: 'llama', types: 'F32', seed: 5, contextLength: POSITIONS, layers: LAYERS })
  asked = { file, positions: POSITIONS, prompt: PROMPT, maxTokens: TOKENS, sampler: SEEDED }
  whole = await wholeAnswer(asked)
})

const receiptOf = (route: PaidRoute, name: string): Receipt => {
  const owed = route.owed.get(name)
  if (!owed) throw new Error(`${name} has no receipt`)
  return owed.signed.receipt
}

describe('a paid route over three stages', () => {
  it('gives the tokens of one that is free, which nobody signs for', async () => {
    const free = await PaidRoute.of(asked, { ranges: RANGES, free: true })
    const paid = await PaidRoute.of(asked, { ranges: RANGES })
    const [a, b] = [await free.answer(), await paid.answer()]
    expect(a.tokens).toEqual(whole)
    expect(b.tokens).toEqual(whole)
    await free.close()
    expect(free.owed.size).toBe(0)
    expect(free.told).toEqual([])
    const words = free.mesh.sent.flatMap(({ what }) => ('says' in what ? [what.says] : []))
    expect(words).not.toContain('acknowledge')
  })

  it('has a receipt for each that both sides signed, counts what was computed, and chains that meet', async () => {
    const route = await PaidRoute.of(asked, { ranges: RANGES })
    await route.answer()
    await route.close()
    expect([...route.owed.keys()].sort()).toEqual(['stage0', 'stage1', 'stage2'])
    for (const name of route.owed.keys()) {
      const owed = route.owed.get(name)
      expect(owed?.draft).toBe(false)
      expect(owed?.signed.askerSignature, name).not.toBeNull()
      expect(owed?.acknowledged?.acknowledgement.outputTokens).toBe(TOKENS)
      const { promptTokens, outputTokens } = receiptOf(route, name)
      expect({ prompt: promptTokens, steps: outputTokens }).toEqual(route.rows.get(name))
      expect([promptTokens, outputTokens]).toEqual([PROMPT.length, TOKENS - 1])
    }
    const [first, middle, tail] = ['stage0', 'stage1', 'stage2'].map((name) => receiptOf(route, name))
    expect(first?.chainOut).toBe(middle?.chainIn)
    expect(middle?.chainOut).toBe(tail?.chainIn)
    expect(first?.chainIn).not.toBe(tail?.chainOut)
    expect(route.told.filter(({ kind }) => kind === 'began')).toHaveLength(3)
    expect(route.told.filter(({ kind }) => kind === 'over')).toEqual([
      { kind: 'over', request: REQUEST, parts: [0, 1, 2], by: 'asker' },
    ])
  })
})

describe('when a stage dies in the middle', () => {
  it.each([0, 1, 2])('stage %i is paid by its last acknowledgement, and who steps in for the rest', async (index) => {
    const route = await PaidRoute.of(asked, { ranges: RANGES })
    const { tokens } = await route.answer((count) => {
      if (count === 21) route.kill(`stage${index}`)
    })
    expect(tokens).toEqual(whole)
    await route.close()
    const dead = route.owed.get(`stage${index}`)
    expect(dead?.signed.askerSignature).toBeNull()
    expect(dead?.acknowledged?.acknowledgement.outputTokens).toBe(16)
    expect(dead?.signed.receipt).toMatchObject({ promptTokens: PROMPT.length, outputTokens: 16 })
    const heir = receiptOf(route, `standby${index}`)
    expect(route.owed.get(`standby${index}`)?.signed.askerSignature).not.toBeNull()
    // What it did not see is replayed to it as a prompt; the rest it computed with the others.
    expect(heir.promptTokens).toBeGreaterThanOrEqual(PROMPT.length + 20)
    expect(heir.outputTokens + heir.promptTokens).toBe(PROMPT.length + TOKENS - 1)
    let sum = 0n
    for (const name of route.owed.keys()) {
      const receipt = receiptOf(route, name)
      if (name !== `stage${index}`) expect(route.owed.get(name)?.signed.askerSignature, name).not.toBeNull()
      sum += receipt.micro
    }
    const work = { activeParameters: PARAMETERS, layers: 1, layersAll: LAYERS, outputTokens: TOKENS }
    const worst = priceOf(CREDIT_POLICY, { ...work, promptTokens: POSITIONS - TOKENS }) * 4n
    expect(sum).toBeLessThanOrEqual(worst)
  })

  it('two neighbours at once begin anew, and nobody is paid for more than the ticket allows', async () => {
    const route = await PaidRoute.of(asked, { ranges: RANGES })
    const { tokens } = await route.answer((count) => {
      if (count !== 18) return
      route.kill('stage0')
      route.kill('stage1')
    })
    expect(tokens).toEqual(whole)
    await route.close()
    for (const name of ['stage2', 'standby0', 'standby1']) {
      expect(route.owed.get(name)?.signed.askerSignature, name).not.toBeNull()
      const { promptTokens, outputTokens } = receiptOf(route, name)
      expect(promptTokens + outputTokens).toBeLessThanOrEqual(POSITIONS)
    }
    expect(receiptOf(route, 'stage2').promptTokens).toBeGreaterThan(PROMPT.length + 16)
  })
})
