/**
 * Who answers a conversation, as `App.ways`: this device, one other tab with the whole model, or layers on several; below
 * these a smaller model, then the line. The one place where the scope of a conversation is kept: what is asked with the scope
 * `device` reaches no code of the mesh. The rule is `rules/mode-choice.ts`. Computes nothing, draws nothing, words nothing.
 */
import type { Asker } from './answering.ts'
import type { AppMesh } from './app-mesh.ts'
import type { ModelEntry } from './app-view.ts'
import type { KeptAnswers } from './kept-answers.ts'
import { type Leaving, leaving, plainly, redacted } from './redacting.ts'
import { endOf } from './rules/answer.ts'
import { chooseMode, type Mode, type ModeChoice, type ModelFacts } from './rules/mode-choice.ts'
import type { Turns } from './schedule/turns.ts'
import type { RedactionPreferences } from './store/preferences.ts'
import { factsOf, smallerOf } from './way-facts.ts'
import type { ChatEvent, ChatMessage, ChatRequest, LoadedModel, ModeReason } from './wire/chat.ts'
import type { Code } from './wire/codes.ts'
import type { Scope } from './wire/conversation.ts'
import { CONTEXT_POSITIONS_DEFAULT } from './wire/limits/engine.ts'
import { type Failure, fail, ok, type Result } from './wire/result.ts'
import type { RoomId } from './wire/rooms.ts'

type Positions = Pick<LoadedModel, 'contextPositions'>

/** The engines of this device, with the picked model, or with another one that does not become the picked one. */
interface Local {
  ask(request: ChatRequest, signal: AbortSignal, key?: string, picks?: boolean): AsyncIterable<ChatEvent>
  count(messages: readonly ChatMessage[], signal: AbortSignal, key?: string): Promise<Result<number>>
  ready(signal: AbortSignal): Promise<Result<Positions>>
}

export interface WaysParts {
  readonly local: Local
  readonly mesh: AppMesh
  /** One answer at a time, whoever computes it. */
  readonly turns: Turns
  readonly picked: () => ModelEntry | undefined
  readonly entries: () => readonly ModelEntry[]
  readonly wish: () => Mode | null
  /** Where others may answer, this device does only as the wish. */
  readonly othersFirst: boolean
  readonly kept: KeptAnswers
  readonly redaction: () => RedactionPreferences
}

/** One step of the choice, as it is gone. */
interface Way {
  readonly mode: ModeChoice['mode']
  /** The model that answers. */
  readonly entry: ModelEntry
  readonly why: ModeReason
  /** The name of the model that was asked for, where this is a smaller one. */
  readonly insteadOf: string | null
}

/** What was found not to work by trying, by way and model. */
type Tried = ReadonlyMap<string, Failure>
const NOTHING_TRIED: Tried = new Map()
/** These say that nobody can be asked in this way, and nothing of the request: another way is chosen. */
const NOBODY: readonly Code[] = ['no-holder', 'no-capacity', 'unreachable', 'filter-empty', 'link-failed']

export class Ways implements Asker {
  readonly #parts: WaysParts

  constructor(parts: WaysParts) {
    this.#parts = parts
  }

  get modelId(): string | null {
    return this.#parts.picked()?.model.id ?? null
  }

  /** As things stand. Refusals: those of `chooseMode`; `not-loaded` where no model is picked. */
  choose(scope: Scope, tried: Tried = NOTHING_TRIED): Result<ModeChoice> {
    const { picked, entries, wish, othersFirst, mesh } = this.#parts
    const entry = picked()
    if (!entry) return fail('not-loaded', '')
    const room = this.#roomOf(scope)
    const spared = othersFirst && scope !== 'device' && wish() !== 'local'
    const known = <T extends ModelFacts>(facts: T, key: string) => sparing(without(facts, key, tried), spared)
    const smaller = smallerOf(entry, entries(), mesh.view, room).map((one) => known(one, one.key))
    const facts = known(factsOf(entry, mesh.view, room), entry.key)
    return chooseMode({ scope, inRoom: this.#room !== null, wish: wish(), smaller, ...facts })
  }

  /** Whether a conversation may be given this scope now. Refusals: `room-missing`. */
  permits(scope: Scope): Result<null> {
    return scope === 'room' && this.#room === null ? fail('room-missing', '') : ok(null)
  }

  /** As `App.ask`, of the picked model or one that stands in for it. What leaves this device does so as the person's settings say. */
  async *ask(
    request: ChatRequest,
    signal: AbortSignal,
    scope: Scope,
    said: readonly ChatMessage[] = [],
  ): AsyncGenerator<ChatEvent, void, undefined> {
    if (scope === 'device') return yield* this.#here(request, signal)
    const tried = new Map<string, Failure>()
    for (;;) {
      const way = this.#way(scope, tried)
      if (!way.ok) return yield endOf(way)
      const failure = yield* this.#by(way.value, request, signal, scope, said)
      if (!failure) return
      tried.set(stepOf(way.value.mode, way.value.entry.key), failure)
    }
  }

  async keeps(request: ChatRequest, scope: Scope, said: readonly ChatMessage[]): Promise<boolean> {
    const { kept } = this.#parts
    if (!kept.on) return false
    const way = this.#wayOf(scope)
    if (way?.ok === false) return false
    const over = way && goesOver(way.value)
    const names = over ? this.#names(scope) : null
    const messages = names === null ? request.messages : leaving(request.messages, names, said).messages
    return kept.has({ ...request, messages }, this.#expected(way?.value))
  }

  async count(messages: readonly ChatMessage[], signal: AbortSignal, scope: Scope): Promise<Result<number>> {
    const { local, mesh } = this.#parts
    const way = this.#wayOf(scope)
    if (way === null) return local.count(messages, signal)
    if (!way.ok) return way
    const { entry, insteadOf } = way.value
    if (!goesOver(way.value)) return local.count(messages, signal, insteadOf === null ? undefined : entry.key)
    return mesh.count(entry.key, this.leaves(messages, scope)?.messages ?? messages, signal)
  }

  /** What others would be sent of these messages, with what is replaced in them; null where nothing is or nothing leaves. */
  leaves(messages: readonly ChatMessage[], scope: Scope): Leaving | null {
    const way = this.#wayOf(scope)
    const names = way?.ok && goesOver(way.value) ? this.#names(scope) : null
    return names === null ? null : leaving(messages, names)
  }

  async ready(signal: AbortSignal, scope: Scope): Promise<Result<Positions>> {
    const { local, mesh } = this.#parts
    const way = this.#wayOf(scope)
    if (way === null) return local.ready(signal)
    if (!way.ok) return way
    const { mode, entry, insteadOf } = way.value
    // It is loaded when it answers, and the picked one stays picked.
    if (mode === 'local') return insteadOf === null ? local.ready(signal) : ok(statedOf(entry))
    const head = await mesh.ready(entry.key, signal)
    // Who answers whole needs no words of the model here: they only count beforehand.
    const needed = mode === 'layers' || head.ok || head.code === 'aborted' || head.code === 'consent-missing'
    return needed ? head : ok(statedOf(entry))
  }

  /** Its answer under the names of its step. Value: why nobody could be asked in this way, before anything was shown. */
  async *#by(
    way: Way,
    request: ChatRequest,
    signal: AbortSignal,
    scope: Scope,
    said: readonly ChatMessage[],
  ): AsyncGenerator<ChatEvent, Failure | null, undefined> {
    const { why, insteadOf } = way
    const asked = insteadOf === null ? request : byText(request)
    const over = goesOver(way)
    const answer = over ? this.#sent(way, asked, signal, scope, said) : this.#here(asked, signal, way)
    let shown = false
    for await (const event of answer) {
      if (event.kind === 'text') shown ||= event.text !== ''
      const { code, detail = '' } = event.kind === 'end' ? event : {}
      if (over && !shown && code !== undefined && NOBODY.includes(code)) return fail(code, detail)
      if (event.kind !== 'answerer') yield event
      else yield { ...event, why, ...(insteadOf === null ? {} : { insteadOf }) }
    }
    return null
  }

  /** Names that are replaced beside what is found by its form; null where nothing is replaced. */
  #names(scope: Scope): readonly string[] | null {
    const { anyone, room, names } = this.#parts.redaction()
    return { anyone, room, device: false }[scope] ? names : null
  }

  /** A whole job may come to another engine; then its answer is not what would be given again, and is not kept. */
  #expected(way?: Way) {
    const { model, fit } = way?.entry ?? this.#parts.picked() ?? {}
    const here = fit?.state === 'known' ? fit.engine : null
    return { modelId: model?.id ?? '', engine: way && goesOver(way) ? ('stage' as const) : here }
  }

  #here(request: ChatRequest, signal: AbortSignal, way?: Way): AsyncIterable<ChatEvent> {
    const { kept, local } = this.#parts
    const ask = (one: ChatRequest) =>
      way && way.insteadOf !== null ? local.ask(one, signal, way.entry.key, false) : local.ask(one, signal)
    return plainly(request, (plain) => kept.around(plain, this.#expected(way), ask))
  }

  #sent(
    way: Way,
    request: ChatRequest,
    signal: AbortSignal,
    scope: Scope,
    said: readonly ChatMessage[],
  ): AsyncIterable<ChatEvent> {
    const send = (sent: ChatRequest) =>
      this.#parts.kept.around(sent, this.#expected(way), (one) => this.#over(way, one, signal, scope))
    const names = this.#names(scope)
    return names === null ? plainly(request, send) : redacted(request, names, said, send)
  }

  async *#over(
    { mode, entry: { key } }: Way,
    request: ChatRequest,
    signal: AbortSignal,
    scope: Scope,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const { turns, mesh } = this.#parts
    const turn = await turns.take(signal)
    if (!turn.ok) return yield endOf(turn)
    try {
      const { privateEnds } = mesh.view.settings
      const room = this.#roomOf(scope)
      if (mode === 'layers') yield* mesh.ask(key, request, signal, { privateEnds, room })
      else yield* mesh.jobs.ask(key, request, signal, { room })
    } finally {
      turn.value()
    }
  }

  /** Null where the scope leaves nothing to choose. */
  #wayOf(scope: Scope): Result<Way> | null {
    return scope === 'device' ? null : this.#way(scope)
  }

  #way(scope: Scope, tried: Tried = NOTHING_TRIED): Result<Way> {
    const choice = this.choose(scope, tried)
    if (!choice.ok) return choice
    const { mode, reason: why, instead } = choice.value
    const { picked, entries } = this.#parts
    const asked = picked()
    const entry = instead === null ? asked : entries().find(({ key }) => key === instead.key)
    if (!asked || !entry) return fail('not-loaded', '')
    return ok({ mode, entry, why, insteadOf: instead === null ? null : asked.model.name })
  }

  /** The room that this browser works with. */
  get #room(): RoomId | null {
    return this.#parts.mesh.view.settings.room
  }

  #roomOf(scope: Scope): RoomId | null {
    return scope === 'room' ? this.#room : null
  }
}

function goesOver({ mode }: Way): boolean {
  return mode !== 'local'
}

/** To wait in line is to have a whole job done. */
function stepOf(mode: Way['mode'], key: string): string {
  return `${mode === 'queue' ? 'job' : mode} ${key}`
}

function without<T extends ModelFacts>(facts: T, key: string, tried: Tried): T {
  const { job, layers } = facts
  const [noJob, noLayers] = [tried.get(stepOf('job', key)), tried.get(stepOf('layers', key))]
  return {
    ...facts,
    job: noJob ? { ...job, refusal: noJob } : job,
    layers: noLayers ? { ...layers, refusal: noLayers } : layers,
  }
}

function sparing<T extends ModelFacts>(facts: T, spared: boolean): T {
  return spared ? { ...facts, local: { ...facts.local, refusal: fail('device-spared', '') } } : facts
}

/** Tokens of one model say nothing to another. */
function byText(request: ChatRequest): ChatRequest {
  const { resume } = request
  return resume ? { ...request, resume: { ...resume, tokens: [], schedule: [] } } : request
}

function statedOf({ model: { contextLength } }: ModelEntry): Positions {
  return { contextPositions: Math.min(contextLength || CONTEXT_POSITIONS_DEFAULT, CONTEXT_POSITIONS_DEFAULT) }
}
