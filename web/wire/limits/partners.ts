/** Of partners: the widget, its frame, and keys. */

/** Of a page with the widget: its questions, one of the context that it gives, and each value of its style, in characters. */
export const EMBED_QUESTION_CHARACTERS_MAX = 2_000
export const EMBED_CONTEXT_CHARACTERS_MAX = 16_000
export const EMBED_THEME_CHARACTERS_MAX = 120
export const EMBED_SUGGESTIONS_MAX = 6
/** A frame of the widget that has said nothing by then does not answer. */
export const EMBED_HERE_MS_MAX = 20_000
/** A question of the browser for storage is not waited for any longer; what is granted later counts from the next visit. */
export const EMBED_STORAGE_MS_MAX = 20_000
/** Words of a page to the widget's frame: at once and in a second from then on. After one more it hears none of them. */
export const EMBED_WORDS_BURST = 60
export const EMBED_WORDS_PER_SECOND = 10
/** Calls of a page to its frame, at once and in a second from then on; its SDK waits with more. Fewer than the words. */
export const EMBED_CALLS_BURST = 30
export const EMBED_CALLS_PER_SECOND = 5
/** A call of the page ends where the line that says what runs is out of sight for longer. */
export const EMBED_UNSEEN_MS_MAX = 10_000
/** Fields of one such word, counted before any is read. */
export const EMBED_FIELDS_MAX = 8
/** A button of consent works after it was seen for so long, in a frame of at least so many CSS pixels. */
export const EMBED_SEEN_MS_MIN = 800
export const EMBED_FRAME_WIDTH_MIN = 240
export const EMBED_FRAME_HEIGHT_MIN = 280
/** A question of the page waits so long for the line that says what runs to be in sight; then it is not sent. */
export const EMBED_ASK_SEEN_MS_MAX = 2_000
/** A frame that stays open asks for its key again after so long at the earliest. */
export const EMBED_LOOK_MS_MIN = 60_000
/** How often a browser looks whether something covers the frame; it allows no less. */
export const EMBED_SEEN_LOOK_MS = 100
/** On battery, with less than this of it, a visitor's device gives nothing to others. */
export const GIVING_BATTERY_MIN = 0.5
/** Sites whose visitor's answer to the consent a browser remembers, where they share a storage; the longest kept goes. */
export const EMBED_CONSENTS_KEPT_MAX = 50
/** Gzipped bytes of the script that a partner's page loads. */
export const EMBED_GZIP_BYTES_MAX = 10_000
/** Keys of partners that a server has, with those that are revoked. Of each: origins, models, and characters of one origin and of its own words. */
export const PARTNERS_MAX = 1_000
export const PARTNER_ORIGINS_MAX = 20
export const PARTNER_MODELS_MAX = 20
export const PARTNER_ORIGIN_CHARACTERS_MAX = 200
export const PARTNER_SYSTEM_CHARACTERS_MAX = 4_000
/** Days of a key's usage that are told at once. */
export const PARTNER_DAYS_MAX = 90
