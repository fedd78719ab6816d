/** Of a pairing: a frame in a partner's page and the window of Weft that was opened from it. */

/** Of a code, in characters of 5 bits each: long enough not to be guessed, short enough to be typed. */
export const PAIR_CODE_CHARACTERS = 12
/** A code opens a pairing once, within this. */
export const PAIR_CODE_MS = 120_000
/** What a window gives is told to its frame no more often. */
export const PAIR_SAY_MS = 1_000
/** A window that was told nothing so long after its code was taken belongs to no frame. */
export const PAIR_WAIT_MS_MAX = 10_000
