/** Of links between two tabs: frames, pieces, words and how a link is made again. */
import { CONTEXT_POSITIONS_MAX } from './engine.ts'
import { KIB, MIB } from './units.ts'

/** Positions that a frame may name: the longest context, and one more for a token that stands after it. */
export const POSITION_MAX = CONTEXT_POSITIONS_MAX + 1
/** Values of one hidden state; the largest known models have 16,384. */
export const HIDDEN_WIDTH_MAX = 32_768
/** A frame of a peer, header and all: the largest prefill of the widest model in f32. */
export const PEER_FRAME_BYTES_MAX = 64 * MIB
/** A message that somebody waits for goes out in pieces of this size: larger ones wait a round trip more each. */
export const URGENT_SLICE_BYTES = 4 * KIB
/** Weights and long prefills: small messages halve the throughput of a far link. */
export const BULK_SLICE_BYTES = 64 * KIB
/**
 * The browser's own buffer of a channel: filled up to the first, filled again from the second. What is in it goes before any
 * urgent message: at 50 ms there and back one waits 0.1 s behind 64 KiB and 1.8 s behind 4 MiB, and bulk is no slower.
 */
export const PIPE_BUFFER_HIGH_BYTES = 64 * KIB
export const PIPE_BUFFER_LOW_BYTES = 16 * KIB
/** Taken and not yet in that buffer: two of the largest messages. */
export const PIPE_QUEUE_BYTES_MAX = 2 * PEER_FRAME_BYTES_MAX
/** A message on the control channel of a link, with a ticket in it. */
export const CONTROL_BYTES_MAX = 16 * KIB
/** What one peer may say on that channel: `held` while a long prompt is fed comes in bursts. */
export const WORDS_PER_SECOND_MAX = 200
export const WORDS_BURST_MAX = 4_000
/** Frames of one peer: eight requests of a small model on a fast GPU have a tenth of it. */
export const FRAMES_PER_SECOND_MAX = 20_000
export const FRAMES_BURST_MAX = 40_000
/** Pings whose answers tell a link's round trip: the least of so many newest. Longer ones than this tell nothing. */
export const ROUND_TRIPS_KEPT = 4
export const ROUND_TRIP_MS_MAX = 10_000
/** Tries to find another way for a link whose packets do not arrive: the first wait, the longest, and how many. */
export const ICE_RESTART_MS = 500
export const ICE_RESTART_MS_MAX = 4_000
export const ICE_RESTARTS_MAX = 8
/** From the first offer until both channels are open; a relay far away takes some three seconds. */
export const CONNECT_MS_MAX = 20_000
/** A peer of a route that is not linked is waited for so long once its standby is. */
export const CONNECT_LATE_MS = 3_000
/** Messages of one link whose slices may be interleaved: one of each urgency, and some that were cancelled in the middle. */
export const MESSAGES_JOINING_MAX = 8
/** All of them together: so many of the largest. */
export const JOINING_BYTES_FACTOR = 2
