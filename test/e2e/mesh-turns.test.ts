/**
 * A conversation over stages that are paid, in real tabs: the second turn reads only what is new and says what one tab says, each
 * turn is settled when its answer is over, and nothing stays set aside.
 */
import { expect, it } from 'vitest'
import { LAYERS, type MeshRig, useMesh } from '../support/mesh-rig.ts'

const QUESTIONS = ['Tell me about warp and weft.', 'And about the loom?', 'And the cloth?']
const TOKENS = 40
const SEED = 11

const mesh = useMesh()

const converse = (tab: Awaited<ReturnType<MeshRig['asker']>>) => tab.call('converse', QUESTIONS, TOKENS, 0.8, SEED)

it('the next turns over paid stages read only what is new, and each is paid when it is over', async () => {
  const [whole] = await mesh.contributors(1, LAYERS)
  const alone = await mesh.asker()
  const expected = await converse(alone)
  await alone.page.close()
  await whole?.page.close()
  await mesh.present(0)

  const workers = await mesh.contributors(2, LAYERS / 2)
  const asking = await mesh.asker()
  expect(await asking.call('firstCredits')).toMatchObject({ ok: true })
  const answers = await converse(asking)
  expect(answers.map(({ tokens }) => tokens)).toEqual(expected.map(({ tokens }) => tokens))
  const usage = answers.map(({ end }) => end?.usage)
  expect(usage[0]?.reusedTokens).toBe(0)
  for (const turn of [1, 2])
    expect(usage[turn]?.reusedTokens).toBeGreaterThanOrEqual(usage[turn - 1]?.promptTokens ?? 1)
  const events = await asking.call('routeEvents')
  expect(events.map(({ kind }) => kind)).toEqual(['planned', 'planned', 'planned'])
  // Its stages hold it still, and all of it is settled.
  for (const worker of workers) expect(await worker.call('serving')).toBe(1)
  await expect.poll(async () => (await asking.call('credits'))?.held, { timeout: 60_000 }).toBe('0')
  for (const worker of workers) {
    await expect
      .poll(async () => BigInt((await worker.call('credits'))?.escrow ?? 0), { timeout: 60_000 })
      .toBeGreaterThan(0n)
  }
})
