/**
 * What asker and worker of a job say on the control channel of their link. The request itself and every piece of the answer
 * are `part` frames on the tensor channel, numbered by `position`; these words carry no text of either.
 */
import { fromBase64Url } from './device-keys.ts'
import type { Fields } from './fields.ts'
import { JOB_CLASSES, JOB_KINDS, type JobClass, type JobId, type JobKind } from './jobs.ts'
import { CONTEXT_POSITIONS_MAX } from './limits/engine.ts'
import { JOB_INPUT_BYTES_MAX, JOBS_QUEUED_MAX } from './limits/jobs.ts'
import { TICKET_CHARACTERS_MAX } from './limits/mesh.ts'
import { LAYERS_MAX } from './limits/models.ts'
import { peerReaderOf } from './peers.ts'
import { CHAIN_SALT_BYTES } from './receipt-bytes.ts'

interface About {
  readonly request: JobId
  /** The asker's count of workers that it gave this job to; a worker refuses what belongs to an older one. */
  readonly epoch: number
}

/**
 * Said by the asker. `job-open` is followed by one `part` frame, number 0, of `inputBytes`. `job-ack`: the answer's parts
 * before `parts` have been read; the worker sends no further than `JOB_PARTS_AHEAD_MAX` past the newest. Said of the end too:
 * whoever has read all of a job has used up its ticket.
 */
export type JobAskerSays =
  | (About & {
      readonly says: 'job-open'
      readonly ticket: string
      readonly modelId: string
      readonly layers: number
      readonly kind: JobKind
      readonly class: JobClass
      /** Prompt and answer at most. */
      readonly positions: number
      readonly inputBytes: number
      /** Of the chain of a paid job: 16 bytes in base64url. */
      readonly salt?: string
    })
  | (About & { readonly says: 'job-ack'; readonly parts: number })
  | (About & { readonly says: 'job-cancel' })

/**
 * Said by the worker. `job-held`: it waits there behind `ahead` others, because of them or of the worker's own person;
 * `job-begun`: it computes. The end is a part of the answer; a refusal is `refused`, as of a stage.
 */
export type JobWorkerSays =
  | (About & {
      readonly says: 'job-held'
      readonly ahead: number
      readonly waitMs: number | null
      readonly owner: boolean
    })
  | (About & { readonly says: 'job-begun' })

export const JOB_ASKER_SAYS = ['job-open', 'job-ack', 'job-cancel'] as const
export const JOB_WORKER_SAYS = ['job-held', 'job-begun'] as const

const EPOCH_MAX = 0xffff_ffff
const WAIT_MS_MAX = 1e9
const { words, number, whole, flag, oneOf, orNull, requestId, modelId, refuse } = peerReaderOf('control-invalid')

/** For `readPeerSays`: throws what `attempt` of the same reader catches. */
export function readJobSays(
  says: (typeof JOB_ASKER_SAYS | typeof JOB_WORKER_SAYS)[number],
  fields: Fields,
): JobAskerSays | JobWorkerSays {
  const about = { request: requestId(fields, 'request'), epoch: whole(fields, 'epoch', EPOCH_MAX) }
  switch (says) {
    case 'job-open': {
      const [layers, inputBytes] = [
        whole(fields, 'layers', LAYERS_MAX),
        whole(fields, 'inputBytes', JOB_INPUT_BYTES_MAX),
      ]
      if (layers < 1) refuse('`layers`', 'is zero')
      if (inputBytes < 1) refuse('`inputBytes`', 'is zero')
      const salt = orNull(fields, 'salt', () => words(fields, 'salt', 32))
      if (salt !== null && fromBase64Url(salt)?.length !== CHAIN_SALT_BYTES) refuse('`salt`', 'has another length')
      return {
        ...about,
        says,
        ticket: words(fields, 'ticket', TICKET_CHARACTERS_MAX),
        modelId: modelId(fields, 'modelId'),
        layers,
        kind: oneOf(fields, 'kind', JOB_KINDS),
        class: oneOf(fields, 'class', JOB_CLASSES),
        positions: whole(fields, 'positions', CONTEXT_POSITIONS_MAX),
        inputBytes,
        ...(salt === null ? {} : { salt }),
      }
    }
    case 'job-ack':
      return { ...about, says, parts: whole(fields, 'parts', EPOCH_MAX) }
    case 'job-cancel':
    case 'job-begun':
      return { ...about, says }
    case 'job-held':
      return {
        ...about,
        says,
        ahead: whole(fields, 'ahead', JOBS_QUEUED_MAX),
        waitMs: orNull(fields, 'waitMs', () => number(fields, 'waitMs', 0, WAIT_MS_MAX)),
        owner: flag(fields, 'owner'),
      }
    default:
      return says satisfies never
  }
}
