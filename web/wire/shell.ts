/**
 * What pages and the service worker agree on: names of caches and locks, and what a page says to it. Weights have no
 * name here: they never pass through the service worker.
 */
import { ENGINE_NAMES, type EngineName } from './chat.ts'

/** A cache for each version of the app; what follows names the version. */
export const SHELL_CACHE = 'weft-shell/'
/** Large files of engines. Their names carry a hash, so that every version shares this cache. */
export const ENGINE_CACHE = 'weft-engines'
/** The last word of the server on the page's settings. */
export const SETTINGS_CACHE = 'weft-settings'
/** The SDK's module, as a page has last loaded it: it comes without a hash in its name. */
export const SDK_CACHE = 'weft-sdk'

/** Held by a page for as long as it lives: the version whose main script this is must stay whole. */
export const SCRIPT_LOCK = 'weft-script:'

export type ShellMessage =
  /** The version that waits takes over. */
  | { readonly kind: 'take-over' }
  /** A page is up: versions that no page runs any more can go. */
  | { readonly kind: 'up' }
  /** Keep the large files of this engine: it is used here, or a model for it is. */
  | { readonly kind: 'keep'; readonly engine: EngineName }

/** Null for what is none. */
export function parseShellMessage(value: unknown): ShellMessage | null {
  if (value === null || typeof value !== 'object') return null
  const { kind, engine } = value as Record<string, unknown>
  if (kind === 'take-over' || kind === 'up') return { kind }
  const known = ENGINE_NAMES.find((name) => name === engine)
  return kind === 'keep' && known ? { kind, engine: known } : null
}
