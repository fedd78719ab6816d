/**
 * Entry of the page with a fake engine, in place of `web/main.ts`: the test sets `window.fakeSetup` before the page
 * starts and drives `window.fake` after. Never part of the product.
 */
import type { App } from '../../web/app.ts'
import { openPage } from '../../web/page.ts'
import { openConversations } from '../../web/store/kept-conversations.ts'
import { PreferenceStore } from '../../web/store/preferences.ts'
import { writersOf } from '../../web/store/writers.ts'
import { FakeCatalogue } from './fake-catalogue.ts'
import { FakeEngine } from './fake-engine.ts'
import { FakeMesh } from './fake-mesh.ts'
import { runnerOf } from './fake-runner.ts'
import { FakeStore } from './fake-store.ts'

export interface Fake {
  readonly engine: FakeEngine
  readonly catalogue: FakeCatalogue
  readonly store: FakeStore
  readonly mesh: FakeMesh
}

declare global {
  interface Window {
    fake: Fake
    /** What the page itself talks to: for what no screen asks of it yet. */
    fakeApp: App
    fakeSetup?: (fake: Fake) => void
  }
}

const fakeEngine = new FakeEngine()
window.fake = {
  engine: fakeEngine,
  catalogue: new FakeCatalogue(),
  store: new FakeStore(fakeEngine),
  mesh: new FakeMesh(),
}
window.fakeSetup?.(window.fake)
const { engine, catalogue, store } = window.fake
const conversations = { store: openConversations(), writers: writersOf(navigator.locks) }
const preferences = new PreferenceStore(localStorage)
const models = {
  store,
  baseUrl: new URL('.', location.href).href,
  locks: null,
  channel: null,
  // Until the test says that it is over: a fake engine has no clock either.
  wait: (_ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      window.addEventListener('online', () => resolve(), { once: true, signal })
      signal.addEventListener('abort', () => resolve(), { once: true })
    }),
  now: () => store.nowMs,
}
const mesh = window.fake.mesh.parts
const parts = { runner: runnerOf(engine, catalogue), catalogue, models, mesh, conversations, preferences }
window.fakeApp = openPage(parts, document.getElementById('page') ?? document.body)
