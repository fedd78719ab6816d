/**
 * The state of the settings screen: what holds for the whole app in this browser. Talks to `App` only; each change is kept
 * at once.
 */
import type { App } from '../app.ts'
import { DEFAULT_SETTINGS } from '../app-conversations-view.ts'
import type { ConversationSettings } from '../wire/conversation.ts'

export type Theme = App['preferences']['value']['theme']

/** As in `tokens.css`: what the browser's own bars are tinted with. */
const BARS = { light: '#f9f6f0', dark: '#14152a' } as const

export class Settings {
  readonly #app: App
  #theme = $state<Theme>('system')
  #defaults = $state.raw<ConversationSettings>(DEFAULT_SETTINGS)

  constructor(app: App) {
    this.#app = app
    const { theme, settings } = app.preferences.value
    this.#theme = theme
    this.#defaults = settings ?? DEFAULT_SETTINGS
    this.#apply()
  }

  get theme(): Theme {
    return this.#theme
  }

  set theme(theme: Theme) {
    this.#theme = theme
    this.#app.preferences.set({ theme })
    this.#apply()
  }

  /** Of new conversations. */
  get defaults(): ConversationSettings {
    return this.#defaults
  }

  set defaults(settings: ConversationSettings) {
    this.#defaults = settings
    this.#app.preferences.set({ settings })
    this.#app.conversations.setDefaults(settings)
  }

  /** Before the first paint `public/theme.js` does the same. */
  #apply(): void {
    const { dataset } = document.documentElement
    if (this.#theme === 'system') delete dataset.theme
    else dataset.theme = this.#theme
    for (const bar of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]')) {
      const own = bar.media.includes('dark') ? 'dark' : 'light'
      bar.content = BARS[this.#theme === 'system' ? own : this.#theme]
    }
  }
}
