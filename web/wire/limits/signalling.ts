/** Of the socket between a tab and the signalling server, and of the census that it tells. */
import { KIB } from './units.ts'

/** An offer with all its candidates has some two thousand. */
export const SDP_CHARACTERS_MAX = 16 * KIB
/** Any event to the signalling server, as it lies on the wire. */
export const EVENT_BYTES_MAX = 64 * KIB
/** What one socket may say: heartbeats and the candidates of a few links at once. */
export const EVENTS_PER_SECOND_MAX = 20
export const EVENTS_BURST_MAX = 200
/** A socket that has not proved who it is by then is closed. */
export const PROVE_MS_MAX = 10_000
/** A peer says that it is there this often, and is gone when it has not for the second. */
export const HEARTBEAT_MS = 5_000
export const LEASE_MS = 15_000
/** A socket that closed without a word may be back within this. */
export const RESUME_MS = 2_000
export const LEASE_SWEEP_MS = 500
/** Who looks at the network is told this often how many serve what: one count for all who look. */
export const CENSUS_MS = 2_000
/** Models of a census, those with the most holders first, and ranges of one of them: a picture shows no more. */
export const CENSUS_MODELS_MAX = 16
export const CENSUS_RANGES_MAX = 64
/** More tabs than any server holds. */
export const CENSUS_PEERS_MAX = 10_000_000
/** The signalling server has so long to answer an event; then it counts as away. */
export const ANSWER_EVENT_MS_MAX = 10_000
/** Tries to reach it again: the first wait, and the longest; each is jittered by half. */
export const RECONNECT_MS = 500
export const RECONNECT_MS_MAX = 10_000
