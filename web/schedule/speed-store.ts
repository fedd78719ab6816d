/**
 * How fast engines ran on this device: tokens a second by model, bytes a second by engine and adapter. Kept in the
 * browser where it lets us, else until the page is closed. What is kept is parsed again: another version may have written it.
 */
import type { EngineName } from '../wire/chat.ts'
import { SPEEDS_KEPT_MAX } from '../wire/limits/engine.ts'

export interface SpeedNote {
  readonly engine: EngineName
  readonly adapter: string
  readonly model: string
  readonly tokensPerSecond: number
  readonly bytesPerSecond: number
}

/** As `Storage`; null where the browser refuses it. */
export type SpeedShelf = Pick<Storage, 'getItem' | 'setItem'> | null

const KEY = 'weft-speeds'
const TEST_KEY = 'weft-self-test'
/** A new measurement counts this much against what was known: one slow answer beside other work is not the truth. */
const NEW_SHARE = 0.5

function parseNote(value: unknown): SpeedNote | null {
  if (value === null || typeof value !== 'object') return null
  const { engine, adapter, model, tokensPerSecond, bytesPerSecond } = value as Record<string, unknown>
  if (engine !== 'stage' && engine !== 'webllm' && engine !== 'cpu') return null
  if (typeof adapter !== 'string' || typeof model !== 'string') return null
  if (typeof tokensPerSecond !== 'number' || typeof bytesPerSecond !== 'number') return null
  if (!(tokensPerSecond > 0 && bytesPerSecond > 0)) return null
  return { engine, adapter, model, tokensPerSecond, bytesPerSecond }
}

function parseNotes(text: string | null): SpeedNote[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]')
    if (!Array.isArray(value)) return []
    return value.slice(0, SPEEDS_KEPT_MAX).flatMap((entry) => parseNote(entry) ?? [])
  } catch {
    // Not ours, or cut short: begin anew.
    return []
  }
}

interface SelfTestNote {
  readonly adapter: string
  readonly bytesPerSecond: number
}

function parseTest(text: string | null): SelfTestNote | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    if (value === null || typeof value !== 'object') return null
    const { adapter, bytesPerSecond } = value as Record<string, unknown>
    if (typeof adapter !== 'string' || typeof bytesPerSecond !== 'number' || !(bytesPerSecond > 0)) return null
    return { adapter, bytesPerSecond }
  } catch {
    return null
  }
}

export class SpeedStore {
  readonly #shelf: SpeedShelf
  #notes: SpeedNote[]
  #test: SelfTestNote | null

  constructor(shelf: SpeedShelf) {
    this.#shelf = shelf
    this.#notes = parseNotes(shelf?.getItem(KEY) ?? null)
    this.#test = parseTest(shelf?.getItem(TEST_KEY) ?? null)
  }

  /** Null where this model never ran on this engine and adapter. */
  tokensPerSecond(engine: EngineName, adapter: string, model: string): number | null {
    return this.#find(engine, adapter, model)?.tokensPerSecond ?? null
  }

  /** Of the newest measurement on this engine and adapter, whatever the model. */
  bytesPerSecond(engine: EngineName, adapter: string): number | null {
    return this.#notes.find((note) => note.engine === engine && note.adapter === adapter)?.bytesPerSecond ?? null
  }

  /** Of the last self test, where it ran on this adapter. */
  testedBytesPerSecond(adapter: string): number | null {
    return this.#test?.adapter === adapter ? this.#test.bytesPerSecond : null
  }

  noteTest(adapter: string, bytesPerSecond: number): void {
    this.#test = { adapter, bytesPerSecond }
    this.#keep(TEST_KEY, this.#test)
  }

  note(measured: SpeedNote): void {
    const known = this.#find(measured.engine, measured.adapter, measured.model)
    const mix = (old: number, now: number) => old + (now - old) * NEW_SHARE
    const note = known
      ? {
          ...measured,
          tokensPerSecond: mix(known.tokensPerSecond, measured.tokensPerSecond),
          bytesPerSecond: mix(known.bytesPerSecond, measured.bytesPerSecond),
        }
      : measured
    this.#notes = [note, ...this.#notes.filter((other) => other !== known)].slice(0, SPEEDS_KEPT_MAX)
    this.#keep(KEY, this.#notes)
  }

  #keep(key: string, value: unknown): void {
    try {
      this.#shelf?.setItem(key, JSON.stringify(value))
    } catch {
      // Full or refused: what was measured holds until the page is closed.
    }
  }

  #find(engine: EngineName, adapter: string, model: string): SpeedNote | undefined {
    return this.#notes.find((note) => note.engine === engine && note.adapter === adapter && note.model === model)
  }
}
