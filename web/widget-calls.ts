/**
 * What a page's own call is asked of in the widget's frame: the app behind its chat, within the same key, scope and budget. It
 * downloads nothing, and tells nothing of the device. Fetched with the first call that may be answered; holds no consent.
 */
import type { App } from './app.ts'
import type { ModelEntry } from './app-view.ts'
import { servePageCall } from './openai-port.ts'
import { type OpenAiApp, WeftError } from './openai-run.ts'
import { endOf } from './rules/answer.ts'
import type { ChatEvent, ChatRequest, Usage } from './wire/chat.ts'
import { type Failure, fail } from './wire/result.ts'

/** The room of the chat, as it stands when a call comes. */
export interface AskedRoom {
  readonly app: Pick<App, 'view' | 'embed' | 'ways'>
  readonly ready: Promise<void>
  readonly othersAllowed: boolean
  readonly deviceAllowed: boolean
  readonly deviceAnswers: boolean
  /** What this device would have to download before it answers. */
  readonly missing: ModelEntry | null
}

/** Resolves when all is said, or was told not to be. `end`: its reason is the failure that what still runs ends with. */
export function answerPageCall(room: AskedRoom, port: MessagePort, end: AbortSignal): Promise<void> {
  return servePageCall(pageDoorOf(room, end), port, end)
}

function pageDoorOf(room: AskedRoom, end: AbortSignal): OpenAiApp {
  const { app } = room
  async function* ask(
    request: ChatRequest,
    signal: AbortSignal,
    key?: string,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    const refusal = refusalOf(room, key)
    if (refusal) return yield endOf(refusal)
    const answer = app.ways.ask(request, AbortSignal.any([signal, end]), room.othersAllowed ? 'anyone' : 'device')
    for await (const event of answer) {
      if (event.kind === 'answerer') yield { ...event, adapter: '' }
      else if (event.kind !== 'end') yield event
      else yield end.aborted ? endOf(failureOf(end)) : { ...event, usage: alone(event.usage) }
    }
  }
  return {
    async start() {
      await room.ready
      if (end.aborted) throw new WeftError(failureOf(end))
    },
    get view() {
      const { view } = app
      return { ...view, entries: view.entries.map(told) }
    },
    ask,
    async embed(texts, signal, key) {
      const refusal = embedRefusalOf(room, key)
      if (refusal) return refusal
      const made = await app.embed(texts, AbortSignal.any([signal, end]), key)
      return end.aborted ? failureOf(end) : made
    },
  }
}

/** What of a prompt was there already tells what the visitor has asked in the chat. */
function alone(usage: Usage): Usage {
  return { ...usage, reusedTokens: 0, prefillTokens: usage.promptTokens }
}

/** Of a model: no more than what the key names. What this device has and can run is not the page's to know. */
function told(entry: ModelEntry): ModelEntry {
  return { ...entry, kept: false, keptBytes: 0, speed: null, fit: { state: 'checking' } }
}

function refusalOf({ app, deviceAllowed, deviceAnswers, missing }: AskedRoom, key: string | undefined): Failure | null {
  if (key !== undefined && key !== app.view.selectedKey)
    return fail('request-invalid', 'The widget answers by the first `model` of its key.')
  if (deviceAnswers && !deviceAllowed) return fail('partner-budget', '')
  return missing ? fail('not-loaded', notDownloaded(missing)) : null
}

/** Vectors are made by this device alone. */
function embedRefusalOf({ app, deviceAllowed, deviceAnswers }: AskedRoom, key: string | undefined): Failure | null {
  if (!deviceAllowed) return fail('partner-scope', '')
  if (!deviceAnswers) return fail('device-spared', '')
  const { entries, selectedKey, load } = app.view
  const entry = entries.find((one) => one.key === (key ?? selectedKey))
  if (!entry) return fail('model-unknown', '')
  const here = entry.kept || (load.state === 'ready' && load.key === entry.key)
  return here ? null : fail('not-loaded', notDownloaded(entry))
}

function notDownloaded({ model }: ModelEntry): string {
  return `The visitor has not downloaded ${model.name} here.`
}

function failureOf({ reason }: AbortSignal): Failure {
  return reason as Failure
}
