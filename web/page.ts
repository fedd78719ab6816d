/**
 * Opens the page over an engine and a catalogue: one `App` behind both the interface and `window.weft`. `main.ts` calls
 * this with the real parts, tests with fakes; so what a test drives is the page that ships.
 */
import { mount } from 'svelte'
import { App } from './app.ts'
import type { AppParts } from './app-parts.ts'
import type { Weft } from './openai.ts'
import { APP_SLOT } from './sdk/app-slot.ts'
import { lazyWeft } from './sdk/lazy-weft.ts'
import './ui/tokens.css'
import './ui/base.css'
import { Chat } from './ui/chat.svelte.ts'
import { DevicesPanel } from './ui/devices/devices-panel.svelte.ts'
import { Layout } from './ui/layout.svelte.ts'
import { ConversationList } from './ui/list.svelte.ts'
import { MeshScreen } from './ui/mesh/mesh-screen.svelte.ts'
import { ModelsScreen } from './ui/models/models-screen.svelte.ts'
import Page from './ui/Page.svelte'
import { Presets } from './ui/presets.svelte.ts'
import { RoomsScreen } from './ui/rooms/rooms-screen.svelte.ts'
import { Settings } from './ui/settings.svelte.ts'
import { Update } from './ui/update.svelte.ts'

declare global {
  interface Window {
    weft?: Weft
    [APP_SLOT]?: App
  }
}

export function openPage(parts: AppParts, target: Element): App {
  const app = new App(parts)
  window[APP_SLOT] = app
  window.weft = lazyWeft(() => import('./openai.ts').then(({ createWeft }) => createWeft(app)))
  const [chat, mesh] = [new Chat(app), new MeshScreen(app)]
  const props = {
    app,
    chat,
    list: new ConversationList(app),
    presets: new Presets(app),
    layout: new Layout(app),
    update: new Update(app),
    settings: new Settings(app),
    models: new ModelsScreen(app),
    mesh,
    devices: new DevicesPanel(app, mesh, chat.router),
    rooms: new RoomsScreen(app, mesh, chat.router),
  }
  mount(Page, { target, props })
  // What an answer has come to is kept before the page may be gone.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') void app.conversations.flush()
  })
  // A page that was hidden already does not hear that again.
  window.addEventListener('pagehide', () => void app.conversations.flush())
  void app.start()
  return app
}
