/**
 * Whole answers by one other tab, as `App.mesh.jobs`: joins the mesh where that is allowed, has the job done, and tells who
 * has it. Chooses no way and no worker. No DOM, no drawing, no wording.
 */

import type { ModelEntry } from './app-view.ts'
import type { JoinedMesh } from './mesh-door.ts'
import { JobTeller } from './mesh-job-answer.ts'
import { endOf } from './rules/answer.ts'
import { estimateTokens } from './rules/prompt-limits.ts'
import { beside } from './schedule/beside.ts'
import { EventQueue } from './schedule/event-queue.ts'
import type { JobStand } from './schedule/jobs/job-asker.ts'
import { activeParametersOf } from './wire/active-parameters.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from './wire/chat.ts'
import type { JobEvent } from './wire/job-parts.ts'
import { CONTEXT_POSITIONS_MAX, OUTPUT_TOKENS_MAX } from './wire/limits/engine.ts'
import { fail, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

export interface MeshJobsParts {
  readonly entryOf: (key: string) => ModelEntry | undefined
  /** Refusals: `consent-missing`, those of the server. */
  readonly join: () => Promise<Result<JoinedMesh>>
  /** Refuses where the words of the model are not loaded: nothing is loaded for it. */
  readonly count: (key: string, messages: readonly ChatMessage[], signal: AbortSignal) => Promise<Result<number>>
  readonly changed: () => void
}

export class MeshJobs {
  readonly #parts: MeshJobsParts
  #open = 0

  constructor(parts: MeshJobsParts) {
    this.#parts = parts
  }

  /** Some job of this tab is under way. */
  get asking(): boolean {
    return this.#open > 0
  }

  /**
   * One answer by one other tab: a member of `room`, or anyone. Keeps the promise of `ChatEngine.chat`: one `end`, always last.
   * An `answerer` names who can read the prompt before it is sent there, and again where somebody else goes on; `queued`
   * tells of each wait. Refusals: `model-unknown`, `consent-missing`, those of `JobAsker.ask`.
   */
  async *ask(
    key: string,
    request: ChatRequest,
    signal: AbortSignal,
    { room }: { readonly room: RoomId | null },
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { entryOf, join, changed } = this.#parts
    const entry = entryOf(key)
    if (!entry) return yield endOf(fail('model-unknown', ''))
    this.#open += 1
    changed()
    try {
      const joined = await join()
      if (!joined.ok) return yield endOf(joined)
      const about = await this.#about(entry, request, room, signal)
      // Part of what joining has fetched: the shell is small without it.
      const { ChatWork } = await import('./schedule/jobs/kinds/chat.ts')
      const work = new ChatWork(request, request.raw ? 'completion' : 'chat')
      const { node, jobAsker } = joined.value
      const told = new JobTeller(entry.model, () => node.links, request.resume)
      const stands = new EventQueue<JobEvent | JobStand>()
      const onStand = (stand: JobStand) => {
        told.hear(stand)
        stands.push(stand)
      }
      const left = new AbortController()
      const either = AbortSignal.any([signal, left.signal])
      const answer: AsyncGenerator<JobEvent | JobStand, void, undefined> = jobAsker.ask(work, about, either, onStand)
      for await (const event of beside(answer, stands, () => left.abort())) {
        yield* told.changes()
        const said = 'state' in event ? null : told.told(event)
        if (said) yield said
      }
    } finally {
      this.#open -= 1
      changed()
    }
  }

  /** For the server: counts only. What was begun is read again, so it counts as prompt. */
  async #about({ key, model }: ModelEntry, request: ChatRequest, room: RoomId | null, signal: AbortSignal) {
    const { messages, resume, raw, maxTokens } = request
    const counted = raw ? null : await this.#parts.count(key, messages, signal)
    const prompt = counted?.ok ? counted.value : estimateTokens(messages.map(({ content }) => content))
    const activeParameters = activeParametersOf(model)
    const begun = resume ? Math.max(resume.spent, estimateTokens([resume.text])) : 0
    return {
      class: 'interactive',
      modelId: model.id,
      layers: model.layers,
      promptTokens: Math.min(prompt + begun, CONTEXT_POSITIONS_MAX),
      maxTokens: Math.min(Math.max(1, maxTokens - (resume?.spent ?? 0)), OUTPUT_TOKENS_MAX),
      room,
      // In a room work is free.
      ...(room === null && activeParameters > 0 ? { activeParameters } : {}),
    } as const
  }
}
