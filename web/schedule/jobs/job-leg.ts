/**
 * A job at one worker, as its asker sees it: hands over the request, takes the numbered parts, says what was read, and tells
 * when the worker is gone, silent, stuck or wrong. Knows neither what the parts mean nor who else could answer.
 */
import type { Link } from '../../mesh/link.ts'
import {
  JOB_ACK_PARTS,
  JOB_LEASE_MS,
  JOB_OPEN_MS_MAX,
  JOB_PART_BYTES_MAX,
  JOB_PARTS_AHEAD_MAX,
} from '../../wire/limits/jobs.ts'
import { ALIVE_MS, ALIVE_MS_MAX } from '../../wire/limits/mesh.ts'
import type { PartFrame } from '../../wire/peer-frame.ts'
import { type Failure, fail, ok, type Result } from '../../wire/result.ts'
import type { JobHears, OwnJob } from '../exchange.ts'
import type { JobOpen } from './held-job.ts'

export interface JobLegParts {
  readonly link: Link
  readonly open: JobOpen
  readonly every: (ms: number, run: () => void) => () => void
  readonly onWord: (word: Extract<JobHears, { readonly says: 'job-held' | 'job-begun' }>) => void
}

export class JobLeg implements OwnJob {
  readonly #parts: JobLegParts
  readonly #unread: Uint8Array[] = []
  readonly #rest: () => void
  #wake: () => void = () => {}
  #failure: Failure | null = null
  #came = 0
  #read = 0
  #said = 0
  /** The worker has answered. */
  #heard = false
  #begun = false
  /** Beats of this tab since it was heard, and since anything went on: a tab that slept has not waited. */
  #silentBeats = 0
  #stillBeats = 0

  constructor(parts: JobLegParts) {
    this.#parts = parts
    this.#rest = parts.every(ALIVE_MS, () => this.#beat())
  }

  async begin(request: Uint8Array): Promise<void> {
    const { link, open } = this.#parts
    void link.say(open)
    const { request: job, epoch } = open
    const sent = await link.send({ type: 'part', request: job, epoch, position: 0, bytes: request }, 'now')
    if (!sent.ok) this.fail(sent)
  }

  /** The next part, in order. What came before a failure is had before it. */
  async next(): Promise<Result<Uint8Array>> {
    for (;;) {
      if (this.#failure?.code === 'aborted') return this.#failure
      const bytes = this.#unread.shift()
      if (bytes) return ok(bytes)
      if (this.#failure) return this.#failure
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Who asked has read what `next` gave. */
  read(): void {
    this.#read += 1
    if (this.#read - this.#said < JOB_ACK_PARTS) return
    this.#said = this.#read
    const { link, open } = this.#parts
    void link.say({ says: 'job-ack', request: open.request, epoch: open.epoch, parts: this.#said })
  }

  /** The first one holds. */
  fail(failure: Failure): void {
    this.#failure ??= failure
    this.#wake()
  }

  /** Only a peer that does not keep to the protocol does that: it loses its link. */
  blame(failure: Failure): void {
    this.fail(failure)
    this.#parts.link.close(failure)
  }

  /**
   * `over`: its end was read, which the worker is told; else it is told to stop. `signed`: what is said for it before; null
   * where nothing is.
   */
  close(over: boolean, signed: Promise<void> | null): void {
    this.#rest()
    const { link, open } = this.#parts
    const about = { request: open.request, epoch: open.epoch }
    const say = () =>
      void link.say(over ? { says: 'job-ack', ...about, parts: this.#read + 1 } : { says: 'job-cancel', ...about })
    if (signed === null) say()
    else void signed.then(say)
  }

  hear(from: string, message: JobHears): void {
    const { link, open, onWord } = this.#parts
    if (from !== link.peer || ('epoch' in message && message.epoch !== open.epoch)) return
    this.#heard = true
    this.#silentBeats = 0
    switch (message.says) {
      case 'alive':
        break
      case 'draining':
        this.fail(fail('link-closed', 'It is leaving.'))
        break
      case 'refused':
        this.fail(fail(message.code, message.detail))
        break
      case 'job-held':
        // Behind others it waits as it was told it would; behind a person nobody knows how long.
        if (!message.owner) this.#stillBeats = 0
        this.#begun = false
        onWord(message)
        break
      case 'job-begun':
        // Said again it is no progress.
        if (!this.#begun) this.#stillBeats = 0
        this.#begun = true
        onWord(message)
        break
      default:
        message satisfies never
    }
  }

  take(from: string, part: PartFrame): void {
    const { link, open } = this.#parts
    if (from !== link.peer || part.epoch !== open.epoch || this.#failure) return
    const wrong = this.#whyWrong(part)
    if (wrong) {
      this.blame(wrong)
      return
    }
    this.#came += 1
    this.#heard = true
    this.#silentBeats = 0
    this.#stillBeats = 0
    this.#unread.push(part.bytes)
    this.#wake()
  }

  gone(peer: string, reason: Failure): void {
    if (peer === this.#parts.link.peer) this.fail(reason)
  }

  #whyWrong({ position, bytes }: PartFrame): Failure | null {
    if (position !== this.#came) return fail('position-mismatch', `Part ${position} is not ${this.#came}.`)
    if (bytes.length > JOB_PART_BYTES_MAX) return fail('frame-invalid', `A part has ${bytes.length} bytes.`)
    return this.#came - this.#said < JOB_PARTS_AHEAD_MAX ? null : fail('link-flooded', 'It waits for no reader.')
  }

  #beat(): void {
    this.#silentBeats += 1
    // What lies here unread is not the worker's delay.
    this.#stillBeats = this.#unread.length > 0 ? 0 : this.#stillBeats + 1
    const silentMsMax = this.#heard ? ALIVE_MS_MAX : JOB_OPEN_MS_MAX
    if (this.#silentBeats * ALIVE_MS > silentMsMax) this.fail(fail('link-closed', 'It says nothing any more.'))
    else if (this.#stillBeats * ALIVE_MS > JOB_LEASE_MS) this.fail(fail('stage-mute', 'It makes no progress.'))
  }
}
