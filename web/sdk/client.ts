/**
 * The SDK's client over an open `App`: OpenAI's calls within a scope, giving this device, and events. What a person has not
 * allowed in the page is refused here too: the client holds no consent of its own.
 */
import type { App } from '../app.ts'
import type { AppMesh } from '../app-mesh.ts'
import type { ContributionView } from '../app-mesh-view.ts'
import type { LoadView } from '../app-view.ts'
import type { Ways } from '../app-ways.ts'
import { createWeft as openAiOf, type Weft } from '../openai.ts'
import { findKey, type OpenAiApp, WeftError } from '../openai-run.ts'
import { endOf } from '../rules/answer.ts'
import type { ChatEvent, ChatRequest } from '../wire/chat.ts'
import type { Scope } from '../wire/conversation.ts'
import type { EmbedConsent, EmbedWork } from '../wire/embed-words.ts'
import { fail, type Result } from '../wire/result.ts'
import { type Helpers, helpersOf } from './helper-set.ts'

/** What of `App` the client uses. */
export interface SdkApp extends OpenAiApp, Pick<App, 'subscribe'> {
  readonly ways: Pick<Ways, 'ask'>
  readonly mesh: Pick<AppMesh, 'contribute' | 'pause' | 'resume' | 'stop' | 'view' | 'subscribe'>
}

export interface WeftEvents {
  /** How the model that answers here is loaded. */
  load: LoadView
  /** What this device gives. */
  contribute: ContributionView
  /** How the widget stands that is asked on a page of another origin; on Weft's own there is none, and nothing is told. */
  widget: WidgetStanding
}

export interface WidgetStanding {
  readonly consent: EmbedConsent
  readonly work: EmbedWork
  /** A code: why it answers nobody. */
  readonly refused: string | null
}

export interface Contribute {
  readonly state: ContributionView
  /** The model by id or name; none stands for the picked one. Resolves when it is given, or rests. */
  start(model?: string): Promise<void>
  pause(): Promise<void>
  resume(): Promise<void>
  stop(): Promise<void>
}

export interface WeftClient extends Weft {
  readonly helpers: Helpers
  readonly contribute: Contribute
  /** Calls back at once and after every change. Returns how to stop. */
  on<Name extends keyof WeftEvents>(name: Name, listener: (value: WeftEvents[Name]) => void): () => void
}

function must<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new WeftError(result)
}

/** Beyond this device the picked model answers: it is the one that the person has agreed to ask others with. */
export function within(app: SdkApp, scope: Scope): OpenAiApp {
  async function* ask(
    request: ChatRequest,
    signal: AbortSignal,
    key?: string,
  ): AsyncGenerator<ChatEvent, void, undefined> {
    if (scope === 'device') return yield* app.ask(request, signal, key)
    if (key !== undefined && key !== app.view.selectedKey)
      return yield endOf(fail('request-invalid', 'Beyond this device only the picked `model` answers.'))
    yield* app.ways.ask(request, signal, scope)
  }
  return {
    start: () => app.start(),
    get view() {
      return app.view
    },
    ask,
    embed: (texts, signal, key) => app.embed(texts, signal, key),
  }
}

export function clientOf(app: SdkApp, { scope = 'device' }: { readonly scope?: Scope } = {}): WeftClient {
  const contribute: Contribute = {
    get state() {
      return app.mesh.view.contribution
    },
    async start(model) {
      await app.start()
      const key = must(findKey(app, model ?? null)) ?? app.view.selectedKey
      must(key === null ? fail('model-unknown', '') : await app.mesh.contribute(key))
    },
    pause: () => app.mesh.pause(),
    resume: () => app.mesh.resume(),
    stop: () => app.mesh.stop(),
  }
  const on: WeftClient['on'] = (name, listener) => {
    let last: unknown
    const tell = <T>(value: T, to: (value: T) => void) => {
      if (value !== last) to(value)
      last = value
    }
    const heard = listener as (value: WeftEvents[keyof WeftEvents]) => void
    if (name === 'widget') return () => {}
    return name === 'load'
      ? app.subscribe((view) => tell(view.load, heard))
      : app.mesh.subscribe((view) => tell(view.contribution, heard))
  }
  const weft = openAiOf(within(app, scope))
  return { ...weft, helpers: helpersOf(weft), contribute, on }
}
