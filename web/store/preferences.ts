/**
 * What a person has set once for this browser: small values in its local storage, each read with a check. Where storage
 * is refused they last until the page is closed. Knows no screen.
 */

import type { GivingLimits, Hours } from '../rules/giving.ts'
import { GIVING_WISHES, type GivingWish } from '../rules/giving-way.ts'
import { ENGINE_NAMES, type EngineName } from '../wire/chat.ts'
import type { ConversationSettings } from '../wire/conversation.ts'
import { parseSettings } from '../wire/conversation-file.ts'
import { DRAFTS_CHARACTERS_MAX, DRAFTS_KEPT_MAX, REDACTED_NAMES_MAX } from '../wire/limits/conversations.ts'
import { DAY_MINUTES, DUTIES } from '../wire/limits/giving.ts'
import { JOB_PARALLEL_DEFAULT, JOB_PARALLEL_MAX, JOB_TOKENS_CHOICES } from '../wire/limits/jobs.ts'
import { NAME_CHARACTERS_MAX } from '../wire/limits/models.ts'
import { isRoomId, type RoomId } from '../wire/rooms.ts'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export interface Preferences {
  readonly theme: Theme
  /** Whether the list of conversations stands beside the chat, where there is room. */
  readonly sidebar: boolean
  /** The model and engine picked last. */
  readonly modelKey: string | null
  readonly engine: EngineName | null
  /** Who is to answer where a conversation allows others; null lets the rule decide. */
  readonly mode: 'local' | 'job' | 'layers' | null
  /** Of new conversations; null for the app's own. */
  readonly settings: ConversationSettings | null
  readonly mesh: MeshPreferences
  readonly redaction: RedactionPreferences
  /** Answers at temperature 0 are kept and given again. */
  readonly keepAnswers: boolean
}

/** What is replaced before a prompt leaves this device, by scope. What stays here is never touched. */
export interface RedactionPreferences {
  readonly anyone: boolean
  readonly room: boolean
  /** Replaced beside what is found by its form. */
  readonly names: readonly string[]
}

/** What a person has agreed to and allowed of the mesh. */
export interface MeshPreferences extends GivingLimits {
  readonly consent: boolean
  /** Hides this device's network address from peers. */
  readonly relayOnly: boolean
  /** What a contribution may take of the GPU; null for the whole model where it fits. */
  readonly gpuBytesMax: number | null
  /** With whom this browser works, giving and asking: members of this room alone, or anyone. */
  readonly room: RoomId | null
  /** Own answers over others: this tab computes the first and the last layers, so that nobody else sees a token. */
  readonly privateEnds: boolean
  /** The share of the time that it computes; one of `DUTIES`. */
  readonly duty: number
  /** Use of the whole device counts as activity too, where the browser tells of it. */
  readonly watchDevice: boolean
  /** While it gives: the tab is kept awake where it is hidden, and the screen on. */
  readonly keepAwake: boolean
  readonly screenOn: boolean
  /** Whole answers, layers, or what is best. */
  readonly way: GivingWish
  /** Of one whole answer, tokens of what is asked and of what is said; null for what the model has room for. */
  readonly promptTokensMax: number | null
  readonly answerTokensMax: number | null
  /** Jobs of others that wait here or are computed; 1 to `JOB_PARALLEL_MAX`. */
  readonly jobsAtOnce: number
  /** Gives without earning anything for it. */
  readonly donor: boolean
}

const KEY = 'weft-preferences'
const DRAFTS_KEY = 'weft-drafts'
const NO_MESH: MeshPreferences = {
  consent: false,
  relayOnly: false,
  gpuBytesMax: null,
  onlyWhileVisible: false,
  pauseWhileActive: true,
  room: null,
  privateEnds: false,
  duty: 1,
  hours: null,
  chargingOnly: false,
  batteryMin: null,
  watchDevice: false,
  keepAwake: false,
  screenOn: false,
  way: 'best',
  promptTokensMax: null,
  answerTokensMax: null,
  jobsAtOnce: JOB_PARALLEL_DEFAULT,
  donor: false,
}
const DEFAULT_REDACTION: RedactionPreferences = { anyone: true, room: false, names: [] }
const NONE: Preferences = {
  theme: 'system',
  sidebar: true,
  modelKey: null,
  engine: null,
  mode: null,
  settings: null,
  mesh: NO_MESH,
  redaction: DEFAULT_REDACTION,
  keepAnswers: false,
}

/** The part of `localStorage` that is used here; null where the browser refuses it. */
export type PreferenceShelf = Pick<Storage, 'getItem' | 'setItem'> | null

export class PreferenceStore {
  readonly #shelf: PreferenceShelf
  #value: Preferences
  #drafts: Map<string, string>

  constructor(shelf: PreferenceShelf) {
    this.#shelf = shelf
    this.#value = parsePreferences(this.#read(KEY))
    this.#drafts = parseDrafts(this.#read(DRAFTS_KEY))
  }

  get value(): Preferences {
    return this.#value
  }

  set(change: Partial<Preferences>): void {
    this.#value = { ...this.#value, ...change }
    const { redaction } = this.#value
    this.#value = { ...this.#value, redaction: { ...redaction, names: namesFrom(redaction.names) } }
    this.#write(KEY, this.#value)
  }

  /** What was being written in a conversation; `''` names the new one. */
  draft(conversationId: string): string {
    return this.#drafts.get(conversationId) ?? ''
  }

  keepDraft(conversationId: string, text: string): void {
    this.#drafts.delete(conversationId)
    if (text !== '') this.#drafts.set(conversationId, text.slice(0, DRAFTS_CHARACTERS_MAX))
    let characters = [...this.#drafts.values()].reduce((sum, draft) => sum + draft.length, 0)
    for (const [id, draft] of this.#drafts) {
      if (this.#drafts.size <= DRAFTS_KEPT_MAX && characters <= DRAFTS_CHARACTERS_MAX) break
      this.#drafts.delete(id)
      characters -= draft.length
    }
    this.#write(DRAFTS_KEY, [...this.#drafts])
  }

  #read(key: string): unknown {
    try {
      return JSON.parse(this.#shelf?.getItem(key) ?? 'null')
    } catch {
      return null
    }
  }

  #write(key: string, value: unknown): void {
    try {
      this.#shelf?.setItem(key, JSON.stringify(value))
    } catch {
      // Full or refused: it lasts until the page is closed.
    }
  }
}

function parsePreferences(value: unknown): Preferences {
  if (value === null || typeof value !== 'object') return NONE
  const { theme, sidebar, modelKey, engine, mode, settings, mesh, redaction, keepAnswers } = value as Record<
    string,
    unknown
  >
  const kept = settings === null || settings === undefined ? null : parseSettings(settings)
  return {
    theme: THEMES.find((name) => name === theme) ?? NONE.theme,
    sidebar: typeof sidebar === 'boolean' ? sidebar : NONE.sidebar,
    modelKey: typeof modelKey === 'string' ? modelKey : null,
    engine: ENGINE_NAMES.find((name) => name === engine) ?? null,
    mode: mode === 'local' || mode === 'job' || mode === 'layers' ? mode : null,
    settings: kept?.ok ? kept.value : null,
    mesh: parseMesh(mesh),
    redaction: parseRedaction(redaction),
    keepAnswers: keepAnswers === true,
  }
}

function parseRedaction(value: unknown): RedactionPreferences {
  if (value === null || typeof value !== 'object') return DEFAULT_REDACTION
  const { anyone, room, names } = value as Record<string, unknown>
  return {
    anyone: typeof anyone === 'boolean' ? anyone : DEFAULT_REDACTION.anyone,
    room: typeof room === 'boolean' ? room : DEFAULT_REDACTION.room,
    names: namesFrom(Array.isArray(names) ? names : []),
  }
}

/** Trimmed, each once, as many as are allowed. */
function namesFrom(values: readonly unknown[]): readonly string[] {
  const names = values.filter((one) => typeof one === 'string').map((name) => name.trim().slice(0, NAME_CHARACTERS_MAX))
  return [...new Set(names)].filter((name) => name !== '').slice(0, REDACTED_NAMES_MAX)
}

function parseMesh(value: unknown): MeshPreferences {
  if (value === null || typeof value !== 'object') return NO_MESH
  const fields = value as Record<string, unknown>
  const flag = (name: keyof typeof NO_MESH) => {
    const set = fields[name]
    return typeof set === 'boolean' ? set : NO_MESH[name] === true
  }
  const bytes = fields['gpuBytesMax']
  const level = fields['batteryMin']
  return {
    consent: flag('consent'),
    relayOnly: flag('relayOnly'),
    gpuBytesMax: typeof bytes === 'number' && bytes > 0 ? bytes : null,
    onlyWhileVisible: flag('onlyWhileVisible'),
    pauseWhileActive: flag('pauseWhileActive'),
    privateEnds: flag('privateEnds'),
    duty: DUTIES.find((duty) => duty === fields['duty']) ?? NO_MESH.duty,
    hours: parseHours(fields['hours']),
    chargingOnly: flag('chargingOnly'),
    batteryMin: typeof level === 'number' && level > 0 && level <= 1 ? level : null,
    watchDevice: flag('watchDevice'),
    keepAwake: flag('keepAwake'),
    screenOn: flag('screenOn'),
    room: isRoomId(fields['room']) ? fields['room'] : null,
    way: GIVING_WISHES.find((way) => way === fields['way']) ?? NO_MESH.way,
    promptTokensMax: JOB_TOKENS_CHOICES.find((tokens) => tokens === fields['promptTokensMax']) ?? null,
    answerTokensMax: JOB_TOKENS_CHOICES.find((tokens) => tokens === fields['answerTokensMax']) ?? null,
    jobsAtOnce: parseAtOnce(fields['jobsAtOnce']),
    donor: flag('donor'),
  }
}

function parseAtOnce(value: unknown): number {
  const known = typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= JOB_PARALLEL_MAX
  return known ? value : NO_MESH.jobsAtOnce
}

function parseHours(value: unknown): Hours | null {
  if (value === null || typeof value !== 'object') return null
  const { from, to } = value as Record<string, unknown>
  return isMinute(from) && isMinute(to) ? { from, to } : null
}

function isMinute(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < DAY_MINUTES
}

function parseDrafts(value: unknown): Map<string, string> {
  const pairs = Array.isArray(value) ? value : []
  return new Map(
    pairs.filter(
      (pair): pair is [string, string] =>
        Array.isArray(pair) && pair.length === 2 && pair.every((item) => typeof item === 'string'),
    ),
  )
}
