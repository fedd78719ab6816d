/** What the server is told of paid work: in order, once, also after it was away. */
import { expect, it } from 'vitest'
import { type CreditWord, CreditWords } from '../../../web/schedule/receipts/credit-words.ts'
import type { Code } from '../../../web/wire/codes.ts'
import { CREDIT_WORDS_MAX } from '../../../web/wire/limits.ts'
import { fail, ok } from '../../../web/wire/result.ts'
import { SimClock } from '../../support/sim-clock.ts'

function begin() {
  const clock = new SimClock()
  const heard: CreditWord[] = []
  const server: { away: Code | null; refuses: boolean } = { away: null, refuses: false }
  const words = new CreditWords(async (word) => {
    await new Promise<void>((resolve) => clock.later(5, resolve))
    if (server.away) return fail(server.away, '')
    heard.push(word)
    return server.refuses ? fail('hold-unknown', '') : ok(null)
  })
  return { clock, heard, server, words }
}

const over = (request: number): CreditWord => ({ kind: 'over', request: request.toString(16).padStart(32, '0') })

it('is said in order, once each, also what is refused', async () => {
  const { clock, heard, server, words } = begin()
  server.refuses = true
  const said: readonly CreditWord[] = [{ kind: 'began', ticket: '1'.repeat(32) }, over(1), over(2)]
  for (const word of said) words.tell(word)
  await clock.until(() => false, 1_000)
  words.flush()
  await clock.until(() => false, 2_000)
  expect(heard).toEqual(said)
})

it.each<Code>(['signal-away', 'ledger-away'])('waits while it is said %s, the newest of many', async (code) => {
  const { clock, heard, server, words } = begin()
  server.away = code
  for (let request = 0; request < CREDIT_WORDS_MAX + 5; request += 1) words.tell(over(request))
  await clock.until(() => false, 1_000)
  expect(heard).toEqual([])
  server.away = null
  words.flush()
  await clock.until(() => heard.length === CREDIT_WORDS_MAX)
  expect(heard[0]).toEqual(over(5))
  expect(heard.at(-1)).toEqual(over(CREDIT_WORDS_MAX + 4))
})
