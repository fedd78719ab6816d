/**
 * Every cap that both sides must agree on, with its unit in its name and the reason for its size. What they owe
 * each other stands in `test/unit/wire/limits.test.ts`.
 */

export const KIB = 1024
export const MIB = 1024 * KIB
export const GIB = 1024 * MIB

/** Weights are hashed, fetched, verified and cached in pieces of this size: small enough to throw one away. */
export const CHUNK_BYTES = 4 * MIB
/** A model file; above it the chunk list alone would be unreasonable. */
export const MODEL_BYTES_MAX = 512 * GIB
/** Everything before the tensor data: vocabulary and directory. The largest known are about 16 MiB. */
export const GGUF_HEADER_BYTES_MAX = 64 * MIB
export const TENSORS_MAX = 65_536
export const LAYERS_MAX = 1_024
export const VOCABULARY_MAX = 1_048_576
/** Control and user-defined tokens: each is searched for in the whole prompt. The largest known vocabularies have about 6,000. */
export const SPECIAL_TOKENS_MAX = 16_384
/** A walk of this length may start at every character of a prompt. */
export const SPECIAL_TOKEN_CHARACTERS_MAX = 256
/** A chat template is a small program from the model file: its source, its steps, what it makes and what it counts are bounded. */
export const TEMPLATE_CHARACTERS_MAX = 256 * KIB
export const TEMPLATE_STEPS_MAX = 250_000
export const TEMPLATE_OUTPUT_CHARACTERS_MAX = 4_000_000
export const TEMPLATE_LIST_MAX = 100_000
/** Keys and array items of a GGUF header together: tokens, scores, types and merges of the largest vocabulary. */
export const METADATA_ITEMS_MAX = 4 * VOCABULARY_MAX
/** Arrays in arrays; no known file goes deeper than two. */
export const METADATA_DEPTH_MAX = 4
/** `general.alignment`: 32 everywhere; a page of memory is the largest that makes sense. */
export const ALIGNMENT_BYTES_MAX = 64 * KIB
/** A manifest is one chunk hash per 4 MiB and one line per tensor. */
export const MANIFEST_BYTES_MAX = 32 * MIB
export const NAME_CHARACTERS_MAX = 200
/** Ids of conversations and messages: UUIDs here; an imported file may have longer ones. */
export const ID_CHARACTERS_MAX = 64

/** A source that has not answered by then is skipped for the next one. */
export const SOURCE_ANSWER_MS_MAX = 10_000
/** What the browser's storage has not answered by then counts as refused: the model is loaded without being kept. */
export const STORAGE_ANSWER_MS_MAX = 20_000
/** How often a fetch of one chunk is tried before the load fails. */
export const CHUNK_TRIES_MAX = 4
/** Damaged arrivals of one chunk before the load fails: a second one is the source's fault, not the line's. */
export const CHUNK_DAMAGED_MAX = 2
/** Chunks on the way at once: enough to hide a round trip, few enough that a cut loses little. */
export const CHUNK_FETCHES_MAX = 4
/** Verified chunks kept in memory, so that neighbouring tensors do not read and hash one again: 32 MiB. */
export const CHUNKS_IN_MEMORY_MAX = 8
/** Wait before the second try of a chunk; doubled each time, then jittered to between half and the whole. */
export const CHUNK_RETRY_MS = 250
/** A download whose source does not answer waits so long before it asks again, then twice as long each time. */
export const DOWNLOAD_RETRY_MS = 1_000
/** The longest such wait: nobody wants to wait longer after the network came back without a word. */
export const DOWNLOAD_RETRY_MS_MAX = 30_000
/** How often a download tells the page and the other tabs how far it is. */
export const DOWNLOAD_TELL_MS = 250
/** Models that wait for their download in one page; more is a slip of the hand. */
export const DOWNLOADS_MAX = 64
/** Pages of a hub's list of files: a thousand files each. */
export const HUB_LIST_PAGES_MAX = 16
/** `/models/index.json`: a thousand models at about half a KiB each. */
export const MIRROR_INDEX_BYTES_MAX = MIB
/** Files of one MLC model. Shards are about 32 MiB each: 128 GiB of weights. */
export const MLC_FILES_MAX = 4_096
/** A path inside an MLC model; its files lie flat, the longest known name has about 60. */
export const MLC_PATH_CHARACTERS_MAX = 200
/** A compiled library that a page fetches from WebLLM's own host; known ones have about 4 MiB. */
export const LIBRARY_BYTES_MAX = 64 * MIB
/** WebGPU features that one compiled library asks for; known libraries ask for at most one. */
export const REQUIRED_FEATURES_MAX = 16

/** Positions of KV that a session reserves unless the model's own context is shorter. */
export const CONTEXT_POSITIONS_DEFAULT = 4_096
export const CONTEXT_POSITIONS_MAX = 131_072
export const SESSIONS_MAX = 16
/** Tokens in flight between CPU and GPU: an abort wastes at most this many. */
export const TOKENS_IN_FLIGHT_MAX = 4
/** Rows of one prefill frame. */
export const PREFILL_ROWS_MAX = 256
/** Rows of the first prefill frame, before anything is measured. */
export const PREFILL_ROWS_MIN = 32
/** What one prefill frame may take: drivers end submits that run much longer than this. */
export const PREFILL_FRAME_MS = 150
/** Speeds that a browser remembers, one an engine, adapter and model; the oldest goes first. */
export const SPEEDS_KEPT_MAX = 64
/** Tokens of an answer before its speed says anything of the engine. */
export const SPEED_TOKENS_MIN = 16
/** How often one answer is replayed after a lost device before it ends with an error. */
export const REPLAYS_MAX = 3
/** Rows of one decode frame: how many decoded positions a replay runs at once. */
export const DECODE_ROWS_MAX = 64
/** Window of the repetition penalty, in tokens, as llama.cpp's default. */
export const REPETITION_WINDOW = 64
export const STOP_STRINGS_MAX = 8
export const STOP_STRING_CHARACTERS_MAX = 200
export const MESSAGES_MAX = 1_024
export const PROMPT_CHARACTERS_MAX = 2_000_000
/** Texts of one embedding request, as in OpenAI's interface. */
export const EMBEDDING_TEXTS_MAX = 2_048
export const OUTPUT_TOKENS_DEFAULT = 1_024
/** An answer longer than this is a mistake of the caller; the context ends it earlier in practice. */
export const OUTPUT_TOKENS_MAX = 131_072
/** A JSON schema that an answer is held to: its text, how deep it is, schemas in it, names or options of one, items. */
export const SCHEMA_CHARACTERS_MAX = 16 * KIB
export const SCHEMA_DEPTH_MAX = 16
export const SCHEMA_NODES_MAX = 1_000
export const SCHEMA_BRANCHES_MAX = 256
export const SCHEMA_ITEMS_MAX = 256
/** Its grammar: nodes of the graph, calls open at once, ways followed at once and steps to find them, states and masks kept. */
export const GRAMMAR_NODES_MAX = 65_536
export const GRAMMAR_DEPTH_MAX = 64
export const GRAMMAR_WAYS_MAX = 512
export const GRAMMAR_STEPS_MAX = 1_024
export const GRAMMAR_STATES_MAX = 4_096
export const GRAMMAR_MASKS_MAX = 128
/** An engine that no grammar holds is asked so often at most. */
export const SCHEMA_TRIES_MAX = 3
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
/** Requests that wait for the one engine of a page. More than a person or a sane script has open at once. */
export const ASKS_WAITING_MAX = 16
/** While a tab waits for the tab that holds the engine, it asks this often whether that one is alive. */
export const OWNER_PING_MS = 1_000
/** An owner that has not said a word for so long is frozen or gone, and is stepped over. */
export const OWNER_SILENT_MS_MAX = 5_000
/** Tabs wait up to so long at random before one steps over an owner, so that two rarely do at once. */
export const OWNER_STEAL_JITTER_MS = 500
/** How often one answer goes on at another owner before it ends: owners that die so often have a common cause. */
export const OWNERS_PER_ANSWER_MAX = 8
/** The same for a load or a question: what kills a tab is not handed to every other one. */
export const OWNERS_PER_CALL_MAX = 3
/** Calls of all tabs that one owner keeps at once. */
export const OWNER_CALLS_MAX = 256
/** A page looks at the mirror's list this often, and only while the mirror is fetching a model. */
export const MIRROR_POLL_MS = 1_000
/** After so many unanswered looks in a row the page stops and offers to look again. */
export const MIRROR_POLL_FAILURES_MAX = 30

/** Characters of an answer that are read as Markdown; what follows is drawn as it was written. About 30,000 tokens. */
export const MARKDOWN_CHARACTERS_MAX = 128 * KIB
/** One paragraph, cell or heading: the search for ends of emphasis and links grows with its square. */
export const MARKDOWN_INLINE_CHARACTERS_MAX = 8 * KIB
/** Quotes in lists in quotes, and emphasis in links: deeper ones are text. */
export const MARKDOWN_DEPTH_MAX = 12
/** Columns of a table; a wider one is drawn as it was written. */
export const MARKDOWN_COLUMNS_MAX = 64
/** Text past what is read as Markdown is drawn in pieces of this size, so that a step lays out only the last one. */
export const MARKDOWN_PLAIN_CHARACTERS = 8 * KIB
/** A longer block of code has no colours: reading it would hold up the page for longer than a frame or two. */
export const HIGHLIGHT_CHARACTERS_MAX = 16 * KIB

/** Memory of the CPU engine: the most that its WASM declares, whatever the machine has. */
export const WASM_BYTES_MAX = 4 * GIB
/** llama.cpp's threads in a page: more of them wait for memory, not for each other's work. */
export const CPU_THREADS_MAX = 8
/** Prompt tokens that the CPU engine computes at once: a stop waits for the end of a batch, so a few seconds at most. */
export const CPU_BATCH_TOKENS = 128

/** Chromium gives no adapter for a while after a second GPU crash: this many tries, the wait doubling from this one. */
export const DEVICE_TRIES_MAX = 5
export const DEVICE_RETRY_MS = 500

/** More than any GPU has: a larger model is not even asked for. */
export const GPU_PROBE_BYTES_MAX = 256 * GIB

/** Text that another app hands over by the page's address; browsers cut addresses at about twice this. */
export const SHARED_TEXT_CHARACTERS_MAX = 1_000_000
/** JavaScript that a first visit loads before any engine, compressed. `npm run budgets` and a test hold it. */
export const SHELL_GZIP_BYTES_MAX = 150_000
/** The SDK's one module, compressed. */
export const SDK_GZIP_BYTES_MAX = 20_000
/** A built file up to this is part of the shell, which is kept as a whole; a larger one is an engine's, kept once of use. */
export const SHELL_FILE_BYTES_MAX = 512 * KIB
/** A page whose server does not answer looks for it this often, until it is back. */
export const SERVER_LOOK_MS = 30_000
/** A page that stays open looks for a new version this often, when it comes back into view. */
export const UPDATE_CHECK_MS = 3_600_000

/** WebGPU's guaranteed minimum; no binding is ever larger, so that a weak adapter can load what a strong one can. */
export const BINDING_BYTES_MAX = 128 * MIB

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
/** Links of which a tab tells the server how far they lead. */
export const NEIGHBOURS_TOLD_MAX = 16
/** What changes while a tab serves is told so much later, with all that changed meanwhile. */
export const PRESENCE_GAP_MS = 250
/** How long a lease that ended without a word counts against a device: half as much after this. */
export const HAZARD_HALF_LIFE_MS = 24 * 3_600_000
/** Devices whose past the server remembers. */
export const HAZARD_KEYS_MAX = 10_000
/** Tries to find another way for a link whose packets do not arrive: the first wait, the longest, and how many. */
export const ICE_RESTART_MS = 500
export const ICE_RESTART_MS_MAX = 4_000
export const ICE_RESTARTS_MAX = 8
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
/** Rates of what a tab serves are measured this often, over so long. */
export const MESH_SAMPLE_MS = 1_000
export const MESH_RATE_WINDOW_MS = 5_000
/** Own routes that a tab still shows after they ended, and things that happened to one of them. */
export const ROUTES_SHOWN_MAX = 8
export const ROUTE_NEWS_MAX = 32
/** Tabs in one room at once, as each of them is told, and rooms that one tab is in. */
export const ROOM_MEMBERS_MAX = 64
export const ROOMS_JOINED_MAX = 8
/** Tabs that wait to be let into a room, and owners that claim its id; only one of those is right. */
export const ROOM_KNOCKS_MAX = 64
export const ROOM_OWNERS_MAX = 4
export const ROOM_NAME_CHARACTERS_MAX = 40
/** An owner's statement that a key belongs to the room; after that the invite is used again. */
export const MEMBERSHIP_MS = 30 * 24 * 3_600_000
/** Devices that an owner takes out of a room within that time, and whom it remembers to have let in. */
export const ROOM_REMOVED_MAX = 64
export const ROOM_LET_IN_MAX = 256
/** Changes in a room are told together. */
export const ROOM_TELL_MS = 200
/** Keys of one account at once, and changes of it: a device that reads it checks each signature. */
export const ACCOUNT_KEYS_MAX = 16
export const ACCOUNT_STATEMENTS_MAX = 64
/** Accounts that the server remembers, the oldest forgotten first; and those that claim one key, of which one is right. */
export const ACCOUNTS_KEPT_MAX = 10_000
export const ACCOUNT_CLAIMS_MAX = 4
/** A device that waits to be added looks this often whether it was. */
export const ACCOUNT_LOOK_MS = 2_000
/** A peer has so long to show its statement over a new link. */
export const MEMBER_ANSWER_MS_MAX = 5_000
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
/** The signalling server has so long to answer an event; then it counts as away. */
export const ANSWER_EVENT_MS_MAX = 10_000
/** Tries to reach it again: the first wait, and the longest; each is jittered by half. */
export const RECONNECT_MS = 500
export const RECONNECT_MS_MAX = 10_000
/** From the first offer until both channels are open; a relay far away takes some three seconds. */
export const CONNECT_MS_MAX = 20_000
/** A peer of a route that is not linked is waited for so long once its standby is. */
export const CONNECT_LATE_MS = 3_000
/** A worker of a job has so long to go on with it, as the server and the asker see it; each progress begins it anew. */
export const JOB_LEASE_MS = 15_000
/** An asker tells the server this often that its job goes on. */
export const JOB_NEWS_MS = 5_000
/** Workers that the server names for a job, best first; the asker measures how far each is. */
export const JOB_WORKERS_MAX = 3
/** Jobs that one tab takes at once: one is computed, the rest wait there. */
export const JOB_PARALLEL_MAX = 8
export const JOB_PARALLEL_DEFAULT = 4
/** Tokens of a prompt, and of an answer, that a person may allow one job at most. */
export const JOB_TOKENS_CHOICES = [128, 256, 512, 1_024, 2_048, 4_096] as const
/** Of these, those of one asker. */
export const JOBS_PER_ASKER_MAX = 4
/** Words that a whole model reads, and tokens that it writes, to learn how fast it is before it is offered. */
export const JOB_MEASURE_WORDS = 64
export const JOB_MEASURE_TOKENS = 24
/** Jobs that wait at the server for somebody to be free, and those of one asker among all that it knows. */
export const JOBS_QUEUED_MAX = 10_000
export const JOBS_OPEN_PER_ASKER_MAX = 64
/** One that waits longer ends; what changes in its line is told this often at most. */
export const JOB_QUEUED_MS_MAX = 60 * 60_000
export const JOB_TOLD_MS = 1_000
/** Of so many turns in a line one is a batch job's where one waits: no flow of interactive ones starves it. */
export const JOB_BATCH_TURNS = 4
/** Ended jobs stay known for so long, so that one that comes again is not done twice. */
export const JOB_REMEMBERED_MS = 10 * 60_000
export const JOBS_REMEMBERED_MAX = 20_000
/** The request of a job, as it lies on the wire: the longest prompt in four-byte characters fits. */
export const JOB_INPUT_BYTES_MAX = 8 * MIB
/** One piece of an answer: some text, or vectors. */
export const JOB_PART_BYTES_MAX = MIB
/** Pieces that a worker sends past the newest that was read, and how many are read before it is said. */
export const JOB_PARTS_AHEAD_MAX = 32
export const JOB_ACK_PARTS = 16
/** Workers that one job is given to before it fails; the first rest between two, the longest; each is up to half longer. */
export const JOB_TRIES_MAX = 8
export const JOB_RETRY_MS = 250
export const JOB_RETRY_MS_MAX = 4_000
/** Once one of the named workers is linked and measured, the others have so long to be nearer. */
export const JOB_PROBE_MS = 150
/** A worker answers an open within this; its ticket and its asker's membership are looked at meanwhile. */
export const JOB_OPEN_MS_MAX = 5_000
/** An answer that nobody reads on gives the engine to a job that waits after this; it goes on when it is read. */
export const JOB_UNREAD_MS = 1_000
/** Requests that came before their word was heard, of all askers together; the oldest goes. */
export const JOB_EARLY_BYTES_MAX = 2 * JOB_INPUT_BYTES_MAX
/** Interactive jobs that a worker takes before one that nobody waits for. */
export const JOB_TURNS_BEFORE_BATCH = 3
/** Frames of others that a stage computes before one of a request that nobody pays for. */
export const STAGE_TURNS_BEFORE_UNPAID = 4
/** Texts of an embedding that are computed between two looks at who else waits. */
export const JOB_TEXTS_AT_ONCE = 16
/** Inputs of one request that is spread over workers, and jobs of it that are open at once. */
export const FAN_OUT_INPUTS_MAX = EMBEDDING_TEXTS_MAX
export const FAN_OUT_JOBS_MAX = 12

/** One amount of the ledger: a billion credits. Sums of 9,000 of these still fit the database's integers. */
export const LEDGER_MICRO_MAX = 10n ** 15n
/** A request, a device, an owner, as the ledger keeps them. */
export const LEDGER_NAME_CHARACTERS_MAX = 256
/** Receipts of one request: one a stage, and one more for each stage that was replaced. */
export const LEDGER_PART_MAX = 4_095
/** Parts that an asker names once its request is over. */
export const OVER_PARTS_MAX = 256
/** Parameters that one token runs through, of any model. */
export const ACTIVE_PARAMETERS_MAX = 2 ** 50
/** An asker says each time that it has so many more tokens; the worker goes no further than so many past the last word. */
export const ACKNOWLEDGE_TOKENS = 16
export const ACKNOWLEDGE_AHEAD_TOKENS = 32
/** A worker waits so long for its asker's signature; then its receipt goes without. */
export const RECEIPT_ALONE_MS = 60_000
/** An asker waits so long for the receipts of a stage's neighbours before it signs without them. */
export const RECEIPT_NEIGHBOUR_MS = 10_000
/** Receipts that a browser keeps until the server has them; the oldest goes. */
export const RECEIPTS_WAITING_MAX = 2_000
/** After a server that was away they are sent again, with rests that grow from the first to the second. */
export const RECEIPTS_REST_MS = 2_000
export const RECEIPTS_REST_MS_MAX = 120_000
/** Parts of requests that a tab signs and takes receipts of, on each side: the longest over goes. */
export const RECEIPT_PARTS_MAX = 1_024
/** Words to the server of work that began and of requests that are over, kept until it has them; the longest kept goes. */
export const CREDIT_WORDS_MAX = 1_024
/** Entries of one page of a wallet's history; open holds and escrows that are told one by one. */
export const WALLET_PAGE_MAX = 50
/** Characters of the proof of work that a first grant asks for, and zero bits of its hash. */
export const GRANT_PROOF_CHARACTERS_MAX = 64
export const GRANT_PROOF_BITS_MAX = 32
/** A tab that looks for such a proof gives up then. */
export const GRANT_PROOF_TRIES_MAX = 2 ** 26
/** A wallet on show is looked at again after this. */
export const WALLET_LOOK_MS = 5_000
/** Pages of the history that are looked through for the figures of the last `WALLET_DAYS`, and that one export takes. */
export const WALLET_DAYS = 30
export const WALLET_CHART_PAGES_MAX = 20
export const WALLET_EXPORT_PAGES_MAX = 2_000
/** Tokens of an answer that nobody pays. */
export const UNPAID_OUTPUT_TOKENS_MAX = 256
/** The last moment that a date can name. */
export const TIME_MS_MAX = 8.64e15

/** Of a page with the widget: its questions, one of the context that it gives, and each value of its style, in characters. */
export const EMBED_QUESTION_CHARACTERS_MAX = 2_000
export const EMBED_CONTEXT_CHARACTERS_MAX = 16_000
export const EMBED_THEME_CHARACTERS_MAX = 120
export const EMBED_SUGGESTIONS_MAX = 6
/** A frame of the widget that has said nothing by then does not answer. */
export const EMBED_HERE_MS_MAX = 20_000
/** Words of a page to the widget's frame: at once and in a second from then on. After one more it hears none of them. */
export const EMBED_WORDS_BURST = 60
export const EMBED_WORDS_PER_SECOND = 10
/** Fields of one such word, counted before any is read. */
export const EMBED_FIELDS_MAX = 8
/** A button of consent works after it was seen for so long, in a frame of at least so many CSS pixels. */
export const EMBED_SEEN_MS_MIN = 800
export const EMBED_FRAME_WIDTH_MIN = 240
export const EMBED_FRAME_HEIGHT_MIN = 280
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

/** Of what the operator rules: the reason of a sanction and the text of an announcement, in characters. */
export const SANCTION_REASON_CHARACTERS_MAX = 200
export const ANNOUNCEMENT_CHARACTERS_MAX = 280
/** Announcements in force at once; each tab is told of all of them. */
export const ANNOUNCEMENTS_MAX = 4
/** Announcements that one browser remembers to have been put aside; the oldest goes. */
export const ANNOUNCEMENTS_ASIDE_MAX = 32
/** Rows of one answer to the operator. */
export const OPERATOR_ROWS_MAX = 100
/** Characters that the operator looks for. */
export const OPERATOR_SEARCH_CHARACTERS_MAX = 120
/** How often the operator's page looks at the figures that it shows. */
export const OPERATOR_LOOK_MS = 5_000

/** Messages of one link whose slices may be interleaved: one of each urgency, and some that were cancelled in the middle. */
export const MESSAGES_JOINING_MAX = 8
/** All of them together: so many of the largest. */
export const JOINING_BYTES_FACTOR = 2
