/** Of engines: contexts, requests, schemas and grammars, what a GPU and the CPU are asked for. */
import { GIB, KIB, MIB } from './units.ts'

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
/** WebGPU's guaranteed minimum; no binding is ever larger, so that a weak adapter can load what a strong one can. */
export const BINDING_BYTES_MAX = 128 * MIB
