/**
 * Opens the page over an engine and a catalogue: one `App` behind both the interface and `window.weft`. `main.ts` calls
 * this with the real parts, tests with fakes; so what a test drives is the page that ships.
 */
import { mount } from 'svelte'
import { App, type AppParts } from './app.ts'
import { createWeft, type Weft } from './openai.ts'
import './ui/tokens.css'
import './ui/base.css'
import { Chat } from './ui/chat.svelte.ts'
import Page from './ui/Page.svelte'

declare global {
  interface Window {
    weft?: Weft
  }
}

export function openPage(parts: AppParts, target: Element): App {
  const app = new App(parts)
  window.weft = createWeft(app)
  mount(Page, { target, props: { chat: new Chat(app) } })
  void app.start()
  return app
}
