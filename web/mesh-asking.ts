/**
 * Answers over other tabs' layers, as `App.mesh` asks for them: one at a time, the words of the model loaded first, and the routes
 * they took. Joins nothing by itself; what may be asked is decided there.
 */
import type { ModelEntry } from './app-view.ts'
import type { WorkerHead } from './engine/worker-api.ts'
import { RouteTeller } from './mesh-answer.ts'
import type { JoinedMesh, MeshHooks } from './mesh-door.ts'
import { addTokens, endRoute, hearRoute, type Routes, timeRoute } from './mesh-routes.ts'
import { endOf } from './rules/answer.ts'
import type { ChatEvent, ChatMessage, ChatRequest } from './wire/chat.ts'
import { fail, ok, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

export interface MeshAskingParts {
  readonly entryOf: (key: string) => ModelEntry | undefined
  /** Where the person allows it. */
  readonly join: () => Promise<Result<JoinedMesh>>
  readonly joined: () => JoinedMesh | null
  readonly nowMs: () => number
  readonly changed: () => void
}

export interface AskedOf {
  readonly privateEnds: boolean
  readonly room: RoomId | null
}

export class MeshAsking {
  readonly #parts: MeshAskingParts
  #routes: Routes = []
  /** The answer under way: its model, and its newest route. */
  #asking: { readonly modelId: string; request: string | null } | null = null
  /** The model whose words are loaded. */
  #head: { readonly key: string; readonly value: WorkerHead } | null = null

  constructor(parts: MeshAskingParts) {
    this.#parts = parts
  }

  get routes(): Routes {
    return this.#routes
  }

  get asking(): boolean {
    return this.#asking !== null
  }

  /** One answer over other peers' layers: of members of `room`, or of anyone. Keeps the promise of `ChatEngine.chat`: one `end`, always last. */
  async *ask(
    key: string,
    request: ChatRequest,
    signal: AbortSignal,
    { privateEnds, room }: AskedOf,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const entry = this.#parts.entryOf(key)
    if (!entry) return yield endOf(fail('model-unknown', ''))
    if (this.#asking) return yield endOf(fail('queue-full', 'This tab asks over the mesh already.'))
    const asking = { modelId: entry.model.id, request: null as string | null }
    this.#asking = asking
    try {
      const ready = await this.#readyFor(entry, signal)
      if (!ready.ok) return yield endOf(ready)
      const { chat, node } = ready.value
      const told = new RouteTeller(entry.model, () => node.links)
      for await (const event of chat.chat(request, signal, privateEnds, room)) {
        if (event.kind === 'text' && asking.request !== null) {
          this.#routes = addTokens(this.#routes, asking.request, event.tokens?.length ?? 0)
          this.#parts.changed()
        }
        if (event.kind === 'end' && event.reason === 'error') this.#head = null
        yield* told.changes(this.#routes.find((route) => route.request === asking.request))
        yield event
      }
    } finally {
      this.time()
      this.#asking = null
      if (asking.request !== null) this.#routes = endRoute(this.#routes, asking.request)
      this.#parts.changed()
    }
  }

  /** As `AppMesh.ready`. */
  async ready(key: string, signal: AbortSignal): Promise<Result<WorkerHead>> {
    const entry = this.#parts.entryOf(key)
    const ready = entry ? await this.#readyFor(entry, signal) : fail('model-unknown', '')
    if (!ready.ok) return ready
    return this.#head?.key === key ? ok(this.#head.value) : fail('not-loaded', '')
  }

  /** As `ChatEngine.count`, once `ready`. */
  async count(key: string, messages: readonly ChatMessage[], signal: AbortSignal): Promise<Result<number>> {
    const joined = this.#parts.joined()
    if (this.#head?.key !== key || !joined) return fail('not-loaded', '')
    return joined.chat.count(messages, signal)
  }

  hear(request: string, word: Parameters<MeshHooks['onRoute']>[1]): void {
    if (word.kind === 'planned' && this.#asking) this.#asking.request = request
    this.#routes = hearRoute(this.#routes, request, this.#asking?.modelId ?? '', word, this.#parts.nowMs())
  }

  /** How long the laps of the route under way were. */
  time(): void {
    const [request, times] = [this.#asking?.request ?? null, this.#parts.joined()?.chat.times]
    if (request !== null && times && times.laps > 0) this.#routes = timeRoute(this.#routes, request, times)
  }

  /** The mesh was left. */
  forget(): void {
    this.#head = null
  }

  async #readyFor(entry: ModelEntry, signal: AbortSignal): Promise<Result<JoinedMesh>> {
    const joined = await this.#parts.join()
    if (!joined.ok || this.#head?.key === entry.key) return joined
    const loaded = await joined.value.chat.load(entry.source, () => {}, signal)
    this.#head = loaded.ok ? { key: entry.key, value: loaded.value } : null
    return loaded.ok ? joined : loaded
  }
}
