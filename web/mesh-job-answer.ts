/**
 * What an answer by one other tab tells of who has it, as events of the answer: where it waits, who is given the prompt, over
 * which kind of link, and that it has moved and how it went on. One for each answer. Decides nothing and keeps no link.
 */
import type { JoinedMesh } from './mesh-door.ts'
import type { JobStand } from './schedule/jobs/job-asker.ts'
import type { AnsweredWorker, ChatEvent, ChatRequest } from './wire/chat.ts'
import type { JobEvent } from './wire/job-parts.ts'
import type { ModelSummary } from './wire/model.ts'
import { shortPeer } from './wire/peers.ts'

export class JobTeller {
  readonly #model: Pick<ModelSummary, 'id' | 'name'>
  readonly #links: () => JoinedMesh['node']['links']
  /** Heard and not told yet. */
  readonly #stands: JobStand[] = []
  #worker: AnsweredWorker | null = null
  /** Whose turn it was before, while nobody has taken over yet. */
  #left: AnsweredWorker | null = null
  #shown: boolean
  /** Every shown character stands behind a token, so that a stage engine goes on by them. */
  #exact: boolean
  #saidByText = false

  constructor(
    model: Pick<ModelSummary, 'id' | 'name'>,
    links: () => JoinedMesh['node']['links'],
    begun: ChatRequest['resume'],
  ) {
    this.#model = model
    this.#links = links
    this.#shown = begun !== undefined && begun.text !== ''
    this.#exact = !this.#shown || (begun?.tokens.length ?? 0) > 0
  }

  hear(stand: JobStand): void {
    this.#stands.push(stand)
  }

  /** What has been heard since it was asked last: always before what came after it. */
  async *changes(): AsyncGenerator<ChatEvent, void, undefined> {
    for (const stand of this.#stands.splice(0)) {
      if (stand.state === 'given') yield* this.#given(stand)
      else if (stand.state !== 'running') {
        const { ahead, waitMs } = stand
        const at = stand.state === 'queued' ? 'server' : stand.owner ? 'owner' : 'worker'
        yield { kind: 'queued', at, ahead, waitMs }
      }
    }
  }

  /** An event of the answer, as a person is to hear it; null for what was told in other words. */
  told(event: JobEvent): ChatEvent | null {
    switch (event.kind) {
      case 'vectors':
        return null
      case 'answerer': {
        // What it calls the model, and which it says it is, is not its to say.
        const { engine, adapter } = event
        return this.#answerer(engine, adapter)
      }
      case 'text':
        this.#shown ||= event.text !== ''
        this.#exact &&= event.tokens !== undefined
        return event
      case 'notice':
        if (event.code === 'job-moved') {
          this.#left = this.#worker
          return null
        }
        if (event.code === 'resumed-from-text' && this.#saidByText) {
          this.#saidByText = false
          return null
        }
        return event
      default:
        return event
    }
  }

  async *#given({ peer, engine }: Extract<JobStand, { state: 'given' }>): AsyncGenerator<ChatEvent, void, undefined> {
    const path = await this.#links()
      .find((link) => link.peer === peer)
      ?.path()
    this.#worker = { peer: shortPeer(peer), engine, relayed: path?.relayed ?? null }
    yield this.#answerer(engine, 'another tab')
    if (!this.#left) return
    const byTokens = engine === 'stage' && this.#exact
    const how = byTokens ? 'by the same tokens' : 'from the text, whose wording may differ from here'
    const goesOn = this.#shown ? `goes on ${how}` : 'begins anew'
    yield { kind: 'notice', code: 'job-moved', detail: `${this.#worker.peer} ${goesOn}, after ${this.#left.peer}.` }
    this.#saidByText = this.#shown && !byTokens
    this.#left = null
  }

  #answerer(engine: AnsweredWorker['engine'], adapter: string): ChatEvent {
    const worker = this.#worker ? { worker: { ...this.#worker, engine } } : {}
    return { kind: 'answerer', engine, adapter, modelId: this.#model.id, model: this.#model.name, ...worker }
  }
}
