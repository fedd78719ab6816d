/** Units of bytes, and the last moment that a date can name. */

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB
/** The last moment that a date can name. */
export const TIME_MS_MAX = 8.64e15
