/** Of what a tab gives, and when it rests. */

/** After so long without a key press or touch a person counts as away, and what yields to them goes on. */
export const PERSON_IDLE_MS = 30_000
/** The same of the whole device: browsers allow no less. */
export const DEVICE_IDLE_MS = 60_000
/** Hours of giving are minutes of the wall clock; so often it is looked whether they have come, or the battery has sunk. */
export const DAY_MINUTES = 1_440
export const GIVING_LOOK_MS = 20_000
/** Shares of the time that a stage may compute. */
export const DUTIES = [0.25, 0.5, 0.75, 1] as const
/** Rests shorter than this are saved up: a timer is no finer. */
export const DUTY_REST_MS_MIN = 4
/** Times of own frames, visible and hidden each, that a median is of; and how many it takes at least. */
export const OWN_FRAMES_KEPT_MAX = 64
export const OWN_FRAMES_MIN = 8
/** A stage that nobody asks measures itself this often, until it has enough since it was hidden or shown. */
export const OWN_MEASURE_MS = 10_000
/** Laps of an own route that its hop times are of. */
export const LAPS_KEPT_MAX = 256
