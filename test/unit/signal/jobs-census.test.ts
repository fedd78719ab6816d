/** How many offer a model whole, as tabs that look are told of it over real sockets. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { TOKENS_PER_SECOND_ASSUMED } from '../../../web/rules/job-match.ts'
import { JOB_MODEL, JobServer, jobOffer, jobWish, until } from '../../support/job-tabs.ts'

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
      {
        modelId: JOB_MODEL,
        ranges: [],
        whole: { offers: 3, tokensPerSecond: 20, chat: { offers: 3, free: 3, tokensPerSecond: 30, firstMs: 0 } },
      },
      {
        modelId: 'b'.repeat(64),
        ranges: [],
        whole: {
          offers: 1,
          tokensPerSecond: TOKENS_PER_SECOND_ASSUMED,
          chat: { offers: 1, free: 1, tokensPerSecond: TOKENS_PER_SECOND_ASSUMED, firstMs: 0 },
        },
      },
    ])
  })

  it('tells those that chat from those that make embeddings only, and how long a chat would wait', async () => {
    const look = await server.tab()
    const chat = async () => {
      const before = look.censuses.length
      await until(() => look.censuses.length > before + 1)
      return look.censuses.at(-1)?.models[0]?.whole?.chat
    }
    await server.worker({ kinds: ['embedding'], tokensPerSecond: 90 })
    look.client.look(true)
    expect(await chat()).toBe(null)
    const [slow, fast] = [await server.worker({ tokensPerSecond: 10 }), await server.worker({ tokensPerSecond: 40 })]
    expect(await chat()).toEqual({ offers: 2, free: 2, tokensPerSecond: 40, firstMs: 0 })
    // One more is free before it has done what it has, and the slow one would be done sooner.
    await fast.offer([jobOffer({ tokensPerSecond: 40, parallel: 2, held: 1, heldTokens: 4_000 })])
    expect(await chat()).toEqual({ offers: 2, free: 2, tokensPerSecond: 10, firstMs: 0 })
    await fast.offer([jobOffer({ tokensPerSecond: 40, held: 1, heldTokens: 80 })])
    await slow.offer([jobOffer({ tokensPerSecond: 10, held: 1, heldTokens: 80 })])
    expect(await chat()).toEqual({ offers: 2, free: 0, tokensPerSecond: 40, firstMs: 2_000 })
    // Who waits already goes first, at the speed of both.
    const asker = await server.tab()
    expect(await asker.client.job(jobWish(1, { promptTokens: 50, maxTokens: 50 }))).toMatchObject({
      value: { state: 'queued' },
    })
    expect(await chat()).toEqual({ offers: 2, free: 0, tokensPerSecond: 40, firstMs: 4_000 })
  })
})
