/** What limits owe each other, by arithmetic; here, so that no page that ships carries it. */
import { expect, it } from 'vitest'
import {
  ACKNOWLEDGE_AHEAD_TOKENS,
  ACKNOWLEDGE_TOKENS,
  LEDGER_PART_MAX,
  OVER_PARTS_MAX,
  RECEIPT_ALONE_MS,
  RECEIPT_NEIGHBOUR_MS,
} from '../../../web/wire/limits/credits.ts'
import {
  DECODE_ROWS_MAX,
  GRAMMAR_WAYS_MAX,
  MESSAGES_MAX,
  PREFILL_ROWS_MAX,
  PROMPT_CHARACTERS_MAX,
  SCHEMA_BRANCHES_MAX,
  SESSIONS_MAX,
  TOKENS_IN_FLIGHT_MAX,
} from '../../../web/wire/limits/engine.ts'
import { OWN_FRAMES_MIN } from '../../../web/wire/limits/giving.ts'
import {
  FAN_OUT_JOBS_MAX,
  JOB_ACK_PARTS,
  JOB_INPUT_BYTES_MAX,
  JOB_LEASE_MS,
  JOB_MEASURE_TOKENS,
  JOB_NEWS_MS,
  JOB_PARALLEL_DEFAULT,
  JOB_PARALLEL_MAX,
  JOB_PARTS_AHEAD_MAX,
  JOBS_OPEN_PER_ASKER_MAX,
} from '../../../web/wire/limits/jobs.ts'
import {
  CONNECT_LATE_MS,
  CONNECT_MS_MAX,
  CONTROL_BYTES_MAX,
  PEER_FRAME_BYTES_MAX,
} from '../../../web/wire/limits/links.ts'
import {
  ALIVE_MS_MAX,
  MESH_RATE_WINDOW_MS,
  MESH_SAMPLE_MS,
  MUTE_MS_MIN,
  SERVED_PER_ASKER_MAX,
  SERVED_REQUESTS_MAX,
} from '../../../web/wire/limits/mesh.ts'
import {
  CHUNK_BYTES,
  CHUNK_DAMAGED_MAX,
  CHUNK_FETCHES_MAX,
  CHUNK_TRIES_MAX,
  CHUNKS_IN_MEMORY_MAX,
  DOWNLOAD_RETRY_MS,
  DOWNLOAD_RETRY_MS_MAX,
  GGUF_HEADER_BYTES_MAX,
  TEMPLATE_LIST_MAX,
  TEMPLATE_OUTPUT_CHARACTERS_MAX,
} from '../../../web/wire/limits/models.ts'
import { ASKS_WAITING_MAX, OWNER_PING_MS, OWNER_SILENT_MS_MAX } from '../../../web/wire/limits/page.ts'
import { ROOM_REMOVED_MAX } from '../../../web/wire/limits/rooms.ts'
import { SDK_ASKS_AT_ONCE } from '../../../web/wire/limits/sdk.ts'
import { HEARTBEAT_MS, LEASE_MS } from '../../../web/wire/limits/signalling.ts'

const OWED: readonly (readonly [string, boolean])[] = [
  ['a header ends on a chunk border at most', GGUF_HEADER_BYTES_MAX % CHUNK_BYTES === 0],
  ['a damaged chunk is tried again at least once', CHUNK_DAMAGED_MAX <= CHUNK_TRIES_MAX],
  ['chunks that arrive together do not push each other out', CHUNK_FETCHES_MAX <= CHUNKS_IN_MEMORY_MAX],
  ['a wait that doubles has an end', DOWNLOAD_RETRY_MS <= DOWNLOAD_RETRY_MS_MAX],
  ['a replay can batch what was in flight', TOKENS_IN_FLIGHT_MAX < DECODE_ROWS_MAX],
  ['activation buffers are sized by the prefill chunk', DECODE_ROWS_MAX <= PREFILL_ROWS_MAX],
  ['a template has room for every prompt', TEMPLATE_OUTPUT_CHARACTERS_MAX >= 2 * PROMPT_CHARACTERS_MAX],
  ['one asker leaves room for another', SERVED_PER_ASKER_MAX * 2 <= SERVED_REQUESTS_MAX],
  ['a stage has a session for each request, and one to measure', SERVED_REQUESTS_MAX < SESSIONS_MAX],
  ['a rate has two samples at least', MESH_SAMPLE_MS * 2 <= MESH_RATE_WINDOW_MS],
  ['a list of removed devices fits a word, at 192 bytes for each', ROOM_REMOVED_MAX * 192 < CONTROL_BYTES_MAX],
  ['a late peer is left out before it is given up', CONNECT_LATE_MS < CONNECT_MS_MAX],
  ['who says nothing is dead before who does nothing', MUTE_MS_MIN > ALIVE_MS_MAX],
  ['a tab takes no more jobs by default than it may', JOB_PARALLEL_DEFAULT <= JOB_PARALLEL_MAX],
  ['one run tells how fast a hidden tab is', JOB_MEASURE_TOKENS > OWN_FRAMES_MIN],
  ['an answer is read on before the worker has to wait', JOB_ACK_PARTS * 2 <= JOB_PARTS_AHEAD_MAX],
  ['an asker may miss two news of its job', JOB_NEWS_MS * 3 <= JOB_LEASE_MS],
  ['a request of many inputs leaves room for a question', FAN_OUT_JOBS_MAX < JOBS_OPEN_PER_ASKER_MAX],
  ['a request is one frame', JOB_INPUT_BYTES_MAX <= PEER_FRAME_BYTES_MAX],
  ['a worker does not wait for a word that is not due', ACKNOWLEDGE_TOKENS < ACKNOWLEDGE_AHEAD_TOKENS],
  ['a stage has its signature before it goes without', RECEIPT_NEIGHBOUR_MS * 2 <= RECEIPT_ALONE_MS],
  ['a peer may miss two heartbeats', HEARTBEAT_MS * 3 <= LEASE_MS],
  ['an owner may miss two pings before it is stepped over', OWNER_PING_MS * 3 <= OWNER_SILENT_MS_MAX],
  ['a template can list every message', TEMPLATE_LIST_MAX >= MESSAGES_MAX],
  ['a helper leaves room for a question', SDK_ASKS_AT_ONCE < ASKS_WAITING_MAX],
  ['a request has as many parts as its asker may name', OVER_PARTS_MAX <= LEDGER_PART_MAX],
  ['a schema may begin each of its options in two ways', SCHEMA_BRANCHES_MAX * 2 <= GRAMMAR_WAYS_MAX],
]

it.each(OWED)('%s', (_says, holds) => expect(holds).toBe(true))
