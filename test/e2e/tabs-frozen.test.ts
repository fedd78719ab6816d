/**
 * An owner that freezes costs a client no character. A tab is frozen by stopping its process, and Chromium lets the
 * service worker live in the first tab's process; no freeze of a browser stops that one, so here there is none.
 */
import { describe, expect, it } from 'vitest'
import { LONG, SHORT, useBrowser, useModels } from '../support/app-hooks.ts'
import { ask, freezeTab, streamedAtLeast } from '../support/app-page.ts'
import { clientOf, holds, openEngineTabs } from '../support/engine-tabs.ts'

const server = useModels('llama')
const browser = useBrowser({ context: { serviceWorkers: 'block' } })
const openTabs = (clients: number) => openEngineTabs(() => browser.open(`${server.url}/?engine=stage`), clients)

describe('an owner of the engine that', () => {
  it('freezes is stepped over, and the thawed tab is a client of the new owner', async () => {
    const tabs = await openTabs(1)
    const client = clientOf(tabs)
    const whole = await ask(client, LONG)
    const interrupted = ask(client, LONG)
    await streamedAtLeast(client, 20)
    const thaw = await freezeTab(tabs[0])
    const answer = await interrupted
    expect(answer.notices).toContain('owner-changed')
    expect(answer).toMatchObject({ text: whole.text, finish: whole.finish, code: null })
    expect(holds(client)).toBe(true)
    thaw()
    expect(await ask(tabs[0], LONG)).toMatchObject({ text: whole.text, code: null })
    expect(await ask(client, SHORT)).toMatchObject({ code: null, notices: [] })
  })

  it('has long been frozen is not waited for', async () => {
    const tabs = await openTabs(1)
    const client = clientOf(tabs)
    const whole = await ask(client, SHORT)
    const thaw = await freezeTab(tabs[0])
    expect(await ask(client, SHORT)).toMatchObject({ text: whole.text, code: null })
    thaw()
  })
})
