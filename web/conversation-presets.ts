/**
 * Settings that a person keeps under a name, in the order of their names. Reads them anew after every change, so that what
 * is listed is what is kept.
 */
import type { ConversationStore } from './store/conversation-store.ts'
import type { ConversationSettings, Preset } from './wire/conversation.ts'
import { NAME_CHARACTERS_MAX } from './wire/limits/models.ts'
import type { Result } from './wire/result.ts'

export interface ConversationPresetsParts {
  readonly store: () => Pick<ConversationStore, 'presets' | 'keepPreset' | 'forgetPreset'>
  readonly newId: () => string
  readonly changed: () => void
}

export class ConversationPresets {
  readonly #parts: ConversationPresetsParts
  #all: readonly Preset[] = []

  constructor(parts: ConversationPresetsParts) {
    this.#parts = parts
  }

  get all(): readonly Preset[] {
    return this.#all
  }

  async read(): Promise<void> {
    const presets = await this.#parts.store().presets()
    if (presets.ok) this.#all = [...presets.value].sort((a, b) => a.name.localeCompare(b.name))
    this.#parts.changed()
  }

  async keep(name: string, settings: ConversationSettings): Promise<Result<null>> {
    const { store, newId } = this.#parts
    const kept = await store().keepPreset({ id: newId(), name: name.slice(0, NAME_CHARACTERS_MAX), settings })
    await this.read()
    return kept
  }

  async forget(id: string): Promise<Result<null>> {
    const forgotten = await this.#parts.store().forgetPreset(id)
    await this.read()
    return forgotten
  }
}
