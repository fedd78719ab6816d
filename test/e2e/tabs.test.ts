/**
 * One owner per browser, with real tabs of the real app: clients stream, abort and fail as the owner does; an owner that
 * is closed, crashes or loses its GPU in the middle of an answer costs a client no character.
 */
import { describe, expect, it } from 'vitest'
import { LONG, SHORT, useBrowser, useModels } from '../support/app-hooks.ts'
import { ask, crashGpu, streamedAtLeast } from '../support/app-page.ts'
import { clientOf, holds, openEngineTabs } from '../support/engine-tabs.ts'

const server = useModels('llama', 'qwen3')
const browser = useBrowser()
const openTabs = (clients: number) => openEngineTabs(() => browser.open(`${server.url}/?engine=stage`), clients)

describe('tabs of one browser', () => {
  it('share one engine: the second answers as the first and starts none', async () => {
    const tabs = await openTabs(1)
    const client = clientOf(tabs)
    const theirs = await ask(tabs[0], LONG)
    const ours = await ask(client, LONG)
    expect(ours).toMatchObject({ text: theirs.text, engine: 'stage', code: null, notices: [] })
    expect([holds(tabs[0]), holds(client)]).toEqual([true, false])
  })

  it('ask at the same time, each for its own model, and each gets its own answer', async () => {
    const tabs = await openTabs(1)
    const client = clientOf(tabs)
    const [tiny = '', other = ''] = server.ids
    const alone = [await ask(tabs[0], { ...SHORT, model: tiny }), await ask(client, { ...SHORT, model: other })]
    const both = await Promise.all([ask(tabs[0], { ...SHORT, model: tiny }), ask(client, { ...SHORT, model: other })])
    expect(both.map(({ text, code }) => [text, code])).toEqual(alone.map(({ text }) => [text, null]))
    expect(alone[0]?.text).not.toBe(alone[1]?.text)
  })

  it('get the same refusals', async () => {
    const client = clientOf(await openTabs(1))
    expect((await ask(client, { content: 'word '.repeat(1000), maxTokens: 6 })).code).toBe('context-full')
    expect(await ask(client, SHORT)).toMatchObject({ code: null })
  })

  it('stop only their own answers', async () => {
    const tabs = await openTabs(1)
    const client = clientOf(tabs)
    const whole = await ask(tabs[0], LONG)
    await client.getByRole('textbox', { name: 'Message' }).fill('Tell me more.')
    await client.getByRole('button', { name: 'Send' }).click()
    const log = client.getByRole('log', { name: 'Conversation' })
    await client.getByRole('button', { name: 'Stop' }).waitFor()
    const mine = ask(tabs[0], LONG)
    await client.getByRole('button', { name: 'Stop' }).click()
    await log.getByText('Stopped').waitFor()
    expect(await mine).toMatchObject({ text: whole.text, code: null })
  })
})

describe('an answer in the middle of which the owner', () => {
  it('is closed goes on in another tab with the same text', async () => {
    const tabs = await openTabs(2)
    const client = clientOf(tabs)
    const whole = await ask(client, LONG)
    expect(whole.completionTokens).toBeGreaterThan(60)
    const interrupted = ask(client, LONG)
    await streamedAtLeast(client, 20)
    await tabs[0].close()
    const answer = await interrupted
    expect(answer.notices).toContain('owner-changed')
    expect(answer).toMatchObject({ text: whole.text, finish: whole.finish, code: null })
    expect(tabs.slice(1).filter(holds)).toHaveLength(1)
  })

  it('crashes goes on with the same text, in both tabs that asked', async () => {
    const tabs = await openTabs(2)
    const [owner, first, second] = tabs
    if (!first || !second) throw new Error('two clients were opened')
    const whole = await ask(first, LONG)
    const interrupted = [ask(first, LONG), ask(second, { ...LONG, seed: 12 })]
    await streamedAtLeast(first, 20)
    await owner.goto('chrome://crash').catch(() => {})
    const [mine, other] = await Promise.all(interrupted)
    expect(mine).toMatchObject({ text: whole.text, finish: whole.finish, code: null })
    expect(other).toMatchObject({ code: null })
    expect(await ask(second, { ...LONG, seed: 12 })).toMatchObject({ text: other?.text })
  })

  it('loses its GPU goes on with the same text', async () => {
    const tabs = await openTabs(1)
    const client = clientOf(tabs)
    const whole = await ask(client, LONG)
    const interrupted = ask(client, LONG)
    await streamedAtLeast(client, 20)
    await crashGpu(client)
    const answer = await interrupted
    expect(answer.notices).toContain('device-lost')
    expect(answer).toMatchObject({ text: whole.text, finish: whole.finish, code: null })
  })
})
