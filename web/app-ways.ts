/**
 * Who answers a conversation, as `App.ways`: this device, or layers on other tabs. The one place where the scope of a
 * conversation is kept: what is asked with the scope `device` reaches no code of the mesh. The rule itself is
 * `rules/mode-choice.ts`. Computes nothing, draws nothing, words nothing.
 */
import type { Asker } from './answering.ts'
import type { AppMesh } from './app-mesh.ts'
import type { ModelEntry } from './app-view.ts'
import type { KeptAnswers } from './kept-answers.ts'
import { type Leaving, leaving, plainly, redacted } from './redacting.ts'
import { endOf } from './rules/answer.ts'
import { expectedRoute } from './rules/expected-route.ts'
import { chooseMode, type Mode, type ModeChoice, type ModeFacts } from './rules/mode-choice.ts'
import type { Turns } from './schedule/turns.ts'
import type { RedactionPreferences } from './store/preferences.ts'
import type { ChatEvent, ChatMessage, ChatRequest, LoadedModel } from './wire/chat.ts'
import type { Scope } from './wire/conversation.ts'
import { fail, ok, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

/** The engines of this device, with the picked model. */
interface Local {
  ask(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>
  count(messages: readonly ChatMessage[], signal: AbortSignal): Promise<Result<number>>
  ready(signal: AbortSignal): Promise<Result<Pick<LoadedModel, 'contextPositions'>>>
}

export interface WaysParts {
  readonly local: Local
  readonly mesh: AppMesh
  /** One answer at a time, whoever computes it. */
  readonly turns: Turns
  readonly picked: () => ModelEntry | undefined
  readonly wish: () => Mode | null
  readonly kept: KeptAnswers
  readonly redaction: () => RedactionPreferences
}

export class Ways implements Asker {
  readonly #parts: WaysParts

  constructor(parts: WaysParts) {
    this.#parts = parts
  }

  get modelId(): string | null {
    return this.#parts.picked()?.model.id ?? null
  }

  /** As things stand. Refusals: those of `chooseMode`; `not-loaded` where no model is picked. */
  choose(scope: Scope): Result<ModeChoice> {
    const { picked, wish } = this.#parts
    const entry = picked()
    if (!entry) return fail('not-loaded', '')
    const layers = this.#layersOf(entry, scope === 'room' ? this.#room : null)
    const [inRoom, local] = [this.#room !== null, localOf(entry)]
    return chooseMode({ scope, inRoom, local, job: NO_JOB, layers, wish: wish(), smaller: [] })
  }

  /** Whether a conversation may be given this scope now. Refusals: `room-missing`. */
  permits(scope: Scope): Result<null> {
    return scope === 'room' && this.#room === null ? fail('room-missing', '') : ok(null)
  }

  /** As `App.ask`, of the picked model. What leaves this device does so as the person's settings say. */
  async *ask(
    request: ChatRequest,
    signal: AbortSignal,
    scope: Scope,
    said: readonly ChatMessage[] = [],
  ): AsyncGenerator<ChatEvent, void, undefined> {
    if (scope === 'device') return yield* this.#here(request, signal)
    const choice = this.choose(scope)
    if (!choice.ok) return yield endOf(choice)
    const { mode, reason: why } = choice.value
    const answer = mode === 'local' ? this.#here(request, signal) : this.#sent(request, signal, scope, said)
    for await (const event of answer) yield event.kind === 'answerer' ? { ...event, why } : event
  }

  async keeps(request: ChatRequest, scope: Scope, said: readonly ChatMessage[]): Promise<boolean> {
    const { kept } = this.#parts
    if (!kept.on) return false
    const over = this.#overFor(scope)
    if (over?.ok === false) return false
    const names = over === null ? null : this.#names(scope)
    const messages = names === null ? request.messages : leaving(request.messages, names, said).messages
    return kept.has({ ...request, messages }, this.#expected(over !== null))
  }

  async count(messages: readonly ChatMessage[], signal: AbortSignal, scope: Scope): Promise<Result<number>> {
    const over = this.#overFor(scope)
    if (over === null) return this.#parts.local.count(messages, signal)
    const sent = this.leaves(messages, scope)?.messages ?? messages
    return over.ok ? this.#parts.mesh.count(over.value, sent, signal) : over
  }

  /** What others would be sent of these messages, with what is replaced in them; null where nothing is or nothing leaves. */
  leaves(messages: readonly ChatMessage[], scope: Scope): Leaving | null {
    const names = this.#overFor(scope)?.ok ? this.#names(scope) : null
    return names === null ? null : leaving(messages, names)
  }

  async ready(signal: AbortSignal, scope: Scope): Promise<Result<Pick<LoadedModel, 'contextPositions'>>> {
    const over = this.#overFor(scope)
    if (over === null) return this.#parts.local.ready(signal)
    return over.ok ? this.#parts.mesh.ready(over.value, signal) : over
  }

  /** Names that are replaced beside what is found by its form; null where nothing is replaced. */
  #names(scope: Scope): readonly string[] | null {
    const { anyone, room, names } = this.#parts.redaction()
    return { anyone, room, device: false }[scope] ? names : null
  }

  #expected(over: boolean) {
    const { model, fit } = this.#parts.picked() ?? {}
    return { modelId: model?.id ?? '', engine: over ? ('stage' as const) : fit?.state === 'known' ? fit.engine : null }
  }

  #here(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent> {
    const { kept, local } = this.#parts
    return plainly(request, (plain) => kept.around(plain, this.#expected(false), (one) => local.ask(one, signal)))
  }

  #sent(
    request: ChatRequest,
    signal: AbortSignal,
    scope: Scope,
    said: readonly ChatMessage[],
  ): AsyncIterable<ChatEvent> {
    const send = (sent: ChatRequest) =>
      this.#parts.kept.around(sent, this.#expected(true), (one) => this.#over(one, signal, scope))
    const names = this.#names(scope)
    return names === null ? plainly(request, send) : redacted(request, names, said, send)
  }

  /** The model that others are to answer; null where this device does. */
  #overFor(scope: Scope): Result<string> | null {
    if (scope === 'device') return null
    const choice = this.choose(scope)
    if (!choice.ok) return choice
    const key = this.#parts.picked()?.key
    return choice.value.mode === 'local' || key === undefined ? null : ok(key)
  }

  async *#over(request: ChatRequest, signal: AbortSignal, scope: Scope): AsyncGenerator<ChatEvent, void, undefined> {
    const { turns, mesh, picked } = this.#parts
    const turn = await turns.take(signal)
    if (!turn.ok) return yield endOf(turn)
    try {
      const key = picked()?.key
      if (key === undefined) return yield endOf(fail('not-loaded', ''))
      const { privateEnds } = mesh.view.settings
      yield* mesh.ask(key, request, signal, { privateEnds, room: scope === 'room' ? this.#room : null })
    } finally {
      turn.value()
    }
  }

  /** The room that this browser works with. */
  get #room(): RoomId | null {
    return this.#parts.mesh.view.settings.room
  }

  /** Who could answer within this room, or of all who serve anyone. */
  #layersOf({ source, model, pending }: ModelEntry, room: RoomId | null) {
    const unknown = { refusal: null, tokensPerSecond: null, stages: null }
    // A route is made of what everybody gets from the same server.
    if (source.kind !== 'mirror' || model.format !== 'gguf' || pending)
      return { ...unknown, refusal: fail('no-holder', 'Only a model of this server can be shared.') }
    const { census, signal } = this.#parts.mesh.view
    if (signal.state === 'away' && signal.final) return { ...unknown, refusal: signal.reason }
    // What is told of somebody else says nothing of those who would be asked.
    if (census?.room !== room) return unknown
    const held = census.models.find(({ modelId }) => modelId === model.id)
    const route = expectedRoute(held?.ranges ?? [], model.layers)
    if (!route) return { ...unknown, refusal: fail('no-holder', '') }
    return { refusal: null, stages: route.stages, tokensPerSecond: 1_000 / route.predictedMs }
  }
}

const NOBODY = fail('no-holder', '')
const NO_JOB = { refusal: NOBODY, tokensPerSecond: null, firstMs: null, busy: false }

/** Whether it fits is looked at while the page already shows it: until then nothing speaks against it. */
function localOf({ fit, speed, pending }: ModelEntry): ModeFacts {
  const tokensPerSecond = speed?.tokensPerSecond ?? null
  if (pending) return { refusal: fail('model-incomplete', ''), tokensPerSecond }
  if (fit.state === 'refused') return { refusal: fail(fit.code, fit.detail), tokensPerSecond }
  const tight = fit.state === 'known' && !fit.fits
  return { refusal: tight ? fail('gpu-too-small', fit.reason) : null, tokensPerSecond }
}
