/**
 * Named settings to begin from: the app's own and those a person keeps. Choosing one sets how tokens are drawn and, for a
 * person's own, everything; it never changes what was said.
 */
import type { App } from '../app.ts'
import { DEFAULT_SETTINGS } from '../app-conversations-view.ts'
import type { ConversationSettings, Preset } from '../wire/conversation.ts'

const drawn = (temperature: number, topP: number, minP: number): ConversationSettings => ({
  ...DEFAULT_SETTINGS,
  sampling: { ...DEFAULT_SETTINGS.sampling, temperature, topP, minP },
})

/** The first is the default. */
const BUILT_IN: readonly Preset[] = [
  { id: 'balanced', name: 'Balanced', settings: DEFAULT_SETTINGS },
  { id: 'exact', name: 'Exact: the likeliest words', settings: drawn(0, 1, 0) },
  { id: 'free', name: 'Free: more surprising words', settings: drawn(0.9, 0.95, 0.05) },
]

export class Presets {
  readonly #app: App
  #own = $state.raw<readonly Preset[]>([])

  constructor(app: App) {
    this.#app = app
    app.conversations.subscribe(({ presets }) => {
      if (presets !== this.#own) this.#own = presets
    })
  }

  get all(): readonly Preset[] {
    return [...BUILT_IN, ...this.#own]
  }

  /** Of the preset that these settings are; empty for none. A built-in one leaves the system text to the person. */
  idOf(settings: ConversationSettings): string {
    const same = (a: ConversationSettings, b: ConversationSettings) => JSON.stringify(a) === JSON.stringify(b)
    const own = this.#own.find((preset) => same(preset.settings, settings))
    if (own) return own.id
    return BUILT_IN.find((preset) => same({ ...preset.settings, system: settings.system }, settings))?.id ?? ''
  }

  /** These settings as the preset has them. Only a person's own preset has a system text. */
  applied(id: string, settings: ConversationSettings): ConversationSettings {
    const own = this.#own.find((preset) => preset.id === id)
    const built = BUILT_IN.find((preset) => preset.id === id)
    return own?.settings ?? (built ? { ...built.settings, system: settings.system } : settings)
  }

  canForget(id: string): boolean {
    return this.#own.some((preset) => preset.id === id)
  }

  async keep(name: string, settings: ConversationSettings): Promise<void> {
    await this.#app.conversations.keepPreset(name, settings)
  }

  async forget(id: string): Promise<void> {
    await this.#app.conversations.forgetPreset(id)
  }
}
