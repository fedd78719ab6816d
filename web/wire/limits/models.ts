/** Of models as files: their headers and manifests, and how they are fetched, downloaded and mirrored. */
import { GIB, KIB, MIB } from './units.ts'

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
