/**
 * The state of the settings screen: what holds for the whole app in this browser. Talks to `App` only; each change is kept
 * at once.
 */
import type { App } from '../app.ts'
import { DEFAULT_SETTINGS } from '../app-conversations-view.ts'
import type { ConversationSettings } from '../wire/conversation.ts'

export type Theme = App['preferences']['value']['theme']

type Redaction = App['preferences']['value']['redaction']
const NOT_READ: Redaction = { anyone: true, room: false, names: [] }

/** As in `tokens.css`: what the browser's own bars are tinted with. */
const BARS = { light: '#f9f6f0', dark: '#14152a' } as const

export class Settings {
  readonly #app: App
  #theme = $state<Theme>('system')
  #defaults = $state.raw<ConversationSettings>(DEFAULT_SETTINGS)

  #redaction = $state.raw<Redaction>(NOT_READ)
  #keepAnswers = $state(false)
  #keptAnswers = $state.raw({ count: 0, bytes: 0 })

  constructor(app: App) {
    this.#app = app
    const { theme, settings, redaction, keepAnswers } = app.preferences.value
    this.#redaction = redaction
    this.#keepAnswers = keepAnswers
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

  /** What is replaced in what leaves this device. */
  get redaction(): Redaction {
    return this.#redaction
  }

  setRedaction(change: Partial<Redaction>): void {
    this.#app.preferences.set({ redaction: { ...this.#redaction, ...change } })
    this.#redaction = this.#app.preferences.value.redaction
  }

  get keepAnswers(): boolean {
    return this.#keepAnswers
  }

  set keepAnswers(on: boolean) {
    this.#app.keptAnswers.set(on)
    this.#keepAnswers = on
  }

  /** As it was when `countKeptAnswers` looked. */
  get keptAnswers() {
    return this.#keptAnswers
  }

  async countKeptAnswers(): Promise<void> {
    this.#keptAnswers = await this.#app.keptAnswers.size()
  }

  async clearKeptAnswers(): Promise<void> {
    await this.#app.keptAnswers.clear()
    await this.countKeptAnswers()
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
