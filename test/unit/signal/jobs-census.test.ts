/** How many offer a model whole, as tabs that look are told of it over real sockets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TOKENS_PER_SECOND_ASSUMED } from '../../../web/rules/job-match.ts'
import { JOB_MODEL, JobServer, until } from '../../support/job-tabs.ts'

let server: JobServer
beforeEach(async () => {
  server = await JobServer.start()
})
afterEach(() => server.close())

describe('a census', () => {
  it('says how many offer a model whole and their mean speed, and names nobody', async () => {
    await Promise.all([
      server.worker({ tokensPerSecond: 10 }),
      server.worker({ tokensPerSecond: 30 }),
      server.worker({ tokensPerSecond: null }),
      server.worker({ modelId: 'b'.repeat(64), tokensPerSecond: null }),
    ])
    const looker = await server.tab()
    looker.client.look(true)
    await until(() => looker.censuses.length === 1)
    expect(looker.censuses[0]?.models).toEqual([
      { modelId: JOB_MODEL, ranges: [], whole: { offers: 3, tokensPerSecond: 20 } },
      { modelId: 'b'.repeat(64), ranges: [], whole: { offers: 1, tokensPerSecond: TOKENS_PER_SECOND_ASSUMED } },
    ])
  })
})
