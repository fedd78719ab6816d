/** Of conversations, as a browser keeps them. */
import { MIB } from './units.ts'

/** Conversations that a browser keeps, and that one file may bring. */
export const CONVERSATIONS_MAX = 10_000
/** Messages of one conversation, all branches together. */
export const MESSAGES_KEPT_MAX = 20_000
/** A title made from the first message; a person's own may be as long as any name. */
export const TITLE_CHARACTERS_MAX = 60
/** Files attached to one message, and the bytes of one: more than any model here can read. */
export const ATTACHMENTS_MAX = 16
export const ATTACHMENT_BYTES_MAX = MIB
/** Pasted text that is longer becomes an attachment, so that the question stays in sight. */
export const PASTE_CHARACTERS_MAX = 4_000
/** Unsent texts that survive a reload, all together: browsers keep some five million characters of a site's settings. */
export const DRAFTS_CHARACTERS_MAX = 1_000_000
export const DRAFTS_KEPT_MAX = 20
/** A file of conversations: about ten thousand long ones. */
export const IMPORT_BYTES_MAX = 256 * MIB
/** Places that one search shows. */
export const SEARCH_HITS_MAX = 50
/** A growing answer is kept at most this often: what a crash can cost. */
export const ANSWER_KEPT_EVERY_MS = 500
/** What the browser had no room for is tried again this often: somebody may have made some. */
export const KEEP_RETRY_MS = 5_000
/** A deleted conversation can be brought back for this long, also after a reload. */
export const DELETED_KEPT_MS = 30_000
/** Names that a person lists to be replaced in what leaves the device: each is looked for in every text. */
export const REDACTED_NAMES_MAX = 200
/** Answers that are kept to be given again, and what they take together. */
export const RESULTS_KEPT_MAX = 500
export const RESULTS_BYTES_MAX = 8 * MIB
/** Tokens of a summary that stands for the older part of a conversation. */
export const SUMMARY_TOKENS_MAX = 400
