/** Whether `App` says that it is online: by the browser's word, and by a server that does not answer. */
import { describe, expect, it } from 'vitest'
import { App } from '../../web/app.ts'
import { fail } from '../../web/wire/result.ts'
import { FakeCatalogue } from '../support/fake-catalogue.ts'
import { FakeEngine } from '../support/fake-engine.ts'
import { runnerOf } from '../support/fake-runner.ts'

function setUp() {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  const answers = catalogue.mirror
  const listeners = new Set<() => void>()
  const network = {
    online: true,
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const app = new App({ runner: runnerOf(engine, catalogue), catalogue, network })
  const change = (online: boolean) => {
    network.online = online
    for (const listener of listeners) listener()
  }
  return { app, catalogue, answers, change, listeners }
}

describe('the app', () => {
  it('listens to the browser until it is closed', async () => {
    const { app, listeners } = setUp()
    expect(listeners.size).toBe(1)
    await app.close()
    expect(listeners.size).toBe(0)
  })

  it('is online until the browser says otherwise', async () => {
    const { app, change } = setUp()
    await app.start()
    expect(app.view.online).toBe(true)
    change(false)
    expect(app.view.online).toBe(false)
    change(true)
    expect(app.view.online).toBe(true)
    await app.close()
  })

  it('is offline while its server does not answer, and looks again when the network is back', async () => {
    const { app, catalogue, answers, change } = setUp()
    catalogue.mirror = fail('source-unreachable', '')
    await app.start()
    expect(app.view.online).toBe(false)
    change(false)
    catalogue.mirror = answers
    change(true)
    await expect.poll(() => app.view.online).toBe(true)
    await app.close()
  })
})
