/** Of whole jobs and of requests that are spread over workers. */
import { EMBEDDING_TEXTS_MAX } from './engine.ts'
import { MIB } from './units.ts'

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
/** Texts of an embedding that are computed between two looks at who else waits. */
export const JOB_TEXTS_AT_ONCE = 16
/** Inputs of one request that is spread over workers, and jobs of it that are open at once. */
export const FAN_OUT_INPUTS_MAX = EMBEDDING_TEXTS_MAX
export const FAN_OUT_JOBS_MAX = 12
