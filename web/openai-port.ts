/**
 * A tab of Weft as an OpenAI server for one call: what the service worker hands over by a port is asked of the same functions
 * as `window.weft`, and goes back as the text of an HTTP answer. Loaded with the first call. It holds no consent of its own:
 * what the person has not allowed here is refused here.
 */
import {
  type ChatCompletionRequest,
  createWeft,
  type EmbeddingList,
  type EmbeddingRequest,
  type Weft,
} from './openai.ts'
import type { TextCompletionRequest } from './openai-completions.ts'
import { record } from './openai-fields.ts'
import { type OpenAiApp, WeftError } from './openai-run.ts'
import { type SdkApp, within } from './sdk/client.ts'
import type { Code } from './wire/codes.ts'
import type { Scope } from './wire/conversation.ts'
import { OPENAI_NEXT_MS, OPENAI_TAB_MS } from './wire/limits/sdk.ts'
import { CALL_LOCK, type OpenAiAsk, type OpenAiPath, type OpenAiSay, parseOpenAiAsk } from './wire/openai-call.ts'
import { fail } from './wire/result.ts'

type Call = Extract<OpenAiAsk, { readonly kind: 'call' }>

/** As OpenAI's server would say it; what stands nowhere here is the engine's own trouble. */
const STATUS: Partial<Record<Code, number>> = {
  'request-invalid': 400,
  'schema-invalid': 400,
  'embeddings-unsupported': 400,
  'chat-unsupported': 400,
  'context-full': 400,
  'architecture-unsupported': 400,
  'credits-short': 402,
  'consent-missing': 403,
  'model-unknown': 404,
  'queue-full': 429,
  'not-loaded': 503,
  'no-holder': 503,
  'no-capacity': 503,
  'signal-away': 503,
}
const STATUS_ENGINE = 500
const PIECES_A_SIGN = 32

/** Answers one call on this port, then closes it. A tab that is not chosen is told so, or hears nothing. */
export function serveCall(app: SdkApp, port: MessagePort, locks: Pick<LockManager, 'request'> = navigator.locks): void {
  const lock = CALL_LOCK + crypto.randomUUID()
  // Held while the call is open: who waits for the answer learns by it that this tab is gone.
  const call = new PortCall({
    door: (scope) => within(app, scope),
    port,
    // Free where the service worker is gone, which tells nobody.
    watch: ({ lock: theirs }, signal, gone) =>
      void locks.request(theirs, { signal }, async () => gone()).catch(() => {}),
  })
  const held = locks.request(lock, () => call.run(lock))
  held.catch(() => port.close())
}

/**
 * As `serveCall`, for the page around this one: it goes no later than this one does, so that nobody holds a lock. Its scope is
 * of `door`. `end`: what is left to say is said at once. A caller that reads nothing for long is left.
 */
export function servePageCall(door: OpenAiApp, port: MessagePort, end: AbortSignal): Promise<void> {
  const call = new PortCall({ door: () => door, port, end })
  return call.run(CALL_LOCK + crypto.randomUUID())
}

interface PortCallParts {
  /** Who answers within a scope. */
  readonly door: (scope: Scope) => OpenAiApp
  readonly port: MessagePort
  readonly end?: AbortSignal
  /** Calls `gone` where the asker is. Without it the call is over once all is said. */
  readonly watch?: (call: Call, over: AbortSignal, gone: () => void) => void
}

class PortCall {
  readonly #parts: PortCallParts
  readonly #port: MessagePort
  readonly #stopped = new AbortController()
  #lock = ''
  #form: 'whole' | 'stream' = 'whole'
  #begun = false
  /** Of text, as the engine gave them. */
  #pieces = 0
  #credit = 0
  /** Of a sender that waits until more may be sent. */
  #wake: () => void = () => {}

  constructor(parts: PortCallParts) {
    this.#parts = parts
    this.#port = parts.port
    this.#stopped.signal.addEventListener('abort', () => this.#wake())
    parts.end?.addEventListener('abort', () => this.#wake())
  }

  async run(lock: string): Promise<void> {
    this.#lock = lock
    const call = await this.#chosen(lock)
    if (call !== null) {
      const { door, watch } = this.#parts
      const over = new AbortController()
      watch?.(call, over.signal, () => this.#stopped.abort())
      const weft = createWeft(this.#watched(door(call.scope)))
      await this.#answer(weft, call).catch((error: unknown) => this.#refuse(error))
      // What was said on the port may come after this lock is free.
      if (watch) await this.#untilStopped()
      over.abort()
    }
    this.#port.close()
  }

  #untilStopped(): Promise<void> {
    const { signal } = this.#stopped
    return new Promise((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve())
    })
  }

  #chosen(lock: string): Promise<Call | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), 2 * OPENAI_TAB_MS)
      this.#port.onmessage = ({ data }) => {
        const ask = parseOpenAiAsk(data)
        if (ask?.kind === 'call') {
          clearTimeout(timer)
          resolve(ask)
        } else if (ask?.kind === 'pull') {
          this.#credit += ask.count
          this.#wake()
        } else {
          clearTimeout(timer)
          resolve(null)
          this.#stopped.abort()
        }
      }
      this.#say({ kind: 'here', lock })
    })
  }

  /**
   * Chromium tells a service worker that nobody waits any more only where the answer has begun (checked in version 156), so a
   * whole one begins with its first token; a space now and then shows that it goes on. What may still fail a schema begins last.
   */
  #watched(door: OpenAiApp): OpenAiApp {
    const grows = () => this.#grows()
    return {
      start: () => door.start(),
      get view() {
        return door.view
      },
      async *ask(request, signal, key) {
        for await (const event of door.ask(request, signal, key)) {
          if (event.kind === 'text' && request.schema === undefined) grows()
          yield event
        }
      },
      embed: (texts, signal, key) => door.embed(texts, signal, key),
    }
  }

  #grows(): void {
    if (this.#form !== 'whole') return
    this.#pieces += 1
    const { watch } = this.#parts
    // Whoever can hear that it goes on needs no head before it is known whether it ends well.
    if (!watch && this.#pieces % PIECES_A_SIGN === 0) this.#say({ kind: 'here', lock: this.#lock })
    if (!watch) return
    if (!this.#begun) this.#begin(200)
    else if (this.#pieces % PIECES_A_SIGN === 0 && this.#credit > 1) {
      this.#credit -= 1
      this.#say({ kind: 'chunk', text: ' ' })
    }
  }

  #begin(status: number): void {
    this.#begun = true
    this.#say({ kind: 'head', status, stream: this.#form === 'stream' && status === 200 })
  }

  async #answer(weft: Weft, { path, body }: Call): Promise<void> {
    const request = readBody(path === 'models' ? '{}' : body)
    const { signal } = this.#stopped
    if (request['stream'] === true && path !== 'embeddings') {
      this.#form = 'stream'
      return this.#stream(chunksOf(weft, path, request, signal))
    }
    const whole = await wholeOf(weft, path, request, signal)
    if (!this.#begun) this.#begin(200)
    await this.#chunk(JSON.stringify(whole))
    this.#say({ kind: 'end' })
  }

  /** What fails before the first chunk is an answer of its own; later it is the last event. */
  async #stream(chunks: AsyncIterable<object>): Promise<void> {
    try {
      for await (const chunk of chunks) {
        if (!this.#begun) this.#begin(200)
        await this.#chunk(`data: ${JSON.stringify(chunk)}\n\n`)
        if (this.#stopped.signal.aborted) return
      }
    } catch (error) {
      if (!this.#begun) throw error
      await this.#chunk(`data: ${JSON.stringify(bodyOf(weftErrorOf(error)))}\n\n`)
      return this.#say({ kind: 'end' })
    }
    await this.#chunk('data: [DONE]\n\n')
    this.#say({ kind: 'end' })
  }

  async #refuse(error: unknown): Promise<void> {
    if (this.#begun) return this.#say({ kind: 'broken' })
    const refused = weftErrorOf(error)
    this.#begin(STATUS[refused.code] ?? STATUS_ENGINE)
    await this.#chunk(JSON.stringify(bodyOf(refused)))
    this.#say({ kind: 'end' })
  }

  /** Once there is room for it; never after a stop. */
  async #chunk(text: string): Promise<void> {
    const { end, watch } = this.#parts
    const late = watch ? undefined : setTimeout(() => this.#stopped.abort(), OPENAI_NEXT_MS)
    while (this.#credit <= 0 && !this.#stopped.signal.aborted && !end?.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    clearTimeout(late)
    this.#credit -= 1
    this.#say({ kind: 'chunk', text })
  }

  #say(said: OpenAiSay): void {
    if (!this.#stopped.signal.aborted) this.#port.postMessage(said)
  }
}

function readBody(text: string): Unread {
  try {
    const request = record(JSON.parse(text))
    if (request) return request as Unread
  } catch {
    // Said below, in words of our own.
  }
  throw new WeftError(fail('request-invalid', 'The body must be a JSON object.'))
}

/** `detail` beside OpenAI's fields: what the sentence of the code does not say. */
function bodyOf({ error, detail }: WeftError): object {
  return { error, detail }
}

function weftErrorOf(error: unknown): WeftError {
  return error instanceof WeftError ? error : new WeftError(fail('engine-failed', ''))
}

/** Not read yet: each call reads its own and refuses what does not fit. */
type Unread = ChatCompletionRequest & TextCompletionRequest & EmbeddingRequest

function chunksOf(weft: Weft, path: OpenAiPath, request: Unread, signal: AbortSignal): AsyncIterable<object> {
  const streamed = { ...request, stream: true } as const
  return path === 'completions'
    ? weft.completions.create(streamed, { signal })
    : weft.chat.completions.create(streamed, { signal })
}

function wholeOf(weft: Weft, path: OpenAiPath, request: Unread, signal: AbortSignal): Promise<object> {
  if (path === 'models') return weft.models.list()
  if (path === 'embeddings') return embed(weft, request, signal)
  if (path === 'completions') return weft.completions.create(request, { signal })
  return weft.chat.completions.create(request, { signal })
}

/** OpenAI's clients ask for base64 where nobody said otherwise: it is the same numbers. */
async function embed(weft: Weft, request: Unread, signal: AbortSignal): Promise<object> {
  const base64 = request['encoding_format'] === 'base64'
  const list = await weft.embeddings.create(base64 ? { ...request, encoding_format: 'float' } : request, { signal })
  return base64 ? { ...list, data: list.data.map(inBase64) } : list
}

function inBase64(item: EmbeddingList['data'][number]): object {
  const bytes = new Uint8Array(Float32Array.from(item.embedding).buffer)
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return { ...item, embedding: btoa(text) }
}
