/** Of the SDK: its helpers, and calls by `fetch` through the service worker. */
import { MIB } from './units.ts'

/** The SDK's helpers: characters that are read at once, pieces of a text, replies, texts that are searched. */
export const SDK_PIECE_CHARACTERS = 4_000
export const SDK_PIECES_MAX = 64
export const SDK_ASKS_AT_ONCE = 4
export const SDK_REPLIES_MAX = 10
export const SDK_INDEX_MAX = 10_000
/** Calls of `fetch('/v1/...')` that one service worker has open, the body of one, and the text of one piece of its answer. */
export const OPENAI_CALLS_MAX = 16
export const OPENAI_BODY_BYTES_MAX = 8 * MIB
export const OPENAI_TEXT_CHARACTERS_MAX = 64 * MIB
/** Pieces that a tab may send before they are read. */
export const OPENAI_CHUNKS_AHEAD = 8
/** Until a tab says that it is there, until it begins to answer (it may have to load a model), and between two pieces. */
export const OPENAI_TAB_MS = 5_000
export const OPENAI_FIRST_MS = 270_000
export const OPENAI_NEXT_MS = 120_000
