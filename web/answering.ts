/**
 * One answer from question to end: decides which part of the branch the model reads, summarises the rest where a person
 * wants that, asks, and hands on every change. Keeps nothing and draws nothing.
 */
import { goOn, takeEvent } from './rules/answer.ts'
import { CommittedLog } from './rules/committed.ts'
import { answerRoom, filesBefore, firstThatFits } from './rules/context-window.ts'
import { promptOf } from './rules/conversation.ts'
import {
  type ChatEvent,
  type ChatMessage,
  type ChatRequest,
  type Committed,
  type LoadedModel,
  NO_USAGE,
  type Wait,
} from './wire/chat.ts'
import {
  type Answer,
  type ConversationSettings,
  type Message,
  type ReadWindow,
  type Scope,
  type Summary,
  WHOLE_WINDOW,
} from './wire/conversation.ts'
import { SUMMARY_TOKENS_MAX } from './wire/limits/conversations.ts'
import { ok, type Result } from './wire/result.ts'

/** The part of `App` that answers: the picked model, by whoever the scope allows. */
export interface Asker {
  /** Of the picked model. */
  readonly modelId: string | null
  /** `said`: the whole conversation, of which the request may have a part. */
  ask(request: ChatRequest, signal: AbortSignal, scope: Scope, said: readonly ChatMessage[]): AsyncIterable<ChatEvent>
  /** Whether the answer is kept here already: then nothing has to be loaded or counted for it. */
  keeps?(request: ChatRequest, scope: Scope, said: readonly ChatMessage[]): Promise<boolean>
  /** Prompt tokens of these messages, once `ready`. */
  count(messages: readonly ChatMessage[], signal: AbortSignal, scope: Scope): Promise<Result<number>>
  /** Loads of the picked model what answering takes. Value: the positions that whoever would answer has for it. */
  ready(signal: AbortSignal, scope: Scope): Promise<Result<Pick<LoadedModel, 'contextPositions'>>>
}

export interface Task {
  readonly settings: ConversationSettings
  readonly scope: Scope
  readonly summaries: readonly Summary[]
  /** Ends with the question. */
  readonly branch: readonly Message[]
  /** Empty, or what is to go on. */
  readonly answer: Answer
  readonly seed: bigint
}

export type Phase =
  | { readonly state: 'waiting' }
  | ({ readonly state: 'queued' } & Wait)
  | { readonly state: 'summarising' }
  | { readonly state: 'reading'; readonly done: number; readonly total: number }
  | { readonly state: 'writing' }

export interface Progress {
  readonly answer: Answer
  readonly phase: Phase
  /** Made on the way; to be kept with the conversation. */
  readonly summary: Summary | null
}

const SUMMARISE =
  'Summarise our conversation so far in at most 200 words: facts, decisions, names, numbers, open questions. ' +
  'Write only the summary.'

/** The last progress has an answer that is not `writing`. */
export async function* answering(asker: Asker, task: Task, signal: AbortSignal): AsyncGenerator<Progress, void> {
  let answer = goOn(task.answer)
  let phase: Phase = { state: 'waiting' }
  let summary: Summary | null = null
  yield { answer, phase, summary }

  const said = promptOf(task.settings.system, task.branch, WHOLE_WINDOW)
  const whole = requestOf(task, answer, WHOLE_WINDOW, null)
  const kept = (await asker.keeps?.(whole, task.scope, said)) === true
  const looked = kept ? ok(WHOLE) : await lookAt(asker, task, signal)
  if (!looked.ok) {
    const { code, detail } = looked
    const reason = code === 'aborted' ? 'abort' : 'error'
    yield { answer: takeEvent(answer, { kind: 'end', reason, usage: NO_USAGE, code, detail }), phase, summary }
    return
  }
  const seen = looked.value
  let window = seen.window
  if (seen.toSummarise) {
    phase = { state: 'summarising' }
    yield { answer, phase, summary }
    const text = await summarise(asker, task, seen.toSummarise.messages, signal)
    // Without a summary the older part is left out, which the window tells.
    if (text !== null) {
      summary = { text, upToId: seen.toSummarise.upToId }
      window = { ...window, summary: text }
    }
  }
  answer = { ...answer, window }
  let exact = begunExactly(asker, answer)
  for (;;) {
    const request = requestOf(task, answer, window, exact)
    const log = new CommittedLog(request.resume)
    let first = true
    let again = false
    for await (const event of asker.ask(request, signal, task.scope, said)) {
      // A person who asked for it knows that it goes on.
      if (event.kind === 'notice' && event.code === 'resumed-from-text' && first && request.resume) {
        first = false
        continue
      }
      // Its settings were changed meanwhile: what it read is another prompt, and only its text still holds.
      again = event.kind === 'end' && event.code === 'request-invalid' && exact !== null
      if (again) break
      log.take(event)
      answer = takeEvent(
        event.kind === 'text' || event.kind === 'end' ? committed(answer, log, task.seed) : answer,
        event,
      )
      phase = phaseAfter(phase, event)
      yield { answer, phase, summary }
    }
    if (!again) return
    exact = null
  }
}

/** What it goes on from where the same model answers again; null where only its text is known. */
function begunExactly(asker: Asker, { text, raw, committed, answerer }: Answer): Committed | null {
  if (!committed || answerer === null || answerer.modelId !== asker.modelId) return null
  const { tokens, schedule } = committed
  return { text, tokens, spent: tokens.length, schedule, ...(raw === undefined ? {} : { raw }) }
}

function requestOf(
  { settings, branch, seed }: Task,
  { text, raw }: Answer,
  window: ReadWindow,
  exact: Committed | null,
) {
  const { answerTokensMax } = settings
  const byText = { text, tokens: [], spent: 0, schedule: [], ...(raw === undefined ? {} : { raw }) }
  const begun = exact ?? byText
  return {
    messages: promptOf(settings.system, branch, window),
    sampling: { ...settings.sampling, seed },
    // One that was cut at its limit and is to go on may become as long again.
    maxTokens: answerTokensMax * (Math.floor(begun.spent / answerTokensMax) + 1),
    stop: [],
    ...(text === '' ? {} : { resume: begun }),
  } satisfies ChatRequest
}

function committed(answer: Answer, log: CommittedLog, seed: bigint): Answer {
  const { tokens = [], schedule = [] } = log.committed ?? {}
  if (tokens.length === 0 || schedule.length === 0) return { ...answer, committed: null }
  return { ...answer, committed: { seed: `${seed}`, tokens, schedule } }
}

function phaseAfter(phase: Phase, event: ChatEvent): Phase {
  if (event.kind === 'queued') return { state: 'queued', at: event.at, ahead: event.ahead, waitMs: event.waitMs }
  if (event.kind === 'prefill') return { state: 'reading', done: event.done, total: event.total }
  if (event.kind !== 'text' || phase.state === 'writing') return phase
  return { state: 'writing' }
}

interface Seen {
  readonly window: ReadWindow
  readonly toSummarise: { readonly messages: readonly ChatMessage[]; readonly upToId: string } | null
}

const WHOLE: Seen = { window: WHOLE_WINDOW, toSummarise: null }

async function lookAt(asker: Asker, task: Task, signal: AbortSignal): Promise<Result<Seen>> {
  if (task.settings.contextEnd === 'stop') return ok(WHOLE)
  const ready = await asker.ready(signal, task.scope)
  return ready.ok ? ok(await choose(asker, task, ready.value.contextPositions, signal)) : ready
}

/** Where nobody can count, everything is sent: the engine refuses what does not fit, in its own numbers. */
async function choose(asker: Asker, task: Task, contextPositions: number, signal: AbortSignal): Promise<Seen> {
  const { settings, scope, summaries, branch, answer } = task
  const written = Math.ceil(answer.text.length / 2)
  const tokensMax = contextPositions - answerRoom(contextPositions, settings.answerTokensMax + written)
  const tokensOf = async (window: ReadWindow) => {
    const counted = await asker.count(promptOf(settings.system, branch, window), signal, scope)
    return counted.ok ? counted.value : null
  }
  let pins = true
  const from = (index: number, summary: string | null): ReadWindow => {
    const pinnedIds = pins ? filesBefore(branch, index) : []
    const window = { fromId: index === 0 ? null : (branch[index]?.id ?? null), summary }
    return pinnedIds.length > 0 ? { ...window, pinnedIds } : window
  }
  const fitting = (max: number) => firstThatFits(branch, max, (index) => tokensOf(from(index, null)))
  let first = await fitting(tokensMax)
  if (first === null) {
    // The files alone are too long: they go before the question does.
    pins = false
    first = await fitting(tokensMax)
  }
  if (first === null || first === 0) return WHOLE
  if (settings.contextEnd === 'drop') return { window: from(first, null), toSummarise: null }

  const known = newestSummary(summaries, branch)
  if (known) {
    const window = from(known.index + 1, known.summary.text)
    const tokens = await tokensOf(window)
    if (tokens !== null && tokens <= tokensMax) return { window, toSummarise: null }
  }
  // Half of the room stays free, so that the next question does not summarise again.
  const half = await fitting(Math.floor(tokensMax / 2))
  const cut = half ?? first
  const upToId = branch[cut - 1]?.id
  if (upToId === undefined) return WHOLE
  const older = branch.slice(0, cut)
  const begin = known ? known.index + 1 : 0
  const olderWindow = async (index: number): Promise<readonly ChatMessage[]> => [
    ...promptOf('', older, { fromId: older[index]?.id ?? null, summary: known?.summary.text ?? null }),
    { role: 'user', content: SUMMARISE },
  ]
  const room = contextPositions - answerRoom(contextPositions, SUMMARY_TOKENS_MAX)
  const part = await firstThatFits(older.slice(begin), room, async (index) => {
    const counted = await asker.count(await olderWindow(begin + index), signal, scope)
    return counted.ok ? counted.value : null
  })
  if (part === null) return { window: from(cut, null), toSummarise: null }
  return { window: from(cut, null), toSummarise: { messages: await olderWindow(begin + part), upToId } }
}

/** The one that stands for most of this branch. */
function newestSummary(summaries: readonly Summary[], branch: readonly Message[]) {
  let best: { readonly summary: Summary; readonly index: number } | null = null
  for (const summary of summaries) {
    const index = branch.findIndex(({ id }) => id === summary.upToId)
    if (index >= 0 && index < branch.length - 1 && index > (best?.index ?? -1)) best = { summary, index }
  }
  return best
}

/** Null where the model did not end it well. */
async function summarise(
  asker: Asker,
  { settings, scope, seed, branch }: Task,
  messages: readonly ChatMessage[],
  signal: AbortSignal,
): Promise<string | null> {
  const sampling = { ...settings.sampling, temperature: 0, seed }
  const said = promptOf(settings.system, branch, WHOLE_WINDOW)
  const request = { messages, sampling, maxTokens: SUMMARY_TOKENS_MAX, stop: [] }
  let text = ''
  for await (const event of asker.ask(request, signal, scope, said)) {
    if (event.kind === 'text') text += event.text
    if (event.kind === 'end' && (event.reason === 'abort' || event.reason === 'error')) return null
  }
  return text.trim() === '' ? null : text.trim()
}
