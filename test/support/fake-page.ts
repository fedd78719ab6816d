/**
 * Entry of the page with a fake engine, in place of `web/main.ts`: the test sets `window.fakeSetup` before the page
 * starts and drives `window.fake` after. Never part of the product.
 */
import { openPage } from '../../web/page.ts'
import { openConversations } from '../../web/store/kept-conversations.ts'
import { PreferenceStore } from '../../web/store/preferences.ts'
import { writersOf } from '../../web/store/writers.ts'
import { FakeCatalogue } from './fake-catalogue.ts'
import { FakeEngine } from './fake-engine.ts'
import { runnerOf } from './fake-runner.ts'

export interface Fake {
  readonly engine: FakeEngine
  readonly catalogue: FakeCatalogue
}

declare global {
  interface Window {
    fake: Fake
    fakeSetup?: (fake: Fake) => void
  }
}

window.fake = { engine: new FakeEngine(), catalogue: new FakeCatalogue() }
window.fakeSetup?.(window.fake)
const { engine, catalogue } = window.fake
const conversations = { store: openConversations(), writers: writersOf(navigator.locks) }
const preferences = new PreferenceStore(localStorage)
const parts = { runner: runnerOf(engine, catalogue), catalogue, conversations, preferences }
openPage(parts, document.getElementById('page') ?? document.body)
