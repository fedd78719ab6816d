/** Of routes over layers: tickets, stages, plans and what one stage does for others. */
import { CONTEXT_POSITIONS_DEFAULT } from './engine.ts'
import { PEER_FRAME_BYTES_MAX } from './links.ts'
import { MIB } from './units.ts'

/** Links of which a tab tells the server how far they lead. */
export const NEIGHBOURS_TOLD_MAX = 16
/** What changes while a tab serves is told so much later, with all that changed meanwhile. */
export const PRESENCE_GAP_MS = 250
/** How long a lease that ended without a word counts against a device: half as much after this. */
export const HAZARD_HALF_LIFE_MS = 24 * 3_600_000
/** Devices whose past the server remembers. */
export const HAZARD_KEYS_MAX = 10_000
/** A signed ticket; they have some 900. */
export const TICKET_CHARACTERS_MAX = 4_096
/** Public keys that a tab is told of: of each of the server's processes, the one in use and the one before it. */
export const TICKET_KEYS_MAX = 32
/** A request has so long to start with its ticket, on the server's clock, give or take the skew of what a tab knows of it. */
export const TICKET_START_MS = 5 * 60_000
export const TICKET_SKEW_MS = 30_000
/** A key signs for a day; tickets of the one before it may still start. */
export const TICKET_KEY_MS = 24 * 3_600_000
export const TICKET_ROTATE_LOOK_MS = 60_000
/** Used tickets that a worker remembers until they expire; past it new requests are refused. */
export const TICKETS_USED_MAX = 10_000
/** A TURN credential works for a day of tabs left open. */
export const TURN_CREDENTIAL_MS = 24 * 3_600_000
/** A stage says this often that it is alive, and is taken for dead when it has not for the second. */
export const ALIVE_MS = 250
export const ALIVE_MS_MAX = 1_000
/**
 * A stage that is alive and passes nothing on is taken for dead after so many times what its frames take here, but never
 * before the second. One that is twenty times slower than planned is in time.
 */
export const MUTE_FACTOR = 32
export const MUTE_MS_MIN = 15_000
/** Times of frames, in the newest of which a route's pace is measured for that. */
export const PACES_KEPT_MAX = 8
/** Tokens that a stage computes to learn how fast it is. */
export const MEASURE_FRAMES = 8
/** A stage's worker that has not answered for so long is ended; its tab can serve again. */
export const STAGE_SILENT_MS_MAX = 5_000
/** Peers that a request asks the planner to leave out, and plans that it asks for before it gives up. */
export const AVOIDED_MAX = 16
export const PLANS_MAX = 3
/** Plans asked for when an answer has lost its route; the first rest between two, the longest; each is up to half longer. */
export const REPLANS_MAX = 8
export const REPLAN_MS = 500
export const REPLAN_MS_MAX = 8_000
/** Times of frames that a stage remembers for whoever asks. */
export const FRAME_TIMES_KEPT_MAX = 4_096
/** Failures in a row after which a peer is left alone, for the first rest and at most for the second. */
export const BREAKER_TRIES = 2
export const BREAKER_REST_MS = 10_000
export const BREAKER_REST_MS_MAX = 5 * 60_000
/** Peers whose failures a tab remembers. */
export const BREAKERS_MAX = 256
/** Links that one tab holds: neighbours of the requests it serves, and a route of its own with standbys. */
export const LINKS_MAX = 64
/** What exactly happened, in words of another peer. */
export const DETAIL_CHARACTERS_MAX = 500
/** Takeovers of one request before it gives up: each costs what was computed, and somebody pays for it. */
export const TAKEOVERS_MAX = 16
/** Requests of others that one stage serves at once; each has KV of its own. */
export const SERVED_REQUESTS_MAX = 8
/** KV positions that one stage reserves for all of them. */
export const SERVED_POSITIONS_MAX = SERVED_REQUESTS_MAX * CONTEXT_POSITIONS_DEFAULT
/** Who may take the place of a stage's neighbours: of the one before, the one after, and where the tokens go or come from. */
export const SPARES_MAX = 4
/** A route stays open for so long after an answer: the next question of the conversation often comes by then. */
export const ROUTE_KEPT_MS = 60_000
/** A request in which nothing has happened for so long gives its place at a full stage to another one. */
export const SERVED_IDLE_MS = 15_000
/** Of these, those of one asker: nobody can take all of a stage. */
export const SERVED_PER_ASKER_MAX = 4
/** Frames of one request that wait at a stage: each has a position at least, while a neighbour feeds it from its journal. */
export const FRAMES_WAITING_MAX = CONTEXT_POSITIONS_DEFAULT
/** Hidden states of one request that a stage keeps to feed a successor of its neighbour: 8B at 4,096 positions has 64 MiB. */
export const JOURNAL_BYTES_MAX = 128 * MIB
/** What waits at a stage for one request: what a neighbour's journal holds, and a long frame more. */
export const FRAMES_WAITING_BYTES_MAX = JOURNAL_BYTES_MAX + PEER_FRAME_BYTES_MAX
/** Peers with the same span that a plan looks at: more would cost a server time and win nobody anything. */
export const PLACEMENT_CANDIDATES_MAX = 16
/** Layers that an asker with private ends keeps at each end: the fewest that hide every token. */
export const PRIVATE_END_LAYERS = 1
/** What askers with private ends look for sends new tabs there for so long: one wish an asker, the oldest go first. */
export const MIDDLE_WANTED_MS = 10 * 60_000
export const MIDDLES_WANTED_MAX = 10_000
/** Middles of one model that a new tab is measured against. */
export const MIDDLES_OF_MODEL_MAX = 4
/** A key, a slash and an id of a run; keys over P-256 are the longest. */
export const PEER_ID_CHARACTERS_MAX = 128
/** Ranges of models that one tab may hold: one is usual. */
export const RANGES_HELD_MAX = 16
/** Rates of what a tab serves are measured this often, over so long. */
export const MESH_SAMPLE_MS = 1_000
export const MESH_RATE_WINDOW_MS = 5_000
/** Own routes that a tab still shows after they ended, and things that happened to one of them. */
export const ROUTES_SHOWN_MAX = 8
export const ROUTE_NEWS_MAX = 32
/** Frames of others that a stage computes before one of a request that nobody pays for. */
export const STAGE_TURNS_BEFORE_UNPAID = 4
