/**
 * What tabs of one browser say to each other about the one engine: one page, one channel, closed unions. Everything here
 * is of one origin and one version (both names carry it), so the envelope is checked and the payload is trusted as code of
 * this page is: whoever can speak on the channel can run this page's code anyway. Values are structured clones.
 */
import type { ChatEvent, ChatMessage, ChatRequest, LoadProgress } from '../wire/chat.ts'
import type { Result } from '../wire/result.ts'
import type { Manners, ModelSource } from './engine-door.ts'

/** History: 1, first version. 2, `count`. 3, `release` and `selfTest`. 4, raw prompts and `manners`. 5, a chat's schema. */
const VERSION = 5
export const TABS_CHANNEL = `weft-engine/${VERSION}`
/** Held by the owner for as long as it is one. */
export const OWNER_LOCK = `weft-engine-owner/${VERSION}`
/** Held by every tab for as long as it lives, so that the owner learns of its end. */
export const tabLock = (tab: string) => `weft-tab/${VERSION}/${tab}`

export type TabCall =
  | { readonly method: 'probe' }
  | { readonly method: 'cached' }
  | { readonly method: 'inspect'; readonly source: ModelSource }
  | { readonly method: 'load'; readonly source: ModelSource; readonly onlyIfIdle: boolean }
  | {
      readonly method: 'chat'
      readonly source: ModelSource
      readonly request: ChatRequest
      readonly manners: Manners | undefined
    }
  | {
      readonly method: 'embed'
      readonly source: ModelSource
      readonly texts: readonly string[]
      readonly manners: Manners | undefined
    }
  | {
      readonly method: 'count'
      readonly source: ModelSource
      readonly messages: readonly ChatMessage[]
      readonly raw: boolean
    }
  | { readonly method: 'release'; readonly source: ModelSource }
  | { readonly method: 'selfTest' }

/** Exactly one `result` (or, for a chat, one event `end`), always last. */
export type TabAnswer =
  | { readonly kind: 'progress'; readonly progress: LoadProgress }
  | { readonly kind: 'event'; readonly event: ChatEvent }
  | { readonly kind: 'result'; readonly result: Result<unknown> }

export type TabMessage =
  /**
   * To all: I hold the engines. Also the answer to `who`. `since`: when that began, in ms of the wall clock and later than any
   * before it; a frozen tab that thaws may still believe in itself, and is not believed.
   */
  | { readonly kind: 'owner'; readonly from: string; readonly since: number }
  | { readonly kind: 'who'; readonly from: string }
  | { readonly kind: 'ping'; readonly from: string; readonly to: string }
  | { readonly kind: 'pong'; readonly from: string; readonly to: string }
  | { readonly kind: 'call'; readonly from: string; readonly to: string; readonly id: number; readonly call: TabCall }
  | { readonly kind: 'abort'; readonly from: string; readonly to: string; readonly id: number }
  | {
      readonly kind: 'answer'
      readonly from: string
      readonly to: string
      readonly id: number
      readonly answer: TabAnswer
    }

const TO_ONE = ['ping', 'pong', 'call', 'abort', 'answer']
const NUMBERED = ['call', 'abort', 'answer']

/** Null for what is none, or is for another tab. */
export function parseTabMessage(value: unknown, me: string): TabMessage | null {
  if (value === null || typeof value !== 'object') return null
  const { kind, from, to, id, since } = value as Record<string, unknown>
  if (typeof kind !== 'string' || typeof from !== 'string' || from === me) return null
  if (kind === 'who') return value as TabMessage
  if (kind === 'owner') return Number.isFinite(since) ? (value as TabMessage) : null
  if (!TO_ONE.includes(kind) || to !== me) return null
  if (NUMBERED.includes(kind) && !Number.isSafeInteger(id)) return null
  return value as TabMessage
}
