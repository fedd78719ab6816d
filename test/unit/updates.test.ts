/** `App` and a new version: it says that there is one, and leaves the page for it only after the running answer. */
import { describe, expect, it } from 'vitest'
import { App } from '../../web/app.ts'
import type { UpdateDoor } from '../../web/app-parts.ts'
import { DEFAULT_SAMPLING } from '../../web/app-view.ts'
import { ok } from '../../web/wire/result.ts'
import { EMPTY_MIRROR, FakeCatalogue } from '../support/fake-catalogue.ts'
import { FakeEngine, fakeModel } from '../support/fake-engine.ts'
import { runnerOf } from '../support/fake-runner.ts'

const model = fakeModel(1)
const idle = new AbortController().signal

function setUp() {
  const engine = new FakeEngine()
  const catalogue = new FakeCatalogue()
  engine.knows([model])
  catalogue.mirror = ok({ ...EMPTY_MIRROR, models: [model], defaultId: model.id })
  const listeners = new Set<() => void>()
  const updates = {
    state: 'none' as UpdateDoor['state'],
    applied: 0,
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    apply() {
      updates.applied += 1
      return new Promise<never>(() => {})
    },
    arrive() {
      updates.state = 'ready'
      for (const listener of listeners) listener()
    },
  }
  const app = new App({ runner: runnerOf(engine, catalogue), catalogue, updates })
  const request = { messages: [{ role: 'user' as const, content: 'hello' }], maxTokens: 8, stop: [] }
  const ask = () => app.ask({ ...request, sampling: { ...DEFAULT_SAMPLING, seed: 1n } }, idle)
  return { app, engine, updates, ask }
}

describe('a new version', () => {
  it('is shown when it is there', () => {
    const { app, updates } = setUp()
    const seen: string[] = []
    app.subscribe(({ update }) => seen.push(update))
    updates.arrive()
    expect(seen).toEqual(['none', 'ready'])
  })

  it('is applied after the running answer, and nothing begins after it', async () => {
    const { app, engine, updates, ask } = setUp()
    updates.arrive()
    const appliedAt: number[] = []
    const answer = (async () => {
      for await (const _ of ask()) appliedAt.push(updates.applied)
    })()
    await engine.until(() => engine.loading)
    engine.finishLoad()
    await engine.until(() => engine.answering)
    void app.applyUpdate()
    expect(app.view.update).toBe('starting')
    expect(await app.applyUpdate()).toEqual({ ok: true, value: null })
    const later = ask().next()
    engine.answer('One', ' two')
    await answer
    expect(appliedAt.length).toBeGreaterThan(2)
    expect(Math.max(...appliedAt)).toBe(0)
    await expect.poll(() => updates.applied).toBe(1)
    expect(await Promise.race([later, Promise.resolve('waits')])).toBe('waits')
    expect(engine.requests).toHaveLength(1)
  })

  it('that is not there changes nothing', async () => {
    const { app, updates } = setUp()
    expect(await app.applyUpdate()).toEqual({ ok: true, value: null })
    expect(updates.applied).toBe(0)
  })
})
