/**
 * One request of many inputs as many jobs that nobody waits for one by one: so many at once, told in the order of the
 * inputs, and what fails names its input. Which workers do them is the server's and the asker's choice.
 */
import type { ChatRequest, Usage } from '../../wire/chat.ts'
import type { Code } from '../../wire/codes.ts'
import type { JobEvent } from '../../wire/job-parts.ts'
import { FAN_OUT_INPUTS_MAX, FAN_OUT_JOBS_MAX, JOB_TEXTS_AT_ONCE } from '../../wire/limits/jobs.ts'
import { fail, ok, type Result } from '../../wire/result.ts'
import type { JobWork } from './job-work.ts'
import { ChatWork } from './kinds/chat.ts'
import { EmbeddingWork } from './kinds/embedding.ts'

/** Has one job done, as `JobAsker.ask` with class `batch`. */
export type AskJob = (work: JobWork, signal: AbortSignal) => AsyncIterable<JobEvent>

/** Of one input. */
export interface Outcome<T> {
  readonly index: number
  readonly result: Result<T>
}

export interface AnsweredText {
  readonly text: string
  readonly usage: Usage
}

/** Some input of several is at fault, and the others are not. */
const INPUTS_FAULT: readonly Code[] = ['context-full', 'request-invalid', 'message-too-large', 'frame-invalid']

/** An answer for each, in order. After `signal` fires all that is left is `aborted`. Refusals: `request-invalid` for too many. */
export function fanOutChats(
  requests: readonly ChatRequest[],
  ask: AskJob,
  signal: AbortSignal,
): AsyncGenerator<Outcome<AnsweredText>, void, undefined> {
  return inOrder(requests.length, 1, signal, async (from, _to, stopped) => {
    const request = requests[from]
    return [request ? await answered(ask(new ChatWork(request), stopped)) : fail('request-invalid', '')]
  })
}

/** A vector for each, in order; as `fanOutChats`. */
export function fanOutTexts(
  texts: readonly string[],
  ask: AskJob,
  signal: AbortSignal,
): AsyncGenerator<Outcome<Float32Array>, void, undefined> {
  return inOrder(texts.length, JOB_TEXTS_AT_ONCE, signal, (from, to, stopped) =>
    vectorsOf(texts.slice(from, to), ask, stopped),
  )
}

type Piece<T> = (from: number, to: number, signal: AbortSignal) => Promise<readonly Result<T>[]>

async function* inOrder<T>(
  inputs: number,
  size: number,
  signal: AbortSignal,
  piece: Piece<T>,
): AsyncGenerator<Outcome<T>, void, undefined> {
  if (inputs > FAN_OUT_INPUTS_MAX) {
    const result = fail('request-invalid', `It has ${inputs} inputs; ${FAN_OUT_INPUTS_MAX} are allowed.`)
    return yield { index: 0, result }
  }
  const left = new AbortController()
  const stopped = AbortSignal.any([signal, left.signal])
  const open: { readonly from: number; readonly results: Promise<readonly Result<T>[]> }[] = []
  let next = 0
  try {
    while (next < inputs || open.length > 0) {
      while (next < inputs && open.length < FAN_OUT_JOBS_MAX) {
        open.push({ from: next, results: piece(next, Math.min(inputs, next + size), stopped) })
        next += size
      }
      const first = open.shift()
      for (const [at, result] of ((await first?.results) ?? []).entries()) {
        yield { index: (first?.from ?? 0) + at, result }
      }
    }
  } finally {
    left.abort()
  }
}

async function answered(events: AsyncIterable<JobEvent>): Promise<Result<AnsweredText>> {
  let text = ''
  for await (const event of events) {
    if (event.kind === 'text') text += event.text
    if (event.kind !== 'end') continue
    const { reason, usage, code, detail } = event
    if (reason === 'stop' || reason === 'length') return ok({ text, usage })
    return fail(code ?? (reason === 'abort' ? 'aborted' : 'peer-refused'), detail ?? '')
  }
  return fail('peer-refused', '')
}

/** Where one text is at fault, the halves are asked for, until it stands alone. */
async function vectorsOf(
  texts: readonly string[],
  ask: AskJob,
  signal: AbortSignal,
): Promise<readonly Result<Float32Array>[]> {
  const vectors: Float32Array[] = []
  let failure = fail('peer-refused', '')
  for await (const event of ask(new EmbeddingWork(texts), signal)) {
    if (event.kind === 'vectors') vectors.push(...event.vectors)
    if (event.kind === 'end' && event.reason === 'stop') return vectors.map(ok)
    if (event.kind === 'end') failure = fail(event.code ?? 'aborted', event.detail ?? '')
  }
  const done = vectors.map(ok)
  const missing = texts.slice(vectors.length)
  if (missing.length < 2 || signal.aborted || !INPUTS_FAULT.includes(failure.code)) {
    return [...done, ...missing.map(() => failure)]
  }
  const half = Math.ceil(missing.length / 2)
  const first = await vectorsOf(missing.slice(0, half), ask, signal)
  return [...done, ...first, ...(await vectorsOf(missing.slice(half), ask, signal))]
}
